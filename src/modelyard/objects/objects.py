"""Objects: put, get, head, deleted."""

from collections.abc import AsyncIterator

from modelyard.call import Document, OpenCall, open_ended
from modelyard.objects import headers, intake, names, ranges, refusals, rows, tagging
from modelyard.objects.blobs import BlobReader, Missing, Rotted
from modelyard.objects.checksums import ALGORITHMS, BY_DEFAULT, FULL_OBJECT
from modelyard.objects.conditions import Conditions, check_read, check_write
from modelyard.objects.shelf import Left, Shelf, blob_of, no_such_key, quoted
from modelyard.objects.upload import Upload
from modelyard.storage.stored_objects import StoredObject
from modelyard.storage.transaction import Transaction

DELETE_MAX = 1000  # DeleteObjects
# A blob that is gone was replaced between the look at its row and the look at the file.
_OPEN_ATTEMPTS = 5
_OVERRIDES = {f"Response{member}": member for member in headers.CONTENT}
_ONLY_FOR_DIRECTORY_BUCKETS = ("IfMatchLastModifiedTime", "IfMatchSize")


class Objects(Shelf):
    @open_ended
    async def put_object(self, call: OpenCall, request: Document) -> Document:
        bucket, key = request["Bucket"], request["Key"]
        names.check_key(key)
        headers.check(request)
        document = headers.read(request)
        tags = tagging.from_header(request.get("Tagging"))
        conditions = Conditions.of(request)
        upload: Upload = request["Body"]
        promised = intake.promises(request, upload)

        async def look(tx: Transaction) -> None:
            await rows.bucket(tx, call, request)
            if conditions != Conditions():
                found = await rows.find(tx, bucket, key)
                check_write(conditions, found.stored if found else None)

        await self.database.read(look)  # before the bytes come: most refusals need not wait
        wanted = BY_DEFAULT if promised.algorithm is None else None
        taken = await intake.take(self.blobs, upload, promised, wanted)
        blob = taken.blob
        stored = StoredObject(bucket, key, blob.bytes, taken.md5, blob.sha256, blob.id, call.now_us)
        document |= {"Checksum": taken.checksums, "ChecksumType": FULL_OBJECT}
        if tags:
            document["Tags"] = tags

        async def work(tx: Transaction) -> Left:
            await rows.locked_bucket(tx, call, request)
            found = await rows.find(tx, bucket, key)
            check_write(conditions, found.stored if found else None)
            described = rows.Described(stored, document)
            await rows.put(tx, described)
            await call.audit.record(tx, [rows.change(found, described)])
            return Left({}, [found.stored.blob] if found else [])

        async with self.unless_refused(blob):
            await self.write(work)
        return {"ETag": quoted(stored.etag), **checksum_members(document)}

    @open_ended
    async def get_object(self, call: OpenCall, request: Document) -> Document:
        """The answer's Body is bytes, or an iterator whose first piece is verified already."""
        for _ in range(_OPEN_ATTEMPTS):
            found = await self._found(call, request)
            start, end, answer = _cut(found, request)
            try:
                reader = await self.blobs.open(blob_of(found.stored), start, end)
            except Missing:
                continue
            except Rotted as fact:
                raise not_as_stored() from fact
            first = await anext(reader, b"")
            whole = len(first) == end - start
            return answer | {"Body": first if whole else _stream(first, reader)}
        raise not_as_stored()

    @open_ended
    async def head_object(self, call: OpenCall, request: Document) -> Document:
        found = await self._found(call, request)
        return _cut(found, request)[2]

    @open_ended
    async def delete_object(self, call: OpenCall, request: Document) -> Document:
        """Deleting what is not there succeeds."""
        _check_deletion(request)

        async def work(tx: Transaction) -> Left:
            await rows.locked_bucket(tx, call, request)
            gone = await _delete(tx, request["Bucket"], request["Key"], request.get("IfMatch"))
            if gone is None:
                return Left({})
            await call.audit.record(tx, [rows.change(gone, None)])
            return Left({}, [gone.stored.blob])

        return await self.write(work)

    @open_ended
    async def delete_objects(self, call: OpenCall, request: Document) -> Document:
        """One transaction; a key that is refused is reported beside those that went."""
        wanted = request["Delete"].get("Objects", [])
        if not 1 <= len(wanted) <= DELETE_MAX:
            raise refusals.MalformedXml(
                "The XML you provided was not well-formed or did not validate against our "
                "published schema"
            )

        async def work(tx: Transaction) -> Left:
            await rows.locked_bucket(tx, call, request)
            deleted: list[Document] = []
            failed: list[Document] = []
            gone: list[rows.Described] = []
            for number, one in enumerate(wanted):
                if number in call.refused:
                    denied = {"Code": refusals.AccessDenied.code, "Message": call.refused[number]}
                    failed.append({"Key": one["Key"], **denied})
                    continue
                try:
                    headers.check_version(one)
                    found = await _delete(tx, request["Bucket"], one["Key"], one.get("ETag"))
                except (refusals.NoSuchVersion, refusals.PreconditionFailed) as refusal:
                    error = {"Code": refusal.code, "Message": refusal.message}
                    failed.append({"Key": one["Key"], **error})
                    continue
                deleted.append({"Key": one["Key"]})
                gone += [found] if found else []
            answer: Document = {"Errors": failed} if failed else {}
            if deleted and not request["Delete"].get("Quiet", False):
                answer["Deleted"] = deleted
            if gone or (deleted and call.refused):
                await call.audit.record(tx, [rows.change(one, None) for one in gone], answer)
            return Left(answer, [one.stored.blob for one in gone])

        return await self.write(work)

    async def _found(self, call: OpenCall, request: Document) -> rows.Described:
        """The object to read. Raises: NoSuchKey, PreconditionFailed, NotModified, ..."""
        headers.check(request)

        async def work(tx: Transaction) -> rows.Described:
            await rows.bucket(tx, call, request)
            return await self.existing(tx, request)

        found = await self.database.read(work)
        check_read(Conditions.of(request), found.stored)
        return found


def not_as_stored() -> refusals.InternalError:
    return refusals.InternalError("The stored bytes of this object are damaged.")


def checksum_members(document: Document) -> Document:
    """`ChecksumCRC32` and the like, and ChecksumType."""
    sums = {ALGORITHMS[name].member: v for name, v in document.get("Checksum", {}).items()}
    return {**sums, "ChecksumType": document["ChecksumType"]} if sums else {}


async def _stream(first: bytes, reader: BlobReader) -> AsyncIterator[bytes]:
    """Raises: InternalError: a block has rotted; the bytes before it are right, and not all."""
    try:
        yield first
        async for piece in reader:
            yield piece
    except Rotted as fact:
        raise not_as_stored() from fact
    finally:
        await reader.aclose()


def _cut(found: rows.Described, request: Document) -> tuple[int, int, Document]:
    """Start, end and the answer's headers, for the whole object, a range of it, or a part."""
    stored, document = found.stored, found.document
    answer = headers.kept(document) | {
        "AcceptRanges": "bytes",
        "ETag": quoted(stored.etag),
        "LastModified": stored.modified_us,
    }
    answer |= {m: request[given] for given, m in _OVERRIDES.items() if given in request}
    if "Tags" in document:
        answer["TagCount"] = len(document["Tags"])
    span = _span(found, request)
    start, end = span or (0, stored.bytes)
    answer["ContentLength"] = end - start
    if span is not None and stored.bytes:
        answer["ContentRange"] = f"bytes {start}-{end - 1}/{stored.bytes}"
    if "PartNumber" in request and "Parts" in document:
        answer["PartsCount"] = len(document["Parts"])
    if request.get("ChecksumMode") == "ENABLED" and (start, end) == (0, stored.bytes):
        answer |= checksum_members(document)
    return start, end, answer


def _span(found: rows.Described, request: Document) -> tuple[int, int] | None:
    number = request.get("PartNumber")
    if number is None:
        return ranges.parse(request.get("Range"), found.stored.bytes)
    if "Range" in request:
        raise refusals.InvalidRequest(
            "Cannot specify both Range header and partNumber query parameter"
        )
    sizes = [part[1] for part in found.document.get("Parts", [[1, found.stored.bytes]])]
    if not 1 <= number <= len(sizes):
        raise refusals.InvalidPartNumber("The requested partnumber is not satisfiable")
    start = sum(sizes[: number - 1])
    return start, start + sizes[number - 1]


def _check_deletion(request: Document) -> None:
    headers.check_version(request)
    for member in _ONLY_FOR_DIRECTORY_BUCKETS:
        if member in request:
            raise refusals.NotImplementedHere(
                "A header you provided implies functionality that is not implemented",
                Header=member,
            )


async def _delete(
    tx: Transaction, bucket: str, key: str, match: str | None
) -> rows.Described | None:
    if "\0" in key:
        return None  # no key has one, so there is nothing to delete
    if match is not None:
        found = await rows.find(tx, bucket, key)
        if found is None:
            raise no_such_key(key)
        check_write(Conditions(match=match), found.stored)
    return await rows.delete(tx, bucket, key)
