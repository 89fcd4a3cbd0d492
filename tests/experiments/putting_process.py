"""A process that puts metrics and says which values are stored: to be killed.

Arguments: the database's URL, and the first value; every point has a value of its own.
"""

import asyncio
import itertools
import os
import sys

from modelyard.experiments.metric_store import Batch, Point
from modelyard.experiments.metric_writer import MetricWriter
from modelyard.storage import database

WRITERS = 8


async def main(url: str, first: str) -> None:
    writer = MetricWriter(await database.connect(url))
    values = itertools.count(int(first))

    async def put_forever() -> None:
        while True:
            points = [
                Point(f"m{place % 3}", place, 1_790_000_000_000_000, float(next(values)))
                for place in range(10)
            ]
            await writer.put(Batch("123456789012", "us-east-1", "run", points), None)
            os.write(1, f"{points[0].value:.0f}\n".encode())

    await asyncio.gather(*(put_forever() for _ in range(WRITERS)))


asyncio.run(main(*sys.argv[1:]))
