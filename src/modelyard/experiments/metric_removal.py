"""The metrics of deleted trial components go in small steps, a transaction each.

Nobody sees them any more from the moment of the deletion, as their component is not there. They go
after a while only: a call that found its component a moment before still stores its points.
"""

import asyncio
import logging
import time
from functools import partial

from modelyard.errors import Fact
from modelyard.experiments.metric_store import Component
from modelyard.storage import work
from modelyard.storage.database import Database
from modelyard.storage.transaction import Transaction
from modelyard.storage.work import WorkItem

KIND = "metric-removal"
AFTER_US = 60_000_000  # longer than any transaction may last
STEP_POINTS = 1000  # to a transaction: some 2 ms, in which SQLite's other writers wait
LOOK_SECONDS = 30.0
LEASE_SECONDS = 60.0

log = logging.getLogger(__name__)


async def wish(tx: Transaction, component: Component, now_us: int) -> None:
    """Have the metrics of a component removed that this transaction deletes."""
    await work.enqueue(
        tx,
        KIND,
        f"{component.arn}@{component.created_us}",
        due_us=now_us + AFTER_US,
        document=[component.account, component.region, component.arn, component.created_us],
    )


async def run(database: Database, holder: str) -> None:
    """Forever; what storage could not take is tried again."""
    while True:
        try:
            await remove_due(database, holder, time.time_ns() // 1000)
        except Fact as problem:
            log.warning("metric_removal_put_off", extra={"error": str(problem)})
        await asyncio.sleep(LOOK_SECONDS)


async def remove_due(database: Database, holder: str, now_us: int) -> int:
    """Remove what is due; answers how many components that were. Raises: Fact."""
    removed = 0
    while True:
        item = await database.write(
            partial(work.lease, kind=KIND, holder=holder, now_us=now_us, seconds=LEASE_SECONDS)
        )
        if item is None:
            return removed
        while await database.write(partial(_step, item=item)):
            pass
        removed += 1


async def _step(tx: Transaction, item: WorkItem) -> bool:
    """Some points of one series, or the series once it has none; whether there may be more."""
    now_us = time.time_ns() // 1000
    if not await work.extend(tx, item, now_us=now_us, seconds=LEASE_SECONDS):
        return False  # another server goes on with it
    of_component = "account = ? AND region = ? AND component_arn = ? AND component_us = ?"
    row = await tx.one(
        f"SELECT name, series FROM metric_series WHERE {of_component} LIMIT 1", *item.document
    )
    if row is None:
        await work.finish(tx, item)
        return False
    name, series = row
    last = await tx.one(
        "SELECT step, number FROM metric_point WHERE series = ?"
        " ORDER BY step, number LIMIT 1 OFFSET ?",
        series,
        STEP_POINTS - 1,
    )
    if last is not None:
        await tx.run(
            "DELETE FROM metric_point WHERE series = ? AND (step, number) <= (?, ?)", series, *last
        )
        return True
    await tx.run("DELETE FROM metric_point WHERE series = ?", series)
    await tx.run(
        f"DELETE FROM metric_series WHERE {of_component} AND name = ?", *item.document, name
    )
    return True
