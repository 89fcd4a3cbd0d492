"""Rows of multipart uploads and their parts, and the rules of putting parts together.

Knows no bytes. Reads and judges; `multipart` acts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from modelyard.call import Document
from modelyard.objects import checksums, refusals, rows
from modelyard.objects.blobs import Blob
from modelyard.objects.checksums import ALGORITHMS, BY_DEFAULT, COMPOSITE, FULL_OBJECT, Algorithm
from modelyard.objects.shelf import quoted
from modelyard.storage.transaction import Transaction

PARTS_MAX = 10_000
PART_BYTES_MIN = 5 << 20  # every part but the last


@dataclass(frozen=True, slots=True)
class Begun:
    """An upload in progress. Its document is the object's to be, and says how it is summed."""

    upload_id: str
    created_us: int
    document: Document

    @property
    def algorithm(self) -> Algorithm:
        return ALGORITHMS[self.document["Algorithm"]]

    @property
    def is_composite(self) -> bool:
        return bool(self.document["ChecksumType"] == COMPOSITE)


@dataclass(frozen=True, slots=True)
class Part:
    number: int
    blob: Blob
    etag: str
    modified_us: int
    checksums: Mapping[str, str]

    def raw_checksum(self, algorithm: Algorithm) -> bytes:
        return algorithm.decode(self.checksums[algorithm.name])


def summing(request: Document) -> Document:
    """How an upload is summed: by CreateMultipartUpload's members, or as S3 does unasked.

    Raises: InvalidRequest.
    """
    name, kind = request.get("ChecksumAlgorithm"), request.get("ChecksumType")
    if name is None and kind is not None:
        raise refusals.InvalidRequest(
            "The x-amz-checksum-type header can only be used with the x-amz-checksum-algorithm "
            "header."
        )
    algorithm = BY_DEFAULT if name is None else checksums.named(name)
    if kind is None:
        kind = FULL_OBJECT if algorithm is BY_DEFAULT else COMPOSITE
    wrong = algorithm.combine is None if kind == FULL_OBJECT else algorithm is BY_DEFAULT
    if wrong or kind not in (FULL_OBJECT, COMPOSITE):
        raise refusals.InvalidRequest(
            f"The {kind} checksum type cannot be used with the {algorithm.name} checksum algorithm."
        )
    return {"Algorithm": algorithm.name, "ChecksumType": kind, "Asked": name is not None}


async def find(tx: Transaction, request: Document, *, lock: bool = False) -> Begun | None:
    """The request's upload; locked, no other transaction adds parts to it or ends it."""
    where = "WHERE bucket = ? AND key = ? AND upload_id = ?"
    columns = "upload_id, created_us, document"
    row = await tx.one(
        f"UPDATE multipart_upload SET document = document {where} RETURNING {columns}"
        if lock
        else f"SELECT {columns} FROM multipart_upload {where}",
        request["Bucket"],
        request["Key"],
        request["UploadId"],
    )
    return None if row is None else Begun(row[0], row[1], rows.decode(row[2]))


async def existing(tx: Transaction, request: Document, *, lock: bool = False) -> Begun:
    """Raises: NoSuchUpload."""
    begun = await find(tx, request, lock=lock)
    if begun is None:
        raise no_such_upload(request)
    return begun


def no_such_upload(request: Document) -> refusals.NoSuchUpload:
    return refusals.NoSuchUpload(
        "The specified upload does not exist. The upload ID may be invalid, or the upload may "
        "have been aborted or completed.",
        UploadId=request["UploadId"],
    )


async def parts(tx: Transaction, upload_id: str, after: int = 0, limit: int = -1) -> list[Part]:
    found = await tx.all(
        "SELECT number, blob, bytes, etag, modified_us, document FROM multipart_part"
        " WHERE upload_id = ? AND number > ? ORDER BY number LIMIT ?",
        upload_id,
        after,
        PARTS_MAX if limit < 0 else limit,
    )
    return [_part(*row) for row in found]


def _part(number: int, blob: str, size: int, etag: str, modified_us: int, text: str) -> Part:
    document = rows.decode(text)
    whole = Blob(blob, size, document["Sha256"])
    return Part(number, whole, etag, modified_us, document["Checksum"])


async def put_part(tx: Transaction, upload_id: str, part: Part) -> str | None:
    """Insert or replace; answer the blob that nothing names now."""
    key = (upload_id, part.number)
    old = await tx.one(
        "DELETE FROM multipart_part WHERE upload_id = ? AND number = ? RETURNING blob", *key
    )
    await tx.run(
        "INSERT INTO multipart_part (upload_id, number, blob, bytes, etag, modified_us, document)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        *key,
        part.blob.id,
        part.blob.bytes,
        part.etag,
        part.modified_us,
        rows.encode({"Sha256": part.blob.sha256, "Checksum": part.checksums}).decode(),
    )
    return None if old is None else str(old[0])


async def end(tx: Transaction, request: Document) -> list[str]:
    """Delete the upload and its parts; answer their blobs."""
    gone = await tx.all(
        "DELETE FROM multipart_part WHERE upload_id = ? RETURNING blob", request["UploadId"]
    )
    await tx.run(
        "DELETE FROM multipart_upload WHERE bucket = ? AND key = ? AND upload_id = ?",
        request["Bucket"],
        request["Key"],
        request["UploadId"],
    )
    return [row[0] for row in gone]


def chosen(listed: Sequence[Document], uploaded: Sequence[Part]) -> list[Part]:
    """The parts that a client lists for completion, in its order, which must be theirs.

    Raises: MalformedXml, InvalidPartOrder, InvalidPart, EntityTooSmall.
    """
    if not 1 <= len(listed) <= PARTS_MAX or any("PartNumber" not in one for one in listed):
        raise refusals.MalformedXml(
            "The XML you provided was not well-formed or did not validate against our published "
            "schema"
        )
    numbers = [one["PartNumber"] for one in listed]
    if any(later <= earlier for earlier, later in pairwise(numbers)):
        raise refusals.InvalidPartOrder(
            "The list of parts was not in ascending order. Parts must be ordered by part number."
        )
    by_number = {part.number: part for part in uploaded}
    found = [_matching(one, by_number.get(one["PartNumber"])) for one in listed]
    for part in found[:-1]:
        if part.blob.bytes < PART_BYTES_MIN:
            raise refusals.EntityTooSmall(
                "Your proposed upload is smaller than the minimum allowed size",
                ProposedSize=str(part.blob.bytes),
                MinSizeAllowed=str(PART_BYTES_MIN),
                PartNumber=str(part.number),
                ETag=part.etag,
            )
    return found


def _matching(listed: Document, part: Part | None) -> Part:
    good = part is not None and listed.get("ETag", "").strip('"') == part.etag
    if part is not None and good:
        sums = {ALGORITHMS[name].member: value for name, value in part.checksums.items()}
        good = all(listed.get(member, value) == value for member, value in sums.items())
    if part is None or not good:
        raise refusals.InvalidPart(
            "One or more of the specified parts could not be found.  The part may not have been "
            "uploaded, or the specified entity tag may not match the part's entity tag.",
            PartNumber=str(listed["PartNumber"]),
        )
    return part


def whole_checksum(begun: Begun, used: Sequence[Part]) -> str:
    """The object's checksum, from its parts'."""
    algorithm = begun.algorithm
    if begun.is_composite:
        return checksums.composite(algorithm, [part.raw_checksum(algorithm) for part in used])
    return checksums.full_object(
        algorithm, [(part.raw_checksum(algorithm), part.blob.bytes) for part in used]
    )


def shown(part: Part) -> Document:
    """As ListParts shows it."""
    sums: dict[str, Any] = {ALGORITHMS[n].member: value for n, value in part.checksums.items()}
    return {
        "PartNumber": part.number,
        "LastModified": part.modified_us,
        "ETag": quoted(part.etag),
        "Size": part.blob.bytes,
        **sums,
    }
