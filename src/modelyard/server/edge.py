"""HTTP/1.1 connections: uvicorn's protocol with the deadlines and limits it has no setting for.

A connection that dawdles over its headers is cut; a request that cannot be read is answered in
AWS's JSON with a request id and one log line. Knows no operation.
"""

import asyncio
import logging
import socket
import uuid
from collections.abc import Callable
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from modelyard.server.wire import EXTENSION, Wire
from modelyard.settings import Settings

log = logging.getLogger("modelyard.edge")

HEADER_BYTES_MAX = 64 << 10  # request line and headers; presigned URLs and tokens fit
CONNECTIONS_MAX = 10_000
LINGER_SECONDS = 1.0  # for a refused client to read its answer while it still sends


def protocol(settings: Settings) -> type[HttpToolsProtocol]:
    """The protocol class for uvicorn's `http` setting, with this server's limits."""

    class GuardedProtocol(_GuardedProtocol):
        headers_seconds_max = settings.headers_seconds_max

    return GuardedProtocol


class _GuardedProtocol(HttpToolsProtocol):
    headers_seconds_max: float

    _deadline: asyncio.TimerHandle | None = None
    _header_bytes = 0
    _in_headers = False
    _refused = False
    ended: Callable[[], None] | None = None  # called once the connection is over

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > CONNECTIONS_MAX:
            log.warning("connection_refused", extra={"reason": "too many connections"})
            transport.close()
            return
        self._arm()

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        super().connection_lost(exc)
        if self.ended is not None:
            self.ended()

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        if self._in_headers or self._deadline is not None:
            self._header_bytes += len(data)
        super().data_received(data)
        if self._in_headers and self._header_bytes > HEADER_BYTES_MAX:
            self._refuse(431, "RequestHeaderSectionTooLarge", "The request's headers are too long.")
        elif self._in_headers or self._waits_for_request():
            self._arm()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_headers = True

    def on_headers_complete(self) -> None:
        self._in_headers = False
        self._header_bytes = 0
        self._disarm()
        super().on_headers_complete()
        self.scope["extensions"] = {EXTENSION: {"wire": Wire(self.cycle)}}

    def send_400_response(self, msg: str) -> None:
        self._refuse(400, "SerializationException", "The request is not well-formed HTTP/1.1.")

    def _waits_for_request(self) -> bool:
        return (
            not self._answering()
            and self._deadline is None
            and self.timeout_keep_alive_task is None
        )

    def _answering(self) -> bool:
        # uvicorn declares a cycle from the start and sets it with the first request.
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is not None and not cycle.response_complete

    def _arm(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(self.headers_seconds_max, self._too_slow)

    def _disarm(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_slow(self) -> None:
        self._deadline = None
        if self._in_headers:
            self._refuse(408, "RequestTimeoutException", "The headers took too long to arrive.")
        elif not self.transport.is_closing():
            self.transport.close()

    def _refuse(self, status: int, code: str, message: str) -> None:
        """Answer and close, unless an answer is already under way on this connection."""
        if self._refused or self.transport.is_closing():
            return
        self._refused = True
        self._disarm()
        request_id = str(uuid.uuid4())
        client = self.client[0] if self.client else None
        fields = {"request_id": request_id, "status": status, "code": code, "client": client}
        log.warning("request_unreadable", extra=fields)
        if self._answering():
            self.transport.close()
            return
        body = b'{"__type":"%s","message":"%s"}' % (code.encode(), message.encode())
        head = (
            b"content-type: application/x-amz-json-1.1\r\n"
            b"x-amzn-requestid: %s\r\ncontent-length: %d\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(STATUS_LINE[status] + head % (request_id.encode(), len(body)) + body)
        # Closing with bytes unread would reset the connection and lose the answer on its way.
        self.transport.write_eof()
        self._deadline = self.loop.call_later(LINGER_SECONDS, self.transport.close)


class Listener(uvicorn.Server):
    """uvicorn inside an event loop of ours: it neither takes signals nor raises them again."""

    def __init__(self, app: Any, settings: Settings) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                host=settings.host,
                port=settings.port,
                http=protocol(settings),
                loop="none",
                ws="none",
                lifespan="off",
                access_log=False,
                proxy_headers=False,
                log_config=None,
                server_header=False,
                date_header=True,
                timeout_keep_alive=int(settings.idle_seconds_max),
                timeout_graceful_shutdown=25,
                backlog=1024,
            )
        )
        self.listening = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()

    async def serve_stream(
        self, stream: socket.socket, ended: Callable[[], None]
    ) -> Callable[[], None]:
        """Serve a connection that did not come by the port, such as a replica's; and own it.

        It has the limits of every other one. `ended` is called once it is over, at once where
        the server is stopping. Answers how to end it.
        """
        try:
            await self.listening.wait()
        except asyncio.CancelledError:
            stream.close()
            raise
        if self.should_exit:
            stream.close()
            ended()
            return _nothing
        made = self.config.http_protocol_class
        assert not isinstance(made, str)
        protocol: Any = made(  # type: ignore[call-arg]
            config=self.config, server_state=self.server_state, app_state=self.lifespan.state
        )
        protocol.ended = ended
        loop = asyncio.get_running_loop()
        transport, _ = await loop.connect_accepted_socket(lambda: protocol, stream)
        abort: Callable[[], None] = transport.abort
        return abort

    def capture_signals(self) -> Any:
        return _NoSignals()

    @property
    def port(self) -> int:
        """The port that was bound, for a setting of 0."""
        return int(self.servers[0].sockets[0].getsockname()[1])


def _nothing() -> None:
    """How to end a connection that never began."""


class _NoSignals:
    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        pass
