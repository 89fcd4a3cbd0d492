"""Where requests go: in memory, one route an endpoint. Knows no database and no backend.

The controller swaps a whole fleet at a time; a request takes its replica from whatever fleet is
there at that moment, so a swap is atomic to every request. All of it runs on one event loop.
"""

import asyncio
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from modelyard.hosting.replicas import Answer, Invocation, Replica, ReplicaGone

WAIT_SECONDS_MAX = 10.0  # for a replica to come back, before the client is told to try again
WAITING_MAX = 1000  # requests that may wait so, an endpoint


class EndpointKey(NamedTuple):
    account: str
    region: str
    name: str


class Slot:
    """A replica in a fleet, and how many requests it has in flight.

    The slot stays the same object from fleet to fleet, so that the count stays right.
    """

    __slots__ = ("busy", "dead", "on_death", "on_idle", "replica", "variant")

    def __init__(
        self, variant: str, replica: Replica, on_death: Callable[[], None] | None = None
    ) -> None:
        self.variant = variant
        self.replica = replica
        self.busy = 0
        self.dead = False  # it broke under a request; never chosen again
        self.on_death = on_death
        self.on_idle: Callable[[], None] | None = None

    async def invoke(self, invocation: Invocation) -> Answer:
        """Raises: ReplicaGone."""
        self.busy += 1
        try:
            return await self.replica.invoke(invocation)
        except ReplicaGone:
            if not self.dead and self.on_death is not None:
                self.on_death()
            self.dead = True
            raise
        finally:
            self.busy -= 1
            if self.on_idle is not None and not self.busy:
                self.on_idle()


class Fleet:
    """The replicas that serve one deployment. Never changed: another one takes its place."""

    __slots__ = ("_names", "_slots", "_variants", "_weights")

    def __init__(self, weights: Mapping[str, float], slots: Sequence[Slot]) -> None:
        self._variants = {
            name: tuple(slot for slot in slots if slot.variant == name) for name in weights
        }
        self._names = list(weights)
        # All weights zero is what AWS allows too; then every variant gets the same share.
        self._weights = list(weights.values()) if any(weights.values()) else [1.0] * len(weights)
        self._slots = tuple(slots)

    def __iter__(self) -> Iterator[Slot]:
        return iter(self._slots)

    def has(self, variant: str) -> bool:
        return variant in self._variants

    def choose(self, variant: str | None, avoid: Slot | None = None) -> Slot | None:
        """The least busy living replica of the variant, or of one drawn by weight; or None.

        A drawn variant without a living replica gives way to any other; a named one does not.
        """
        if variant is not None:
            return _least_busy(self._variants[variant], avoid)
        if len(self._names) == 1:
            return _least_busy(self._slots, avoid)
        drawn = random.choices(self._names, self._weights)[0]
        return _least_busy(self._variants[drawn], avoid) or _least_busy(self._slots, avoid)


def _least_busy(slots: tuple[Slot, ...], avoid: Slot | None) -> Slot | None:
    best: Slot | None = None
    for slot in slots:
        if slot.dead or slot is avoid:
            continue
        if best is None or slot.busy < best.busy:
            best = slot
    return best


class Route:
    """The way to one endpoint: its fleet of the moment, and who waits for a replica."""

    __slots__ = ("_waiting", "closed", "fleet", "suspects")

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self.closed = False
        self.suspects = asyncio.Lock()  # held by the one request that is tried again (invocations)
        self._waiting: set[asyncio.Future[None]] = set()

    def swap(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self._wake()

    def close(self) -> None:
        self.closed = True
        self._wake()

    async def changed(self, seconds: float) -> bool:
        """Wait for the next swap or the close.

        False: there was none in time, or too many are waiting already.
        """
        if len(self._waiting) >= WAITING_MAX:
            return False
        future = asyncio.get_running_loop().create_future()
        self._waiting.add(future)
        try:
            async with asyncio.timeout(seconds):
                await future
        except TimeoutError:
            return False
        finally:
            self._waiting.discard(future)
        return True

    def _wake(self) -> None:
        for future in self._waiting:
            if not future.done():
                future.set_result(None)


class RoutingTable:
    """All routes of this server; an endpoint has one from its first InService to its deletion."""

    def __init__(self) -> None:
        self._routes: dict[EndpointKey, Route] = {}

    def get(self, key: EndpointKey) -> Route | None:
        return self._routes.get(key)

    def set(self, key: EndpointKey, fleet: Fleet) -> None:
        route = self._routes.get(key)
        if route is None:
            self._routes[key] = Route(fleet)
        else:
            route.swap(fleet)

    def remove(self, key: EndpointKey) -> None:
        route = self._routes.pop(key, None)
        if route is not None:
            route.close()
