"""Tags as rows, by the ARN of what they are on. Here so that every family can tag what it creates.

Knows no kinds of resources and no limits; `modelyard.tag_rules` reads what a client wrote.
"""

from collections.abc import Mapping, Sequence

from modelyard.storage.transaction import Transaction


async def put(
    tx: Transaction, account: str, region: str, arn: str, tags: Mapping[str, str]
) -> None:
    """Add tags, overwriting those of the same key."""
    if not tags:
        return
    rows = ", ".join(["(?, ?, ?, ?, ?)"] * len(tags))
    values = [part for key, value in tags.items() for part in (account, region, arn, key, value)]
    await tx.run(
        f"INSERT INTO tag (account, region, arn, key, value) VALUES {rows}"
        " ON CONFLICT (account, region, arn, key) DO UPDATE SET value = excluded.value",
        *values,
    )


async def of(tx: Transaction, account: str, region: str, arn: str) -> dict[str, str]:
    """The tags on one resource, by key."""
    rows = await tx.all(
        "SELECT key, value FROM tag WHERE account = ? AND region = ? AND arn = ? ORDER BY key",
        account,
        region,
        arn,
    )
    return {str(key): str(value) for key, value in rows}


async def between(
    tx: Transaction, account: str, region: str, first_arn: str, last_arn: str
) -> dict[str, dict[str, str]]:
    """The tags on every resource from `first_arn` to `last_arn`, by ARN and key."""
    rows = await tx.all(
        "SELECT arn, key, value FROM tag WHERE account = ? AND region = ?"
        " AND arn >= ? AND arn <= ? ORDER BY arn, key",
        account,
        region,
        first_arn,
        last_arn,
    )
    found: dict[str, dict[str, str]] = {}
    for arn, key, value in rows:
        found.setdefault(str(arn), {})[str(key)] = str(value)
    return found


async def remove(tx: Transaction, account: str, region: str, arn: str, keys: Sequence[str]) -> None:
    marks = ", ".join("?" * len(keys))
    await tx.run(
        f"DELETE FROM tag WHERE account = ? AND region = ? AND arn = ? AND key IN ({marks})",
        account,
        region,
        arn,
        *keys,
    )


async def drop(tx: Transaction, account: str, region: str, arn: str) -> None:
    """Remove every tag of a resource that is going away."""
    await tx.run(
        "DELETE FROM tag WHERE account = ? AND region = ? AND arn = ?", account, region, arn
    )
