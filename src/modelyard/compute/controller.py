"""Makes endpoints be what their rows want, one controller at a time. Knows no HTTP.

    wake-ups   a work item was enqueued, a replica changed, a request saw one die, a pause is over
    at start, and now and then for safety: every row is compared with what is being kept

Everything here can be lost at any line: wishes are rows, and the next controller reads them all.
"""

import asyncio
import contextlib
import logging
import os
import time
import uuid
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from modelyard import errors
from modelyard.compute import folders
from modelyard.compute.artifacts import Artifacts
from modelyard.compute.backend import Backend
from modelyard.compute.keeper import Clock, Keeper, Means, Sizes, all_digests
from modelyard.hosting import endpoints, wishes
from modelyard.hosting.routing import EndpointKey, RoutingTable
from modelyard.storage import leases, work
from modelyard.storage.database import Database
from modelyard.storage.transaction import Transaction

LEASE = "controller"
LEASE_SECONDS = 30.0
_RENEW_SECONDS = 10.0
_COMPARE_SECONDS = 15.0  # when every row is compared with what is kept, for safety
_STORAGE_AWAY_SECONDS = 1.0  # before asking it again
_WISHES_A_ROUND_MAX = 100

log = logging.getLogger(__name__)


class SystemClock:
    def now_us(self) -> int:
        return time.time_ns() // 1000

    def monotonic(self) -> float:
        return time.monotonic()


class Controller:
    """`holder` names the owner of the lease: it stays the same for a data folder, so that a server
    that is started again need not wait for the lease of its earlier life.

    `folder` is the controller's own: `folder/replicas` is emptied at the start.
    """

    def __init__(
        self,
        database: Database,
        backend: Backend,
        routing: RoutingTable,
        artifacts: Artifacts,
        *,
        holder: str,
        folder: Path,
        sizes: Sizes | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._database = database
        self._backend = backend
        self._artifacts = artifacts
        self._holder = holder
        self._clock = clock or SystemClock()
        self._replicas_folder = folder / "replicas"
        self._keepers: dict[EndpointKey, Keeper] = {}
        self._dirty: set[EndpointKey] = set()
        self._unread: set[str] = set()  # ARNs of endpoints whose rows are to be read
        self._wished = True
        self._woken = asyncio.Event()
        self.loaded = asyncio.Event()  # every endpoint is known to routing
        self.known = asyncio.Event()  # whether it controls: it has loaded, or another server does
        self._means = Means(
            database=database,
            backend=backend,
            routing=routing,
            artifacts=artifacts,
            folder=self._replicas_folder,
            sizes=sizes or Sizes(),
            clock=self._clock,
            new_id=_ids().__next__,
            look=self._look,
        )

    async def run(self) -> None:
        """Hold the lease and control, until cancelled; then stop every replica."""
        self._database.subscribe(work.TOPIC, self._on_wish)
        unsubscribe = self._backend.subscribe(self._on_replica)
        try:
            await asyncio.to_thread(_empty, self._replicas_folder)
            while True:
                await self._hold()
                await self._control()
        finally:
            unsubscribe()
            await self._let_go()
            with contextlib.suppress(errors.Unavailable):
                await self._database.write(self._release)

    async def _control(self) -> None:
        """Until the lease is lost."""
        renew_at = compare_at = self._clock.monotonic()
        while True:
            now = self._clock.monotonic()
            try:
                if now >= renew_at:
                    if not await self._database.write(self._take):
                        log.warning("controller_lease_lost")
                        await self._let_go()
                        return
                    renew_at = now + _RENEW_SECONDS
                if now >= compare_at:
                    await self._compare()
                    compare_at = now + _COMPARE_SECONDS
                if self._wished:
                    await self._take_wishes()
            except errors.Unavailable as fact:
                # What runs goes on without storage; asked again below, after a pause.
                log.warning("controller_without_storage", extra={"error": str(fact)})
                renew_at = compare_at = max(renew_at, now + _STORAGE_AWAY_SECONDS)
            self._turn_the_dirty()
            await self._wait(min(renew_at, compare_at, *self._looks()))

    def _turn_the_dirty(self) -> None:
        dirty, self._dirty = self._dirty, set()
        for key in dirty:
            keeper = self._keepers.get(key)
            if keeper is None:
                continue
            try:
                keeper.turn()
            except Exception:
                # Our mistake, in one endpoint: the others go on, and this one is tried again at its
                # next wake-up, at the latest when it is compared.
                log.exception("endpoint_turn_failed", extra={"endpoint": key.name})
                continue
            if keeper.done:
                del self._keepers[key]

    async def _wait(self, until: float) -> None:
        """For the next wake-up, or until a look is due."""
        pause = max(0.0, until - self._clock.monotonic())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(pause):
                await self._woken.wait()
        self._woken.clear()
        now = self._clock.monotonic()
        for key, keeper in self._keepers.items():
            if keeper.look_again_at is not None and keeper.look_again_at <= now:
                self._dirty.add(key)

    def _looks(self) -> list[float]:
        looks = [keeper.look_again_at for keeper in self._keepers.values()]
        return [at for at in looks if at is not None]

    # Wishes.

    async def _compare(self) -> None:
        """Find every endpoint whose rows want something else than is being kept."""
        found = {wish.key: wish for wish in await self._database.scan(wishes.all_of_them)}
        for key, wish in found.items():
            keeper = self._keepers.get(key)
            if keeper is None or keeper.wish != wish:
                self._unread.add(wish.arn)
        for key in self._keepers.keys() - found.keys():
            self._unread.add(self._keepers[key].arn)
        await self._read_wishes()
        await self._artifacts.sweep(all_digests(self._keepers.values()))
        if not self.loaded.is_set():
            self._turn_the_dirty()
            self.loaded.set()
            self.known.set()

    async def _take_wishes(self) -> None:
        """Take the work items. A row is what counts: an item only says which one to read."""
        self._wished = False
        for _ in range(_WISHES_A_ROUND_MAX):
            arn = await self._database.write(self._take_wish)
            if arn is None:
                break
            self._unread.add(arn)
        else:
            self._wished = True
            self._woken.set()
        await self._read_wishes()

    async def _take_wish(self, tx: Transaction) -> str | None:
        now_us = self._clock.now_us()
        item = await work.lease(
            tx, endpoints.WORK, self._holder, now_us=now_us, seconds=LEASE_SECONDS
        )
        if item is None:
            return None
        await work.finish(tx, item)
        return item.subject

    async def _read_wishes(self) -> None:
        while self._unread:
            arn = next(iter(self._unread))
            key = wishes.key_of(arn)
            keeper = self._keepers.get(key)
            if keeper is None:
                keeper = self._keepers[key] = Keeper(self._means, key, arn)
            await keeper.refresh()
            self._unread.discard(arn)
            self._dirty.add(key)

    # The lease.

    async def _hold(self) -> None:
        while True:
            try:
                if await self._database.write(self._take):
                    return
                self.known.set()
            except errors.Unavailable as fact:
                log.warning("controller_without_storage", extra={"error": str(fact)})
            await asyncio.sleep(_STORAGE_AWAY_SECONDS)

    async def _take(self, tx: Transaction) -> bool:
        now_us = self._clock.now_us()
        return await leases.hold(tx, LEASE, self._holder, now_us=now_us, seconds=LEASE_SECONDS)

    async def _release(self, tx: Transaction) -> None:
        await leases.release(tx, LEASE, self._holder)

    async def _let_go(self) -> None:
        keepers, self._keepers = self._keepers, {}
        await asyncio.gather(*(keeper.close() for keeper in keepers.values()))
        self.loaded.clear()

    # Wake-ups, on the event loop.

    def _look(self, key: EndpointKey) -> None:
        self._dirty.add(key)
        self._woken.set()

    def _on_wish(self) -> None:
        self._wished = True
        self._woken.set()

    def _on_replica(self) -> None:
        self._dirty.update(self._keepers)
        self._woken.set()


def _ids() -> Iterator[str]:
    """Names for replicas that no other life of this server has given."""
    life = uuid.uuid4().hex[:8]
    return (f"{life}-{number}" for number in count(1))


def _empty(folder: Path) -> None:
    """Remove what replicas of an earlier life have left."""
    folders.remove(folder)
    folder.mkdir(parents=True, mode=0o700)
    if os.geteuid() == 0:  # a replica of root has a user of its own, who has to get to its files
        for passable in (folder, folder.parent):
            passable.chmod(0o711)
