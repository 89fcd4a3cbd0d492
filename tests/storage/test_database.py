"""Transactions: what commits, what does not, and who hears of it. On both engines."""

import asyncio
import sqlite3
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from modelyard import errors
from modelyard.storage import database as databases
from modelyard.storage import sqlite_writer
from modelyard.storage.database import Database
from modelyard.storage.transaction import Transaction

Write = Callable[[Transaction], Awaitable[None]]


class Mistake(Exception):
    pass


async def put(tx: Transaction, key: str, value: str = "") -> None:
    await tx.run("INSERT INTO tag VALUES ('1', 'r', 'arn', ?, ?)", key, value)


def putting(*keys: str, then: Exception | None = None) -> Write:
    async def work(tx: Transaction) -> None:
        for key in keys:
            await put(tx, key)
        if then is not None:
            raise then

    return work


async def keys_of(tx: Transaction) -> list[str]:
    return [row[0] for row in await tx.all("SELECT key FROM tag ORDER BY key")]


async def test_a_write_answers_what_its_work_answers(database: Database) -> None:
    async def work(tx: Transaction) -> tuple[int, object]:
        await put(tx, "a", "x")
        changed = await tx.run("UPDATE tag SET value = 'y' WHERE value = ?", "x")
        return changed, await tx.one("DELETE FROM tag WHERE key = ? RETURNING value", "a")

    assert await database.write(work) == (1, ("y",))
    assert await database.read(keys_of) == []


async def test_an_exception_undoes_its_own_transaction_only(database: Database) -> None:
    works = [
        putting(f"{n:02}", f"{n:02}b", then=Mistake(str(n)) if n % 3 == 0 else None)
        for n in range(40)
    ]

    answers = await asyncio.gather(*map(database.write, works), return_exceptions=True)

    for number, answer in enumerate(answers):
        if number % 3 == 0:
            assert isinstance(answer, Mistake)
            assert str(answer) == str(number)
        else:
            assert answer is None
    kept = [n for n in range(40) if n % 3]
    expected = sorted(f"{n:02}{suffix}" for n in kept for suffix in ("", "b"))
    assert await database.scan(keys_of) == expected


async def test_a_conflict_leaves_the_neighbours_alone(database: Database) -> None:
    answers = await asyncio.gather(
        *(database.write(putting(f"only-{n}", "taken")) for n in range(10)), return_exceptions=True
    )

    assert sum(answer is None for answer in answers) == 1
    assert sum(isinstance(answer, errors.Conflict) for answer in answers) == 9
    assert len(await database.read(keys_of)) == 2


async def test_a_transaction_that_failed_cannot_go_on(database: Database) -> None:
    async def swallow(tx: Transaction) -> None:
        await put(tx, "a")
        with pytest.raises(errors.Conflict):
            await put(tx, "a")

    async def go_on(tx: Transaction) -> None:
        await swallow(tx)
        await put(tx, "b")

    for work in (swallow, go_on):
        with pytest.raises(RuntimeError, match="transaction"):
            await database.write(work)
    assert await database.read(keys_of) == []
    await database.write(putting("c"))


async def test_wrong_sql_is_our_mistake_and_no_fact(database: Database) -> None:
    async def work(tx: Transaction) -> None:
        await tx.run("INSERT INTO no_such_table VALUES (?)", 1)

    with pytest.raises(Exception, match="no_such_table") as caught:
        await database.write(work)

    assert not isinstance(caught.value, errors.Fact)
    await database.write(putting("a"))


async def test_a_read_cannot_write(database: Database) -> None:
    for method in (database.read, database.scan):
        with pytest.raises(Exception, match=r"read.?only"):
            await method(putting("a"))
    assert await database.read(keys_of) == []


async def test_cancelled_callers_do_not_disturb_the_others(database: Database) -> None:
    tasks = [asyncio.create_task(database.write(putting(f"{n:03}"))) for n in range(100)]
    await asyncio.sleep(0)
    for task in tasks[::4]:
        task.cancel()

    answers = await asyncio.gather(*tasks, return_exceptions=True)

    kept = set(await database.scan(keys_of))
    for number, answer in enumerate(answers):
        if answer is None:
            assert f"{number:03}" in kept
        else:
            assert isinstance(answer, asyncio.CancelledError)
            assert number % 4 == 0
    await database.write(putting("after"))


async def test_counting_up_loses_no_count(database: Database) -> None:
    await database.write(putting("n"))

    async def count(tx: Transaction) -> int:
        row = await tx.one(
            "UPDATE tag SET value = value || ? WHERE key = ? RETURNING length(value)", "i", "n"
        )
        assert row is not None
        return int(row[0])

    counted = await asyncio.gather(*(database.write(count) for _ in range(60)))

    assert sorted(counted) == list(range(1, 61))


async def test_subscribers_hear_of_commits_only(database: Database) -> None:
    heard: list[str] = []
    done = asyncio.Event()
    database.subscribe("kept", lambda: heard.append("kept"))
    database.subscribe("undone", lambda: heard.append("undone"))
    database.subscribe("last", done.set)

    def waking(topic: str, then: Exception | None = None) -> Write:
        async def work(tx: Transaction) -> None:
            tx.wake(topic)
            await putting(topic, then=then)(tx)

        return work

    with pytest.raises(Mistake):
        await database.write(waking("undone", Mistake()))
    await database.write(waking("kept"))
    await database.write(waking("last"))

    await asyncio.wait_for(done.wait(), 120)
    assert heard == ["kept"]


async def test_transactions_that_lock_each_other_out_both_get_through(database: Database) -> None:
    """PostgreSQL ends one of two that wait for each other; it is run again."""
    await database.write(putting("a", "b"))

    def crossing(first: str, second: str) -> Write:
        async def work(tx: Transaction) -> None:
            for key in (first, second):
                await tx.run("UPDATE tag SET value = value || 'x' WHERE key = ?", key)

        return work

    await asyncio.gather(
        *(database.write(crossing(*pair)) for _ in range(4) for pair in (("a", "b"), ("b", "a")))
    )

    rows = await database.read(lambda tx: tx.all("SELECT value FROM tag"))
    assert [tuple(row) for row in rows] == [("x" * 8,)] * 2


async def test_a_closed_database_is_unavailable(database_url: str) -> None:
    database = await databases.connect(database_url)
    await database.close()

    for method in (database.write, database.read, database.scan):
        with pytest.raises(errors.Unavailable):
            await method(keys_of)
    await database.close()


async def test_closing_finishes_what_was_accepted(database_url: str) -> None:
    database = await databases.connect(database_url)
    tasks = [asyncio.create_task(database.write(putting(f"{n:03}"))) for n in range(200)]
    await asyncio.sleep(0)

    await database.close()

    answers = await asyncio.gather(*tasks, return_exceptions=True)
    acknowledged = {f"{n:03}" for n, answer in enumerate(answers) if answer is None}
    assert acknowledged
    again = await databases.connect(database_url)
    assert acknowledged == set(await again.scan(keys_of))
    await again.close()


@pytest.mark.parametrize(
    "url", ["", "sqlite:", "sqlite://", "sqlite:///", "mysql://x/y", "modelyard.db"]
)
async def test_an_address_that_is_no_database_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="sqlite:///"):
        await databases.connect(url)


@contextmanager
def held_up(folder: Path) -> Iterator[None]:
    """Writers wait, as if another process were in the middle of a transaction."""
    with closing(sqlite3.connect(folder / "modelyard.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


class TestSqlite:
    """What only the embedded engine promises."""

    @pytest.fixture
    async def embedded(self, tmp_path: Path) -> Database:
        return await databases.connect(f"sqlite:///{tmp_path}/modelyard.db")

    async def test_work_that_awaits_something_else_is_refused(self, embedded: Database) -> None:
        async def work(tx: Transaction) -> None:
            await put(tx, "a")
            await asyncio.sleep(0)

        for method in (embedded.write, embedded.read, embedded.scan):
            with pytest.raises(Exception, match=r"awaited something else|readonly"):
                await method(work)
        assert await embedded.read(keys_of) == []
        await embedded.close()

    async def test_writes_happen_in_the_order_in_which_they_came(self, embedded: Database) -> None:
        seen: list[int] = []

        def noting(number: int) -> Write:
            async def work(tx: Transaction) -> None:
                seen.append(number)
                await put(tx, f"{number:03}")

            return work

        await asyncio.gather(*(embedded.write(noting(n)) for n in range(150)))

        assert seen == list(range(150))
        await embedded.close()

    async def test_a_caller_that_left_before_its_turn_changes_nothing(
        self, embedded: Database, tmp_path: Path
    ) -> None:
        with held_up(tmp_path):
            first = asyncio.create_task(embedded.write(putting("first")))
            left = asyncio.create_task(embedded.write(putting("left")))
            await asyncio.sleep(0)
            left.cancel()
        await first
        await embedded.write(putting("stayed"))

        assert await embedded.read(keys_of) == ["first", "stayed"]
        await embedded.close()

    async def test_a_scan_sees_one_state_and_holds_nobody_up(self, embedded: Database) -> None:
        begun, go_on = threading.Event(), threading.Event()

        async def look_twice(tx: Transaction) -> tuple[list[str], list[str]]:
            before = await keys_of(tx)
            begun.set()
            go_on.wait(120)
            return before, await keys_of(tx)

        scan = asyncio.create_task(embedded.scan(look_twice))
        await asyncio.to_thread(begun.wait, 120)
        await embedded.write(putting("a"))
        assert await embedded.read(keys_of) == ["a"]
        go_on.set()

        assert await scan == ([], [])
        await embedded.close()

    async def test_more_waiting_writes_than_the_limit_are_turned_away(
        self, embedded: Database, tmp_path: Path
    ) -> None:
        with held_up(tmp_path):
            waiting = [
                asyncio.create_task(embedded.write(keys_of))
                for _ in range(sqlite_writer.WAITING_MAX + 1)
            ]
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)

        answers = await asyncio.gather(*waiting, return_exceptions=True)

        assert sum(isinstance(answer, errors.Unavailable) for answer in answers) == 1
        await embedded.close()

    async def test_a_writer_waits_for_another_process_without_holding_up_readers(
        self, embedded: Database, tmp_path: Path
    ) -> None:
        with held_up(tmp_path):
            write = asyncio.create_task(embedded.write(putting("a")))
            await asyncio.sleep(0)
            assert await embedded.read(keys_of) == []
            assert not write.done()

        await write
        assert await embedded.read(keys_of) == ["a"]
        await embedded.close()


TEXTS = [
    "",
    "a",
    'say "b"',
    "a\\b",
    "\\",
    "{x,y}",
    "NULL",
    "Größe 🚀",
    "'",
    " a ",
    ",",
    "\n\t",
    "%s ?",
]
FLOATS = [0.0, 0.1, -1.5e300, 5e-324, 1e16, 123456789.123456789]


async def test_many_rows_are_kept_as_they_are_given(database: Database) -> None:
    rows = [(n, n * 7 - 2**62, n, -n, FLOATS[n % len(FLOATS)]) for n in range(100)]
    texts = [("1", "r", "arn", f"{n}", text) for n, text in enumerate(TEXTS)]

    async def work(tx: Transaction) -> None:
        await tx.many(
            "INSERT INTO metric_point (series, step, number, at_us, value) VALUES (?, ?, ?, ?, ?)",
            rows,
        )
        await tx.many(
            "INSERT INTO tag (account, region, arn, key, value) VALUES (?, ?, ?, ?, ?)", texts
        )

    await database.write(work)

    points = "SELECT series, step, number, at_us, value FROM metric_point ORDER BY series"
    assert await database.read(lambda tx: tx.all(points)) == rows
    kept = await database.read(lambda tx: tx.all("SELECT key, value FROM tag"))
    assert sorted(kept) == sorted((row[3], row[4]) for row in texts)


async def test_many_rows_answer_what_they_return(database: Database) -> None:
    sql = (
        "INSERT INTO tag (account, region, arn, key, value) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (account, region, arn, key) DO UPDATE SET value = tag.value || excluded.value"
        " RETURNING key, value"
    )
    rows = [("1", "r", "arn", f"{n:02}", "x") for n in range(70)]

    first = await database.write(lambda tx: tx.many(sql, rows))
    again = await database.write(lambda tx: tx.many(sql, rows[::2]))

    assert sorted(first) == [(row[3], "x") for row in rows]
    assert sorted(again) == [(row[3], "xx") for row in rows[::2]]


async def test_many_rows_of_which_one_is_taken_are_none(database: Database) -> None:
    sql = "INSERT INTO tag (account, region, arn, key, value) VALUES (?, ?, ?, ?, ?)"
    rows = [("1", "r", "arn", f"{n}", "x") for n in range(40)]
    await database.write(putting("39"))

    with pytest.raises(errors.Conflict):
        await database.write(lambda tx: tx.many(sql, rows))

    assert await database.read(keys_of) == ["39"]
