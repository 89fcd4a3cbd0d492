"""Fixtures of the client stories: trained boosters, and a client's script run to its end."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.clients import story
from tests.server_process import ServerProcess

Tell = Callable[..., dict[str, Any]]


@pytest.fixture(scope="session")
def boosters(tmp_path_factory: pytest.TempPathFactory) -> story.Boosters:
    return story.train(tmp_path_factory.mktemp("boosters"))


@pytest.fixture
def tell(
    server: ServerProcess, boosters: story.Boosters, client_env: Callable[[str], Path]
) -> Tell:
    """`tell("story.py", "boto3")`: the script's answer, told by that client to a fresh server.

    `environment=` adds to its shell; everything else that is named is among the script's inputs.
    """

    def run(script: str, client: str, **more: Any) -> dict[str, Any]:
        return story.tell(script, client_env(client), server, boosters, **more)

    return run


@pytest.fixture
def close_to() -> Callable[[list[float]], Any]:
    """Equal up to the seven digits in which predictions are printed."""
    return partial(pytest.approx, abs=1e-6)
