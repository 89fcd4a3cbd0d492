"""How the audit trail tells of metrics: who put them where in each minute, and how many.

BatchPutMetrics is a data event of CloudTrail's, which trails leave out unless they are asked; a
record a call would cost more than the call. So the first call of an access key on a trial component
has its own record, in the transaction of its points; those of the minute after it are counted, and
one more record says how many they were. A server that dies takes the counts of its last minute
with it, never who put metrics where.
"""

import asyncio
import logging
import time
from dataclasses import dataclass

from modelyard.call import Audit, Change, OpenCall
from modelyard.errors import Fact
from modelyard.storage.database import Database

SUMMED_US = 60_000_000
LOOK_SECONDS = 5.0
OPEN_MAX = 20_000  # beyond that every call has its own record

log = logging.getLogger(__name__)

_Key = tuple[str, str, str, str]  # who, with which access key, where, on which trial component


@dataclass(frozen=True, slots=True)
class _Counted:
    """Calls without a record of their own; `latest` is the last of them."""

    latest: Audit
    calls: int
    points: int

    def joined(self, later: "_Counted | None") -> "_Counted":
        if later is None:
            return self
        return _Counted(later.latest, self.calls + later.calls, self.points + later.points)


@dataclass(slots=True)
class _Minute:
    """What an access key put to a trial component since its last record."""

    arn: str
    since_us: int
    counted: _Counted | None = None


class DataEvents:
    """The minutes under way on one server."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._open: dict[_Key, _Minute] = {}

    def begins(self, call: OpenCall, name: str) -> bool:
        """Whether this call on the trial component `name` has a record of its own."""
        return _key(call, name) not in self._open

    def stored(self, call: OpenCall, name: str, arn: str, points: int, *, recorded: bool) -> None:
        """Hear of a call whose points are durable."""
        key = _key(call, name)
        minute = self._open.get(key)
        if minute is None:
            if recorded and len(self._open) >= OPEN_MAX:
                return
            minute = self._open[key] = _Minute(arn, call.now_us)
        if not recorded:
            one = _Counted(call.audit, 1, points)
            minute.counted = minute.counted.joined(one) if minute.counted else one

    async def run(self) -> None:
        """Record the sums of minutes that are over; forever."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                await self.close(time.time_ns() // 1000 - SUMMED_US)
            except Fact as problem:
                log.warning("metric_events_put_off", extra={"error": str(problem)})

    async def end(self) -> None:
        """Record what is summed up so far, before the server stops."""
        try:
            await self.close()
        except Fact as problem:
            log.warning("metric_events_lost", extra={"error": str(problem)})

    async def close(self, before_us: int | None = None) -> None:
        """Record what was summed up since before `before_us`; all of it without one.

        Raises: Fact: it was not recorded, and is kept.
        """
        for key, minute in list(self._open.items()):
            if before_us is not None and minute.since_us > before_us:
                continue
            await self._record(minute)
            if minute.counted is None:  # nothing came while it was written
                del self._open[key]

    async def _record(self, minute: _Minute) -> None:
        summed, minute.counted = minute.counted, None
        if summed is None:
            return
        change = Change(minute.arn, None, {"Calls": summed.calls, "Points": summed.points})
        try:
            await self._database.write(lambda tx: summed.latest.record(tx, [change]))
        except Fact:
            minute.counted = summed.joined(minute.counted)
            raise


def _key(call: OpenCall, name: str) -> _Key:
    return call.principal.arn, call.principal.access_key_id, call.region, name
