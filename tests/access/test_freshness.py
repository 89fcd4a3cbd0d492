"""How long a process trusts what it keeps of keys and policies, by a clock of the test."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest

from modelyard.access.authorisation import directory, freshness
from modelyard.access.authorisation.freshness import POLL_SECONDS, TRUST_SECONDS, Freshness
from modelyard.errors import Unavailable
from modelyard.storage.database import Database


class Clock:
    """Time passes when somebody sleeps, and not otherwise."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []
        self._sleep = asyncio.sleep

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        if seconds == POLL_SECONDS:  # one reading, until the test wants another
            await asyncio.Event().wait()
        self.slept.append(seconds)
        self.now += seconds
        await self._sleep(0)


class Counted:
    """A database that has a count of changes and nothing else."""

    def __init__(self, *, shared: bool = True) -> None:
        self.shared = shared
        self.count = 0
        self.away = False
        self.readings = 0
        self._changed: Callable[[], None] = lambda: None

    def subscribe(self, topic: str, callback: Callable[[], None]) -> None:
        assert topic == "access"
        self._changed = callback

    async def read(self, work: Callable[[Any], Awaitable[int]]) -> int:
        self.readings += 1
        if self.away:
            raise Unavailable("the database is away")
        return self.count

    def commit(self) -> None:
        """As this process's own change does."""
        self.count += 1
        self._changed()


class Watched:
    """A freshness, one reading at a time."""

    def __init__(self, database: Counted) -> None:
        self.database = database
        self.freshness = Freshness(cast(Database, database))

    async def read(self) -> None:
        """One reading."""
        before = self.database.readings
        watching = asyncio.create_task(self.freshness.watch())
        while self.database.readings == before:
            await asyncio.sleep(0)
        for _ in range(5):
            await asyncio.sleep(0)
        watching.cancel()
        await asyncio.wait([watching])

    @property
    def trusted(self) -> bool:
        return self.freshness._is_trusted()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()

    class Asyncio:
        """asyncio with the clock's sleep, in the module alone."""

        sleep = staticmethod(clock.sleep)

        def __getattr__(self, name: str) -> Any:
            return getattr(asyncio, name)

    monkeypatch.setattr(freshness, "asyncio", Asyncio())
    monkeypatch.setattr(freshness, "time", clock)
    return clock


async def test_one_process_of_its_own_always_trusts_itself(clock: Clock) -> None:
    watched = Watched(Counted(shared=False))

    await watched.freshness.ensure()
    watched.database.commit()
    await watched.freshness.settle(0)

    assert watched.freshness.generation == 1
    assert clock.slept == []  # nobody else has to be waited for


async def test_a_reading_is_trusted_for_its_window_from_its_beginning(clock: Clock) -> None:
    watched = Watched(Counted())
    assert not watched.trusted

    await watched.read()
    assert watched.trusted
    clock.now = TRUST_SECONDS - 0.001
    assert watched.trusted
    clock.now = TRUST_SECONDS
    assert not watched.trusted


async def test_a_count_that_another_process_raised_voids_what_is_kept(clock: Clock) -> None:
    watched = Watched(Counted())
    await watched.read()
    generation = watched.freshness.generation

    await watched.read()
    assert watched.freshness.generation == generation
    watched.database.count += 1
    await watched.read()
    assert watched.freshness.generation == generation + 1
    assert watched.freshness.changes == 0  # not this process's own


async def test_while_the_database_is_away_the_last_known_state_goes_on(clock: Clock) -> None:
    watched = Watched(Counted())
    await watched.read()
    generation = watched.freshness.generation
    watched.database.away = True
    clock.now = 100.0
    assert not watched.trusted

    await watched.read()
    assert watched.trusted
    assert watched.freshness.generation == generation

    watched.database.away = False
    watched.database.count += 1
    await watched.read()
    assert watched.freshness.generation == generation + 1


async def test_who_asks_in_between_waits_for_the_next_reading(clock: Clock) -> None:
    watched = Watched(Counted())
    asked = asyncio.create_task(watched.freshness.ensure())
    await asyncio.sleep(0)
    assert not asked.done()

    await watched.read()

    await asyncio.wait_for(asked, 10)


async def test_when_nobody_can_tell_the_question_is_refused(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(freshness, "WAIT_SECONDS_MAX", 0.01)

    with pytest.raises(Unavailable):
        await Watched(Counted()).freshness.ensure()


async def test_only_a_change_of_ones_own_is_waited_for(clock: Clock) -> None:
    watched = Watched(Counted())
    await watched.read()
    clock.slept.clear()

    watched.database.count += 1  # another process's, which waits itself
    await watched.freshness.settle(watched.freshness.changes)
    assert sum(clock.slept) == 0

    before = watched.freshness.changes
    watched.database.commit()
    await watched.freshness.settle(before)
    assert sum(clock.slept) == TRUST_SECONDS


def test_readings_come_often_enough_to_be_trusted_without_a_gap() -> None:
    assert POLL_SECONDS < TRUST_SECONDS


def kept() -> tuple[Watched, "directory._Kept[str]"]:
    watched = Watched(Counted(shared=False))
    return watched, directory._Kept(watched.freshness)


async def answer(text: str) -> str:
    return text


async def test_an_answer_is_kept_until_something_changes() -> None:
    watched, answers = kept()

    assert await answers.get("k", lambda: answer("old")) == "old"
    assert await answers.get("k", lambda: answer("new")) == "old"
    watched.database.commit()
    assert await answers.get("k", lambda: answer("new")) == "new"


async def test_what_was_loaded_while_something_changed_is_not_kept() -> None:
    watched, answers = kept()

    async def overtaken() -> str:
        watched.database.commit()
        return "old"

    assert await answers.get("k", overtaken) == "old"
    assert await answers.get("k", lambda: answer("new")) == "new"


async def test_the_least_recently_used_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(directory, "KEPT_MAX", 2)
    _, answers = kept()
    for key in ("a", "b", "a", "c"):
        await answers.get(key, lambda: answer("old"))

    found = [await answers.get(key, lambda: answer("new")) for key in ("a", "c", "b")]

    assert found == ["old", "old", "new"]
    assert len(answers._answers) == 2
