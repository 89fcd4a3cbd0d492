"""What was acknowledged survives the death of the program, and of the database's server."""

import os
import random
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from modelyard.storage import database as databases
from modelyard.storage import outbox, schema
from modelyard.storage.outbox_consumer import Consumer
from tests.postgresql_cluster import PostgresqlCluster
from tests.storage.telling_process import tell

ROUNDS = 4
SCRIPT = Path(__file__).parent / "committing_process.py"
TELLING_SCRIPT = Path(__file__).parent / "telling_process.py"


class Committer:
    """A running process, and what it has acknowledged so far."""

    def __init__(self, url: str, prefix: str, script: Path) -> None:
        self.acknowledged: list[str] = []
        self._grown = threading.Condition()
        environment = os.environ | {"PYTHONPATH": str(Path(schema.__file__).parents[2])}
        self._process = subprocess.Popen(
            [sys.executable, str(script), url, prefix],
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.endswith("\n"):
                with self._grown:
                    self.acknowledged.append(line.strip())
                    self._grown.notify()

    def wait_for(self, count: int) -> None:
        """Until `count` further commits are acknowledged."""
        with self._grown:
            goal = len(self.acknowledged) + count
            assert self._grown.wait_for(lambda: len(self.acknowledged) >= goal, timeout=240)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        self._reader.join()
        assert self._process.stdout is not None
        self._process.stdout.close()


@contextmanager
def committing(url: str, prefix: str, script: Path = SCRIPT) -> Iterator[Committer]:
    committer = Committer(url, prefix, script)
    try:
        yield committer
    finally:
        committer.kill()


async def check(url: str, acknowledged: list[str]) -> None:
    database = await databases.connect(url)
    rows = await database.scan(lambda tx: tx.all("SELECT arn FROM tag"))
    await database.close()
    found = Counter(row[0] for row in rows)
    assert set(acknowledged) <= set(found)
    assert set(found.values()) == {2}, "half of a transaction"


async def test_nothing_acknowledged_is_lost_when_the_program_is_killed(database_url: str) -> None:
    acknowledged: list[str] = []
    for number in range(ROUNDS):
        with committing(database_url, str(number)) as committer:
            committer.wait_for(random.randint(1, 300))
        acknowledged += committer.acknowledged
        await check(database_url, acknowledged)


async def test_nothing_acknowledged_is_lost_when_the_postgresql_server_is_killed(
    own_postgresql_cluster: PostgresqlCluster,
) -> None:
    """And the program goes on without a restart once the server is back."""
    url = own_postgresql_cluster.new_database()
    with committing(url, "0") as committer:
        for _ in range(2):
            committer.wait_for(random.randint(50, 300))
            own_postgresql_cluster.kill()
            own_postgresql_cluster.start()
        committer.wait_for(50)
    await check(url, committer.acknowledged)


async def test_every_change_is_told_once_however_often_the_program_is_killed(
    database_url: str,
) -> None:
    acknowledged: list[str] = []
    for number in range(ROUNDS):
        with committing(database_url, str(number), TELLING_SCRIPT) as committer:
            committer.wait_for(random.randint(1, 200))
        acknowledged += committer.acknowledged

    database = await databases.connect(database_url)
    await Consumer(database, {"changed": tell}, "the one that is killed").work_off()
    rows = await database.read(lambda tx: tx.all("SELECT arn, value FROM tag WHERE region = 'r'"))
    aside = (await database.read(outbox.backlog)).put_aside
    await database.close()

    assert set(acknowledged) <= {arn for arn, _ in rows}
    assert {value for _, value in rows} == {"+"}
    assert aside == 0
