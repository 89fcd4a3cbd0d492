"""What the store holds, as rows. Here so that families can ask without importing each other."""

from collections.abc import Sequence
from dataclasses import dataclass

from modelyard.storage.transaction import Transaction


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One object's row. `blob` names its bytes; `sha256` is lower-case hex of all of them."""

    bucket: str
    key: str
    bytes: int
    etag: str
    sha256: str
    blob: str
    modified_us: int


_COLUMNS = "bucket, key, bytes, etag, sha256, blob, modified_us"


async def owner(tx: Transaction, bucket: str) -> str | None:
    """The account that owns `bucket`, or None when this server does not hold it."""
    row = await tx.one("SELECT account FROM bucket WHERE name = ?", bucket)
    return None if row is None else str(row[0])


async def find(tx: Transaction, bucket: str, key: str) -> StoredObject | None:
    row = await tx.one(f"SELECT {_COLUMNS} FROM object WHERE bucket = ? AND key = ?", bucket, key)
    return None if row is None else StoredObject(*row)


async def hold(tx: Transaction, bucket: str, prefix: str) -> None:
    """Keep the objects whose key starts with `prefix` as they are until this write ends.

    Whoever is about to name an object's blob in a row of its own holds it first: then the door,
    which removes replaced blobs that no row names, sees that row.
    """
    await tx.run(
        "UPDATE object SET etag = etag WHERE bucket = ? AND key >= ? AND key < ?",
        bucket,
        prefix,
        _after(prefix),
    )


async def hold_one(tx: Transaction, bucket: str, key: str) -> StoredObject | None:
    """Like `hold`, for the one object of this key, which is found by the same statement."""
    row = await tx.one(
        f"UPDATE object SET etag = etag WHERE bucket = ? AND key = ? RETURNING {_COLUMNS}",
        bucket,
        key,
    )
    return None if row is None else StoredObject(*row)


async def hold_own(tx: Transaction, account: str, bucket: str, key: str) -> StoredObject | None:
    """Like `hold_one`, if the bucket is `account`'s."""
    row = await tx.one(
        "UPDATE object SET etag = etag WHERE bucket = ? AND key = ?"
        f" AND EXISTS (SELECT 1 FROM bucket WHERE name = ? AND account = ?) RETURNING {_COLUMNS}",
        bucket,
        key,
        bucket,
        account,
    )
    return None if row is None else StoredObject(*row)


async def under(tx: Transaction, bucket: str, prefix: str, limit: int) -> Sequence[StoredObject]:
    """The first `limit` objects whose key starts with `prefix`, by key."""
    rows = await tx.all(
        f"SELECT {_COLUMNS} FROM object WHERE bucket = ? AND key >= ? AND key < ?"
        " ORDER BY key LIMIT ?",
        bucket,
        prefix,
        _after(prefix),
        limit,
    )
    return [StoredObject(*row) for row in rows]


def _after(prefix: str) -> str:
    """A text that sorts after every key that starts with `prefix`, by code point."""
    return prefix + "\U0010ffff" * 2
