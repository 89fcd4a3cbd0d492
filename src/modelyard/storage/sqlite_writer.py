"""The one connection that writes to SQLite. Waiting transactions share one durable commit.

Each runs inside a savepoint of its own; callers hear of success only after the commit that holds
their changes was synced. Statements run on the event loop, which they hold up for microseconds;
what waits for the disk, COMMIT above all, runs in a thread. Two threads that both run
Python would hand the interpreter's lock to and fro at every statement. Knows no schema.
"""

import asyncio
import logging
import queue
import sqlite3
import threading
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from modelyard.errors import Unavailable
from modelyard.storage.sqlite_connection import (
    WRITER_BUSY_SECONDS,
    SqliteTransaction,
    open_connection,
    run_to_end,
)
from modelyard.storage.transaction import Transaction

T = TypeVar("T")

BATCH_MAX = 64  # transactions to a commit: gains end near 32, and they hold up the loop meanwhile
WAITING_MAX = (
    4096  # accepted and not yet answered; at 5,000/s the last waits for less than a second
)

_BUSY_PAUSE_SECONDS = 0.005

log = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class _Job:
    work: Callable[[Transaction], Awaitable[Any]]
    future: asyncio.Future[Any]
    result: Any = None
    failure: BaseException | None = None
    topics: list[str] = field(default_factory=list)


class Writer:
    """Owns the writing connection. Everything is called on the event loop."""

    def __init__(self, path: Path, woken: Callable[[set[str]], None]) -> None:
        self._path = path
        self._woken = woken
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[_Job] = deque()
        self._accepted = 0
        self._closed = False
        self._working: asyncio.Task[None] | None = None
        self._connection: sqlite3.Connection | None = None
        self._open()
        self._calls: queue.SimpleQueue[tuple[Callable[[], Any], asyncio.Future[Any]] | None]
        self._calls = queue.SimpleQueue()
        self._thread = threading.Thread(
            target=self._run_calls, name="modelyard-commit", daemon=True
        )
        self._thread.start()

    async def submit(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        if self._closed:
            raise Unavailable("the database is closed")
        if self._accepted >= WAITING_MAX:
            raise Unavailable("too many writes are waiting")
        job = _Job(work, self._loop.create_future())
        self._accepted += 1
        self._waiting.append(job)
        if self._working is None:
            self._working = self._loop.create_task(self._work_off())
        result: T = await job.future
        return result

    async def close(self) -> None:
        self._closed = True
        if self._working is not None:
            await asyncio.wait([self._working])
        if self._thread.is_alive():
            await self._in_thread(self._disconnect)
            self._calls.put(None)
            self._thread.join()

    async def _work_off(self) -> None:
        """Commit batch by batch until nobody waits. While one is synced the next gathers."""
        try:
            while self._waiting:
                count = min(BATCH_MAX, len(self._waiting))
                batch = [self._waiting.popleft() for _ in range(count)]
                try:
                    await self._commit(batch)
                except BaseException as error:
                    for job in batch:  # nobody may be left waiting for an answer
                        job.failure = job.failure or Unavailable(f"not committed: {error!r}")
                    raise
                finally:
                    self._settle(batch)
        finally:
            self._working = None

    async def _commit(self, batch: list[_Job]) -> None:
        """Leave every job of the batch with its result, durable, or its failure."""
        try:
            connection = await self._begin()
            for job in batch:
                _run_job(connection, job)
            await self._in_thread(partial(connection.execute, "COMMIT"))
        except (sqlite3.Error, Unavailable) as error:
            # Nothing of this batch is durable, or nobody knows: after a failed sync the kernel may
            # have dropped the pages, so this connection is not asked again.
            log.warning("write_failed", extra={"error": str(error), "transactions": len(batch)})
            await self._in_thread(self._disconnect)
            for job in batch:
                job.failure = job.failure or Unavailable(f"the write was not committed: {error}")

    async def _begin(self) -> sqlite3.Connection:
        """Take the write lock; wait for it while another process has it.

        Raises: sqlite3.Error, Unavailable.
        """
        connection = self._connection
        if connection is None:
            connection = await self._in_thread(self._open)
        deadline = self._loop.time() + WRITER_BUSY_SECONDS
        while True:
            try:
                connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                    raise
                if self._loop.time() > deadline:
                    raise
                await asyncio.sleep(_BUSY_PAUSE_SECONDS)
            else:
                return connection

    def _open(self) -> sqlite3.Connection:
        self._connection = open_connection(self._path, writes=True)
        self._connection.execute("PRAGMA busy_timeout = 0")  # `_begin` waits without blocking
        return self._connection

    async def _in_thread(self, function: Callable[[], T]) -> T:
        # Half the price of an executor, which counts: there is one such turn a commit.
        future: asyncio.Future[T] = self._loop.create_future()
        self._calls.put((function, future))
        return await future

    def _run_calls(self) -> None:
        while (call := self._calls.get()) is not None:
            function, future = call
            try:
                result = function()
            except BaseException as error:  # noqa: BLE001 (its caller's, who awaits the future)
                self._loop.call_soon_threadsafe(_fail, future, error)
            else:
                self._loop.call_soon_threadsafe(_succeed, future, result)

    def _settle(self, batch: list[_Job]) -> None:
        self._accepted -= len(batch)
        topics: set[str] = set()
        for job in batch:
            if job.failure is None:
                topics.update(job.topics)
            if job.future.done():  # its caller was cancelled and has gone
                continue
            if job.failure is None:
                job.future.set_result(job.result)
            else:
                job.future.set_exception(job.failure)
        if topics:
            self._woken(topics)

    def _disconnect(self) -> None:
        if self._connection is not None:
            try:
                self._connection.close()
            except sqlite3.Error as error:  # closed all the same; the log keeps what is committed
                log.warning("close_failed", extra={"error": str(error)})
            self._connection = None


def _succeed(future: asyncio.Future[T], result: T) -> None:
    if not future.done():
        future.set_result(result)


def _fail(future: asyncio.Future[Any], error: BaseException) -> None:
    if not future.done():
        future.set_exception(error)


def _run_job(connection: sqlite3.Connection, job: _Job) -> None:
    """Run one transaction of a batch in its savepoint.

    Raises: sqlite3.Error, Unavailable: the whole batch is lost.
    """
    if job.future.cancelled():  # nobody waits for it, and it has not begun
        job.failure = asyncio.CancelledError()
        return
    tx = SqliteTransaction(connection)
    connection.execute("SAVEPOINT job")
    try:
        job.result = run_to_end(job.work, tx)
        job.topics = tx.topics
    except BaseException as error:  # the caller's, who gets it in `_settle`; others go on
        job.failure = error
        if not connection.in_transaction:  # SQLite undid everything: full disk, I/O error
            raise Unavailable(f"the transaction was rolled back: {error}") from error
        connection.execute("ROLLBACK TO job")
    connection.execute("RELEASE job")
