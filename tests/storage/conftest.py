"""A PostgreSQL that a test may break."""

from collections.abc import Iterator

import pytest

from tests.postgresql_cluster import PostgresqlCluster, running_cluster


@pytest.fixture
def own_postgresql_cluster() -> Iterator[PostgresqlCluster]:
    """A server that the test may kill and freeze."""
    with running_cluster() as cluster:
        yield cluster
