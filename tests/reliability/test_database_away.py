"""The database goes away and comes back: clear 5xx meanwhile, service again without a restart."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from tests.conftest import MakeServer
from tests.postgresql_cluster import PostgresqlCluster, running_cluster
from tests.reliability.clients import Clients
from tests.reliability.conftest import Figure
from tests.reliability.endpoints import Callers, Hosting, replicas, saying
from tests.reliability.history import ACKNOWLEDGED, History, Oracle
from tests.reliability.load import GROUPS, Load, prepare
from tests.server_process import ServerProcess

HAPPENS_SECONDS_MAX = 180.0  # a guard against a hang
AWAY_SECONDS = 4.0

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def cluster() -> Iterator[PostgresqlCluster]:
    """A database server that may be killed: no other test's databases are in it."""
    with running_cluster() as own:
        yield own


def killed(cluster: PostgresqlCluster, url: str) -> None:
    cluster.kill()
    time.sleep(AWAY_SECONDS)
    cluster.start()


def frozen(cluster: PostgresqlCluster, url: str) -> None:
    cluster.freeze()
    time.sleep(AWAY_SECONDS)
    cluster.thaw()


def sessions_ended(cluster: PostgresqlCluster, url: str) -> None:
    for _ in range(10):
        cluster.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname <> 'postgres' AND pid <> pg_backend_pid()"
        )
        time.sleep(0.1)


def tables_locked(cluster: PostgresqlCluster, url: str) -> None:
    with psycopg.connect(url) as connection:
        names = connection.execute(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        ).fetchall()
        tables = ", ".join(name for (name,) in names)
        connection.execute(f"LOCK TABLE {tables} IN ACCESS EXCLUSIVE MODE")
        time.sleep(3.0)


FAULTS: list[Callable[[PostgresqlCluster, str], None]] = [
    killed,
    frozen,
    sessions_ended,
    tables_locked,
]


@pytest.fixture
def database_away(cluster: PostgresqlCluster) -> Iterator[str]:
    url = cluster.new_database()
    yield url
    cluster.drop_database(url)


@pytest.fixture
def servers(
    make_server: MakeServer, database_away: str, tmp_path: Path
) -> Iterator[list[ServerProcess]]:
    """Two servers on one database, with their objects on one disk."""
    first = make_server(database_url=database_away)
    second = ServerProcess(tmp_path / "second", database_url=database_away)
    second.data.mkdir(parents=True, mode=0o700)
    (second.data / "blobs").symlink_to(first.data / "blobs")
    second.start()
    yield [first, second]
    assert second.close() == []


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_two_servers_serve_again_by_themselves_and_agree(
    servers: list[ServerProcess],
    database_away: str,
    cluster: PostgresqlCluster,
    fault: Callable[[PostgresqlCluster, str], None],
    figure: Figure,
) -> None:
    each = [Clients(server) for server in servers]
    prepare(each[0])
    history = History()

    with Load(history, each, workers=6, seed=1):
        _until_registered(history, 15)
        fault(cluster, database_away)
        over = time.monotonic()
        before = len(history.calls)
        _until_served(history, before)
        again = time.monotonic() - over
        _until_registered(history, 15)

    errors = sorted({call.error[:70] for call in history.calls if call.error})
    figure("serves_again_seconds", round(again, 2))
    figure("errors", errors)
    figure("calls", history.counts())
    assert {error.split()[0] for error in errors} <= {"500", "503"}
    for clients in each:
        assert Oracle(history, clients, GROUPS).complaints() == []


def test_endpoints_answer_while_the_database_is_away(
    make_server: MakeServer, database_away: str, cluster: PostgresqlCluster, figure: Figure
) -> None:
    server = make_server(database_url=database_away)
    hosting = Hosting(Clients(server))
    hosting.deployable("served", saying("served"), count=2)
    hosting.create("served")

    with Callers(hosting, count=4) as callers:
        callers.more(20)
        cluster.kill()
        callers.more(20)
        replicas(server)[0].kill()  # and is replaced, from the copy of its artifact
        time.sleep(AWAY_SECONDS)
        cluster.start()
        callers.more(20)

    figure("requests", len(callers.calls))
    figure("slowest_seconds", round(callers.slowest, 2))
    assert callers.failures == []
    assert hosting.settled()["EndpointStatus"] == "InService"


def _until_registered(history: History, more: int) -> None:
    wanted = len(history.of("register", ACKNOWLEDGED)) + more
    until = time.monotonic() + HAPPENS_SECONDS_MAX
    while len(history.of("register", ACKNOWLEDGED)) < wanted:
        assert time.monotonic() < until, f"no registrations: {history.counts()}"
        time.sleep(0.02)


def _until_served(history: History, since: int) -> None:
    until = time.monotonic() + HAPPENS_SECONDS_MAX
    while not any(
        call.kind == "register" and call.outcome == ACKNOWLEDGED for call in history.calls[since:]
    ):
        assert time.monotonic() < until, "it does not serve again"
        time.sleep(0.02)
