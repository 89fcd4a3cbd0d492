"""Copies within the server: CopyObject and UploadPartCopy.

Bytes that need not be digested again are not copied: a blob never changes, so a second name for it
will do.
"""

from collections.abc import AsyncIterator

from modelyard.call import Document, OpenCall, open_ended
from modelyard.objects import checksums, headers, intake, names, ranges, refusals, rows, tagging
from modelyard.objects.blobs import Missing, Rotted
from modelyard.objects.checksums import ALGORITHMS, BY_DEFAULT, FULL_OBJECT, Algorithm
from modelyard.objects.conditions import Conditions, check_copy_source, check_write
from modelyard.objects.intake import Promises, Taken
from modelyard.objects.multipart import Multipart
from modelyard.objects.objects import checksum_members, not_as_stored
from modelyard.objects.shelf import Left, blob_of, missing_key, quoted
from modelyard.objects.upload import Upload
from modelyard.storage.stored_objects import StoredObject
from modelyard.storage.transaction import Transaction

_ATTEMPTS = 5  # the source may be replaced between the look at its row and at its file
_NO_PROMISES = Promises(None, None, None)
_REPLACE = "REPLACE"


class Copies(Multipart):
    @open_ended
    async def copy_object(self, call: OpenCall, request: Document) -> Document:
        names.check_key(request["Key"])
        headers.check(request)
        wanted = request.get("ChecksumAlgorithm")
        algorithm = None if wanted is None else checksums.named(wanted)
        for _ in range(_ATTEMPTS):
            source = await self._source(call, request)
            _check_self_copy(source, request)
            try:
                taken = await self._duplicate(source, algorithm)
            except Missing:
                continue
            except Rotted as fact:
                raise not_as_stored() from fact
            return await self._place(call, request, source, taken)
        raise not_as_stored()

    @open_ended
    async def upload_part_copy(self, call: OpenCall, request: Document) -> Document:
        headers.check(request)
        begun = await self.begun(call, request)
        for _ in range(_ATTEMPTS):
            source = await self._source(call, request)
            start, end = 0, source.stored.bytes
            if "CopySourceRange" in request:
                start, end = ranges.parse_copy(request["CopySourceRange"], end)
            try:
                raw = await self.blobs.open(blob_of(source.stored), start, end)
                upload = Upload(raw, end - start)
                taken = await self.take_part(call, request, begun, upload, _NO_PROMISES)
            except Missing:
                continue
            except Rotted as fact:
                raise not_as_stored() from fact
            algorithm = begun.algorithm
            result = {"ETag": quoted(taken.md5), "LastModified": call.now_us}
            return {"CopyPartResult": result | {algorithm.member: taken.checksums[algorithm.name]}}
        raise not_as_stored()

    async def _source(self, call: OpenCall, request: Document) -> rows.Described:
        """What is copied. Raises: NoSuchBucket, NoSuchKey, AccessDenied, PreconditionFailed."""
        name, key = names.copy_source(request["CopySource"])

        async def work(tx: Transaction) -> rows.Described:
            await rows.bucket(tx, call, request)
            owner = request.get("ExpectedSourceBucketOwner")
            await rows.source_bucket(tx, call, name, owner)
            found = await rows.find(tx, name, key)
            if found is None:
                raise await missing_key(tx, call, name, key)
            return found

        found = await self.database.read(work)
        check_copy_source(Conditions.of(request, "CopySource"), found.stored)
        return found

    async def _duplicate(self, source: rows.Described, algorithm: Algorithm | None) -> Taken:
        """The source's bytes under a blob of their own.

        They are read again only where S3 would digest them anew: an object that came in parts gets
        the MD5 of the whole as its entity tag, and another checksum algorithm may be asked for.
        Raises: Missing, Rotted, Unavailable.
        """
        sums: dict[str, str] = source.document.get("Checksum", {})
        known = algorithm is None or algorithm.name in sums
        if known and "Parts" not in source.document:
            blob = await self.blobs.link(blob_of(source.stored))
            return Taken(blob, source.stored.etag, sums)
        wanted = algorithm or ALGORITHMS[next(iter(sums), BY_DEFAULT.name)]
        raw: AsyncIterator[bytes] = await self.blobs.open(blob_of(source.stored))
        upload = Upload(raw, source.stored.bytes)
        return await intake.take(self.blobs, upload, _NO_PROMISES, wanted)

    async def _place(
        self, call: OpenCall, request: Document, source: rows.Described, taken: Taken
    ) -> Document:
        blob, conditions = taken.blob, Conditions.of(request)
        async with self.unless_refused(blob):
            stored = StoredObject(
                request["Bucket"],
                request["Key"],
                blob.bytes,
                taken.md5,
                blob.sha256,
                blob.id,
                call.now_us,
            )
            document = _described(request, source.document)
            document |= {"Checksum": taken.checksums, "ChecksumType": FULL_OBJECT}

            async def work(tx: Transaction) -> Left:
                await rows.locked_bucket(tx, call, request)
                found = await rows.find(tx, stored.bucket, stored.key)
                check_write(conditions, found.stored if found else None)
                described = rows.Described(stored, document)
                await rows.put(tx, described)
                await call.audit.record(tx, [rows.change(found, described)])
                return Left({}, [found.stored.blob] if found else [])

            await self.write(work)
        result = {"ETag": quoted(stored.etag), "LastModified": stored.modified_us}
        return {"CopyObjectResult": result | checksum_members(document)}


def _described(request: Document, source: Document) -> Document:
    """The copy's headers, metadata and tags: the source's, unless they are to be replaced."""
    replaced = request.get("MetadataDirective") == _REPLACE
    document = headers.read(request) if replaced else headers.kept(source)
    tags = source.get("Tags", {})
    if request.get("TaggingDirective") == _REPLACE:
        tags = tagging.from_header(request.get("Tagging"))
    return document | {"Tags": tags} if tags else document


def _check_self_copy(source: rows.Described, request: Document) -> None:
    same = (source.stored.bucket, source.stored.key) == (request["Bucket"], request["Key"])
    if same and request.get("MetadataDirective") != _REPLACE:
        raise refusals.InvalidRequest(
            "This copy request is illegal because it is trying to copy an object to itself "
            "without changing the object's metadata, storage class, website redirect location "
            "or encryption attributes."
        )
