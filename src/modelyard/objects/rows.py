"""The door's rows: buckets and objects as storage keeps them. Knows no bytes and no answer."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from modelyard.call import Change, Document, OpenCall
from modelyard.objects import refusals
from modelyard.storage.stored_objects import StoredObject
from modelyard.storage.transaction import Transaction

# An object's document:
#   ContentType, CacheControl, ... Expires, Metadata    as they came
#   Checksum {name: base64}, ChecksumType               "base64-N" when composite
#   Tags {key: value}                                   in the client's order
#   UploadId, Parts [[number, bytes], ...]              when it came in parts
encode = msgspec.json.Encoder().encode
decode = msgspec.json.Decoder(dict[str, Any]).decode

# Tables whose rows name blobs. A package stands for the bytes that were registered, whatever is
# written over the object later, so it keeps them.
_NAMING = ("object", "multipart_part", "model_package_artifact", "model_package_document")
_OBJECT = "bucket, key, bytes, etag, sha256, blob, modified_us, document"


@dataclass(frozen=True, slots=True)
class Bucket:
    name: str
    account: str
    region: str
    created_us: int


@dataclass(frozen=True, slots=True)
class Described:
    """An object's row, with its document."""

    stored: StoredObject
    document: Document = field(default_factory=dict)


async def own_bucket(
    tx: Transaction, call: OpenCall, request: Document, *, lock: bool = False
) -> Bucket:
    """The request's bucket, of the caller's own account. Raises: NoSuchBucket, AccessDenied."""
    found = await (locked_bucket if lock else bucket)(tx, call, request)
    if found.account != call.account:
        raise refusals.AccessDenied("Access Denied")
    return found


async def bucket(tx: Transaction, call: OpenCall, request: Document) -> Bucket:
    """The request's bucket. Raises: NoSuchBucket, AccessDenied."""
    row = await tx.one(
        "SELECT name, account, region, created_us FROM bucket WHERE name = ?", request["Bucket"]
    )
    return _reached(row, call, request["Bucket"], request.get("ExpectedBucketOwner"))


async def source_bucket(tx: Transaction, call: OpenCall, name: str, owner: str | None) -> Bucket:
    """The bucket a copy reads from. Raises: NoSuchBucket, AccessDenied."""
    row = await tx.one("SELECT name, account, region, created_us FROM bucket WHERE name = ?", name)
    return _reached(row, call, name, owner)


async def locked_bucket(tx: Transaction, call: OpenCall, request: Document) -> Bucket:
    """The request's bucket, which no other transaction changes or deletes before this one ends.

    It makes conditional writes exact, and lets no object slip into a bucket that is being deleted.
    Raises: NoSuchBucket, AccessDenied.
    """
    row = await tx.one(
        "UPDATE bucket SET document = document WHERE name = ?"
        " RETURNING name, account, region, created_us",
        request["Bucket"],
    )
    return _reached(row, call, request["Bucket"], request.get("ExpectedBucketOwner"))


def _reached(row: Sequence[Any] | None, call: OpenCall, name: str, owner: str | None) -> Bucket:
    if row is None:
        raise refusals.NoSuchBucket("The specified bucket does not exist", BucketName=name)
    found = Bucket(*row)
    may = call.reaches(arn(found.name), found.account)
    if not may or owner not in (None, found.account):
        raise refusals.AccessDenied("Access Denied")
    return found


async def find(tx: Transaction, bucket_name: str, key: str) -> Described | None:
    row = await tx.one(
        f"SELECT {_OBJECT} FROM object WHERE bucket = ? AND key = ?", bucket_name, key
    )
    return None if row is None else Described(StoredObject(*row[:-1]), decode(row[-1]))


async def put(tx: Transaction, described: Described) -> None:
    """Insert or replace."""
    stored = described.stored
    await tx.run(
        f"INSERT INTO object ({_OBJECT}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (bucket, key) DO UPDATE SET bytes = excluded.bytes, etag = excluded.etag,"
        " sha256 = excluded.sha256, blob = excluded.blob, modified_us = excluded.modified_us,"
        " document = excluded.document",
        stored.bucket,
        stored.key,
        stored.bytes,
        stored.etag,
        stored.sha256,
        stored.blob,
        stored.modified_us,
        encode(described.document).decode(),
    )


def arn(bucket_name: str, key: str = "") -> str:
    """A bucket's, or an object's."""
    return f"arn:aws:s3:::{bucket_name}/{key}" if key else f"arn:aws:s3:::{bucket_name}"


def change(before: Described | None, after: Described | None) -> Change:
    """What became of an object, for the audit trail."""
    some = before or after
    assert some is not None, "an object was there before, or is there now"
    place = arn(some.stored.bucket, some.stored.key)
    return Change(place, _for_trail(before), _for_trail(after))


def _for_trail(described: Described | None) -> Document | None:
    """An object without the list of its parts."""
    if described is None:
        return None
    stored = described.stored
    facts = {"Bytes": stored.bytes, "ETag": stored.etag, "Sha256": stored.sha256}
    return facts | {k: v for k, v in described.document.items() if k != "Parts"}


async def delete(tx: Transaction, bucket_name: str, key: str) -> Described | None:
    """Delete an object's row; answer what went, whose blob nothing names now."""
    row = await tx.one(
        f"DELETE FROM object WHERE bucket = ? AND key = ? RETURNING {_OBJECT}", bucket_name, key
    )
    return None if row is None else Described(StoredObject(*row[:-1]), decode(row[-1]))


async def named_blobs(tx: Transaction, ids: Sequence[str]) -> Collection[str]:
    """Which of these blobs an object, an uploaded part or a registered model package names."""
    marks = ", ".join("?" * len(ids))
    rows = await tx.all(
        " UNION ".join(f"SELECT blob FROM {table} WHERE blob IN ({marks})" for table in _NAMING),
        *list(ids) * len(_NAMING),
    )
    return [row[0] for row in rows]
