"""What the door's nouns share: the database, the blobs, and the order in which both change.

A blob is durable before the row that names it; a blob that no row names any more goes after the
commit. A crash between the two leaves a blob without a row, which the sweep removes, and never a
row without its blob.
"""

import hashlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from modelyard.call import Document, OpenCall
from modelyard.errors import NotAuthenticated, Refusal, Unavailable
from modelyard.objects import refusals, rows
from modelyard.objects.blobs import NAMED_MAX, Blob, BlobFolder
from modelyard.storage.database import Database
from modelyard.storage.stored_objects import StoredObject
from modelyard.storage.transaction import Transaction

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Left:
    """What a transaction answers, and the blobs that nothing names once it has committed."""

    answer: Document
    blobs: Sequence[str] = ()


# Whether a bucket's policy lets everybody in; refuses what is no policy of that bucket.
ReadPolicy = Callable[[str, str], bool]


class Shelf:
    """One database and one blob folder; `read_policy` reads what they only keep."""

    def __init__(self, database: Database, blobs: BlobFolder, read_policy: ReadPolicy) -> None:
        self.database = database
        self.blobs = blobs
        self.read_policy = read_policy

    async def write(self, work: Callable[[Transaction], Awaitable[Left]]) -> Document:
        """Commit, then remove the blobs that were left, unless another row names them."""
        left = await self.database.write(work)
        try:
            await self._discard(left.blobs)
        except Unavailable as fact:  # the change is durable all the same; the sweep comes again
            log.warning("blobs_left", extra={"reason": str(fact)})
        return left.answer

    async def _discard(self, blobs: Sequence[str]) -> None:
        for first in range(0, len(blobs), NAMED_MAX):
            ids = blobs[first : first + NAMED_MAX]
            named = await self.named(ids)
            await self.blobs.delete([blob for blob in ids if blob not in named])

    async def named(self, ids: Sequence[str]) -> Collection[str]:
        """Which of these blobs some row names."""
        return set(await self.database.scan(lambda tx: rows.named_blobs(tx, ids)))

    @asynccontextmanager
    async def unless_refused(self, blob: Blob) -> AsyncIterator[None]:
        """Inside, a row is written that names `blob`; a refusal means that it was not.

        Any other failure leaves the outcome open (a connection lost while committing), so the blob
        is left to the sweep, which knows.
        """
        try:
            yield
        except (Refusal, NotAuthenticated):
            await self.blobs.delete([blob.id])
            raise

    async def existing(self, tx: Transaction, call: OpenCall, request: Document) -> rows.Described:
        """The request's object. Raises: NoSuchKey, AccessDenied."""
        found = await rows.find(tx, request["Bucket"], request["Key"])
        if found is None:
            raise await missing_key(tx, call, request["Bucket"], request["Key"])
        return found


def blob_of(stored: StoredObject) -> Blob:
    return Blob(stored.blob, stored.bytes, stored.sha256)


async def missing_key(tx: Transaction, call: OpenCall, bucket: str, key: str) -> Refusal:
    """AWS: that a key is missing is told to those alone who may list the bucket."""
    arn = f"arn:aws:s3:::{bucket}"
    if await call.may(tx, "s3:ListBucket", arn):
        return no_such_key(key)
    return refusals.AccessDenied(
        f"User: {call.principal.arn} is not authorized to perform: s3:ListBucket on resource: {arn}"
    )


def no_such_key(key: str) -> refusals.NoSuchKey:
    return refusals.NoSuchKey("The specified key does not exist.", Key=key)


def owner(account: str) -> Document:
    """S3 names accounts by a canonical id of 64 hex digits; ours is derived from the account's."""
    return {"ID": hashlib.sha256(account.encode()).hexdigest()}


def quoted(etag: str) -> str:
    return f'"{etag}"'
