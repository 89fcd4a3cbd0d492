"""PostgreSQL, and what speaks its protocol, through psycopg 3 (an extra).

Only what CockroachDB, YugabyteDB, Citus and Aurora share is used: no LISTEN, no sequences, no
savepoints, no triggers, no advisory locks.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, LiteralString, TypeVar

from modelyard.errors import Conflict, Fact, Unavailable
from modelyard.storage import schema
from modelyard.storage.migrations import ddl
from modelyard.storage.postgresql_pool import Pool
from modelyard.storage.topics import Topics
from modelyard.storage.transaction import Row, Transaction

if TYPE_CHECKING:
    import psycopg
    from sqlalchemy import Engine

T = TypeVar("T")

CONNECT_SECONDS_MAX = 3  # libpq's smallest useful value is 2
STATEMENT_SECONDS_MAX = 10
LOCK_SECONDS_MAX = 5
TRANSACTION_SECONDS_MAX = 8.0  # the server says nothing: cut
SCAN_SECONDS_MAX = 30.0
ATTEMPTS_MAX = 6
_PAUSE_SECONDS = 0.02  # doubled with every attempt, with jitter
_STATEMENTS_CACHED = 2048

STATISTICS_SECONDS = 5.0
# Tables with rows at which nobody has looked: their reltuples is -1.
_WITHOUT_STATISTICS = (
    "SELECT quote_ident(relname) FROM pg_class"
    " WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r' AND reltuples < 0"
    " AND pg_relation_size(oid) > 0"
)

_WRITE = "BEGIN ISOLATION LEVEL READ COMMITTED"
_READ = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"

_AGAIN = frozenset({"40001", "40P01"})  # serialization_failure, deadlock_detected
# Connection exceptions; ended by an administrator, a crash, start-up, a dropped database, idleness.
_LOST = frozenset({"57P01", "57P02", "57P03", "57P04", "57P05", "25P03", "53300"})
# Cancelled or locked too long; read-only (a standby after a fail-over); resources; system errors.
_AWAY = frozenset({"57014", "55P03", "25006"})
_AWAY_CLASSES = frozenset({"53", "58"})

_ARRAYS = {int: "int8[]", float: "float8[]", str: "text[]"}


log = logging.getLogger(__name__)


class _Again(Unavailable):
    """The transaction did not happen for certain, and may be run again."""


async def connect(url: str) -> "PostgresqlDatabase":
    """Raises: ModuleNotFoundError (which names the extra), Unavailable, schema.NewerDatabase."""
    pool = _pool(url)
    try:
        await schema.ensure(lambda: _version(pool), lambda: _make(pool), lambda: _engine(url))
    except _driver().Error as error:
        await pool.close()
        raise _no_way_in(error) from error
    except BaseException:
        await pool.close()
        raise
    return PostgresqlDatabase(pool)


async def schema_version(url: str) -> str | None:
    """Raises: ModuleNotFoundError, Unavailable."""
    pool = _pool(url)
    try:
        return await _version(pool)
    except _driver().Error as error:
        raise _no_way_in(error) from error
    finally:
        await pool.close()


def _pool(url: str) -> Pool:
    driver = _driver()

    async def open_connection() -> "psycopg.AsyncConnection":
        connection: psycopg.AsyncConnection = await driver.AsyncConnection.connect(
            url, autocommit=True, connect_timeout=CONNECT_SECONDS_MAX
        )
        try:
            await _set_up(connection)
        except BaseException:  # whoever asked for it may have left
            await connection.close()
            raise
        return connection

    return Pool(open_connection)


async def _set_up(connection: "psycopg.AsyncConnection") -> None:
    types = _driver().types
    # One type for all integers, one for all text: a statement is planned once.
    connection.adapters.register_dumper(int, types.numeric.Int8Dumper)
    connection.adapters.register_dumper(str, types.string.StrDumper)
    await connection.execute(
        f"SET statement_timeout = '{STATEMENT_SECONDS_MAX}s';"
        f"SET lock_timeout = '{LOCK_SECONDS_MAX}s'"
    )


class PostgresqlDatabase:
    """One database on one server; `Pool` opens connections as they are needed."""

    shared = True

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        loop = asyncio.get_running_loop()
        self._topics = Topics(loop)
        self._statistics = loop.create_task(_keep_statistics(pool))

    async def write(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        return await self._repeat(work, _WRITE, TRANSACTION_SECONDS_MAX)

    async def read(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        return await self._repeat(work, _READ, TRANSACTION_SECONDS_MAX)

    async def scan(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        return await self._repeat(work, _READ, SCAN_SECONDS_MAX)

    def subscribe(self, topic: str, callback: Callable[[], None]) -> None:
        self._topics.subscribe(topic, callback)

    async def close(self) -> None:
        self._statistics.cancel()
        await asyncio.wait([self._statistics])
        await self._pool.close()

    async def _repeat(
        self, work: Callable[[Transaction], Awaitable[T]], begin: LiteralString, seconds_max: float
    ) -> T:
        """Run `work` until it went through, ATTEMPTS_MAX times at most, within `seconds_max`."""
        deadline = asyncio.get_running_loop().time() + seconds_max
        for attempt in range(1, ATTEMPTS_MAX + 1):
            left = deadline - asyncio.get_running_loop().time()
            try:
                result, topics = await self._once(work, begin, max(left, 0.1))
            except _Again:
                pause = _PAUSE_SECONDS * 2**attempt * random.uniform(0.5, 1.5)
                if attempt == ATTEMPTS_MAX or left < pause:
                    raise
                await asyncio.sleep(pause)
            else:
                self._topics.wake(topics)
                return result
        raise AssertionError("the last attempt returns or raises")

    async def _once(
        self, work: Callable[[Transaction], Awaitable[T]], begin: LiteralString, seconds_max: float
    ) -> tuple[T, set[str]]:
        driver = _driver()
        try:
            async with self._pool.connection(seconds_max) as connection:
                cursor = connection.cursor()
                await cursor.execute(begin)
                tx = PostgresqlTransaction(cursor)
                try:
                    result = await work(tx)
                except BaseException:
                    await _roll_back(cursor)
                    raise
                if tx.failure is not None:
                    await _roll_back(cursor)
                    raise RuntimeError("a failed transaction cannot commit") from tx.failure
                await _commit(cursor)
                return result, tx.topics
        except driver.Error as error:  # of opening or beginning
            failure = fact(error)
            if isinstance(failure, _Again):
                await self._pool.suspect_idle()
            raise failure from error
        except _Again:
            await self._pool.suspect_idle()
            raise


class PostgresqlTransaction:
    """Statements inside a transaction that its owner begins and ends."""

    __slots__ = ("_cursor", "failure", "topics")

    def __init__(self, cursor: "psycopg.AsyncCursor[Row]") -> None:
        self._cursor = cursor
        self.failure: Exception | None = None
        self.topics: set[str] = set()

    async def one(self, sql: str, *parameters: Any) -> Row | None:
        await self._execute(sql, parameters)
        return await self._cursor.fetchone()

    async def all(self, sql: str, *parameters: Any) -> Sequence[Row]:
        await self._execute(sql, parameters)
        return await self._cursor.fetchall()

    async def run(self, sql: str, *parameters: Any) -> int:
        await self._execute(sql, parameters)
        return self._cursor.rowcount

    async def many(self, sql: str, rows: Sequence[Sequence[Any]]) -> Sequence[Row]:
        # One statement whatever the number of rows, so that it is planned once: columns as arrays.
        columns = list(zip(*rows, strict=True))
        types = tuple(type(column[0]) for column in columns)
        await self._execute(_of_arrays(sql, types), [_array(column) for column in columns])
        return await self._cursor.fetchall() if self._cursor.description else ()

    def wake(self, topic: str) -> None:
        self.topics.add(topic)

    async def _execute(self, sql: str, parameters: Sequence[Any]) -> None:
        if self.failure is not None:
            raise RuntimeError("a statement of this transaction failed; it can only be left")
        try:
            await self._cursor.execute(_translated(sql), parameters)
        except _driver().Error as error:
            self.failure = fact(error)
            raise self.failure from error


def fact(error: "psycopg.Error") -> Exception:
    """The fact that storage states for a driver's error; the error itself if it is our mistake."""
    driver = _driver()
    code = error.sqlstate
    if code == "23505":
        return Conflict(str(error))
    if code in _AGAIN or code in _LOST or (code or "").startswith("08"):
        return _Again(str(error))
    if code in _AWAY or (code or "")[:2] in _AWAY_CLASSES:
        return Unavailable(str(error))
    if code is None and isinstance(error, driver.OperationalError):  # libpq's own: no connection
        return _Again(str(error))
    return error


def _no_way_in(error: "psycopg.Error") -> Exception:
    """While opening, a wrong password or URL keeps us out just as a server that is away does."""
    found = fact(error)
    return found if isinstance(found, Fact) else Unavailable(str(error))


async def _commit(cursor: "psycopg.AsyncCursor[Row]") -> None:
    """Raises: _Again: the server undid it. Unavailable: nobody knows, so it is not run again."""
    try:
        await cursor.execute("COMMIT")
    except _driver().Error as error:
        if error.sqlstate in _AGAIN:
            raise _Again(str(error)) from error
        raise Unavailable(f"the outcome of a commit is unknown: {error}") from error
    if cursor.statusmessage != "COMMIT":
        raise RuntimeError(f"COMMIT was answered by {cursor.statusmessage}")


async def _roll_back(cursor: "psycopg.AsyncCursor[Row]") -> None:
    """Undo; where that fails the pool closes the connection, which undoes it too."""
    try:
        await cursor.execute("ROLLBACK")
    except _driver().Error:
        await cursor.connection.close()


async def _version(pool: Pool) -> str | None:
    async with pool.connection(TRANSACTION_SECONDS_MAX) as connection:
        found = await connection.execute("SELECT to_regclass('alembic_version')")
        if await found.fetchone() == (None,):
            return None
        found = await connection.execute("SELECT version_num FROM alembic_version")
        row = await found.fetchone()
        return None if row is None else str(row[0])


async def _make(pool: Pool) -> None:
    """Raises: Unavailable: also when another server was faster."""
    async with pool.connection(SCAN_SECONDS_MAX) as connection:
        try:
            async with connection.transaction():
                for statement in ddl.fresh("postgresql"):
                    await connection.execute(statement)
        except _driver().Error as error:
            raise Unavailable(f"the tables could not be made: {error}") from error


async def _keep_statistics(pool: Pool) -> None:
    """Have new tables looked at as soon as they hold rows; autovacuum comes a minute later.

    Without statistics all indexes that start with account and region look alike to the planner,
    and what it chose for an empty table stays in the prepared statement while the table grows.
    """
    while True:
        await asyncio.sleep(STATISTICS_SECONDS)
        try:
            async with pool.connection(SCAN_SECONDS_MAX) as connection:
                tables = await (await connection.execute(_WITHOUT_STATISTICS)).fetchall()
                for (table,) in tables:
                    # Rows that are not committed yet would leave statistics of an empty table.
                    seen = await connection.execute(f"SELECT 1 FROM {table} LIMIT 1")
                    if await seen.fetchone():
                        await connection.execute(f"ANALYZE {table}")
        except Unavailable as away:
            log.info("statistics_put_off", extra={"error": str(away)})
        except _driver().Error as error:
            if not isinstance(fact(error), Fact):  # it has no such tables; it may keep its own
                log.info("statistics_left_alone", extra={"error": str(error)})
                return


def _engine(url: str) -> "Engine":
    """SQLAlchemy's door to the same server, for Alembic."""
    import sqlalchemy

    driver = _driver()
    return sqlalchemy.create_engine(
        "postgresql+psycopg://",
        creator=lambda: driver.connect(url, connect_timeout=CONNECT_SECONDS_MAX),
        poolclass=sqlalchemy.pool.NullPool,
    )


@lru_cache(_STATEMENTS_CACHED)
def _translated(sql: str) -> LiteralString:
    # Statements hold no literal ? or % (Transaction), so this is all there is to it.
    return sql.replace("?", "%s")


@lru_cache(_STATEMENTS_CACHED)
def _of_arrays(sql: str, types: tuple[type, ...]) -> str:
    """The INSERT with a row for each place of its parameters, which are arrays as text."""
    head, values, tail = sql.partition(f"VALUES ({', '.join('?' * len(types))})")
    assert values, f"not a plain INSERT of {len(types)} values: {sql}"
    arrays = ", ".join(f"?::{_ARRAYS[one]}" for one in types)
    return f"{head}SELECT * FROM unnest({arrays}){tail}"


def _array(column: Sequence[Any]) -> str:
    """An array as PostgreSQL reads it: `{1,2}`, `{0.5,1e-05}`, `{"a","say \\"b\\""}`."""
    if type(column[0]) is str:
        quoted = (text.replace("\\", "\\\\").replace('"', '\\"') for text in column)
        return '{"' + '","'.join(quoted) + '"}'
    return "{" + ",".join(map(repr, column)) + "}"


@lru_cache(1)
def _driver() -> Any:
    try:
        import psycopg
        import psycopg.types.numeric
        import psycopg.types.string
    except ImportError as error:
        raise ModuleNotFoundError(
            "PostgreSQL needs psycopg: pip install 'modelyard[postgresql]'"
        ) from error
    return psycopg
