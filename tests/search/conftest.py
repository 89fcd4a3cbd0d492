"""A registry and experiments that are searched, on both databases."""

import pytest

from modelyard.storage.database import Database
from tests.registry.in_process import Registry
from tests.search.in_process import Searched


@pytest.fixture
async def registry(database: Database) -> Registry:
    return Registry(database)


@pytest.fixture
async def yard(database: Database) -> Searched:
    return Searched(database)
