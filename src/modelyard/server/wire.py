"""One exchange on the wire beyond ASGI: whether the body is there, and an answer in one write.

ASGI sends an answer's head and body apart, which costs a second system call and wakes the client
twice. Streams still go through ASGI. Knows uvicorn's cycle and nothing of operations.
"""

from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from modelyard.contract.http import Headers

EXTENSION = "modelyard"  # in the scope's extensions


class Wire:
    """Beside the `receive` and `send` of one request."""

    __slots__ = ("_cycle",)

    def __init__(self, cycle: RequestResponseCycle) -> None:
        self._cycle = cycle

    def has_message(self) -> bool:
        """Whether `receive` would answer at once."""
        return self._cycle.message_event.is_set()

    async def answer(self, status: int, headers: Headers, body: bytes) -> None:
        """Send all of an answer. A client that has gone is not told.

        Raises: ValueError: a header would end early.
        """
        cycle = self._cycle
        if cycle.flow.write_paused and not cycle.disconnected:
            await cycle.flow.drain()
        if cycle.disconnected:
            return
        close = any(name == b"connection" for name, _ in headers)
        if not cycle.keep_alive and not close:
            headers = [*headers, (b"connection", b"close")]
        cycle.keep_alive = cycle.keep_alive and not close
        lines = [*cycle.default_headers, *headers, (b"content-length", b"%d" % len(body))]
        head = STATUS_LINE[status] + b"".join([b"%s: %s\r\n" % line for line in lines]) + b"\r\n"
        if head.count(b"\n") != len(lines) + 2 or head.count(b"\r") != len(lines) + 2:
            raise ValueError("a header of an answer contains a line's end")
        cycle.transport.write(head if cycle.scope["method"] == "HEAD" else head + body)
        _complete(cycle)


def _complete(cycle: Any) -> None:
    """As at the end of uvicorn's own `send`."""
    cycle.response_started = cycle.response_complete = True
    cycle.waiting_for_100_continue = False
    cycle.message_event.set()
    if not cycle.keep_alive:
        cycle.transport.close()
    cycle.on_response()
