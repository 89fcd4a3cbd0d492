"""S3's checksums: computed, compared, put together from parts. Knows no request and no file.

The CRCs come from awscrt: a table in pure Python makes 20 MB/s, awscrt several GB/s.
"""

import base64
import binascii
import hashlib
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from awscrt import checksums as crt

from modelyard.objects import refusals


class Digest(Protocol):
    """What hashlib's objects look like, as far as a stream of bytes needs them."""

    def update(self, data: bytes, /) -> None: ...

    def digest(self) -> bytes: ...


class _Crc:
    def __init__(self, step: Callable[[bytes, int], int], width_bytes: int) -> None:
        self._step = step
        self._width_bytes = width_bytes
        self._value = 0

    def update(self, data: bytes, /) -> None:
        self._value = self._step(data, self._value)

    def digest(self) -> bytes:
        return self._value.to_bytes(self._width_bytes, "big")


class _XxHash:
    """awscrt's XXHash may be finished once only."""

    def __init__(self, state: crt.XXHash) -> None:
        self._state = state
        self._finished: bytes | None = None

    def update(self, data: bytes, /) -> None:
        self._state.update(data)

    def digest(self) -> bytes:
        if self._finished is None:
            self._finished = self._state.finalize()
        return self._finished


def _hashlib(name: str) -> Callable[[], Digest]:
    return lambda: hashlib.new(name, usedforsecurity=False)


@dataclass(frozen=True, slots=True)
class Algorithm:
    """One of S3's checksum algorithms, under the name that ChecksumAlgorithm carries."""

    name: str
    new: Callable[[], Digest]
    width_bytes: int
    combine: Callable[[int, int, int], int] | None = None  # CRCs: of two parts, the second's length

    @property
    def member(self) -> str:
        """The member of requests and answers, `ChecksumCRC32`."""
        return f"Checksum{self.name}"

    @property
    def header(self) -> str:
        return f"x-amz-checksum-{self.name.lower()}"

    def decode(self, text: str) -> bytes:
        """Raises: InvalidRequest: not base64 of this algorithm's width."""
        raw = _base64(text)
        if raw is None or len(raw) != self.width_bytes:
            raise refusals.InvalidRequest(f"Value for {self.header} header is invalid.")
        return raw


ALGORITHMS: Mapping[str, Algorithm] = {
    algorithm.name: algorithm
    for algorithm in (
        Algorithm("CRC32", lambda: _Crc(zlib.crc32, 4), 4, crt.combine_crc32),
        Algorithm("CRC32C", lambda: _Crc(crt.crc32c, 4), 4, crt.combine_crc32c),
        Algorithm("CRC64NVME", lambda: _Crc(crt.crc64nvme, 8), 8, crt.combine_crc64nvme),
        Algorithm("SHA1", _hashlib("sha1"), 20),
        Algorithm("SHA256", _hashlib("sha256"), 32),
        Algorithm("SHA512", _hashlib("sha512"), 64),
        Algorithm("MD5", _hashlib("md5"), 16),
        Algorithm("XXHASH64", lambda: _XxHash(crt.XXHash.new_xxhash64()), 8),
        Algorithm("XXHASH3", lambda: _XxHash(crt.XXHash.new_xxhash3_64()), 8),
        Algorithm("XXHASH128", lambda: _XxHash(crt.XXHash.new_xxhash3_128()), 16),
    )
}
# What S3 adds by itself to an object that came without a checksum (since December 2024).
BY_DEFAULT = ALGORITHMS["CRC64NVME"]
BY_HEADER: Mapping[str, Algorithm] = {a.header: a for a in ALGORITHMS.values()}
FULL_OBJECT, COMPOSITE = "FULL_OBJECT", "COMPOSITE"


def encode(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def named(name: str) -> Algorithm:
    """Raises: InvalidRequest: S3 has no such algorithm."""
    algorithm = ALGORITHMS.get(name.upper())
    if algorithm is None:
        raise refusals.InvalidRequest(
            "Checksum algorithm provided is unsupported. Please try again with any of the valid "
            f"types: [{', '.join(ALGORITHMS)}]"
        )
    return algorithm


def content_md5(text: str) -> bytes:
    """Raises: InvalidDigest: not base64 of 16 bytes."""
    raw = _base64(text)
    if raw is None or len(raw) != 16:
        raise refusals.InvalidDigest("The Content-MD5 you specified was invalid.")
    return raw


def check_body(headers: Mapping[str, str], body: bytes, *, required: bool) -> None:
    """Compare a small body with the Content-MD5 and checksum headers it came with.

    `required`: the operation demands one of them (DeleteObjects).
    Raises: BadDigest, InvalidDigest, InvalidRequest.
    """
    found = False
    if "content-md5" in headers:
        found = True
        compare_md5(
            content_md5(headers["content-md5"]), hashlib.md5(body, usedforsecurity=False).digest()
        )
    for header in headers.keys() & BY_HEADER.keys():
        found = True
        algorithm = BY_HEADER[header]
        digest = algorithm.new()
        digest.update(body)
        compare(algorithm, algorithm.decode(headers[header]), digest.digest())
    if required and not found:
        raise refusals.InvalidRequest(
            "Missing required header for this request: Content-MD5 OR x-amz-checksum-*"
        )


def compare(algorithm: Algorithm, expected: bytes, computed: bytes) -> None:
    if expected != computed:
        raise refusals.BadDigest(
            f"The {algorithm.name} you specified did not match the calculated checksum."
        )


def compare_md5(expected: bytes, computed: bytes) -> None:
    if expected != computed:
        raise refusals.BadDigest("The Content-MD5 you specified did not match what we received.")


def composite(algorithm: Algorithm, parts: Sequence[bytes]) -> str:
    """The checksum of the parts' checksums, with their number: `base64-N`."""
    digest = algorithm.new()
    digest.update(b"".join(parts))
    return f"{encode(digest.digest())}-{len(parts)}"


def full_object(algorithm: Algorithm, parts: Sequence[tuple[bytes, int]]) -> str:
    """The checksum of the whole from the parts' checksums and lengths; only a CRC can do it."""
    if algorithm.combine is None:
        raise refusals.InvalidRequest(
            f"The FULL_OBJECT checksum type cannot be used with the {algorithm.name} algorithm."
        )
    value = 0
    for raw, length in parts:
        value = algorithm.combine(value, int.from_bytes(raw, "big"), length)
    return encode(value.to_bytes(algorithm.width_bytes, "big"))


def crc32c(data: bytes | memoryview, previous: int = 0) -> int:
    value: int = crt.crc32c(data, previous)
    return value


def _base64(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
