"""A new PostgreSQL database finds what it holds by the right index before autovacuum has come."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from modelyard.storage import database as databases
from modelyard.storage import postgresql
from modelyard.storage.database import Database
from modelyard.storage.transaction import Transaction
from tests.postgresql_cluster import PostgresqlCluster

LOOK_UP = "UPDATE model_package SET modified_us = 1 WHERE account = ? AND region = ? AND arn = ?"
ONE = ("1", "r", "arn-7")


@pytest.fixture
async def opened(
    postgresql_cluster: PostgresqlCluster, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Database]:
    monkeypatch.setattr(postgresql, "STATISTICS_SECONDS", 0.05)
    url = postgresql_cluster.new_database(migrated=False)
    database = await databases.connect(url)
    yield database
    await database.close()
    postgresql_cluster.drop_database(url)


async def fill(tx: Transaction) -> None:
    for number in range(30):
        await tx.run(
            "INSERT INTO model_package (account, region, group_name, version, arn, created_us,"
            " modified_us, document) VALUES ('1', 'r', 'g', ?, ?, 1, 1, '')",
            number,
            f"arn-{number}",
        )


async def plan(tx: Transaction) -> str:
    await tx.run("SET LOCAL enable_seqscan = off")  # of so few rows it would read all
    return "\n".join(row[0] for row in await tx.all(f"EXPLAIN {LOOK_UP}", *ONE))


async def is_looked_at(tx: Transaction) -> bool:
    return await tx.one("SELECT 1 FROM pg_stats WHERE tablename = 'model_package'") is not None


async def filled_while_statistics_are_made(tx: Transaction) -> None:
    await fill(tx)
    await tx.all("SELECT pg_sleep(0.3)")


async def test_a_new_database_looks_up_by_the_index_that_fits(opened: Database) -> None:
    await opened.write(filled_while_statistics_are_made)

    async with asyncio.timeout(60):
        while not await opened.read(is_looked_at):
            await asyncio.sleep(0.05)

    assert "model_package_account_region_arn_key" in await opened.write(plan)
