"""The count of changes of who may do what, by which every process sees that it must read again."""

from modelyard.storage.transaction import Transaction

TOPIC = "access"


async def bump(tx: Transaction) -> None:
    """Count a change that `tx` makes; on its commit, wake whoever keeps copies in this process.

    Called first, it also makes changes come one after the other, so that what is counted and looked
    up before a change is still so when it commits.
    """
    await tx.run("UPDATE access_version SET version = version + 1 WHERE id = 1")
    tx.wake(TOPIC)


async def version(tx: Transaction) -> int:
    row = await tx.one("SELECT version FROM access_version WHERE id = 1")
    assert row is not None  # the migration puts it there
    return int(row[0])
