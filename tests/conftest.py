"""Fixtures that every part's tests may use: real servers, both databases, the outside clients."""

import shutil
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from modelyard.storage import database as databases
from modelyard.storage.database import Database
from tests.client_environments import client_python
from tests.postgresql_cluster import PostgresqlCluster, running_cluster
from tests.server_process import ServerProcess

MakeServer = Callable[..., ServerProcess]

# How long an example takes says more about the machine than about the program. What was active
# before, which differs in CI, holds for the rest.
hypothesis.settings.register_profile(
    "any machine",
    hypothesis.settings(),
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("any machine")


@pytest.fixture
def make_server(tmp_path: Path) -> Iterator[MakeServer]:
    """Start servers: `make_server(database_url=..., environment={...})`; all stopped afterwards.

    A process that a server leaves behind fails the test.
    """
    started: list[ServerProcess] = []

    def make(**options: Any) -> ServerProcess:
        folder = tmp_path / f"server-{len(started)}"
        folder.mkdir()
        server = ServerProcess(folder, **options)
        started.append(server)
        server.start()
        return server

    make.started = started  # type: ignore[attr-defined]  # for the log of a failing test
    yield make
    complaints = [complaint for server in started for complaint in server.close()]
    for server in started:
        shutil.rmtree(server.data, ignore_errors=True)
    assert not complaints


@pytest.fixture
def server(make_server: MakeServer) -> ServerProcess:
    """A running server on its default database, with an empty data folder."""
    return make_server()


@pytest.fixture(scope="session")
def postgresql_cluster() -> Iterator[PostgresqlCluster]:
    """One private server for the session (for each worker of pytest-xdist)."""
    with running_cluster() as cluster:
        yield cluster


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def empty_database_url(
    engine: str, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[str]:
    """A database without a schema."""
    if engine == "sqlite":
        yield f"sqlite:///{tmp_path}/modelyard.db"
        return
    cluster: PostgresqlCluster = request.getfixturevalue("postgresql_cluster")
    url = cluster.new_database(migrated=False)
    yield url
    cluster.drop_database(url)


@pytest.fixture
def database_url(engine: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[str]:
    """A database of its own; on PostgreSQL with the schema already there."""
    if engine == "sqlite":
        yield f"sqlite:///{tmp_path}/modelyard.db"
        return
    cluster: PostgresqlCluster = request.getfixturevalue("postgresql_cluster")
    url = cluster.new_database()
    yield url
    cluster.drop_database(url)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """An open database with the schema in place, on each engine."""
    opened = await databases.connect(database_url)
    yield opened
    await opened.close()


@pytest.fixture
def server_on_each_database(make_server: MakeServer, database_url: str) -> ServerProcess:
    """A running server on SQLite, and on PostgreSQL."""
    return make_server(database_url=database_url)


@pytest.fixture(scope="session")
def client_env() -> Callable[[str], Path]:
    """`client_env("boto3")` is the Python of that client's own environment."""
    return client_python


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the end of every server's log beside a failure."""
    report = yield
    make = getattr(item, "funcargs", {}).get("make_server")
    if report.failed and make is not None:
        for server in make.started:
            report.sections.append((f"log of {server.url}", server.log[-20_000:]))
    return report
