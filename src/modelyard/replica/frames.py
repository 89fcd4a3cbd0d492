"""Length-prefixed frames: how a server and its replica talk over one stream socket.

A frame is a fixed head (lengths, request id, kind, status), a few texts joined by line feeds
(content type, accept, attribute names and values by turns) and the body. Both directions use the
same form. Knows neither sockets nor event loops, so that both sides can use it.
"""

import struct
from collections.abc import Iterator, Mapping
from typing import NamedTuple

HEAD = struct.Struct("<IIIHBx")  # texts length, body length, request id, status, kind
TEXTS_BYTES_MAX = (
    64 << 10
)  # all attributes of one invocation; AWS allows 1 KiB of custom attributes
BODY_BYTES_MAX = 64 << 20  # above InvokeEndpoint's 25 MB; an answer may be larger than its request
INVOKE = 1
ANSWER = 2


class FrameError(Exception):
    """The other side does not speak frames, or says more than is allowed. The stream is lost."""


class Frame(NamedTuple):
    """`kind` is INVOKE (status 0) or ANSWER (accept empty)."""

    kind: int
    id: int
    status: int
    content_type: str
    accept: str
    attributes: Mapping[str, str]
    body: bytes


def encode(
    kind: int,
    number: int,
    status: int,
    content_type: str,
    accept: str,
    attributes: Mapping[str, str],
    body: bytes,
) -> bytes:
    """Raises FrameError for what a frame cannot carry: a line feed in a text, or too many bytes."""
    texts = content_type + "\n" + accept
    for name, value in attributes.items():
        texts += "\n" + name + "\n" + value
    if texts.count("\n") != 1 + 2 * len(attributes):
        raise FrameError("A content type or attribute contains a line feed.")
    head = texts.encode("utf-8", "surrogateescape")
    if len(head) > TEXTS_BYTES_MAX:
        raise FrameError(f"The attributes are larger than {TEXTS_BYTES_MAX} bytes.")
    if len(body) > BODY_BYTES_MAX:
        raise FrameError(f"The body is larger than {BODY_BYTES_MAX} bytes.")
    return HEAD.pack(len(head), len(body), number, status, kind) + head + body


class Reader:
    """Turns bytes as they arrive into frames; keeps at most one unfinished frame."""

    def __init__(self, body_bytes_max: int = BODY_BYTES_MAX) -> None:
        self._rest = bytearray()
        self._needed = HEAD.size
        self._body_bytes_max = body_bytes_max

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Yield the frames that `data` completes. Raises FrameError; then the stream is lost."""
        if self._rest:
            self._rest += data
            if len(self._rest) < self._needed:
                return
            data = bytes(self._rest)
            self._rest.clear()
        at, end, head_size = 0, len(data), HEAD.size
        while end - at >= head_size:
            texts_size, body_size, number, status, kind = HEAD.unpack_from(data, at)
            if texts_size > TEXTS_BYTES_MAX or body_size > self._body_bytes_max:
                raise FrameError("A frame announces more bytes than are allowed.")
            body_at = at + head_size + texts_size
            frame_end = body_at + body_size
            if frame_end > end:
                self._needed = frame_end - at
                break
            texts = data[at + head_size : body_at].decode("utf-8", "surrogateescape").split("\n")
            if kind not in (INVOKE, ANSWER) or len(texts) % 2:
                raise FrameError("A frame is malformed.")
            attributes = dict(zip(texts[2::2], texts[3::2], strict=True))
            at = frame_end
            yield Frame(
                kind, number, status, texts[0], texts[1], attributes, data[body_at:frame_end]
            )
        else:
            self._needed = head_size
        self._rest += data[at:]
