"""A streamed request body together with what its headers promise about it.

The door reads it once. Knows the wire's framing, not what becomes of the bytes.
"""

import re
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field

from modelyard.objects import refusals
from modelyard.objects.checksums import BY_HEADER
from modelyard.objects.chunked import ChunkedDecoder, ChunkSignatures

UNSIGNED = "UNSIGNED-PAYLOAD"
UNSIGNED_TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
SIGNED_CHUNKS = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
SIGNED_CHUNKS_TRAILER = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
BYTES_MAX = 5 << 30  # one PutObject or UploadPart, S3's limit

_CHUNKED = frozenset({UNSIGNED_TRAILER, SIGNED_CHUNKS, SIGNED_CHUNKS_TRAILER})
_SIGNED = frozenset({SIGNED_CHUNKS, SIGNED_CHUNKS_TRAILER})
_TRAILING = frozenset({UNSIGNED_TRAILER, SIGNED_CHUNKS_TRAILER})
_SHA256 = re.compile("[0-9a-f]{64}")
_NUMBER = re.compile("[0-9]{1,18}")
_TRAILERS_MAX = 16
_CHECKSUM = "x-amz-checksum-"
_NO_CHECKSUMS = frozenset({f"{_CHECKSUM}{word}" for word in ("algorithm", "mode", "type")})


@dataclass(slots=True)
class Upload:
    """Raw chunks off the wire, and how to read them. `length` counts the payload's bytes.

    `payload_hash` is the value of x-amz-content-sha256: a digest in hex, or one of the words.
    """

    raw: AsyncIterator[bytes]
    length: int
    payload_hash: str = UNSIGNED
    trailer_names: frozenset[str] = frozenset()
    signatures: ChunkSignatures | None = None
    trailers: dict[str, str] = field(default_factory=dict)  # complete once `payload` has ended

    @property
    def sha256(self) -> str | None:
        """The payload's digest in hex, when the signature is bound to it."""
        return self.payload_hash if _SHA256.fullmatch(self.payload_hash) else None

    async def payload(self) -> AsyncIterator[bytes]:
        """The bytes to store, decoded; ends normally only when length, framing and chunk
        signatures were right. Comparing `sha256` and checksums is left to who digests.

        Raises: IncompleteBody, MalformedTrailer, NotAuthenticated.
        """
        if self.payload_hash in _CHUNKED:
            async for piece in self._dechunked():
                yield piece
            return
        left = self.length
        async for piece in self.raw:
            left -= len(piece)
            if left < 0:
                break
            yield piece
        if left:
            raise refusals.IncompleteBody(
                "You did not provide the number of bytes specified by the Content-Length HTTP "
                "header."
            )

    async def _dechunked(self) -> AsyncIterator[bytes]:
        decoder = ChunkedDecoder(self.length, self.trailer_names, self.signatures)
        async for raw in self.raw:
            for piece in decoder.feed(raw):
                yield piece
        decoder.finish()
        self.trailers = decoder.trailers


def read(
    headers: Mapping[str, str],
    raw: AsyncIterator[bytes],
    signatures: ChunkSignatures | None,
    *,
    bytes_max: int = BYTES_MAX,
) -> Upload:
    """The upload that a request's headers (names in lower case) announce.

    `signatures` is the chain that starts at the request's own signature; it is needed only where
    the headers promise signed chunks.
    Raises: MissingContentLength, EntityTooLarge, InvalidArgument, InvalidRequest,
    MalformedTrailer.
    """
    payload_hash = headers.get("x-amz-content-sha256", UNSIGNED)
    chunked = payload_hash in _CHUNKED
    if not chunked and payload_hash != UNSIGNED and not _SHA256.fullmatch(payload_hash):
        raise refusals.InvalidArgument(
            "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, "
            "STREAMING-UNSIGNED-PAYLOAD-TRAILER, STREAMING-AWS4-HMAC-SHA256-PAYLOAD, "
            "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER or a valid sha256 value.",
            ArgumentName="x-amz-content-sha256",
            ArgumentValue=payload_hash,
        )
    trailer_names = _trailer_names(headers) if payload_hash in _TRAILING else frozenset()
    _check_checksums(headers.keys() | trailer_names)
    signed = payload_hash in _SIGNED
    if signed and signatures is None:
        raise refusals.InvalidRequest("Signed chunks need a request signed in its headers.")
    return Upload(
        raw=raw,
        length=_length(headers, chunked, bytes_max),
        payload_hash=payload_hash,
        trailer_names=trailer_names,
        signatures=signatures if signed else None,
    )


def _check_checksums(names: Iterable[str]) -> None:
    """A checksum that is not understood must not pass for one that was compared."""
    for name in names:
        if name.startswith(_CHECKSUM) and name not in BY_HEADER and name not in _NO_CHECKSUMS:
            raise refusals.InvalidRequest(f"The checksum algorithm of {name} is not supported.")


def _length(headers: Mapping[str, str], chunked: bool, bytes_max: int) -> int:
    text = headers.get("x-amz-decoded-content-length" if chunked else "content-length")
    if text is None:
        raise refusals.MissingContentLength("You must provide the Content-Length HTTP header.")
    if not _NUMBER.fullmatch(text):
        raise refusals.InvalidArgument("The length of the body is not a number.")
    length = int(text)
    if length > bytes_max:
        raise refusals.EntityTooLarge(
            "Your proposed upload exceeds the maximum allowed object size.",
            ProposedSize=str(length),
            MaxSizeAllowed=str(bytes_max),
        )
    return length


def _trailer_names(headers: Mapping[str, str]) -> frozenset[str]:
    names = [name.strip().lower() for name in headers.get("x-amz-trailer", "").split(",")]
    found = frozenset(name for name in names if name)
    if len(found) > _TRAILERS_MAX:
        raise refusals.MalformedTrailer("Too many trailers are announced.")
    return found
