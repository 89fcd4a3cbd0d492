"""Lineage for every test that asks for it, on both databases."""

import pytest

from modelyard.storage.database import Database
from tests.lineage.in_process import Lineage


@pytest.fixture
async def lineage(database: Database) -> Lineage:
    return Lineage(database)
