"""A server's keys in a folder of their own."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from modelyard.access.keys import credentials
from modelyard.settings import Settings
from tests.access import iam_words, signing
from tests.access.authenticator import Authenticator
from tests.postgresql_cluster import PostgresqlCluster
from tests.server_process import ServerProcess


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> credentials.Credentials:
    settings = Settings(
        data=tmp_path_factory.mktemp("keys") / "data",
        root_access_key_id=signing.KEY_ID,
        root_secret_access_key=signing.SECRET,
    )
    return credentials.load(settings)


@pytest.fixture(scope="module")
def authenticator(keys: credentials.Credentials) -> Authenticator:
    return Authenticator(keys)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def iam_server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServerProcess]:
    """A server for all tests of a module, on each database; `iam` leaves its account empty."""
    url = None
    if request.param == "postgresql":
        cluster: PostgresqlCluster = request.getfixturevalue("postgresql_cluster")
        url = cluster.new_database()
    server = ServerProcess(tmp_path_factory.mktemp("iam"), database_url=url)
    server.start()
    yield server
    complaints = server.close()
    shutil.rmtree(server.data)
    if url is not None:
        cluster.drop_database(url)
    assert complaints == []


@pytest.fixture
def iam(iam_server: ServerProcess) -> Iterator[Any]:
    """IAM of an account without users, groups, roles and policies."""
    client = iam_server.client("iam")
    yield client
    iam_words.empty_account(client)
