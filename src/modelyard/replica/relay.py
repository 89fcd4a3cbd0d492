"""Carries bytes between model code and the server's door, and answers the credentials endpoint.

Model code sees two ports of its own loopback (door.Ports). One thread serves both, so that a
model's own threads share nothing with it; it has to start after the sandbox is sealed. Whatever
model code does here harms nobody but itself: the server counts and limits on its side.
"""

import contextlib
import errno
import hmac
import os
import selectors
import socket
import threading
import time
from collections.abc import Callable, Mapping, MutableMapping

from modelyard.replica import door
from modelyard.replica.door import Ports

HELD_BYTES_MAX = 64 << 10  # in each direction of a connection
HEAD_BYTES_MAX = 8 << 10  # of a request for credentials
PATH = "/credentials"
_WITHOUT_DESCRIPTORS_SECONDS = 0.05

_REASONS = {200: "OK", 400: "Bad Request", 403: "Forbidden", 404: "Not Found"}
_READ, _WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE


def open_door(ports: Ports, control: socket.socket, environment: MutableMapping[str, str]) -> None:
    """Serve `ports` from now on, and tell SDKs of them where `environment` does not say otherwise.

    Of two words on the same matter the container's own is kept whole: a name of its own for where
    credentials come from is not joined by a token of ours.
    """
    token = os.urandom(32).hex()
    http, credentials = ports.numbers
    environment.setdefault("AWS_ENDPOINT_URL", f"http://{door.HOST}:{http}")
    if "AWS_CONTAINER_CREDENTIALS_FULL_URI" not in environment:
        environment["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = (
            f"http://{door.HOST}:{credentials}{PATH}"
        )
        environment["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = token
    threading.Thread(target=Relay(ports, control, token).run, name="door", daemon=True).start()


class Relay:
    """All that goes through one replica's door; ends when the server closes the channel."""

    def __init__(self, ports: Ports, control: socket.socket, token: str) -> None:
        self._ports = ports
        self._control = control
        self._token = token
        self._selector = selectors.DefaultSelector()
        self._number = 0
        self._open = 0  # connections of model code, whatever they wait for
        self._accepting = False
        self._connecting: dict[bytes, socket.socket] = {}
        self._asking: dict[bytes, socket.socket] = {}

    def run(self) -> None:
        for listener in self._ports:
            listener.setblocking(False)
        self._control.setblocking(True)
        self._selector.register(self._control, _READ, self._on_answer)
        self._accept_more()
        try:
            while True:
                for key, events in self._selector.select():
                    key.data(events)
        except (ConnectionError, EOFError):
            """The server is gone, or has closed the door."""
        finally:
            waiting = (*self._connecting.values(), *self._asking.values())
            watched = [key.fileobj for key in self._selector.get_map().values()]
            for one in {*waiting, *watched, *self._ports, self._control}:
                assert isinstance(one, socket.socket)
                close(one)
            self._selector.close()

    # Listening stops while there are enough; the kernel keeps the next ones waiting.

    def _accept_more(self) -> None:
        if not self._accepting and self._open < door.CONNECTIONS_MAX:
            self._accepting = True
            accepts = (self._on_http, self._on_credentials)
            for listener, accept in zip(self._ports, accepts, strict=True):
                self._selector.register(listener, _READ, accept)

    def _accept(self, listener: socket.socket) -> socket.socket | None:
        if not self._accepting:
            return None
        try:
            client, _ = listener.accept()
        except BlockingIOError:
            return None
        except OSError as error:
            if error.errno not in (errno.ECONNABORTED, errno.EMFILE, errno.ENFILE):
                raise
            # Model code has used up its descriptors; the connection waits, and we do not spin.
            time.sleep(_WITHOUT_DESCRIPTORS_SECONDS)
            return None
        client.setblocking(False)
        self._open += 1
        if self._open >= door.CONNECTIONS_MAX:
            self._accepting = False
            for one in self._ports:
                self._selector.unregister(one)
        return client

    def _end(self, client: socket.socket) -> None:
        close(client)
        self._open -= 1
        self._accept_more()

    def _on_http(self, events: int) -> None:
        if (client := self._accept(self._ports.http)) is not None:
            self._connecting[self._ask(door.CONNECT)] = client

    def _on_credentials(self, events: int) -> None:
        if (client := self._accept(self._ports.credentials)) is not None:
            head = bytearray()
            self._selector.register(client, _READ, lambda _: self._on_head(client, head))

    def _ask(self, what: bytes) -> bytes:
        self._number += 1
        number = b"%d" % self._number
        self._control.sendall(what + b" " + number)
        return number

    def _on_answer(self, events: int) -> None:
        data, descriptors, _, _ = socket.recv_fds(
            self._control, door.ANSWER_BYTES_MAX, 1, socket.MSG_CMSG_CLOEXEC
        )
        if not data:
            raise EOFError
        number, _, rest = data.partition(b" ")
        if (client := self._connecting.pop(number, None)) is not None:
            if descriptors:
                behind = socket.socket(fileno=descriptors[0])
                behind.setblocking(False)
                Connection(self._selector, client, behind, self._end)
            else:
                self._end(client)
        elif (client := self._asking.pop(number, None)) is not None:
            status, _, body = rest.partition(b" ")
            self._reply(client, int(status), body)

    # The container credentials endpoint: one request a connection.

    def _on_head(self, client: socket.socket, head: bytearray) -> None:
        try:
            data = client.recv(HEAD_BYTES_MAX)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        head += data
        if b"\r\n\r\n" not in head:
            if not data or len(head) > HEAD_BYTES_MAX:
                self._selector.unregister(client)
                self._end(client)
            return
        self._selector.unregister(client)
        refusal = self._refusal(bytes(head))
        if refusal is None:
            self._asking[self._ask(door.CREDENTIALS)] = client
        else:
            self._reply(client, *refusal)

    def _refusal(self, head: bytes) -> tuple[int, bytes] | None:
        line, *fields = head.decode("latin-1").partition("\r\n\r\n")[0].split("\r\n")
        headers: Mapping[str, str] = {
            name.strip().lower(): value.strip()
            for name, _, value in (field.partition(":") for field in fields)
        }
        if line.split(" ")[:2] != ["GET", PATH]:
            return 404, b'{"code":"NotFound","message":"There is GET /credentials alone."}'
        given = headers.get("authorization", "")
        if not hmac.compare_digest(given.encode(), self._token.encode()):
            return 403, (
                b'{"code":"AccessDenied","message":"Send the AWS_CONTAINER_AUTHORIZATION_TOKEN'
                b' as Authorization."}'
            )
        return None

    def _reply(self, client: socket.socket, status: int, body: bytes) -> None:
        reason = _REASONS.get(status, "Error")
        head = (
            f"HTTP/1.1 {status} {reason}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        try:
            client.send(head.encode() + body)  # fits into an empty buffer whole
        except OSError:
            """Model code did not wait for it."""
        self._end(client)


class Connection:
    """One connection of model code and the stream behind it."""

    def __init__(
        self,
        selector: selectors.BaseSelector,
        client: socket.socket,
        behind: socket.socket,
        end: Callable[[socket.socket], None],
    ) -> None:
        self._selector = selector
        self._client, self._behind = client, behind
        self._end = end
        self._flows = (_Flow(client, behind), _Flow(behind, client))
        self._watched: dict[socket.socket, int] = {client: 0, behind: 0}
        self._watch()

    def _on_events(self, events: int) -> None:
        try:
            for flow in self._flows:
                flow.move()
        except OSError:
            self._close()
            return
        sending, answering = self._flows
        # Once the server has ended its side, a client that keeps its own open has no use of it.
        if answering.done and (sending.done or sending.idle):
            self._close()
        else:
            self._watch()

    def _watch(self) -> None:
        wanted = dict.fromkeys(self._watched, 0)
        for flow in self._flows:
            wanted[flow.source] |= _READ if flow.takes else 0
            wanted[flow.target] |= _WRITE if flow.held else 0
        for one, events in wanted.items():
            before = self._watched[one]
            if events and not before:
                self._selector.register(one, events, self._on_events)
            elif before and not events:
                self._selector.unregister(one)
            elif events != before:
                self._selector.modify(one, events, self._on_events)
        self._watched = wanted

    def _close(self) -> None:
        for one, events in self._watched.items():
            if events:
                self._selector.unregister(one)
        self._watched = dict.fromkeys(self._watched, 0)
        close(self._behind)
        self._end(self._client)


class _Flow:
    """One direction: what was read and not written yet."""

    __slots__ = ("_ended", "done", "held", "idle", "source", "target")

    def __init__(self, source: socket.socket, target: socket.socket) -> None:
        self.source, self.target = source, target
        self.held = bytearray()
        self._ended = False  # nothing more comes
        self.done = False  # and that was passed on
        self.idle = False  # nothing is there at the moment

    @property
    def takes(self) -> bool:
        return not self._ended and len(self.held) < HELD_BYTES_MAX

    def move(self) -> None:
        """Read and write as much as goes at once. Raises: OSError: the connection is lost."""
        self.idle = False
        if self.takes:
            try:
                data = self.source.recv(HELD_BYTES_MAX - len(self.held))
                self.held += data
                self._ended = not data
            except BlockingIOError:
                self.idle = not self.held
        if self.held:
            try:
                del self.held[: self.target.send(self.held)]
            except BlockingIOError:
                """The other side is not ready to take it."""
        if self._ended and not self.held and not self.done:
            self.target.shutdown(socket.SHUT_WR)
            self.done = True


def close(one: socket.socket) -> None:
    """End the connection even where a child that model code forked holds a copy of it."""
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()
