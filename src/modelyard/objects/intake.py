"""Takes one upload in: digests it, compares it with every promise, makes it a blob."""

import hashlib
from dataclasses import dataclass

from modelyard.call import Document
from modelyard.objects import checksums, refusals
from modelyard.objects.blobs import Blob, BlobFolder
from modelyard.objects.checksums import ALGORITHMS, BY_HEADER, Algorithm, Digest
from modelyard.objects.upload import Upload


@dataclass(frozen=True, slots=True)
class Taken:
    """A durable blob, and what its bytes come to. `checksums` are base64 by algorithm name."""

    blob: Blob
    md5: str
    checksums: dict[str, str]


@dataclass(frozen=True, slots=True)
class Promises:
    """What the request says of its body. Checked before anything is committed."""

    md5: bytes | None
    algorithm: Algorithm | None
    value: bytes | None  # None: it comes as a trailer, or there is no checksum


def promises(request: Document, upload: Upload) -> Promises:
    """Raises: InvalidDigest, InvalidRequest."""
    sent = [a for a in ALGORITHMS.values() if a.member in request]
    trailing = [BY_HEADER[name] for name in upload.trailer_names if name in BY_HEADER]
    if len(sent) + len(trailing) > 1:
        raise refusals.InvalidRequest(
            "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed."
        )
    algorithm = next(iter(sent or trailing), None)
    named = request.get("ChecksumAlgorithm")
    if named is not None and algorithm is not checksums.named(named):
        raise refusals.InvalidRequest(
            "x-amz-sdk-checksum-algorithm specified, but no corresponding x-amz-checksum-* or "
            "x-amz-trailer headers were found."
        )
    md5 = request.get("ContentMD5")
    return Promises(
        md5=None if md5 is None else checksums.content_md5(md5),
        algorithm=algorithm,
        value=algorithm.decode(request[algorithm.member]) if algorithm and sent else None,
    )


async def take(
    blobs: BlobFolder, upload: Upload, promised: Promises, wanted: Algorithm | None
) -> Taken:
    """Store the upload's payload. `wanted` is computed besides what was promised.

    Raises: BadDigest, ContentSha256Mismatch, IncompleteBody, MalformedTrailer, InvalidRequest,
    NotAuthenticated: nothing remains. Unavailable: the disk is full or failing.
    """
    md5 = hashlib.md5(usedforsecurity=False)
    digests: dict[str, Digest] = {
        algorithm.name: algorithm.new()
        for algorithm in (promised.algorithm, wanted)
        if algorithm is not None
    }
    async with blobs.writer([md5, *digests.values()]) as writer:
        async for piece in upload.payload():
            await writer.write(piece)
        sha256 = await writer.finish()
        _compare_sha256(upload, sha256)
        if promised.md5 is not None:
            checksums.compare_md5(promised.md5, md5.digest())
        if promised.algorithm is not None:
            expected = promised.value
            if expected is None:
                text = upload.trailers[promised.algorithm.header]
                expected = promised.algorithm.decode(text)
            computed = digests[promised.algorithm.name].digest()
            checksums.compare(promised.algorithm, expected, computed)
        blob = await writer.commit()
    computed_all = {name: checksums.encode(d.digest()) for name, d in digests.items()}
    return Taken(blob, md5.hexdigest(), computed_all)


def _compare_sha256(upload: Upload, computed: str) -> None:
    if upload.sha256 is not None and upload.sha256 != computed:
        raise refusals.ContentSha256Mismatch(
            "The provided 'x-amz-content-sha256' header does not match what was computed.",
            ClientComputedContentSHA256=upload.sha256,
            S3ComputedContentSHA256=computed,
        )
