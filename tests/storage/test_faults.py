"""Full disks, held locks, lost and mute servers: Unavailable while it lasts, service afterwards."""

import asyncio
import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from modelyard import errors
from modelyard.storage import database as databases
from modelyard.storage import schema
from modelyard.storage.database import Database
from modelyard.storage.transaction import Transaction
from tests.postgresql_cluster import PostgresqlCluster

MUTE_SECONDS_MAX = 90  # far from for ever, and from the 10 seconds that it takes
LIMITED = Path(__file__).parent / "limited_process.py"


async def add(tx: Transaction) -> None:
    await tx.run("INSERT INTO tag VALUES ('1', 'r', 'arn', ?, '')", os.urandom(8).hex())


async def count(database: Database) -> int:
    row = await database.read(lambda tx: tx.one("SELECT count(*) FROM tag"))
    assert row is not None
    return int(row[0])


async def until_served(database: Database, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            return await database.write(add)
        except errors.Unavailable:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.1)


@contextmanager
def locked(url: str) -> Iterator[None]:
    """Another process holds what every write needs."""
    if url.startswith("sqlite"):
        other = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")
        other.close()
        return
    with psycopg.connect(url) as connection:
        connection.execute("LOCK TABLE tag IN EXCLUSIVE MODE")
        yield
        connection.rollback()


async def test_a_write_waits_for_a_lock_that_is_held_briefly(
    database: Database, database_url: str
) -> None:
    with locked(database_url):
        write = asyncio.create_task(database.write(add))
        await asyncio.wait([write], timeout=0.3)
        assert not write.done()
        assert await count(database) == 0

    await write
    assert await count(database) == 1


async def test_a_lock_that_is_held_too_long_makes_writes_unavailable_but_not_reads(
    database: Database, database_url: str
) -> None:
    with locked(database_url):
        with pytest.raises(errors.Unavailable):
            await database.write(add)
        assert await count(database) == 0

    await database.write(add)


def test_a_full_disk_refuses_writes_serves_reads_and_is_forgotten_once_there_is_space(
    tmp_path: Path,
) -> None:
    path = tmp_path / "modelyard.db"
    ended = subprocess.run(
        [sys.executable, str(LIMITED), str(path)],
        stdout=subprocess.PIPE,
        check=True,
        env=os.environ | {"PYTHONPATH": str(Path(schema.__file__).parents[2])},
    )

    told = json.loads(ended.stdout)

    assert told["full"]["refused"] > 0
    assert told["full"]["acknowledged"] > 0
    assert told["full"]["readable"] == told["full"]["acknowledged"]
    assert told["after"]["refused"] == 0
    connection = sqlite3.connect(path)
    kept = {number for (number,) in connection.execute("SELECT until_us FROM lease")}
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()
    assert kept == set(told["after"]["acknowledged"])


async def test_a_file_that_is_no_database_is_unavailable(tmp_path: Path) -> None:
    path = tmp_path / "modelyard.db"
    path.write_bytes(b"this is no database" * 1000)

    with pytest.raises(errors.Unavailable):
        await databases.connect(f"sqlite:///{path}")


async def test_a_folder_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(errors.Unavailable):
        await databases.connect(f"sqlite:///{tmp_path}/missing/modelyard.db")


async def test_a_server_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(errors.Unavailable):
        await databases.connect(f"postgresql://nobody@/nothing?host={tmp_path}")


async def test_sessions_that_the_server_ends_are_replaced_without_anyone_noticing(
    postgresql_cluster: PostgresqlCluster,
) -> None:
    url = postgresql_cluster.new_database()
    database = await databases.connect(url)
    await asyncio.gather(*(database.write(add) for _ in range(10)))

    for _ in range(3):
        postgresql_cluster.execute(
            "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity"  # returns when it ended
            f" WHERE datname = '{psycopg.conninfo.conninfo_to_dict(url)['dbname']}'"
        )
        await asyncio.gather(*(database.write(add) for _ in range(10)))

    assert await count(database) == 40
    await database.close()
    postgresql_cluster.drop_database(url)


async def test_a_restarted_server_is_used_again(
    own_postgresql_cluster: PostgresqlCluster,
) -> None:
    database = await databases.connect(own_postgresql_cluster.new_database())
    await database.write(add)

    own_postgresql_cluster.kill()
    with pytest.raises(errors.Unavailable):
        await database.write(add)
    own_postgresql_cluster.start()
    await until_served(database)

    assert await count(database) == 2
    await database.close()


async def test_a_mute_server_is_unavailable_within_seconds_and_used_again_when_it_answers(
    own_postgresql_cluster: PostgresqlCluster,
) -> None:
    database = await databases.connect(own_postgresql_cluster.new_database())
    await asyncio.gather(*(database.write(add) for _ in range(4)))

    own_postgresql_cluster.freeze()
    try:
        async with asyncio.timeout(MUTE_SECONDS_MAX):
            answers = await asyncio.gather(
                *(database.write(add) for _ in range(30)), return_exceptions=True
            )
    finally:
        own_postgresql_cluster.thaw()

    assert all(isinstance(answer, errors.Unavailable) for answer in answers)
    await until_served(database)
    await database.close()
