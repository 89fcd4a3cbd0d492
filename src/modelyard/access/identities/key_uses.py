"""When each access key was last used, and for what: noted in memory, written once a minute.

So that no request waits for a write. What a killed server had not written is lost.
"""

import asyncio
import logging
from dataclasses import dataclass

from modelyard import errors
from modelyard.storage.database import Database
from modelyard.storage.transaction import Transaction

EVERY_SECONDS = 60.0
KEYS_MAX = 100_000  # noted between two rounds; more than every user's of 20 full accounts

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class KeyUse:
    at_us: int
    service: str
    region: str


class KeyUses:
    """The uses since the last round, the newest of each key."""

    def __init__(self) -> None:
        self._uses: dict[str, KeyUse] = {}

    def note(self, access_key_id: str, at_us: int, service: str, region: str) -> None:
        """For every proved request; keys that are not in the database are passed over later."""
        if len(self._uses) < KEYS_MAX or access_key_id in self._uses:
            self._uses[access_key_id] = KeyUse(at_us, service, region)

    async def run(self, database: Database) -> None:
        """Forever, and once more at the end; what storage did not take is kept for the next."""
        try:
            while True:
                await asyncio.sleep(EVERY_SECONDS)
                await self._round(database)
        finally:
            await self._round(database)

    async def write(self, database: Database) -> None:
        """Raises: Unavailable: nothing was written, and nothing forgotten."""
        uses = dict(self._uses)
        if not uses:
            return

        async def work(tx: Transaction) -> None:
            for key, use in sorted(uses.items()):
                await tx.run(
                    "UPDATE access_key SET used_us = ?, used_service = ?, used_region = ?"
                    " WHERE id = ? AND used_us < ?",
                    use.at_us,
                    use.service,
                    use.region,
                    key,
                    use.at_us,
                )

        await database.write(work)
        for key, use in uses.items():
            if self._uses.get(key) is use:
                del self._uses[key]

    async def _round(self, database: Database) -> None:
        try:
            await self.write(database)
        except errors.Unavailable as problem:
            log.warning("key_uses_put_off", extra={"error": str(problem)})
