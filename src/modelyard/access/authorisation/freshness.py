"""Whether what this process keeps in memory of keys and policies still holds.

A row counts every change to them, in the change's own transaction. Where one process owns the
database it hears of its own commits, and that is all. Where several share it, each reads the count
every POLL_SECONDS and trusts what it keeps for TRUST_SECONDS after a reading began; a change is
answered only TRUST_SECONDS after its commit. So when it is answered, nobody uses the old state.
"""

import asyncio
import logging
import time

from modelyard.errors import Unavailable
from modelyard.storage import access_changes
from modelyard.storage.database import Database

POLL_SECONDS = 0.1
TRUST_SECONDS = 0.5
WAIT_SECONDS_MAX = 5.0  # for a reading that is under way

log = logging.getLogger("modelyard.access")


class Freshness:
    """`generation` grows whenever something may have changed: what was kept before is void."""

    def __init__(self, database: Database, trust_seconds: float = TRUST_SECONDS) -> None:
        """`trust_seconds` is the same for all who share the database."""
        self._database = database
        self._trust_seconds = trust_seconds
        self._shared = database.shared
        self._count: int | None = None
        self._trusted_until = 0.0  # monotonic
        self._away = False
        self._read_once = asyncio.Event()
        self.generation = 0
        self.changes = 0  # commits of this process among them
        database.subscribe(access_changes.TOPIC, self._changed_here)

    async def ensure(self) -> None:
        """Return once what is kept may be used. While the database is away that is what was known.

        Only InvokeEndpoint gets far without a database; it goes on by what was known last.
        Raises: Unavailable: the database is slow, and nobody can tell.
        """
        if self._is_trusted():
            return
        try:
            async with asyncio.timeout(WAIT_SECONDS_MAX):
                while not self._is_trusted():
                    self._read_once.clear()
                    await self._read_once.wait()
        except TimeoutError:
            raise Unavailable("nobody can tell whether policies have changed") from None

    def _is_trusted(self) -> bool:
        return not self._shared or self._away or time.monotonic() < self._trusted_until

    async def settle(self, since: int) -> None:
        """After a commit: if it changed anything since `changes` was `since`, return once no
        process uses the state before it.
        """
        if not self._shared:
            return
        await asyncio.sleep(0)  # whoever is woken by a commit comes first
        if self.changes != since:
            await asyncio.sleep(self._trust_seconds)

    async def watch(self) -> None:
        """Read the count again and again, until cancelled. Needed where the database is shared."""
        while self._shared:
            began = time.monotonic()
            try:
                count = await self._database.read(access_changes.version)
            except Unavailable as problem:
                if not self._away:
                    log.warning("access_unwatched", extra={"error": str(problem)})
                self._away = True
            else:
                self._away = False
                if count != self._count:
                    self._count = count
                    self._changed()
                self._trusted_until = began + self._trust_seconds
            self._read_once.set()
            await asyncio.sleep(POLL_SECONDS)

    def _changed_here(self) -> None:
        self.changes += 1
        self._changed()

    def _changed(self) -> None:
        self.generation += 1
