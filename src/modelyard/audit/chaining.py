"""Numbers and chains what was committed, within a second, and signs how far it went.

One server does it at a time, whoever holds the lease; the head's row decides should two try.
"""

import asyncio
import logging
import time
from contextlib import suppress

from modelyard import errors
from modelyard.audit import chain, heads
from modelyard.audit.chain import Chained
from modelyard.audit.checkpoints import Keys
from modelyard.audit.records import Record
from modelyard.audit.trail import TOPIC
from modelyard.storage import leases
from modelyard.storage.database import Database
from modelyard.storage.transaction import Transaction

LEASE = "audit-chain"
LEASE_SECONDS = 2.0  # how long a server that died in between holds up the others
BATCH = 250  # records to a transaction, which holds up SQLite's other writers meanwhile
GATHER_SECONDS = 0.3  # records of one moment are chained together
FAILED_SECONDS = 10.0
POLL_SECONDS = 0.4  # other servers' commits wake nobody here
CHECKPOINT_RECORDS = 1000
CHECKPOINT_SECONDS = 3600

log = logging.getLogger(__name__)


class Chaining:
    """The work of one server; `holder` is its lasting name."""

    def __init__(self, database: Database, keys: Keys, holder: str) -> None:
        self._database = database
        self._keys = keys
        self._holder = holder
        self._woken = asyncio.Event()
        database.subscribe(TOPIC, self._woken.set)

    async def run(self) -> None:
        """Forever; what storage could not take is tried again."""
        while True:
            self._woken.clear()
            try:
                await self.chain_all()
            except errors.Fact as problem:
                log.warning("audit_chaining_put_off", extra={"error": str(problem)})
            except Exception:  # tables that were meddled with; the next round tries again
                log.exception("audit_chaining_failed")
                await asyncio.sleep(FAILED_SECONDS)
            with suppress(TimeoutError):
                async with asyncio.timeout(POLL_SECONDS):
                    await self._woken.wait()
            await asyncio.sleep(GATHER_SECONDS)

    async def chain_all(self) -> int:
        """Chain what waits; answers how many records that were."""
        if not await self._database.read(heads.anything_waits):
            return 0
        total = 0
        while True:
            done = await self._database.write(self._some)
            total += done
            if done < BATCH:  # what is committed meanwhile gathers until the next round
                return total

    async def _some(self, tx: Transaction) -> int:
        now_us = time.time_ns() // 1000
        if not await leases.hold(tx, LEASE, self._holder, now_us=now_us, seconds=LEASE_SECONDS):
            return 0
        before = await heads.locked_head(tx)
        places: list[Chained] = []
        sequence, last = before.sequence, before.hash
        for record in await _waiting(tx):
            sequence, last = sequence + 1, chain.link(last, record)
            places.append(Chained(sequence, last, record))
        if not places:
            return 0
        after = self._keys.signed(sequence, last, now_us)
        if await heads.place(tx, places) != len(places):
            raise errors.Conflict("records were chained meanwhile")
        if not await heads.move_head(tx, before, after):
            raise errors.Conflict("the head of the chain was moved meanwhile")
        kept = await heads.last_checkpoint(tx)
        if (
            after.sequence - kept.sequence >= CHECKPOINT_RECORDS
            or after.at_us - kept.at_us >= CHECKPOINT_SECONDS * 1_000_000
        ):
            await heads.keep(tx, after)
        return len(places)


async def _waiting(tx: Transaction) -> list[Record]:
    """Some that can be chained. Records that were deleted while they waited hold up nobody."""
    after = ""
    while True:
        page = await heads.waiting(tx, BATCH, after)
        found = [record for _, record in page if record is not None]
        if found or len(page) < BATCH:
            return found
        after = page[-1][0]
