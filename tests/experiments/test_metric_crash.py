"""Points that were acknowledged survive the death of the program, and summaries agree with them."""

import asyncio
import math
import os
import random
import statistics
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from modelyard.experiments import metric_summaries
from modelyard.storage import database as databases
from modelyard.storage import schema
from tests.experiments import components
from tests.experiments.components import ACCOUNT, START_US
from tests.server_process import REGION

ROUNDS = 3
SCRIPT = Path(__file__).parent / "putting_process.py"


def put_and_be_killed(url: str, first: int, count: int) -> list[float]:
    """Kill a process after `count` acknowledged calls; the values of all that it acknowledged."""
    environment = os.environ | {"PYTHONPATH": str(Path(schema.__file__).parents[2])}
    command = [sys.executable, str(SCRIPT), url, str(first)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(count)]
        process.kill()
        lines += process.stdout.readlines()
    starts = [float(line) for line in lines if line.endswith("\n")]
    assert len(starts) >= count
    return [start + place for start in starts for place in range(10)]


async def of_each_series(url: str) -> dict[str, tuple[dict[str, float], list[float]]]:
    """Summary and values of every metric."""
    database = await databases.connect(url)
    key = (components.arn("run"), START_US)
    found = await database.read(lambda tx: metric_summaries.of(tx, ACCOUNT, REGION, [key]))
    rows = await database.scan(
        lambda tx: tx.all(
            "SELECT s.name, p.value FROM metric_point p JOIN metric_series s ON s.series = p.series"
        )
    )
    await database.close()
    values: dict[str, list[float]] = defaultdict(list)
    for name, value in rows:
        values[name].append(value)
    summaries = {one["MetricName"]: one for one in found.get(key[0], [])}
    assert summaries.keys() == values.keys()
    return {name: (summaries[name], values[name]) for name in summaries}


async def test_acknowledged_points_survive_a_kill_and_their_summaries_agree(
    database_url: str,
) -> None:
    database = await databases.connect(database_url)
    await components.make(database, "run")
    await database.close()
    acknowledged: set[float] = set()
    for number in range(ROUNDS):
        acknowledged |= set(
            await asyncio.to_thread(
                put_and_be_killed, database_url, number * 1_000_000, random.randint(1, 200)
            )
        )

        stored = await of_each_series(database_url)

        assert acknowledged <= {value for _, values in stored.values() for value in values}
        for summary, values in stored.values():
            assert len(values) == len(set(values)), "stored twice"
            assert summary["Count"] == len(values)
            assert (summary["Min"], summary["Max"]) == (min(values), max(values))
            assert summary["Avg"] == pytest.approx(math.fsum(values) / len(values), rel=1e-9)
            assert summary["StdDev"] == pytest.approx(statistics.pstdev(values), rel=1e-9)
