"""Metrics in tables: a row a series with its summary, and its points. SQL and nothing else.

A series belongs to one trial component by its ARN and the time it was created, so that what comes
too late for a deleted one is never seen of another of the same name. Points carry the number of
their series instead of its names. The summary changes in the transaction of the points.
"""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from modelyard.experiments.metric_statistics import tally
from modelyard.storage.transaction import Row, Transaction

# Of one trial component. AWS has such a limit (METRIC_LIMIT_EXCEEDED), and does not publish it.
METRICS_MAX = 1000

_APART = "(excluded.pivot - metric_series.pivot)"
_BETWEEN = (  # the two means; as `metric_statistics.joined` has it
    f"({_APART} + excluded.total / excluded.points - metric_series.total / metric_series.points)"
)
_LATER = "excluded.last_us >= metric_series.last_us"
_UPSERT = (
    "INSERT INTO metric_series (account, region, component_arn, component_us, name, series,"
    " points, pivot, total, spread, lowest, highest, last, last_us)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (account, region, component_arn, component_us, name) DO UPDATE SET"
    " points = metric_series.points + excluded.points,"
    f" total = metric_series.total + excluded.total + excluded.points * {_APART},"
    " spread = metric_series.spread + excluded.spread + "
    f"{_BETWEEN} * {_BETWEEN} * metric_series.points * excluded.points"
    " / (metric_series.points + excluded.points),"
    " lowest = CASE WHEN excluded.lowest < metric_series.lowest"
    " THEN excluded.lowest ELSE metric_series.lowest END,"
    " highest = CASE WHEN excluded.highest > metric_series.highest"
    " THEN excluded.highest ELSE metric_series.highest END,"
    f" last = CASE WHEN {_LATER} THEN excluded.last ELSE metric_series.last END,"
    f" last_us = CASE WHEN {_LATER} THEN excluded.last_us ELSE metric_series.last_us END"
    " RETURNING component_arn, name, series, points"
)
_INSERT = "INSERT INTO metric_point (series, step, number, at_us, value) VALUES (?, ?, ?, ?, ?)"
_random = random.Random()
NO_STEP = -1  # of a point that names none: it gets its place in the series


@dataclass(frozen=True, slots=True)
class Component:
    """A trial component that is there."""

    account: str
    region: str
    arn: str
    created_us: int


@dataclass(frozen=True, slots=True)
class Point:
    name: str
    step: int  # or NO_STEP
    at_us: int
    value: float


@dataclass(frozen=True, slots=True)
class Batch:
    """The points of one call, in order; `component` is the name that it gives."""

    account: str
    region: str
    component: str
    points: Sequence[Point]


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of a batch: nothing is stored where there is no such component."""

    component: Component | None
    refused: Sequence[int] = ()  # places of points that would have begun a series too many


_SeriesKey = tuple[str, str]  # the component's ARN and the metric's name


async def component(tx: Transaction, account: str, region: str, name: str) -> Component | None:
    found = await components(tx, [(account, region, name)])
    return found.get((account, region, name.lower()))


async def components(
    tx: Transaction, names: Iterable[tuple[str, str, str]]
) -> dict[tuple[str, str, str], Component]:
    """Those that are there, of pairs of account, region and name.

    The table is the trial components' own; only its key, ARN and time are read here.
    """
    keys = {(account, region, name.lower()) for account, region, name in names}
    rows = await tx.all(
        "SELECT c.account, c.region, c.name_key, c.arn, c.created_us"
        f" FROM (VALUES {', '.join(['(?, ?, ?)'] * len(keys))}) AS k JOIN trial_component c"
        " ON c.account = k.column1 AND c.region = k.column2 AND c.name_key = k.column3",
        *(part for key in keys for part in key),
    )
    return {(row[0], row[1], row[2]): Component(row[0], row[1], row[3], row[4]) for row in rows}


async def series(tx: Transaction, one: Component, name: str) -> int | None:
    """The number that the points of this metric carry."""
    row = await tx.one("SELECT series FROM metric_series WHERE " + _KEY, *_key(one), name)
    return None if row is None else int(row[0])


async def put(tx: Transaction, batches: Sequence[Batch]) -> list[Stored]:
    """Store the points of all batches, and bring the summaries of their series up to date."""
    found = await components(tx, {(b.account, b.region, b.component) for b in batches})
    of_batch = [found.get((b.account, b.region, b.component.lower())) for b in batches]
    gathered: dict[_SeriesKey, list[Point]] = {}
    of_key: dict[_SeriesKey, Component] = {}
    for batch, one in zip(batches, of_batch, strict=True):
        if one is None:
            continue
        for point in batch.points:
            key = (one.arn, point.name)
            if key in gathered:
                gathered[key].append(point)
            else:
                gathered[key] = [point]
                of_key[key] = one
    if not gathered:
        return [Stored(None) for _ in batches]
    # In one order, so that two servers never wait for each other's rows.
    rows = [_series_row(of_key[key], key[1], gathered[key]) for key in sorted(gathered)]
    changed = {(row[0], row[1]): row[2:] for row in await tx.many(_UPSERT, rows)}
    new = [key for key in gathered if changed[key][1] == len(gathered[key])]
    over = await _too_many(tx, new, of_key) if new else set()
    for key in over:
        await tx.run("DELETE FROM metric_series WHERE " + _KEY, *_key(of_key[key]), key[1])
        del gathered[key]
    points = [
        (number, point.step if point.step != NO_STEP else place, place, point.at_us, point.value)
        for key, some in gathered.items()
        for number, count in (changed[key],)
        for place, point in enumerate(some, count - len(some))
    ]
    if points:
        await tx.many(_INSERT, points)
    return [
        Stored(one, () if one is None or not over else _places(batch, one, over))
        for batch, one in zip(batches, of_batch, strict=True)
    ]


_KEY = "account = ? AND region = ? AND component_arn = ? AND component_us = ? AND name = ?"


def _key(one: Component) -> tuple[str, str, str, int]:
    return one.account, one.region, one.arn, one.created_us


def _series_row(one: Component, name: str, points: Sequence[Point]) -> Row:
    summed = tally([point.value for point in points])
    last = points[0]
    for point in points:
        if point.at_us >= last.at_us:  # clients send whole seconds: of many, the one that came last
            last = point
    return (
        *_key(one),
        name,
        _random.getrandbits(62),
        summed.count,
        summed.pivot,
        summed.total,
        summed.spread,
        summed.lowest,
        summed.highest,
        last.value,
        last.at_us,
    )


async def _too_many(
    tx: Transaction, new: Sequence[_SeriesKey], of_key: dict[_SeriesKey, Component]
) -> set[_SeriesKey]:
    """Those of the `new` series, the latest first, that their component has no room for."""
    over: set[_SeriesKey] = set()
    for arn in {arn for arn, _ in new}:
        own = [key for key in new if key[0] == arn]
        row = await tx.one(
            "SELECT COUNT(*) FROM metric_series"
            " WHERE account = ? AND region = ? AND component_arn = ? AND component_us = ?",
            *_key(of_key[own[0]]),
        )
        assert row is not None
        surplus = max(int(row[0]) - METRICS_MAX, 0)
        over |= set(own[len(own) - surplus :])
    return over


def _places(batch: Batch, one: Component, over: set[_SeriesKey]) -> list[int]:
    return [place for place, p in enumerate(batch.points) if (one.arn, p.name) in over]
