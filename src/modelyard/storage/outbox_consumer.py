"""Tells what was announced to whoever handles its topic, in the background, one server at a time.

An entry's effects and its end are one transaction. It works in small batches and rests after each
for as long as leaves requests their share of the event loop.
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress

from modelyard import errors
from modelyard.storage import leases, outbox
from modelyard.storage.database import Database
from modelyard.storage.outbox import Entry
from modelyard.storage.transaction import Transaction

Handler = Callable[[Transaction, Entry], Awaitable[None]]

LEASE = "outbox"
LEASE_SECONDS = 2.0  # how long a server that died in between holds up the others
BATCH = 8  # entries to a transaction at most,
BATCH_SECONDS = 0.004  # and no further one after so long: it holds up SQLite's other writers
SHARE = 0.1  # of the event loop, at most
GATHER_SECONDS = 0.05  # changes of one moment are told together
POLL_SECONDS = 0.5  # other servers' commits wake nobody here
FAILED_SECONDS = 10.0
ATTEMPTS_MAX = 3  # then an entry is put aside

log = logging.getLogger(__name__)


class _Unhandled(Exception):
    """The handler of `entry` failed, for the reason that is this one's cause."""

    def __init__(self, entry: Entry) -> None:
        super().__init__(entry.id)
        self.entry = entry


class Consumer:
    """The work of one server; `holder` is its lasting name. `handlers`: by topic."""

    def __init__(self, database: Database, handlers: Mapping[str, Handler], holder: str) -> None:
        self._database = database
        self._handlers = handlers
        self._holder = holder
        self._failures: Counter[str] = Counter()
        self._woken = asyncio.Event()
        database.subscribe(outbox.WOKEN, self._woken.set)

    async def run(self) -> None:
        """Forever; what storage could not take is tried again.

        What an earlier life put aside is tried again too: this program may know better.
        """
        tried_again = False
        while True:
            self._woken.clear()
            try:
                if not tried_again:
                    await self._database.write(self._put_back)
                    tried_again = True
                await self.work_off()
            except errors.Fact as problem:
                log.warning("outbox_put_off", extra={"error": str(problem)})
            except Exception:  # tables that were meddled with; the next round tries again
                log.exception("outbox_failed")
                await asyncio.sleep(FAILED_SECONDS)
            with suppress(TimeoutError):
                async with asyncio.timeout(POLL_SECONDS):
                    await self._woken.wait()
            await asyncio.sleep(GATHER_SECONDS)

    async def work_off(self) -> int:
        """Tell what waits; answers how many entries that were. Nothing, if another server does."""
        total = 0
        while await self._database.read(outbox.anything_waits):
            try:
                handled, seconds = await self._database.write(self._some)
            except _Unhandled as failure:
                await self._failed(failure)
                continue
            if not handled:
                break
            total += handled
            await asyncio.sleep(seconds * (1 / SHARE - 1))
        return total

    async def _some(self, tx: Transaction) -> tuple[int, float]:
        """How many entries were told, and the seconds that this thread was busy meanwhile."""
        if not await self._hold(tx):
            return 0, 0.0
        began = time.thread_time()
        told: list[Entry] = []
        for entry in await outbox.take(tx, BATCH):
            try:
                await self._handlers[entry.topic](tx, entry)
            except errors.Unavailable:
                raise
            except Exception as problem:
                raise _Unhandled(entry) from problem
            told.append(entry)
            if time.thread_time() - began > BATCH_SECONDS:
                break
        await outbox.done(tx, told)
        return len(told), time.thread_time() - began

    async def _failed(self, failure: _Unhandled) -> None:
        entry, reason = failure.entry, repr(failure.__cause__)
        self._failures[entry.id] += 1
        told = {"topic": entry.topic, "subject": entry.subject, "error": reason}
        if self._failures[entry.id] < ATTEMPTS_MAX:
            log.warning("announcement_failed", extra=told)
            await asyncio.sleep(GATHER_SECONDS)
            return
        log.error("announcement_put_aside", extra=told, exc_info=failure.__cause__)
        now_us = time.time_ns() // 1000
        with suppress(errors.Conflict):  # another server has it now
            await self._database.write(lambda tx: outbox.put_aside(tx, entry, reason, now_us))
        del self._failures[entry.id]

    async def _put_back(self, tx: Transaction) -> None:
        count = await outbox.put_back(tx)
        if count:
            log.info("announcements_put_back", extra={"entries": count})

    async def _hold(self, tx: Transaction) -> bool:
        now_us = time.time_ns() // 1000
        return await leases.hold(tx, LEASE, self._holder, now_us=now_us, seconds=LEASE_SECONDS)
