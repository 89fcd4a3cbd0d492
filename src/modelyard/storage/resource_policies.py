"""Policies on groups and buckets, by ARN. Knows no grammar: what a policy says is decided above.

A policy goes with its resource, in the same transaction.
"""

from collections.abc import Iterable

from modelyard.storage import access_changes
from modelyard.storage.transaction import Transaction


async def find(tx: Transaction, arn: str) -> str | None:
    row = await tx.one("SELECT document FROM resource_policy WHERE arn = ?", arn)
    return None if row is None else str(row[0])


async def put(
    tx: Transaction,
    account: str,
    region: str,
    arn: str,
    document: str,
    readers: Iterable[str] = (),
) -> None:
    """Insert or replace; `readers` are the accounts that can discover the resource."""
    await access_changes.bump(tx)
    await tx.run(
        "INSERT INTO resource_policy (account, region, arn, document) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (arn) DO UPDATE SET account = excluded.account, document = excluded.document",
        account,
        region,
        arn,
        document,
    )
    await tx.run("DELETE FROM resource_policy_reader WHERE arn = ?", arn)
    for reader in sorted(set(readers) - {account}):
        await tx.run(
            "INSERT INTO resource_policy_reader (reader, region, account, arn) VALUES (?, ?, ?, ?)",
            reader,
            region,
            account,
            arn,
        )


async def drop(tx: Transaction, arn: str) -> bool:
    """Answer whether there was one."""
    if not await tx.run("DELETE FROM resource_policy WHERE arn = ?", arn):
        return False
    await access_changes.bump(tx)
    await tx.run("DELETE FROM resource_policy_reader WHERE arn = ?", arn)
    return True
