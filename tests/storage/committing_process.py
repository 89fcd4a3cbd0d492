"""A process that commits pairs of rows and says which: to be killed. Arguments: URL, prefix."""

import asyncio
import os
import sys

from modelyard.errors import Unavailable
from modelyard.storage import database
from modelyard.storage.transaction import Transaction

WRITERS = 8


async def main(url: str, prefix: str) -> None:
    opened = await database.connect(url)

    async def commit_forever(writer: int) -> None:
        number = 0
        while True:
            key = f"{prefix}-{writer}-{number}"
            number += 1

            async def pair(tx: Transaction, key: str = key) -> None:
                for half in ("first", "second"):
                    await tx.run(
                        "INSERT INTO tag VALUES ('1', 'r', ?, ?, ?)", key, half, "x" * 1000
                    )

            try:
                await opened.write(pair)
            except Unavailable:
                await asyncio.sleep(0.05)
            else:
                os.write(1, f"{key}\n".encode())

    await asyncio.gather(*(commit_forever(writer) for writer in range(WRITERS)))


asyncio.run(main(*sys.argv[1:]))
