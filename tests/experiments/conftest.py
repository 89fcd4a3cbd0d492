"""Experiments for every test that asks for them, on both databases."""

import pytest

from modelyard.storage.database import Database
from tests.experiments.in_process import Experiments


@pytest.fixture
async def yard(database: Database) -> Experiments:
    return Experiments(database)
