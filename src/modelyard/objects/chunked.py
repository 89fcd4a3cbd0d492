"""The aws-chunked framing of a streamed body, without any input or output of its own.

    <size in hex>[;chunk-signature=<hex>]CRLF <bytes> CRLF  ...  0[;chunk-signature=<hex>]CRLF
    [<trailer name>:<value>CRLF ...]  [x-amz-trailer-signature:<hex>CRLF]  CRLF

Bytes are handed on as they come, before their chunk's signature is known: whoever takes them must
not use them before `finish` has returned.
"""

import hashlib
import re
from collections.abc import Iterator
from enum import Enum, auto
from typing import Protocol

from modelyard.objects import refusals

LINE_BYTES_MAX = 4096  # a chunk header is at most some 100 bytes, a trailer line some 200
TRAILERS_MAX = 16
_HEADER = re.compile(rb"([0-9a-fA-F]{1,16})(?:;chunk-signature=([0-9a-f]{64}))?")
_TRAILER = re.compile(rb"([a-zA-Z0-9-]{1,128}):[ \t]*([\x20-\x7e]{0,2048}?)[ \t]*")
_TRAILER_SIGNATURE = "x-amz-trailer-signature"


class ChunkSignatures(Protocol):
    """The chain of signatures that began with the request's own; each raises NotAuthenticated."""

    def chunk(self, signature: str, chunk_sha256: str, *, last: bool) -> None: ...

    def trailer(self, signature: str, trailer: bytes) -> None:
        """`trailer`: its lines, each `name:value` and ended by one newline."""
        ...

    def finish(self) -> None:
        """Everything that was announced must have come."""
        ...


class _At(Enum):
    HEADER = auto()
    DATA = auto()
    DATA_END = auto()
    TRAILER = auto()
    END = auto()


class ChunkedDecoder:
    """Feed it the body in any pieces; it yields the payload's, and checks what can be checked."""

    def __init__(
        self, length: int, trailer_names: frozenset[str], signatures: ChunkSignatures | None
    ) -> None:
        self.trailers: dict[str, str] = {}
        self._length_left = length
        self._trailer_names = trailer_names
        self._signatures = signatures
        self._at = _At.HEADER
        self._chunk_left = 0
        self._chunk_signature = ""
        self._chunk_sha256 = hashlib.sha256()
        self._trailer = b""
        self._trailer_signature: str | None = None
        self._line = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Raises: IncompleteBody, MalformedTrailer, NotAuthenticated."""
        view = memoryview(data)
        while view:
            if self._at is _At.DATA:
                piece, view = bytes(view[: self._chunk_left]), view[self._chunk_left :]
                yield self._take(piece)
            else:
                view = self._read_line(view)

    def finish(self) -> None:
        """The body has ended: everything announced must have come.

        Raises: IncompleteBody, MalformedTrailer, NotAuthenticated.
        """
        if self._at is not _At.END:
            raise _incomplete()
        if self._trailer_names - self.trailers.keys():
            raise _malformed_trailer()
        if self._signatures is not None:
            self._signatures.finish()

    def _take(self, piece: bytes) -> bytes:
        self._chunk_left -= len(piece)
        self._length_left -= len(piece)
        if self._signatures is not None:
            self._chunk_sha256.update(piece)
        if self._chunk_left == 0:
            self._at = _At.DATA_END
        return piece

    def _read_line(self, view: memoryview) -> memoryview:
        if self._at is _At.END:
            raise _incomplete("bytes follow the last chunk")
        found = bytes(view[: LINE_BYTES_MAX + 2]).find(b"\n")
        taken = len(view) if found < 0 else found + 1
        self._line += view[:taken]
        if len(self._line) > LINE_BYTES_MAX:
            raise _incomplete("a line is too long")
        if found >= 0:
            line, self._line = bytes(self._line), bytearray()
            if not line.endswith(b"\r\n"):
                raise _incomplete("a line ends without CR")
            self._on_line(line[:-2])
        return view[taken:]

    def _on_line(self, line: bytes) -> None:
        if self._at is _At.HEADER:
            self._on_header(line)
        elif self._at is _At.DATA_END:
            if line:
                raise _incomplete("a chunk is longer than its header says")
            self._end_of_chunk()
            self._at = _At.HEADER
        elif line:
            self._on_trailer(line)
        else:
            self._on_end()

    def _on_header(self, line: bytes) -> None:
        match = _HEADER.fullmatch(line)
        if match is None or (self._signatures is not None and match[2] is None):
            raise _incomplete("a chunk header is malformed")
        self._chunk_left = int(match[1], 16)
        self._chunk_signature = (match[2] or b"").decode()
        if self._chunk_left > self._length_left:
            raise _incomplete("more bytes than x-amz-decoded-content-length says")
        if self._chunk_left:
            self._at = _At.DATA
            return
        if self._length_left:
            raise _incomplete("fewer bytes than x-amz-decoded-content-length says")
        self._end_of_chunk()
        self._at = _At.TRAILER

    def _end_of_chunk(self) -> None:
        if self._signatures is None:
            return
        digest, last = self._chunk_sha256.hexdigest(), self._at is _At.HEADER
        self._signatures.chunk(self._chunk_signature, digest, last=last)
        self._chunk_sha256 = hashlib.sha256()

    def _on_trailer(self, line: bytes) -> None:
        match = _TRAILER.fullmatch(line)
        name = match[1].decode().lower() if match else ""
        if match is None or name in self.trailers or len(self.trailers) >= TRAILERS_MAX:
            raise _malformed_trailer()
        value = match[2].decode()
        if name == _TRAILER_SIGNATURE:
            self._trailer_signature = value
            return
        if name not in self._trailer_names or self._trailer_signature is not None:
            raise _malformed_trailer()
        self.trailers[name] = value
        self._trailer += f"{name}:{value}\n".encode()

    def _on_end(self) -> None:
        self._at = _At.END
        if self._signatures is not None and self._trailer_signature is not None:
            self._signatures.trailer(self._trailer_signature, self._trailer)


def _incomplete(why: str = "the body ended early") -> refusals.IncompleteBody:
    return refusals.IncompleteBody(f"The request body terminated unexpectedly: {why}.")


def _malformed_trailer() -> refusals.MalformedTrailer:
    return refusals.MalformedTrailer(
        "The request contained trailing data that was not well-formed or did not conform to our "
        "published schema."
    )
