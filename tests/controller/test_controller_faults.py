"""The controller when storage is away, and when it is killed between any two of its steps."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from modelyard.errors import Unavailable
from modelyard.storage.database import Database, Work
from tests.controller.conftest import SECONDS_MAX, ScriptedBackend, Stand, eventually, gone

STEPS = range(1, 10)  # of a controller's talk with storage in the stories below


class Killed(BaseException):
    """The process is gone: nothing after this line happens."""


class FaultyDatabase:
    """A database that can be away, or that kills whoever asks it for the n-th time."""

    def __init__(self, real: Database) -> None:
        self.away = False
        self.kill_at: int | None = None
        self.kill_after_commit = False
        self.killed = asyncio.Event()
        self._real = real
        self._asked = 0

    async def write(self, work: Work[Any]) -> Any:
        return await self._ask(self._real.write, work)

    async def read(self, work: Work[Any]) -> Any:
        return await self._ask(self._real.read, work)

    async def scan(self, work: Work[Any]) -> Any:
        return await self._ask(self._real.scan, work)

    def subscribe(self, topic: str, callback: Callable[[], None]) -> None:
        self._real.subscribe(topic, callback)

    async def close(self) -> None:
        await self._real.close()

    async def _ask(self, method: Callable[[Work[Any]], Any], work: Work[Any]) -> Any:
        if self.away:
            raise Unavailable("the database is away")
        self._asked += 1
        dead = self.kill_at is not None and self._asked >= self.kill_at
        if dead:
            self.killed.set()
        if dead and not (self.kill_after_commit and self._asked == self.kill_at):
            raise Killed
        answer = await method(work)
        if dead:
            raise Killed
        return answer


async def _run_until_killed(stand: Stand, faulty: FaultyDatabase) -> None:
    """A controller's life that ends at a step; whatever it does after is of no effect."""
    controller = stand.controller(ScriptedBackend(), storage=faulty)
    task = asyncio.create_task(controller.run())
    # A recording task may be the one that dies: the controller itself then waits for ever.
    async with asyncio.timeout(SECONDS_MAX):
        await faulty.killed.wait()
    faulty.kill_at = 0
    task.cancel()
    await asyncio.wait([task])
    if not task.cancelled():
        assert isinstance(task.exception(), Killed)


@pytest.mark.parametrize("kill_after_commit", [False, True])
@pytest.mark.parametrize("step", STEPS)
async def test_a_new_endpoint_comes_though_the_controller_is_killed_at_any_step(
    stand: Stand, database: Database, step: int, kill_after_commit: bool
):
    await stand.hosting.deployable("one", Image="one")
    await stand.hosting("CreateEndpoint", EndpointName="live", EndpointConfigName="one")
    faulty = FaultyDatabase(database)
    faulty.kill_at, faulty.kill_after_commit = step, kill_after_commit

    await _run_until_killed(stand, faulty)

    async with stand.controlled(ScriptedBackend()):
        await stand.until("InService")
        assert await stand.invoke() == b"one"


@pytest.mark.parametrize("step", STEPS)
async def test_a_deletion_ends_though_the_controller_is_killed_at_any_step(
    stand: Stand, database: Database, step: int
):
    await stand.hosting.deployable("one", Image="one")
    await stand.hosting("CreateEndpoint", EndpointName="live", EndpointConfigName="one")
    async with stand.controlled(ScriptedBackend()):
        await stand.until("InService")
    await stand.hosting("DeleteEndpoint", EndpointName="live")
    faulty = FaultyDatabase(database)
    faulty.kill_at = step

    await _run_until_killed(stand, faulty)

    backend = ScriptedBackend()
    async with stand.controlled(backend):
        await gone(stand)
        assert backend.states() == {}


async def test_replicas_are_replaced_while_storage_is_away_and_outcomes_recorded_later(
    stand: Stand, database: Database
):
    await stand.hosting.deployable("one", count=2, Image="one")
    await stand.hosting.deployable("two", Image="two")
    await stand.hosting("CreateEndpoint", EndpointName="live", EndpointConfigName="one")
    faulty, backend = FaultyDatabase(database), ScriptedBackend()

    async with stand.controlled(backend, storage=faulty):
        await stand.until("InService")
        faulty.away = True
        backend.kill(backend.ready("one")[0])
        await eventually(lambda: len(backend.ready("one")) == 2)
        assert await stand.invoke() == b"one"

        await stand.hosting("UpdateEndpoint", EndpointName="live", EndpointConfigName="two")
        faulty.away = False
        answer = await stand.until("InService")

        assert answer["EndpointConfigName"] == "two"
        assert await stand.invoke() == b"two"
