"""Writes what `summaries` counted into the trail, once a minute and when the server stops."""

import asyncio
import logging
import time
import uuid

from modelyard import errors
from modelyard.audit.summaries import Sum, What
from modelyard.audit.trail import Entry, Origin, Trail
from modelyard.call import Document, Principal
from modelyard.contract import timestamps
from modelyard.storage.database import Database
from modelyard.storage.transaction import Transaction

EVERY_SECONDS = 60.0
_SECONDS_A_MICROSECOND = 1e-6

log = logging.getLogger(__name__)


class Summing:
    """The work of one server; what no account can be told for is `account`'s to see."""

    def __init__(self, database: Database, trail: Trail, account: str, region: str) -> None:
        self._database = database
        self._trail = trail
        self._account = account
        self._region = region

    async def run(self) -> None:
        """Until cancelled; then once more."""
        try:
            while True:
                await asyncio.sleep(EVERY_SECONDS)
                await self.write()
        finally:
            await self.write()

    async def write(self) -> None:
        """Tell what was counted by now; what storage does not take is told the next time."""
        taken = self._trail.summaries.take()
        if not taken:
            return
        now_us = time.time_ns() // 1000
        entries = [
            (self._entry(what, found, now_us), _message(what, found), what.error_code)
            for what, found in taken.items()
        ]

        async def work(tx: Transaction) -> None:
            for entry, message, error_code in entries:
                await entry.put(tx, (), None, error_code, message)

        try:
            await self._database.write(work)
        except errors.Fact as problem:
            self._trail.summaries.put_back(taken)
            log.warning("audit_summaries_put_off", extra={"error": str(problem)})

    def _entry(self, what: What, found: Sum, now_us: int) -> Entry:
        who = what.principal
        if not who.account:
            who = Principal(self._account, who.arn, who.id, "")
        request: Document = {
            "Count": found.count,
            "FirstTime": timestamps.iso_8601(found.first_us),
            "LastTime": timestamps.iso_8601(found.last_us),
            **{name: dict(words.most_common()) for name, words in found.told.items()},
        }
        return self._trail.entry(
            who,
            region=self._region,
            request_id=str(uuid.uuid4()),
            now_us=now_us,
            service=what.service,
            operation=what.operation,
            request=request,
            origin=Origin(what.source_ip),
        )


def _message(what: What, found: Sum) -> str:
    seconds = (found.last_us - found.first_us) * _SECONDS_A_MICROSECOND
    return f"{what.why}: {found.count} in {seconds:.0f} s, told in one record."
