"""One SQLite connection: opening it, its transaction, its errors as facts. Knows no threads."""

import os
import sqlite3
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar, cast

from modelyard.errors import Conflict, Unavailable
from modelyard.storage.transaction import Row, Transaction

T = TypeVar("T")

WRITER_BUSY_SECONDS = 5.0  # another process holds the write lock
READER_BUSY_SECONDS = 0.5  # readers wait only for a crash recovery; they run on the event loop
_STATEMENTS_CACHED = 512
_ROWS_MAX = 32  # to a statement of `many`: each number of rows is a statement of its own
_WAL_BYTES_MAX = 64 << 20  # what is left of the log after a checkpoint

_TAKEN = frozenset({sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY})
_AWAY = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_INTERRUPT,
    }
)


def open_connection(path: Path, *, writes: bool) -> sqlite3.Connection:
    """Raises: Unavailable."""
    try:
        if writes:  # readable by its owner only; so are the files SQLite makes beside it
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        connection = sqlite3.connect(
            path,
            timeout=WRITER_BUSY_SECONDS if writes else READER_BUSY_SECONDS,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=_STATEMENTS_CACHED,
        )
    except (OSError, sqlite3.Error) as error:
        raise Unavailable(f"the database file cannot be opened: {error}") from error
    try:
        if writes:
            connection.execute("PRAGMA journal_mode = WAL")
            # FULL syncs the log at every commit. NORMAL may lose acknowledged commits.
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute(f"PRAGMA journal_size_limit = {_WAL_BYTES_MAX}")
        else:
            connection.execute("PRAGMA query_only = ON")
        connection.execute("PRAGMA temp_store = MEMORY")
    except sqlite3.Error as error:
        connection.close()
        raise fact(error) from error
    return connection


def fact(error: sqlite3.Error) -> Exception:
    """The fact that storage states for a driver's error; the error itself if it is our mistake."""
    code = getattr(error, "sqlite_errorcode", 0)
    if code in _TAKEN:
        return Conflict(str(error))
    if code & 0xFF in _AWAY:
        return Unavailable(str(error))
    return error


class SqliteTransaction:
    """Statements inside a transaction that its owner begins and ends."""

    __slots__ = ("_connection", "failure", "topics")

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.failure: Exception | None = None
        self.topics: list[str] = []

    async def one(self, sql: str, *parameters: Any) -> Row | None:
        cursor = self._execute(sql, parameters)
        try:
            row: Row | None = cursor.fetchone()
        except sqlite3.Error as error:
            raise self._failed(error) from error
        cursor.close()
        return row

    async def all(self, sql: str, *parameters: Any) -> Sequence[Row]:
        try:
            return self._execute(sql, parameters).fetchall()
        except sqlite3.Error as error:
            raise self._failed(error) from error

    async def run(self, sql: str, *parameters: Any) -> int:
        return self._execute(sql, parameters).rowcount

    async def many(self, sql: str, rows: Sequence[Sequence[Any]]) -> Sequence[Row]:
        found: list[Row] = []
        for start in range(0, len(rows), _ROWS_MAX):
            some = rows[start : start + _ROWS_MAX]
            parameters = [value for row in some for value in row]
            found += self._execute(_of_rows(sql, len(some), len(some[0])), parameters).fetchall()
        return found

    def wake(self, topic: str) -> None:
        self.topics.append(topic)

    def _execute(self, sql: str, parameters: Sequence[Any]) -> sqlite3.Cursor:
        if self.failure is not None:
            raise RuntimeError("a statement of this transaction failed; it can only be left")
        try:
            return self._connection.execute(sql, parameters)
        except sqlite3.Error as error:
            raise self._failed(error) from error

    def _failed(self, error: sqlite3.Error) -> Exception:
        # As on PostgreSQL, where nothing more can be done in a transaction after an error.
        self.failure = fact(error)
        return self.failure


@lru_cache(_STATEMENTS_CACHED)
def _of_rows(sql: str, rows: int, columns: int) -> str:
    """The INSERT of one row as one of several, which costs half as much a row."""
    values = f"({', '.join('?' * columns)})"
    head, found, tail = sql.partition(f"VALUES {values}")
    assert found, f"not a plain INSERT of {columns} values: {sql}"
    return f"{head}VALUES {', '.join([values] * rows)}{tail}"


def run_to_end(work: Callable[[Transaction], Awaitable[T]], tx: SqliteTransaction) -> T:
    """Run `work`, whose awaits all complete at once, without an event loop.

    Raises: RuntimeError: it awaited something else than `tx`, or went on after a failure.
    """
    coroutine = cast(Coroutine[Any, Any, T], work(tx))
    try:
        coroutine.send(None)
    except StopIteration as end:
        if tx.failure is not None:
            raise RuntimeError("a failed transaction cannot commit") from tx.failure
        return cast(T, end.value)
    coroutine.close()
    raise RuntimeError(f"{work!r} awaited something else than its transaction")
