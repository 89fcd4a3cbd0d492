"""Durable work items, leases and client tokens, on both engines."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard import errors
from modelyard.storage import client_tokens, leases, work
from modelyard.storage.client_tokens import EarlierAnswer
from modelyard.storage.database import Database
from modelyard.storage.work import WorkItem

SECOND = 1_000_000


async def wish(database: Database, subject: str, due_us: int = 0, document: object = None) -> None:
    await database.write(
        lambda tx: work.enqueue(tx, "endpoint", subject, due_us=due_us, document=document)
    )


async def lease(database: Database, now_us: int = 0, holder: str = "me") -> WorkItem | None:
    return await database.write(
        lambda tx: work.lease(tx, "endpoint", holder, now_us=now_us, seconds=10)
    )


async def leased(database: Database, now_us: int = 0, holder: str = "me") -> WorkItem:
    item = await lease(database, now_us, holder)
    assert item is not None
    return item


async def test_work_is_leased_in_the_order_in_which_it_is_due(database: Database) -> None:
    await wish(database, "late", due_us=30)
    await wish(database, "early", due_us=10, document={"Reason": "x"})
    await wish(database, "future", due_us=99)

    first, second, third = [await lease(database, now_us=50) for _ in range(3)]

    assert first == WorkItem("endpoint", "early", 1, "me", 1, {"Reason": "x"})
    assert second is not None
    assert second.subject == "late"
    assert third is None


async def test_wishing_twice_for_waiting_work_does_it_once(database: Database) -> None:
    await wish(database, "a", due_us=9)
    await wish(database, "a", due_us=5)

    item = await leased(database, now_us=5)

    assert await database.write(lambda tx: work.finish(tx, item))
    assert await lease(database, now_us=99) is None


async def test_work_wished_for_during_a_lease_is_done_again(database: Database) -> None:
    await wish(database, "a")
    item = await leased(database)
    await wish(database, "a", document="again")
    assert await lease(database, holder="other") is None  # never two at once

    assert not await database.write(lambda tx: work.finish(tx, item))

    assert (await leased(database)).document == "again"


async def test_an_expired_lease_can_be_taken_over_and_the_late_holder_changes_nothing(
    database: Database,
) -> None:
    await wish(database, "a")
    slow = await leased(database, now_us=0, holder="slow")

    assert await lease(database, now_us=10 * SECOND - 1, holder="other") is None
    taken = await leased(database, now_us=10 * SECOND, holder="other")

    assert taken.attempts == 2
    assert not await database.write(lambda tx: work.finish(tx, slow))
    assert not await database.write(lambda tx: work.extend(tx, slow, now_us=0, seconds=9))
    assert await database.write(lambda tx: work.finish(tx, taken))


async def test_an_extended_lease_is_kept(database: Database) -> None:
    await wish(database, "a")
    item = await leased(database)

    assert await database.write(lambda tx: work.extend(tx, item, now_us=5 * SECOND, seconds=10))

    assert await lease(database, now_us=12 * SECOND, holder="other") is None
    assert await database.read(lambda tx: work.next_due_us(tx, "endpoint")) == 15 * SECOND


async def test_failed_work_comes_back_after_a_pause(database: Database) -> None:
    await wish(database, "a")
    item = await leased(database)

    await database.write(lambda tx: work.fail(tx, item, now_us=0))

    assert await lease(database, now_us=SECOND - 1) is None
    again = await leased(database, now_us=SECOND)
    assert again.attempts == 2


async def test_work_done_for_now_comes_back_when_it_asked_to(database: Database) -> None:
    await wish(database, "a")
    item = await leased(database)

    await database.write(lambda tx: work.again(tx, item, due_us=60 * SECOND))

    assert await lease(database, now_us=60 * SECOND - 1) is None
    assert (await leased(database, now_us=60 * SECOND)).attempts == 1


async def test_failed_work_that_was_wished_for_again_is_due_at_once(database: Database) -> None:
    await wish(database, "a")
    item = await leased(database)
    await wish(database, "a")

    await database.write(lambda tx: work.fail(tx, item, now_us=0))

    assert (await leased(database)).attempts == 1


async def test_each_item_goes_to_one_of_many_that_lease_at_once(database: Database) -> None:
    for number in range(8):
        await wish(database, f"subject-{number}")

    items = await asyncio.gather(*(lease(database, holder=str(n)) for n in range(12)))

    subjects = [item.subject for item in items if item is not None]
    assert len(subjects) == len(set(subjects)) == 8


async def test_an_enqueue_wakes_whoever_subscribed_after_its_commit(database: Database) -> None:
    woken = asyncio.Event()
    database.subscribe(work.TOPIC, woken.set)

    await wish(database, "a")

    await asyncio.wait_for(woken.wait(), 120)
    assert await lease(database) is not None


@given(st.integers(min_value=0, max_value=10**6))
def test_the_pause_grows_to_its_maximum_and_never_shrinks(attempts: int) -> None:
    pause = work.back_off_us(attempts)

    assert work.BACK_OFF_FIRST_US <= pause <= work.BACK_OFF_MAX_US
    assert pause <= work.back_off_us(attempts + 1)


async def test_a_lease_has_one_holder_until_it_runs_out(database: Database) -> None:
    async def hold(holder: str, now_us: int) -> bool:
        return await database.write(
            lambda tx: leases.hold(tx, "controller", holder, now_us=now_us, seconds=10)
        )

    assert await hold("a", 0)
    assert not await hold("b", 5 * SECOND)
    assert await hold("a", 9 * SECOND)
    assert not await hold("b", 18 * SECOND)
    assert await hold("b", 19 * SECOND)
    await database.write(lambda tx: leases.release(tx, "controller", "a"))  # too late: nothing
    assert not await hold("a", 20 * SECOND)
    await database.write(lambda tx: leases.release(tx, "controller", "b"))
    assert await hold("a", 20 * SECOND)


async def test_only_one_of_many_gets_a_free_lease(database: Database) -> None:
    async def hold(holder: str) -> bool:
        return await database.write(lambda tx: leases.hold(tx, "x", holder, now_us=0, seconds=1))

    held = await asyncio.gather(*(hold(str(number)) for number in range(10)))

    assert sum(held) == 1


async def test_the_answer_to_a_client_token_is_found_again_until_it_is_swept(
    database: Database,
) -> None:
    question = ("1", "r", "CreateModelPackage", "token")
    earlier = EarlierAnswer("digest", "{}")

    async def remember() -> None:
        await database.write(lambda tx: client_tokens.remember(tx, *question, earlier, now_us=100))

    assert await database.read(lambda tx: client_tokens.find(tx, *question)) is None
    await remember()
    assert await database.read(lambda tx: client_tokens.find(tx, *question)) == earlier
    with pytest.raises(errors.Conflict):
        await remember()
    assert await database.write(lambda tx: client_tokens.sweep(tx, before_us=100)) == 0
    assert await database.write(lambda tx: client_tokens.sweep(tx, before_us=101)) == 1
    assert await database.read(lambda tx: client_tokens.find(tx, *question)) is None
