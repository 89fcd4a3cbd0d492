"""A server whose trail tests look into: through CloudTrail, and in the database itself."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

from modelyard.access.keys.credentials import SECRET_FILE, ServerSecret
from modelyard.audit.checkpoints import SECRET_LABEL, Keys
from tests.server_process import ServerProcess

CHAINED_SECONDS_MAX = 30.0


def keys_of(server: ServerProcess) -> Keys:
    secret = ServerSecret((server.data / SECRET_FILE).read_bytes())
    return Keys(secret.derive(SECRET_LABEL))


def url_of(server: ServerProcess) -> str:
    return server._database_url or f"sqlite:///{server.data}/modelyard.db"


@contextmanager
def rows_of(url: str) -> Iterator[Callable[..., list[tuple[Any, ...]]]]:
    """`rows("SELECT ...", parameter)`: what whoever can write to the database can do."""
    if url.startswith("sqlite"):
        import sqlite3

        with closing(
            sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None, timeout=20)
        ) as connection:
            yield lambda sql, *values: connection.execute(sql, values).fetchall()
        return
    import psycopg

    with psycopg.connect(url, autocommit=True) as opened:

        def run(sql: str, *values: Any) -> list[tuple[Any, ...]]:
            cursor = opened.execute(sql.replace("?", "%s"), values)  # type: ignore[call-overload]
            return cursor.fetchall() if cursor.description else []

        yield run


def wait_until_chained(url: str) -> None:
    deadline = time.monotonic() + CHAINED_SECONDS_MAX
    with rows_of(url) as rows:
        while rows("SELECT id FROM audit_waiting LIMIT 1"):
            assert time.monotonic() < deadline, "records are not chained"
            time.sleep(0.05)


def events(server: ServerProcess, **request: Any) -> list[dict[str, Any]]:
    """Newest first, each as CloudTrail's record."""
    pages = server.client("cloudtrail").get_paginator("lookup_events").paginate(**request)
    return [json.loads(one["CloudTrailEvent"]) for page in pages for one in page["Events"]]
