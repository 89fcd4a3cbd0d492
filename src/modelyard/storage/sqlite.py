"""The embedded database: reads and writes on the event loop, scans and commits in threads."""

import asyncio
import sqlite3
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from modelyard.errors import Unavailable
from modelyard.storage import schema
from modelyard.storage.migrations import ddl
from modelyard.storage.sqlite_connection import (
    SqliteTransaction,
    fact,
    open_connection,
    run_to_end,
)
from modelyard.storage.sqlite_writer import Writer
from modelyard.storage.topics import Topics
from modelyard.storage.transaction import Transaction

if TYPE_CHECKING:
    from sqlalchemy import Engine

T = TypeVar("T")

SCAN_THREADS = 2
SCANS_WAITING_MAX = 256


def path_of(url: str) -> Path:
    """sqlite:///name is relative, sqlite:////name absolute; sqlite:///~ is not expanded."""
    return Path(url.removeprefix("sqlite:///")).absolute()


async def connect(path: Path) -> "SqliteDatabase":
    """Raises: Unavailable, schema.NewerDatabase."""

    async def version() -> str | None:
        return _version(path)

    async def make() -> None:
        _make(path)

    open_connection(path, writes=True).close()
    await schema.ensure(version, make, lambda: _engine(path))
    return SqliteDatabase(path)


async def schema_version(path: Path) -> str | None:
    """Raises: Unavailable."""
    return _version(path) if path.exists() else None  # noqa: ASYNC240 (microseconds)


class SqliteDatabase:
    """One file. Made on the event loop that uses it."""

    shared = False

    def __init__(self, path: Path) -> None:
        self._path = path
        self._topics = Topics(asyncio.get_running_loop())
        self._writer = Writer(path, self._topics.wake)
        self._reader = open_connection(path, writes=False)
        self._scanners = ThreadPoolExecutor(SCAN_THREADS, "modelyard-scan")
        self._scanner = threading.local()
        self._scanner_connections: list[sqlite3.Connection] = []
        self._scans_waiting = 0
        self._closed = False

    async def write(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        return await self._writer.submit(work)

    async def read(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        if self._closed:
            raise Unavailable("the database is closed")
        return _read(self._reader, work)

    async def scan(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        if self._closed:
            raise Unavailable("the database is closed")
        if self._scans_waiting >= SCANS_WAITING_MAX:
            raise Unavailable("too many scans are waiting")
        self._scans_waiting += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._scanners, self._scan, work)
        finally:
            self._scans_waiting -= 1

    def subscribe(self, topic: str, callback: Callable[[], None]) -> None:
        self._topics.subscribe(topic, callback)

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        await asyncio.to_thread(self._scanners.shutdown)
        for connection in (self._reader, *self._scanner_connections):
            connection.close()
        await self._writer.close()  # last: closing the last connection folds the log into the file

    def _scan(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        connection: sqlite3.Connection | None = getattr(self._scanner, "connection", None)
        if connection is None:
            connection = self._scanner.connection = open_connection(self._path, writes=False)
            self._scanner_connections.append(connection)
        return _read(connection, work)


def _read(connection: sqlite3.Connection, work: Callable[[Transaction], Awaitable[T]]) -> T:
    """Run `work` on one snapshot. BEGIN and COMMIT cost a reader about 2 microseconds."""
    try:
        connection.execute("BEGIN")
        try:
            return run_to_end(work, SqliteTransaction(connection))
        finally:
            if connection.in_transaction:
                connection.execute("COMMIT")
    except sqlite3.Error as error:
        raise fact(error) from error


def _version(path: Path) -> str | None:
    connection = open_connection(path, writes=False)
    try:
        known = "SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'"
        if connection.execute(known).fetchone() is None:
            return None
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        return None if row is None else str(row[0])
    except sqlite3.Error as error:
        raise fact(error) from error
    finally:
        connection.close()


def _make(path: Path) -> None:
    """Raises: Unavailable: also when another process was faster."""
    connection = open_connection(path, writes=True)
    try:
        connection.execute("BEGIN IMMEDIATE")
        for statement in ddl.fresh("sqlite"):
            connection.execute(statement)
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        raise Unavailable(f"the tables could not be made: {error}") from error
    finally:
        connection.close()


def _engine(path: Path) -> "Engine":
    """SQLAlchemy's door to the same connection, for Alembic: one transaction, begun at once."""
    import sqlalchemy

    engine = sqlalchemy.create_engine(
        "sqlite://",
        creator=lambda: open_connection(path, writes=True),
        poolclass=sqlalchemy.pool.NullPool,
    )

    @sqlalchemy.event.listens_for(engine, "begin")
    def begin(connection: sqlalchemy.Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine
