"""A process whose files may not grow further, until they may again. Arguments: path.

The system answers a write beyond the limit as it answers one on a failing disk.
"""

import asyncio
import json
import resource
import sys
from pathlib import Path

from modelyard.errors import Unavailable
from modelyard.storage import database
from modelyard.storage.transaction import Transaction


def allow_growth(path: Path, allowed_bytes: int | None) -> None:
    """Limit files to what the database has now and a little more; None: to nothing."""
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    soft = hard
    if allowed_bytes is not None:
        now = max(path.stat().st_size, Path(f"{path}-wal").stat().st_size)
        soft = now + allowed_bytes
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def main(path: Path) -> None:
    opened = await database.connect(f"sqlite:///{path}")
    refused = 0
    acknowledged: list[int] = []

    async def write(number: int) -> None:
        nonlocal refused

        async def work(tx: Transaction) -> None:
            await tx.run("INSERT INTO lease VALUES (?, ?, ?)", str(number), "x" * 2000, number)

        try:
            await opened.write(work)
        except Unavailable:
            refused += 1
        else:
            acknowledged.append(number)

    async def count() -> int:
        row = await opened.read(lambda tx: tx.one("SELECT count(*) FROM lease"))
        assert row is not None
        return int(row[0])

    allow_growth(path, 200_000)
    await asyncio.gather(*(write(number) for number in range(500)))
    full = {"refused": refused, "readable": await count(), "acknowledged": len(acknowledged)}
    allow_growth(path, None)
    refused = 0
    await asyncio.gather(*(write(number) for number in range(1000, 1100)))
    after = {"refused": refused, "acknowledged": acknowledged}
    sys.stdout.write(json.dumps({"full": full, "after": after}))
    await opened.close()


asyncio.run(main(Path(sys.argv[1])))
