"""A count of all changes to keys, identities and policies, by which memories of them are judged."""

from modelyard.storage.transaction import Transaction

TOPIC = "access"


async def bump(tx: Transaction) -> None:
    """Say that keys, identities or policies change with this transaction."""
    await tx.run("UPDATE access_version SET version = version + 1 WHERE id = 1")
    tx.wake(TOPIC)


async def count(tx: Transaction) -> int:
    row = await tx.one("SELECT version FROM access_version WHERE id = 1")
    return int(row[0]) if row is not None else 0
