"""ListParts and ListMultipartUploads."""

from urllib.parse import quote

from modelyard.call import Document, OpenCall, open_ended
from modelyard.objects import refusals, rows, uploads
from modelyard.objects.listing import successor
from modelyard.objects.shelf import Shelf, owner
from modelyard.storage.transaction import Row, Transaction

PAGE_MAX = 1000
_ENCODED = ("Delimiter", "KeyMarker", "NextKeyMarker", "Prefix")


class UploadLists(Shelf):
    @open_ended
    async def list_parts(self, call: OpenCall, request: Document) -> Document:
        limit = _limit(request, "MaxParts")
        marker = request.get("PartNumberMarker", 0)

        async def work(tx: Transaction) -> tuple[str, uploads.Begun, list[uploads.Part]]:
            bucket = await rows.bucket(tx, call, request)
            begun = await uploads.existing(tx, request)
            found = await uploads.parts(tx, begun.upload_id, marker, limit + 1)
            return bucket.account, begun, found

        account, begun, found = await self.database.scan(work)
        page = found[:limit]
        answer = {
            "Bucket": request["Bucket"],
            "Key": request["Key"],
            "UploadId": request["UploadId"],
            "PartNumberMarker": marker,
            "MaxParts": limit,
            "IsTruncated": len(found) > limit,
            "Initiator": owner(account),
            "Owner": owner(account),
            "StorageClass": "STANDARD",
            "ChecksumAlgorithm": begun.algorithm.name,
            "ChecksumType": begun.document["ChecksumType"],
        }
        if page:
            answer["Parts"] = [uploads.shown(part) for part in page]
            answer["NextPartNumberMarker"] = page[-1].number
        return answer

    @open_ended
    async def list_multipart_uploads(self, call: OpenCall, request: Document) -> Document:
        limit = _limit(request, "MaxUploads")

        async def work(tx: Transaction) -> "_Listed":
            bucket = await rows.bucket(tx, call, request)
            listed = await _list(tx, request, limit)
            listed.account = bucket.account
            return listed

        listed = await self.database.scan(work)
        encoded = request.get("EncodingType") == "url"
        answer: Document = {
            "Bucket": request["Bucket"],
            "KeyMarker": request.get("KeyMarker", ""),
            "UploadIdMarker": request.get("UploadIdMarker", ""),
            "Prefix": request.get("Prefix", ""),
            "MaxUploads": limit,
            "IsTruncated": listed.next is not None,
        }
        answer |= {m: request[m] for m in ("Delimiter", "EncodingType") if request.get(m)}
        if listed.next is not None:
            answer["NextKeyMarker"], answer["NextUploadIdMarker"] = listed.next
        if listed.uploads:
            answer["Uploads"] = [
                _shown(row, listed.account, encoded=encoded) for row in listed.uploads
            ]
        if listed.prefixes:
            answer["CommonPrefixes"] = [
                {"Prefix": _text(prefix, encoded=encoded)} for prefix in listed.prefixes
            ]
        return {m: _text(v, encoded=encoded) if m in _ENCODED else v for m, v in answer.items()}


class _Listed:
    def __init__(self) -> None:
        self.uploads: list[Row] = []
        self.prefixes: list[str] = []
        self.next: tuple[str, str] | None = None
        self.account = ""  # the bucket's


async def _list(tx: Transaction, request: Document, limit: int) -> _Listed:
    """One page by key, then age. A folded prefix is left by one jump."""
    prefix, delimiter = request.get("Prefix", ""), request.get("Delimiter", "")
    marker = request.get("KeyMarker", "")
    listed = _Listed()
    position: tuple[str, str] | None = (marker, request.get("UploadIdMarker", "\U0010ffff"))
    if delimiter and marker.startswith(prefix) and marker.endswith(delimiter):
        position = _jump(marker)  # the page before ended with this prefix
    last = (marker, "")
    while position is not None:
        row = await _next(tx, request["Bucket"], max(position, (prefix, "")), prefix)
        if row is None:
            return listed
        if len(listed.uploads) + len(listed.prefixes) == limit:
            listed.next = last
            return listed
        at = row[0].find(delimiter, len(prefix)) if delimiter else -1
        if at < 0:
            listed.uploads.append(row)
            position = last = (row[0], row[1])
        else:
            folded = row[0][: at + len(delimiter)]
            listed.prefixes.append(folded)
            position, last = _jump(folded), (folded, "")
    return listed


def _jump(folded: str) -> tuple[str, str] | None:
    beyond = successor(folded)
    return None if beyond is None else (beyond, "")


async def _next(tx: Transaction, bucket: str, after: tuple[str, str], prefix: str) -> Row | None:
    row = await tx.one(
        "SELECT key, upload_id, created_us, document FROM multipart_upload"
        " WHERE bucket = ? AND (key, upload_id) > (?, ?) ORDER BY key, upload_id LIMIT 1",
        bucket,
        *after,
    )
    return row if row is not None and row[0].startswith(prefix) else None


def _limit(request: Document, member: str) -> int:
    asked: int = request.get(member, PAGE_MAX)
    if asked < 0:
        raise refusals.InvalidArgument(
            f"Argument {member} must be an integer between 0 and 2147483647"
        )
    return min(asked, PAGE_MAX)


def _shown(row: Row, account: str, *, encoded: bool) -> Document:
    key, upload_id, created_us, text = row
    document = rows.decode(text)
    return {
        "UploadId": upload_id,
        "Key": _text(key, encoded=encoded),
        "Initiated": created_us,
        "StorageClass": "STANDARD",
        "Owner": owner(account),
        "Initiator": owner(account),
        "ChecksumAlgorithm": document["Algorithm"],
        "ChecksumType": document["ChecksumType"],
    }


def _text(text: str, *, encoded: bool) -> str:
    return quote(text, safe="/") if encoded else text
