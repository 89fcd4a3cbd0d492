"""A process that changes, announces and tells at once: to be killed. Arguments: URL, prefix."""

import asyncio
import os
import sys

from modelyard.errors import Unavailable
from modelyard.storage import database, outbox, outbox_consumer
from modelyard.storage.outbox import Entry
from modelyard.storage.outbox_consumer import Consumer
from modelyard.storage.transaction import Transaction

WRITERS = 4


async def tell(tx: Transaction, entry: Entry) -> None:
    """Two rows, the second of which cannot be there twice."""
    await tx.run(
        "UPDATE tag SET value = value || '+' WHERE account = '1' AND region = 'r' AND arn = ?",
        entry.subject,
    )
    await tx.run("INSERT INTO tag VALUES ('1', 'told', ?, 'k', '')", entry.subject)


async def main(url: str, prefix: str) -> None:
    opened = await database.connect(url)
    outbox_consumer.SHARE = 1.0  # killed more often in the middle of its work
    outbox_consumer.GATHER_SECONDS = 0.0

    async def change_forever(writer: int) -> None:
        number = 0
        while True:
            subject = f"{prefix}-{writer}-{number}"
            number += 1

            async def change(tx: Transaction, subject: str = subject, at_us: int = number) -> None:
                await tx.run("INSERT INTO tag VALUES ('1', 'r', ?, 'k', '')", subject)
                await outbox.announce(tx, "1", "r", "changed", subject, {}, at_us)

            try:
                await opened.write(change)
            except Unavailable:
                await asyncio.sleep(0.05)
            else:
                os.write(1, f"{subject}\n".encode())

    consumer = Consumer(opened, {"changed": tell}, "the one that is killed")
    await asyncio.gather(consumer.run(), *(change_forever(writer) for writer in range(WRITERS)))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
