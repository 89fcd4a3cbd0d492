"""Connections to one PostgreSQL, opened when needed. Knows no transactions.

When one connection is lost the idle ones are suspected too: a restarted server ended them all.
"""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from modelyard.errors import Unavailable

if TYPE_CHECKING:
    from psycopg import AsyncConnection

CONNECTIONS_MAX = (
    16  # PostgreSQL's default allows 100; commits a second peak near 16 (COMPONENTS, c)
)
WAITING_MAX = 4096
WAIT_SECONDS_MAX = 5.0


class Pool:
    def __init__(self, connect: Callable[[], Awaitable["AsyncConnection"]]) -> None:
        self._connect = connect
        self._idle: list[AsyncConnection] = []
        self._slots = asyncio.Semaphore(CONNECTIONS_MAX)
        self._waiting = 0
        self._closed = False

    @asynccontextmanager
    async def connection(self, seconds_max: float) -> AsyncIterator["AsyncConnection"]:
        """A connection for one transaction, cut off after `seconds_max` if its server is mute.

        Raises: Unavailable: none is free in time. psycopg.OperationalError: it cannot be opened.
        """
        await self._acquire()
        try:
            connection = self._idle.pop() if self._idle else await self._connect()
            timer = asyncio.get_running_loop().call_later(seconds_max, _cut, connection)
            try:
                yield connection
            finally:
                timer.cancel()
                await self._put_back(connection)
        finally:
            self._slots.release()

    async def suspect_idle(self) -> None:
        idle, self._idle = self._idle, []
        for connection in idle:
            await connection.close()

    async def close(self) -> None:
        """Wait for the connections in use, then close all."""
        if self._closed:
            return
        self._closed = True
        for _ in range(CONNECTIONS_MAX):
            await self._slots.acquire()
        await self.suspect_idle()

    async def _acquire(self) -> None:
        if self._closed:
            raise Unavailable("the database is closed")
        if self._waiting >= WAITING_MAX:
            raise Unavailable("too many transactions are waiting")
        self._waiting += 1
        try:
            async with asyncio.timeout(WAIT_SECONDS_MAX):
                await self._slots.acquire()
        except TimeoutError:
            raise Unavailable("no connection became free in time") from None
        finally:
            self._waiting -= 1

    async def _put_back(self, connection: "AsyncConnection") -> None:
        from psycopg.pq import TransactionStatus

        if connection.info.transaction_status == TransactionStatus.IDLE:
            self._idle.append(connection)
        else:  # broken, or left in the middle of a transaction
            await connection.close()


def _cut(connection: "AsyncConnection") -> None:
    """End the socket, so that whoever waits for the server learns that it does not answer."""
    if connection.closed:
        return
    with socket.socket(fileno=os.dup(connection.fileno())) as handle:
        try:
            handle.shutdown(socket.SHUT_RDWR)
        except OSError:  # the other side was faster
            return
