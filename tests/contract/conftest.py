"""The other side of the wire, once a run."""

from collections.abc import Callable
from functools import cache

import pytest

from tests.contract.other_side import OtherSide


@pytest.fixture(scope="session")
def other_side() -> Callable[[str], OtherSide]:
    return cache(OtherSide)
