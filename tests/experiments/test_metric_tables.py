"""What is kept of metrics, against plain Python over the same points; and what goes again."""

import asyncio
import contextlib
import math
import statistics
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelyard.experiments import metric_removal, metric_store, metric_summaries
from modelyard.experiments.metric_statistics import VALUE_MAX, joined, tally
from modelyard.experiments.metric_store import NO_STEP, Batch, Component, Point
from modelyard.experiments.metric_writer import MetricWriter
from modelyard.storage import database as databases
from modelyard.storage.database import Database
from tests.experiments import components
from tests.experiments.components import ACCOUNT, START_US
from tests.server_process import REGION

EXAMPLES = 40

# Values of one size, as those of a metric are; far from zero and close together among them.
VALUES = st.one_of(
    st.floats(-1e6, 1e6),
    st.floats(0, 1).map(lambda value: 1e9 + value),
    st.sampled_from([0.0, -0.0, 1e-300, 5e-324, -1e-200, VALUE_MAX, -VALUE_MAX]),
)
POINTS = st.builds(
    Point,
    st.sampled_from(["loss", "accuracy"]),
    st.integers(0, 4) | st.just(NO_STEP),
    st.integers(0, 3).map(lambda seconds: START_US + seconds * 1_000_000),
    VALUES,
)
BATCHES = st.lists(st.lists(POINTS, min_size=1, max_size=10), min_size=1, max_size=6)


def plain(values: Sequence[float]) -> dict[str, float]:
    mean = math.fsum(values) / len(values)
    return {
        "Count": len(values),
        "Min": min(values),
        "Max": max(values),
        "Avg": mean,
        "StdDev": statistics.pstdev(values),
    }


def assert_alike(told: dict[str, float], expected: dict[str, float]) -> None:
    """To the digits that doubles have, of the largest value."""
    largest = max(abs(expected["Min"]), abs(expected["Max"]))
    for name in ("Count", "Min", "Max"):
        assert told[name] == expected[name], name
    for name in ("Avg", "StdDev"):
        assert told[name] == pytest.approx(expected[name], rel=1e-9, abs=largest * 1e-13 + 1e-100)


@pytest.fixture
async def kept(database: Database) -> Database:
    await components.make(database, "run", "other")
    return database


def batch(points: Sequence[Point], to: str = "run") -> Batch:
    return Batch(ACCOUNT, REGION, to, points)


async def summaries(database: Database, name: str = "run") -> dict[str, dict[str, Any]]:
    key = (components.arn(name), START_US)
    found = await database.read(lambda tx: metric_summaries.of(tx, ACCOUNT, REGION, [key]))
    return {one["MetricName"]: one for one in found.get(key[0], [])}


async def points_of(database: Database, metric: str, name: str = "run") -> list[Any]:
    one = Component(ACCOUNT, REGION, components.arn(name), START_US)
    series = await database.read(lambda tx: metric_store.series(tx, one, metric))
    return list(
        await database.read(
            lambda tx: tx.all(
                "SELECT number, step, at_us, value FROM metric_point WHERE series = ?"
                " ORDER BY number",
                series,
            )
        )
    )


@given(st.lists(st.lists(VALUES, min_size=1, max_size=10), min_size=1, max_size=10))
def test_parts_put_together_are_the_whole(parts: list[list[float]]) -> None:
    whole = tally(parts[0])
    for part in parts[1:]:
        whole = joined(whole, tally(part))

    values = [value for part in parts for value in part]
    told = {
        "Count": whole.count,
        "Min": whole.lowest,
        "Max": whole.highest,
        "Avg": whole.mean,
        "StdDev": math.sqrt(whole.spread / whole.count),
    }
    assert_alike(told, plain(values))


def test_a_deviation_far_from_zero_keeps_its_digits() -> None:
    whole = tally([1e9])
    for number in range(1, 100_000):
        whole = joined(whole, tally([1e9 + number % 2 * 1e-3]))

    assert math.sqrt(whole.spread / whole.count) == pytest.approx(5e-4, rel=1e-3)


async def test_summaries_and_points_are_those_of_plain_python(
    engine: str, database: Database
) -> None:
    numbers = iter(range(10_000))

    async def check(batches: list[list[Point]]) -> None:
        name = f"run-{next(numbers)}"
        await components.make(database, name)
        by_name: dict[str, list[Point]] = defaultdict(list)
        for points in batches:
            await database.write(lambda tx, p=points: metric_store.put(tx, [batch(p, name)]))
            for point in points:
                by_name[point.name].append(point)

        told = await summaries(database, name)

        assert told.keys() == by_name.keys()
        for metric, points in by_name.items():
            assert_alike(told[metric], plain([point.value for point in points]))
            last = max(enumerate(points), key=lambda one: (one[1].at_us, one[0]))[1]
            assert (told[metric]["Last"], told[metric]["TimeStamp"]) == (last.value, last.at_us)
            assert await points_of(database, metric, name) == [
                (place, point.step if point.step != NO_STEP else place, point.at_us, point.value)
                for place, point in enumerate(points)
            ]

    loop = asyncio.get_running_loop()

    @settings(max_examples=EXAMPLES)
    @given(BATCHES)
    def on_any(batches: list[list[Point]]) -> None:
        asyncio.run_coroutine_threadsafe(check(batches), loop).result()

    await asyncio.to_thread(on_any)


async def test_batches_that_come_at_once_are_all_stored(kept: Database) -> None:
    """Eight writers to one series; and to others beside it."""
    writer = MetricWriter(kept)

    async def write(number: int) -> None:
        for step in range(20):
            points = [
                Point("loss", step, START_US, float(number)),
                Point(f"of-{number}", step, START_US, float(step)),
            ]
            stored = await writer.put(batch(points), None)
            assert stored.component is not None

    await asyncio.gather(*[write(number) for number in range(8)])

    told = await summaries(kept)
    values = [float(number) for number in range(8) for _ in range(20)]
    assert_alike(told["loss"], plain(values))
    rows = await points_of(kept, "loss")
    assert [row[0] for row in rows] == list(range(160))
    assert sorted(row[3] for row in rows) == sorted(values)
    for number in range(8):
        assert told[f"of-{number}"]["Count"] == 20


async def test_two_servers_write_to_one_series(kept: Database, database_url: str) -> None:
    other = await databases.connect(database_url)
    try:
        writers = [MetricWriter(kept), MetricWriter(other)]

        async def write(number: int) -> None:
            for step in range(20):
                names = ("loss", "accuracy") if number % 2 else ("accuracy", "loss")
                points = [Point(name, step, START_US, float(number)) for name in names]
                await writers[number % 2].put(batch(points), None)

        await asyncio.gather(*[write(number) for number in range(8)])
    finally:
        await other.close()

    told = await summaries(kept)
    for metric in ("loss", "accuracy"):
        assert told[metric]["Count"] == 160
        assert [row[0] for row in await points_of(kept, metric)] == list(range(160))


async def test_one_call_s_failure_is_no_other_s(kept: Database) -> None:
    writer = MetricWriter(kept)
    point = Point("loss", 0, START_US, 1.0)

    stored = await asyncio.gather(
        writer.put(batch([point]), None),
        writer.put(batch([point], "absent"), None),
        writer.put(batch([point], "other"), None),
    )

    assert [one.component is not None for one in stored] == [True, False, True]


async def test_a_caller_that_leaves_takes_nobody_with_it(kept: Database) -> None:
    writer = MetricWriter(kept)
    point = Point("loss", 0, START_US, 1.0)
    first = asyncio.create_task(writer.put(batch([point]), None))
    second = asyncio.create_task(writer.put(batch([point], "other"), None))
    await asyncio.sleep(0)
    first.cancel()

    stored = await second

    assert stored.component is not None
    with contextlib.suppress(asyncio.CancelledError):
        await first


async def test_metrics_of_a_deleted_component_go_in_steps(kept: Database) -> None:
    many = 2 * metric_removal.STEP_POINTS + 5
    for name in ("run", "other"):
        for metric, count in (("loss", many), ("accuracy", 5)):
            points = [Point(metric, step // 3, START_US, 1.0) for step in range(count)]
            await kept.write(lambda tx, p=points, n=name: metric_store.put(tx, [batch(p, n)]))
    gone = Component(ACCOUNT, REGION, components.arn("run"), START_US)

    await kept.write(lambda tx: metric_removal.wish(tx, gone, START_US))
    too_early = await metric_removal.remove_due(kept, "me", START_US + 1)
    removed = await metric_removal.remove_due(kept, "me", START_US + metric_removal.AFTER_US)

    assert (too_early, removed) == (0, 1)
    assert await summaries(kept) == {}
    assert (await summaries(kept, "other")).keys() == {"loss", "accuracy"}
    count = await kept.read(lambda tx: tx.one("SELECT COUNT(*) FROM metric_point"))
    assert count == (many + 5,)
    assert await kept.read(lambda tx: tx.one("SELECT COUNT(*) FROM work_item")) == (0,)


async def test_a_component_made_again_has_nothing_of_the_one_before(kept: Database) -> None:
    point = Point("loss", 0, START_US, 1.0)
    await kept.write(lambda tx: metric_store.put(tx, [batch([point])]))
    await kept.write(lambda tx: tx.run("DELETE FROM trial_component WHERE name_key = ?", "run"))
    await components.make(kept, "run", created_us=START_US + 5)

    await kept.write(lambda tx: metric_store.put(tx, [batch([point])]))

    key = (components.arn("run"), START_US + 5)
    found = await kept.read(lambda tx: metric_summaries.of(tx, ACCOUNT, REGION, [key]))
    assert [one["Count"] for one in found[key[0]]] == [1]
