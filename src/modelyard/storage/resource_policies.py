"""Policies on groups and buckets, by ARN. Knows no grammar: what a policy says is decided above.

A policy goes with its resource, in the same transaction. Beside its text are the unique ids of the
users and roles that it names, by their ARNs (`policy_principals`).
"""

import json
from collections.abc import Iterable, Mapping

from modelyard.storage import access_changes
from modelyard.storage.transaction import Transaction


async def find(tx: Transaction, arn: str) -> str | None:
    row = await tx.one("SELECT document FROM resource_policy WHERE arn = ?", arn)
    return None if row is None else str(row[0])


async def with_principals(tx: Transaction, arn: str) -> tuple[str, dict[str, str]] | None:
    """The text, and the ids of whom it names."""
    sql = "SELECT document, principals FROM resource_policy WHERE arn = ?"
    row = await tx.one(sql, arn)
    return None if row is None else (str(row[0]), json.loads(row[1]))


async def put(
    tx: Transaction,
    account: str,
    region: str,
    arn: str,
    document: str,
    principals: Mapping[str, str],
    readers: Iterable[str] = (),
) -> None:
    """Insert or replace; `readers` are the accounts that can discover the resource."""
    await access_changes.bump(tx)
    await tx.run(
        "INSERT INTO resource_policy (account, region, arn, document, principals)"
        " VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (arn) DO UPDATE SET account = excluded.account,"
        " document = excluded.document, principals = excluded.principals",
        account,
        region,
        arn,
        document,
        json.dumps(principals),
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
