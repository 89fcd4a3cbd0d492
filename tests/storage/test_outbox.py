"""What is announced is told once, in order, also when its handler fails or its server is killed."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping

import pytest

from modelyard import errors
from modelyard.storage import database as databases
from modelyard.storage import leases, outbox, outbox_consumer
from modelyard.storage.database import Database
from modelyard.storage.outbox import Entry
from modelyard.storage.outbox_consumer import Consumer
from modelyard.storage.transaction import Transaction
from tests.postgresql_cluster import PostgresqlCluster

PLACE = ("123456789012", "eu-west-1")

Handler = Callable[[Transaction, Entry], Awaitable[None]]


async def announce(database: Database, *subjects: str, at_us: int = 1, topic: str = "made") -> None:
    async def work(tx: Transaction) -> None:
        for number, subject in enumerate(subjects):
            await outbox.announce(tx, *PLACE, topic, subject, {"n": number}, at_us + number)

    await database.write(work)


async def keep(tx: Transaction, entry: Entry) -> None:
    """An effect that counts: one row each time."""
    await tx.run(
        "INSERT INTO work_item"
        " (kind, subject, generation, due_us, holder, lease_until_us, attempts, document)"
        " VALUES ('told', ?, 1, 0, '', 0, 0, '') ON CONFLICT (kind, subject)"
        " DO UPDATE SET generation = work_item.generation + 1",
        entry.subject,
    )


async def told(database: Database) -> dict[str, int]:
    rows = await database.read(
        lambda tx: tx.all("SELECT subject, generation FROM work_item ORDER BY subject")
    )
    return dict(rows)  # type: ignore[arg-type]


async def waiting(database: Database) -> list[Entry]:
    return await database.read(lambda tx: outbox.take(tx, 1000))


async def backlog(database: Database) -> outbox.Backlog:
    return await database.read(outbox.backlog)


def consumer(
    database: Database, handlers: Mapping[str, Handler] | None = None, holder: str = "me"
) -> Consumer:
    return Consumer(database, handlers or {"made": keep}, holder)


async def test_announcements_are_told_in_the_order_of_their_times(database: Database) -> None:
    heard: list[tuple[str, str]] = []

    async def hear(tx: Transaction, entry: Entry) -> None:
        heard.append((entry.subject, entry.document))

    await announce(database, "later", at_us=9)
    await announce(database, "first", "second", at_us=1)

    assert await consumer(database, {"made": hear}).work_off() == 3

    assert heard == [("first", '{"n":0}'), ("second", '{"n":1}'), ("later", '{"n":0}')]
    assert await waiting(database) == []


async def test_a_change_that_is_undone_announces_nothing(database: Database) -> None:
    async def work(tx: Transaction) -> None:
        await outbox.announce(tx, *PLACE, "made", "undone", {}, 1)
        raise errors.ValidationException("no")

    with pytest.raises(errors.ValidationException):
        await database.write(work)

    assert await waiting(database) == []


async def test_an_effect_and_its_entry_go_together(database: Database) -> None:
    """Whoever is interrupted before the commit leaves both as they were."""
    await announce(database, "a")

    async def interrupted(tx: Transaction) -> None:
        [entry] = await outbox.take(tx, 10)
        await keep(tx, entry)
        await outbox.done(tx, [entry])
        raise errors.ValidationException("killed here")

    with pytest.raises(errors.ValidationException):
        await database.write(interrupted)
    assert await told(database) == {}
    await consumer(database).work_off()

    assert await told(database) == {"a": 1}


async def test_what_was_done_is_not_done_again(database: Database) -> None:
    await announce(database, "a")
    [entry] = await waiting(database)
    await consumer(database).work_off()

    with pytest.raises(errors.Conflict):
        await database.write(lambda tx: outbox.done(tx, [entry]))


async def test_an_entry_that_cannot_be_handled_is_put_aside_with_its_reason(
    database: Database,
) -> None:
    async def fail(tx: Transaction, entry: Entry) -> None:
        await keep(tx, entry)
        raise KeyError("what it lacks")

    await announce(database, "a", at_us=1)
    await announce(database, "bad", at_us=2, topic="broken")
    await announce(database, "b", at_us=3)

    await consumer(database, {"made": keep, "broken": fail}).work_off()

    assert await told(database) == {"a": 1, "b": 1}
    assert await backlog(database) == outbox.Backlog(0, 1, "bad", "KeyError('what it lacks')")


async def test_a_statement_that_fails_puts_only_its_entry_aside(database: Database) -> None:
    async def fail(tx: Transaction, entry: Entry) -> None:
        await tx.run("INSERT INTO lease (name, holder, until_us) VALUES ('outbox', 'x', 1)")

    await announce(database, "bad", at_us=1, topic="broken")
    await announce(database, "b", at_us=3)

    await consumer(database, {"made": keep, "broken": fail}).work_off()

    assert await told(database) == {"b": 1}
    assert (await backlog(database)).put_aside == 1


async def test_a_topic_that_nobody_handles_is_put_aside(database: Database) -> None:
    await announce(database, "of a newer program", topic="unheard")

    await consumer(database).work_off()

    assert (await backlog(database)).reason == "KeyError('unheard')"


async def test_what_was_put_aside_is_tried_again_by_the_next_server(database: Database) -> None:
    await announce(database, "a", topic="unheard")
    await consumer(database).work_off()

    running = asyncio.create_task(consumer(database, {"unheard": keep}).run())
    while not await told(database):
        await asyncio.sleep(0.01)
    running.cancel()

    assert await backlog(database) == outbox.Backlog(0, 0, "", "")


async def test_a_commit_wakes_the_consumer(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox_consumer, "POLL_SECONDS", 3600.0)
    running = asyncio.create_task(consumer(database).run())

    async with asyncio.timeout(60):
        for subject in ("a", "b", "c"):
            await announce(database, subject)
            while subject not in await told(database):
                await asyncio.sleep(0.01)

    running.cancel()


async def test_most_of_the_time_is_left_to_requests(database: Database) -> None:
    async def burn(tx: Transaction, entry: Entry) -> None:
        until = time.thread_time() + 0.002
        while time.thread_time() < until:
            pass

    subjects = [str(number) for number in range(3 * outbox_consumer.BATCH)]
    await announce(database, *subjects)
    began = time.monotonic()

    await consumer(database, {"made": burn}).work_off()

    assert 0.002 * len(subjects) / (time.monotonic() - began) < 1.5 * outbox_consumer.SHARE


async def test_one_server_works_while_it_holds_the_lease(database: Database) -> None:
    await announce(database, "a")
    far = 4_000_000_000_000_000
    await database.write(
        lambda tx: leases.hold(tx, outbox_consumer.LEASE, "other", now_us=far, seconds=10)
    )

    assert await consumer(database).work_off() == 0

    assert await told(database) == {}
    assert len(await waiting(database)) == 1


async def test_two_servers_on_one_database_tell_everything_once(
    postgresql_cluster: PostgresqlCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when leases run out at once: then the rows decide."""
    database_url = postgresql_cluster.new_database()
    monkeypatch.setattr(outbox_consumer, "LEASE_SECONDS", 0.0)
    monkeypatch.setattr(outbox_consumer, "SHARE", 1.0)
    first, second = [await databases.connect(database_url) for _ in range(2)]
    subjects = [f"{number:03}" for number in range(100)]
    consumers = [consumer(first, holder="first"), consumer(second, holder="second")]
    running = [asyncio.create_task(one.run()) for one in consumers]

    for database in (first, second):
        await announce(database, *subjects, at_us=1 if database is first else 50)
    async with asyncio.timeout(120):
        while await waiting(first):
            await asyncio.sleep(0.01)
    for task in running:
        task.cancel()

    assert Counter(await told(first)) == Counter(dict.fromkeys(subjects, 2))
    assert (await backlog(first)).put_aside == 0
    await first.close()
    await second.close()
