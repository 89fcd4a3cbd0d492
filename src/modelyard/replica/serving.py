"""The replica's loop: read what has queued, let the runtime answer it, write all answers at once.

While a prediction runs, further requests gather in the socket; the next read takes them together.
That is the whole of batching: nobody waits for company, and whoever came meanwhile shares one
matrix.
"""

import socket
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from modelyard.replica import frames

READ_BYTES = 1 << 20


class Request(NamedTuple):
    """An invocation as a runtime sees it."""

    body: bytes
    content_type: str
    accept: str
    attributes: Mapping[str, str]


class Reply(NamedTuple):
    """`status` is what the container would have answered by HTTP."""

    status: int
    body: bytes
    content_type: str = "text/plain; charset=utf-8"
    attributes: Mapping[str, str] = {}


class Runtime(Protocol):
    """A loaded model. `window` is how many requests it likes to have at once."""

    window: int

    def answer(self, requests: Sequence[Request]) -> Sequence[Reply]:
        """One reply a request, in order. Never raises for what a request contains."""


def serve(connection: socket.socket, runtime: Runtime) -> None:
    """Answer frames until the server closes the connection."""
    reader = frames.Reader()
    while data := connection.recv(READ_BYTES):
        asked = list(reader.feed(data))
        if not asked:
            continue
        requests = [Request(f.body, f.content_type, f.accept, f.attributes) for f in asked]
        replies = runtime.answer(requests)
        connection.sendall(
            b"".join([_encode(f.id, reply) for f, reply in zip(asked, replies, strict=True)])
        )


def _encode(number: int, reply: Reply) -> bytes:
    try:
        return frames.encode(
            frames.ANSWER,
            number,
            reply.status,
            reply.content_type,
            "",
            reply.attributes,
            reply.body,
        )
    except frames.FrameError as error:
        return frames.encode(frames.ANSWER, number, 500, "text/plain", "", {}, str(error).encode())
