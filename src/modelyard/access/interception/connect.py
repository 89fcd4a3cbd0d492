"""The CONNECT listener: the way to this server for clients that hard-code AWS's host names.

SageMaker's SDKs ask https://sts.<region>.amazonaws.com whatever the endpoint says. They honour
HTTPS_PROXY: this proxy ends TLS for AWS's names with the server's own authority and hands the plain
HTTP to the server. Other public hosts are tunnelled as they are, so that the rest of a shell works.
Only who holds the password that `modelyard env` prints can use it. Knows no HTTP beyond CONNECT.
"""

import asyncio
import base64
import hmac
import logging
import re
import ssl
from dataclasses import dataclass
from typing import cast

from modelyard.access.interception import public_addresses
from modelyard.access.interception.authority import DOMAINS, Authority
from modelyard.access.keys import private_files

log = logging.getLogger("modelyard.connect")

USER = "modelyard"
HEAD_BYTES_MAX = 16 << 10
HEAD_SECONDS_MAX = 10.0
HANDSHAKE_SECONDS_MAX = 10.0
REACH_SECONDS_MAX = 10.0
IDLE_SECONDS_MAX = 900.0  # as long as an upload may pause between two requests
CONNECTIONS_MAX = 256  # client connections; each may hold one more behind it
_REQUEST_LINE = re.compile(
    rb"CONNECT (?P<host>[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\]):(?P<port>[0-9]{1,5})"
    rb" HTTP/1\.[01]"
)
_AUTHORIZATION = b"proxy-authorization"
_ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Target:
    """Where a client wants to go."""

    host: str
    port: int

    @property
    def is_aws(self) -> bool:
        return self.host.endswith(tuple("." + domain for domain in DOMAINS))


class Refused(Exception):
    """An answer other than "established"; the connection is closed after it."""

    def __init__(self, status: int, reason: str, header: str = "") -> None:
        super().__init__(reason)
        self.answer = (
            f"HTTP/1.1 {status} {reason}\r\n{header}Content-Length: 0\r\nConnection: close\r\n\r\n"
        ).encode()


class ConnectListener:
    """Accepts, authenticates and connects. `server` is the address this server listens on."""

    def __init__(self, authority: Authority, password: str, server: tuple[str, int]) -> None:
        self._authority = authority
        self._server = server
        self._expected = b"Basic " + base64.b64encode(f"{USER}:{password}".encode())
        self._listener: asyncio.Server | None = None
        self._clients: set[_Client] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self, host: str, port: int) -> int:
        """Listen, and answer the port that was bound (for a `port` of 0)."""
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(lambda: _Client(self), host, port, backlog=128)
        return int(self._listener.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Stop listening and cut what is connected."""
        if self._listener is not None:
            self._listener.close()
        for client in list(self._clients):
            client.cut()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._listener is not None:
            await self._listener.wait_closed()

    def admits(self, client: "_Client") -> bool:
        """Count a new client, unless there are too many."""
        if len(self._clients) >= CONNECTIONS_MAX:
            log.warning("connect_refused", extra={"reason": "too many connections"})
            return False
        self._clients.add(client)
        return True

    def forget(self, client: "_Client") -> None:
        self._clients.discard(client)

    def serve(self, client: "_Client", head: bytes) -> None:
        """Carry out the request in `head`, in a task of its own."""
        task = asyncio.get_running_loop().create_task(self._serve(client, head))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, client: "_Client", head: bytes) -> None:
        try:
            target = self._wanted(head)
            if target.is_aws:
                await self._end_tls(client, target)
            else:
                await self._tunnel(client, target)
        except Refused as refusal:
            client.answer_and_close(refusal.answer)
        except (OSError, TimeoutError, private_files.UnsafeFile) as error:
            # The client sees a closed connection, and repeats if it likes.
            log.warning("connect_failed", extra={"error": str(error) or type(error).__name__})
            client.cut()

    def _wanted(self, head: bytes) -> Target:
        """Raises: Refused: not authenticated, or not a CONNECT request that can be read."""
        given = _values(head, _AUTHORIZATION)
        if len(given) != 1 or not hmac.compare_digest(given[0], self._expected):
            challenge = 'Proxy-Authenticate: Basic realm="modelyard"\r\n'
            raise Refused(407, "Proxy Authentication Required", challenge)
        match = _REQUEST_LINE.fullmatch(head.split(b"\r\n", 1)[0])
        if match is None:
            raise Refused(400, "Only CONNECT host:port is answered here")
        host = match["host"].decode("ascii").strip("[]").rstrip(".").lower()
        port = int(match["port"])
        if not host or not 1 <= port <= 65535:
            raise Refused(400, "No such port")
        return Target(host, port)

    async def _end_tls(self, client: "_Client", target: Target) -> None:
        if target.port != 443:
            raise Refused(403, "AWS names are answered on port 443 only")
        # The first use makes keys and imports cryptography: off the loop.
        context = await asyncio.to_thread(self._authority.context, target.host)
        inner = await self._reach([self._server])
        try:
            outer = await client.start_tls(context)
        except BaseException:
            inner.transport.close()
            raise
        _join(outer, inner, client)

    async def _tunnel(self, client: "_Client", target: Target) -> None:
        try:
            addresses = await public_addresses.resolve(target.host, target.port)
        except OSError:
            raise Refused(502, "Host not found") from None
        if not addresses:
            raise Refused(403, "Only public addresses can be reached from here")
        try:
            inner = await self._reach(addresses)
        except (OSError, TimeoutError):
            raise Refused(502, "Host cannot be reached") from None
        _join(client.become_pipe(), inner, client)

    async def _reach(self, addresses: list[tuple[str, int]]) -> "_Pipe":
        """The first of `addresses` that answers; they are addresses, nothing is resolved again."""
        loop = asyncio.get_running_loop()
        failure: OSError | None = None
        async with asyncio.timeout(REACH_SECONDS_MAX):
            for host, port in addresses:
                try:
                    _, pipe = await loop.create_connection(_Pipe, host, port)
                except OSError as error:
                    failure = error
                    continue
                return pipe
        raise failure or OSError("no address")


class _Pipe(asyncio.Protocol):
    """One side of a joined pair: writes what it reads to its peer, no faster than that takes it.

    The end of one side ends both, after what is buffered has been written.
    """

    def __init__(self) -> None:
        self.transport: asyncio.Transport
        self.peer: _Pipe | None = None
        self.client: _Client | None = None
        self._early: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's does not inherit from it
        self.transport.pause_reading()  # until there is a peer

    def data_received(self, data: bytes) -> None:
        if self.peer is None:
            self._early.append(data)
            return
        self.peer.transport.write(data)
        if self.client is not None:
            self.client.touch()

    def join(self, peer: "_Pipe", client: "_Client") -> None:
        self.peer, self.client = peer, client
        for data in self._early:
            peer.transport.write(data)
        self._early.clear()
        if peer.transport.is_closing():  # it ended before there was a pair
            self.transport.close()
        elif not self.transport.is_closing():
            self.transport.resume_reading()

    def pause_writing(self) -> None:
        if self.peer is not None and not self.peer.transport.is_closing():
            self.peer.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.peer is not None and not self.peer.transport.is_closing():
            self.peer.transport.resume_reading()

    def connection_lost(self, error: Exception | None) -> None:
        if self.peer is not None:
            self.peer.transport.close()
        if self.client is not None:
            self.client.ended()


class _Client(asyncio.Protocol):
    """A client until it is connected: reads the head of its request, within time and size."""

    def __init__(self, listener: ConnectListener) -> None:
        self._listener = listener
        self._head = b""
        self._asked = False
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._last_byte = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        if not self._listener.admits(self):
            self._transport.abort()
            return
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(HEAD_SECONDS_MAX, self.cut)

    def data_received(self, data: bytes) -> None:
        if self._asked:  # nothing may follow the head before it is answered
            self.cut()
            return
        self._head += data
        if self._head.endswith(b"\r\n\r\n") and len(self._head) <= HEAD_BYTES_MAX:
            self._asked = True
            self._listener.serve(self, self._head)
        elif b"\r\n\r\n" in self._head or len(self._head) > HEAD_BYTES_MAX:
            self._asked = True
            self.answer_and_close(Refused(431, "Request header fields too large").answer)

    def connection_lost(self, error: Exception | None) -> None:
        self.ended()

    def answer_and_close(self, answer: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(answer)
            self._transport.close()

    async def start_tls(self, context: ssl.SSLContext) -> _Pipe:
        """Say that the connection stands, and end TLS on it.

        Raises: OSError, ssl.SSLError, TimeoutError: the client went away, or does not trust us.
        """
        transport = self._live_transport()
        transport.pause_reading()
        transport.write(_ESTABLISHED)
        pipe = _Pipe()
        secured = await asyncio.get_running_loop().start_tls(
            transport,
            pipe,
            context,
            server_side=True,
            ssl_handshake_timeout=HANDSHAKE_SECONDS_MAX,
        )
        if secured is None:
            raise ConnectionAbortedError("closed during the handshake")
        self._transport = secured
        pipe.connection_made(secured)
        return pipe

    def become_pipe(self) -> _Pipe:
        """Say that the connection stands; from now on its bytes are the peer's."""
        transport = self._live_transport()
        pipe = _Pipe()
        pipe.connection_made(transport)
        transport.write(_ESTABLISHED)
        transport.set_protocol(pipe)
        return pipe

    def joined(self) -> None:
        """From now on only silence ends the connection."""
        if self._timer is not None:
            self._timer.cancel()
        self.touch()
        self._watch()

    def touch(self) -> None:
        self._last_byte = asyncio.get_running_loop().time()

    def cut(self) -> None:
        if self._transport is not None:
            self._transport.abort()
        self.ended()

    def ended(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._listener.forget(self)

    def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        left = self._last_byte + IDLE_SECONDS_MAX - loop.time()
        if left <= 0:
            self.cut()
        else:
            self._timer = loop.call_later(left, self._watch)

    def _live_transport(self) -> asyncio.Transport:
        if self._transport is None or self._transport.is_closing():
            raise ConnectionAbortedError("the client went away")
        return self._transport


def _values(head: bytes, wanted: bytes) -> list[bytes]:
    """The values of one header. No pattern: whoever sends this has not shown a password yet."""
    lines = [line.partition(b":") for line in head.split(b"\r\n")[1:]]
    return [value.strip(b" \t") for name, _, value in lines if name.lower() == wanted]


def _join(outer: _Pipe, inner: _Pipe, client: _Client) -> None:
    client.joined()
    outer.join(inner, client)
    inner.join(outer, client)
