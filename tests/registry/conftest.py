"""A registry for every test that asks for one, on both databases."""

import pytest

from modelyard.storage.database import Database
from tests.registry.in_process import Registry


@pytest.fixture
async def registry(database: Database) -> Registry:
    return Registry(database)
