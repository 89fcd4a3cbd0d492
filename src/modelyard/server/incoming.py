"""A request's body as it arrives: read whole under a limit and a deadline, or as a stream."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from modelyard.errors import RequestEntityTooLarge, RequestTimeout

Receive = Callable[[], Awaitable[dict[str, Any]]]

DRAIN_BYTES_MAX = 1 << 20
DRAIN_SECONDS_MAX = 2.0


class ClientGone(Exception):
    """The client closed the connection before its request was whole. Nobody is left to answer."""


class Incoming:
    """The body of one request. Nothing is read, and no 100-continue is sent, before it is asked."""

    def __init__(
        self,
        receive: Receive,
        has_message: Callable[[], bool],
        *,
        declared_bytes: int | None,
        chunked: bool = False,
        awaits_continue: bool = False,
    ) -> None:
        self._receive = receive
        self._has_message = has_message  # whether `receive` answers at once, and needs no deadline
        self._more = chunked or bool(declared_bytes)  # without either there is no body
        self._awaits_continue = awaits_continue  # the client sends nothing before we ask for it
        self.declared_bytes = declared_bytes  # Content-Length, if there is one

    async def whole(self, bytes_max: int, seconds_max: float) -> bytes:
        """All of it.

        Raises: RequestEntityTooLarge, RequestTimeout, ClientGone.
        """
        if self.declared_bytes is not None and self.declared_bytes > bytes_max:
            raise _too_large(bytes_max)
        parts = [] if self.finished else [await self._next(seconds_max)]
        if not self.finished:  # rare: a small body comes in one piece
            await self._take_rest(parts, bytes_max, seconds_max)
        return b"".join(parts)

    async def _take_rest(self, parts: list[bytes], bytes_max: int, seconds_max: float) -> None:
        size = sum(map(len, parts))
        try:
            async with asyncio.timeout(seconds_max):
                while not self.finished:
                    parts.append(await self._next(None))
                    size += len(parts[-1])
                    if size > bytes_max:
                        raise _too_large(bytes_max)
        except TimeoutError:
            raise RequestTimeout("The request's body took too long to arrive.") from None

    async def stream(self, idle_seconds_max: float) -> AsyncIterator[bytes]:
        """Chunk by chunk; a client that falls silent for too long is refused."""
        while self._more:
            chunk = await self._next(idle_seconds_max)
            if chunk:
                yield chunk

    async def drain(self) -> None:
        """Take a little of what is left, so that a refusal reaches a client that still sends."""
        if self._awaits_continue:
            return
        size = 0
        try:
            async with asyncio.timeout(DRAIN_SECONDS_MAX):
                while self._more and size < DRAIN_BYTES_MAX:
                    size += len(await self._next(None))
        except (TimeoutError, ClientGone):
            self._more = True

    @property
    def finished(self) -> bool:
        return not self._more

    async def _next(self, seconds_max: float | None) -> bytes:
        self._awaits_continue = False
        if seconds_max is None or self._has_message():
            message = await self._receive()
        else:
            try:
                async with asyncio.timeout(seconds_max):
                    message = await self._receive()
            except TimeoutError:
                raise RequestTimeout("The request's body took too long to arrive.") from None
        if message["type"] == "http.disconnect":
            raise ClientGone
        self._more = message.get("more_body", False)
        body: bytes = message.get("body", b"")
        return body


def _too_large(bytes_max: int) -> RequestEntityTooLarge:
    return RequestEntityTooLarge(f"The request's body is larger than {bytes_max} bytes.")
