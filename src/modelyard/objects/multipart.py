"""Multipart uploads: begun, fed part by part, completed into one object or aborted."""

import asyncio
import hashlib
import secrets
from collections.abc import Sequence
from weakref import WeakValueDictionary

from modelyard.call import Change, Document, OpenCall, open_ended
from modelyard.objects import headers, intake, names, refusals, rows, tagging, uploads
from modelyard.objects.blobs import Blob, BlobFolder, Missing, Rotted
from modelyard.objects.checksums import ALGORITHMS
from modelyard.objects.conditions import Conditions, check_write
from modelyard.objects.intake import Promises, Taken
from modelyard.objects.objects import checksum_members, not_as_stored
from modelyard.objects.shelf import Left, ReadPolicy, Shelf, quoted
from modelyard.objects.upload import Upload
from modelyard.objects.uploads import PARTS_MAX, Begun, Part
from modelyard.storage.database import Database
from modelyard.storage.stored_objects import StoredObject
from modelyard.storage.transaction import Transaction

_OF_THE_UPLOAD = ("Algorithm", "Asked")  # members of its document that the object does not keep


class Multipart(Shelf):
    def __init__(self, database: Database, blobs: BlobFolder, read_policy: ReadPolicy) -> None:
        super().__init__(database, blobs, read_policy)
        self._completing: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @open_ended
    async def create_multipart_upload(self, call: OpenCall, request: Document) -> Document:
        names.check_key(request["Key"])
        headers.check(request)
        document = headers.read(request) | uploads.summing(request)
        tags = tagging.from_header(request.get("Tagging"))
        if tags:
            document["Tags"] = tags
        # Ids sort by the time of their making, which is the order of ListMultipartUploads.
        upload_id = f"{call.now_us:014x}{secrets.token_hex(16)}"

        async def work(tx: Transaction) -> None:
            await rows.locked_bucket(tx, call, request)
            await tx.run(
                "INSERT INTO multipart_upload (bucket, key, upload_id, created_us, document)"
                " VALUES (?, ?, ?, ?, ?)",
                request["Bucket"],
                request["Key"],
                upload_id,
                call.now_us,
                rows.encode(document).decode(),
            )
            place = rows.arn(request["Bucket"], request["Key"])
            await call.audit.record(tx, [Change(place)], {"UploadId": upload_id})

        await self.database.write(work)
        answer = {"Bucket": request["Bucket"], "Key": request["Key"], "UploadId": upload_id}
        if document["Asked"]:
            answer["ChecksumAlgorithm"] = document["Algorithm"]
            answer["ChecksumType"] = document["ChecksumType"]
        return answer

    @open_ended
    async def upload_part(self, call: OpenCall, request: Document) -> Document:
        headers.check(request)
        begun = await self.begun(call, request)
        upload: Upload = request["Body"]
        promised = intake.promises(request, upload)
        algorithm = promised.algorithm
        if algorithm is None:
            algorithm = begun.algorithm
        if begun.document["Asked"] and algorithm is not begun.algorithm:
            raise refusals.InvalidRequest(
                f"Checksum Type mismatch occurred, expected checksum Type: {begun.algorithm.name}, "
                f"actual checksum Type: {algorithm.name}"
            )
        taken = await self.take_part(call, request, begun, upload, promised)
        return {"ETag": quoted(taken.md5), algorithm.member: taken.checksums[algorithm.name]}

    async def begun(self, call: OpenCall, request: Document) -> Begun:
        """The upload a part is for. Raises: NoSuchUpload, InvalidArgument."""
        if not 1 <= request["PartNumber"] <= PARTS_MAX:
            raise refusals.InvalidArgument(
                f"Part number must be an integer between 1 and {PARTS_MAX}, inclusive",
                ArgumentName="partNumber",
                ArgumentValue=str(request["PartNumber"]),
            )

        async def work(tx: Transaction) -> Begun:
            await rows.bucket(tx, call, request)
            return await uploads.existing(tx, request)

        return await self.database.read(work)

    async def take_part(
        self,
        call: OpenCall,
        request: Document,
        begun: Begun,
        upload: Upload,
        promised: Promises,
    ) -> Taken:
        """Store a part's bytes and its row."""
        taken = await intake.take(self.blobs, upload, promised, begun.algorithm)
        part = Part(request["PartNumber"], taken.blob, taken.md5, call.now_us, taken.checksums)

        async def work(tx: Transaction) -> Left:
            await uploads.existing(tx, request, lock=True)
            old = await uploads.put_part(tx, begun.upload_id, part)
            place = rows.arn(request["Bucket"], request["Key"])
            await call.audit.record(tx, [Change(place)], {"ETag": part.etag})
            return Left({}, [old] if old else [])

        async with self.unless_refused(taken.blob):
            await self.write(work)
        return taken

    @open_ended
    async def complete_multipart_upload(self, call: OpenCall, request: Document) -> Document:
        """Repeating it after success answers the same again, as long as the object stands."""
        # Whoever repeats it while it runs waits here, and then finds it done.
        lock = self._completing.setdefault(request["UploadId"], asyncio.Lock())
        async with lock:
            return await self._complete(call, request)

    async def _complete(self, call: OpenCall, request: Document) -> Document:
        listed = request.get("MultipartUpload", {}).get("Parts", [])
        conditions = Conditions.of(request)

        async def look(tx: Transaction) -> tuple[Begun, list[Part]] | Document:
            await rows.bucket(tx, call, request)
            begun = await uploads.find(tx, request)
            found = await rows.find(tx, request["Bucket"], request["Key"])
            if begun is None:
                return _completed(request, found)
            check_write(conditions, found.stored if found else None)
            return begun, await uploads.parts(tx, begun.upload_id)

        looked = await self.database.scan(look)
        if isinstance(looked, dict):
            return looked
        begun, uploaded = looked
        used = uploads.chosen(listed, uploaded)
        document = _document(begun, used)
        _check_whole(request, begun, used, document)
        blob = await self._assemble(used)
        etag = hashlib.md5(b"".join(bytes.fromhex(p.etag) for p in used), usedforsecurity=False)
        stored = StoredObject(
            request["Bucket"],
            request["Key"],
            blob.bytes,
            f"{etag.hexdigest()}-{len(used)}",
            blob.sha256,
            blob.id,
            call.now_us,
        )

        async def work(tx: Transaction) -> Left:
            await rows.locked_bucket(tx, call, request)
            still = await uploads.find(tx, request, lock=True)
            found = await rows.find(tx, stored.bucket, stored.key)
            if still is None:  # another server was faster
                return Left(_completed(request, found), [blob.id])
            if uploads.chosen(listed, await uploads.parts(tx, begun.upload_id)) != used:
                raise uploads.no_such_upload(request)
            check_write(conditions, found.stored if found else None)
            described = rows.Described(stored, document)
            await rows.put(tx, described)
            await call.audit.record(tx, [rows.change(found, described)])
            left = await uploads.end(tx, request)
            if found is not None:
                left.append(found.stored.blob)
            return Left(_answer(stored, document), left)

        async with self.unless_refused(blob):
            return await self.write(work)

    async def _assemble(self, used: Sequence[Part]) -> Blob:
        """One blob of all parts. Raises: InternalError, NoSuchUpload-like when a part is gone."""
        try:
            if len(used) == 1:
                return await self.blobs.link(used[0].blob)
            return await self.blobs.join([part.blob for part in used])
        except Missing:
            raise refusals.InvalidPart(
                "One or more of the specified parts was replaced or removed meanwhile."
            ) from None
        except Rotted as fact:
            raise not_as_stored() from fact

    @open_ended
    async def abort_multipart_upload(self, call: OpenCall, request: Document) -> Document:
        async def work(tx: Transaction) -> Left:
            await rows.bucket(tx, call, request)
            await uploads.existing(tx, request, lock=True)
            left = await uploads.end(tx, request)
            place = rows.arn(request["Bucket"], request["Key"])
            await call.audit.record(tx, [Change(place)])
            return Left({}, left)

        return await self.write(work)


def _document(begun: Begun, used: Sequence[Part]) -> Document:
    name = begun.algorithm.name
    document = {k: v for k, v in begun.document.items() if k not in _OF_THE_UPLOAD}
    return document | {
        "Checksum": {name: uploads.whole_checksum(begun, used)},
        "UploadId": begun.upload_id,
        "Parts": [[part.number, part.blob.bytes, part.checksums[name]] for part in used],
    }


def _check_whole(request: Document, begun: Begun, used: Sequence[Part], document: Document) -> None:
    """What the request says of the whole object. Raises: BadDigest, InvalidRequest."""
    size = sum(part.blob.bytes for part in used)
    if request.get("MpuObjectSize", size) != size:
        raise refusals.InvalidRequest(
            "The provided 'x-amz-mp-object-size' header does not match what was computed."
        )
    kind = document["ChecksumType"]
    if request.get("ChecksumType", kind) != kind:
        raise refusals.InvalidRequest(f"The upload was created using the {kind} checksum mode.")
    for algorithm in ALGORITHMS.values():
        expected = request.get(algorithm.member)
        if expected is None:
            continue
        computed = document["Checksum"].get(algorithm.name)
        if computed is None:
            raise refusals.InvalidRequest(
                f"The upload was created using the {begun.algorithm.name} checksum algorithm."
            )
        if expected not in (computed, computed.partition("-")[0]):
            raise refusals.BadDigest(
                f"The {algorithm.name} you specified did not match the calculated checksum."
            )


def _completed(request: Document, found: rows.Described | None) -> Document:
    """The answer to a repeated completion. Raises: NoSuchUpload."""
    if found is None or found.document.get("UploadId") != request["UploadId"]:
        raise uploads.no_such_upload(request)
    return _answer(found.stored, found.document)


def _answer(stored: StoredObject, document: Document) -> Document:
    return {
        "Location": f"/{stored.bucket}/{stored.key}",
        "Bucket": stored.bucket,
        "Key": stored.key,
        "ETag": quoted(stored.etag),
        **checksum_members(document),
    }
