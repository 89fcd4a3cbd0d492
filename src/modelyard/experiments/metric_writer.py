"""Calls that put metrics, gathered: those that come during one transaction share the next.

A statement then carries the points of all of them, which on PostgreSQL saves each call its own
round trips and its own wait for the disk. Each call hears of its points once they are durable.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from modelyard.errors import Unavailable
from modelyard.experiments import metric_store
from modelyard.experiments.metric_store import Batch, Stored
from modelyard.storage.database import Database
from modelyard.storage.transaction import Transaction

GATHERED_MAX = 64  # calls to a transaction
WAITING_MAX = 4096

Record = Callable[[Transaction, Stored], Awaitable[None]]


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    batch: Batch
    record: Record | None
    future: asyncio.Future[Stored]


class MetricWriter:
    """The calls of one server; made on its event loop."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: deque[_Waiting] = deque()
        self._working: asyncio.Task[None] | None = None

    async def put(self, batch: Batch, record: Record | None) -> Stored:
        """Store a call's points; `record` writes of it in the same transaction, if any was stored.

        Raises: Unavailable.
        """
        if len(self._waiting) >= WAITING_MAX:
            raise Unavailable("too many writes are waiting")
        loop = asyncio.get_running_loop()
        waiting = _Waiting(batch, record, loop.create_future())
        self._waiting.append(waiting)
        if self._working is None:
            self._working = loop.create_task(self._work_off())
        return await waiting.future

    async def _work_off(self) -> None:
        try:
            while self._waiting:
                count = min(GATHERED_MAX, len(self._waiting))
                await self._commit([self._waiting.popleft() for _ in range(count)])
        finally:
            self._working = None

    async def _commit(self, calls: list[_Waiting]) -> None:
        calls = [call for call in calls if not call.future.cancelled()]

        async def work(tx: Transaction) -> list[Stored]:
            stored = await metric_store.put(tx, [call.batch for call in calls])
            for call, one in zip(calls, stored, strict=True):
                if call.record is not None and one.component is not None:
                    await call.record(tx, one)
            return stored

        try:
            stored = await self._database.write(work)
        except Exception as error:  # noqa: BLE001 (each caller's, who says what it means)
            for call in calls:
                if not call.future.done():
                    call.future.set_exception(error)
            return
        for call, one in zip(calls, stored, strict=True):
            if not call.future.done():
                call.future.set_result(one)
