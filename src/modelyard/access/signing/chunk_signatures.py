"""The signatures inside a chunk-signed S3 body: each covers its chunk and the signature before it.

Knows nothing of framing: the S3 door takes the body apart and asks here, chunk by chunk.
"""

import hashlib
import hmac

from modelyard.errors import Doubt, NotAuthenticated

ALGORITHM = "AWS4-HMAC-SHA256"
_EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()


class ChunkSignatures:
    """Verifies one body, in order: every chunk, the empty one that ends it, then the trailer.

    `trailer` says that the body must end with a signed trailer; `finish` proves that all came.
    """

    def __init__(self, *, seed: str, timestamp: str, scope: str, key: bytes, trailer: bool) -> None:
        self._previous = seed
        self._head = f"{timestamp}\n{scope}\n"
        self._key = key
        self._wants_trailer = trailer
        self._ended = False
        self._trailed = False

    def chunk(self, signature: str, chunk_sha256: str, *, last: bool) -> None:
        """Prove one chunk; `last` is the empty chunk that ends the body.

        Raises: NotAuthenticated: it is not the chunk that was signed at this place.
        """
        if self._ended or last != (chunk_sha256 == _EMPTY_SHA256):
            raise _refused()
        text = f"{ALGORITHM}-PAYLOAD\n{self._head}{self._previous}\n{_EMPTY_SHA256}\n{chunk_sha256}"
        self._prove(signature, text)
        self._ended = last

    def trailer(self, signature: str, trailer: bytes) -> None:
        """Prove the trailer: its header lines, each `name:value` and ended by one newline.

        Raises: NotAuthenticated: it comes too early or twice, or is not the one that was signed.
        """
        if not self._wants_trailer or not self._ended or self._trailed:
            raise _refused()
        digest = hashlib.sha256(trailer).hexdigest()
        self._prove(signature, f"{ALGORITHM}-TRAILER\n{self._head}{self._previous}\n{digest}")
        self._trailed = True

    def finish(self) -> None:
        """Raises: NotAuthenticated: the body ended before everything that was announced came."""
        if not self._ended or self._trailed != self._wants_trailer:
            raise _refused()

    def _prove(self, signature: str, text: str) -> None:
        expected = hmac.digest(self._key, text.encode("latin-1"), "sha256").hex()
        if not hmac.compare_digest(expected.encode(), signature.encode("utf-8", "replace")):
            raise _refused()
        self._previous = expected


def _refused() -> NotAuthenticated:
    return NotAuthenticated(
        Doubt.BAD_SIGNATURE,
        "The chunk signature we calculated does not match the signature you provided.",
    )
