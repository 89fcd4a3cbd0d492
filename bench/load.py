"""A closed-loop HTTP/1.1 load generator: one thread, epoll, one request in flight a connection.

Requests are ready-made bytes, so that building and signing them costs nothing while it measures.
It takes about 15 microseconds a request, so up to some 30,000 requests a second the server is the
limit; on a machine with few cores both still share them. Knows no protocol above HTTP.
"""

import select
import socket
import time
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field

STALLED_SECONDS = 30.0
_RECEIVE_BYTES = 1 << 18


@dataclass(slots=True)
class Outcome:
    """What came of one run. `latencies` are seconds, of every answered request."""

    clients: int
    answered: int = 0
    refused: int = 0
    seconds: float = 0.0
    first_refusal: str = ""
    latencies: "array[float]" = field(default_factory=lambda: array("d"))

    @property
    def per_second(self) -> float:
        return self.answered / self.seconds if self.seconds else 0.0

    def percentile_ms(self, percent: float) -> float:
        if not self.latencies:
            return float("nan")
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(percent / 100 * len(ordered)))] * 1000


class BadAnswer(Exception):
    """The server closed early, or answered what this generator does not read."""


class _Connection:
    """One keep-alive connection and the answer that is arriving on it."""

    __slots__ = ("buffer", "needed", "sent_at", "socket", "status")

    def __init__(self, host: str, port: int) -> None:
        self.socket = socket.create_connection((host, port), timeout=STALLED_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        self.needed = 0
        self.status = 0
        self.sent_at = 0.0

    def send(self, request: bytes) -> None:
        self.buffer = b""
        self.needed = 0
        self.sent_at = time.perf_counter()
        self.socket.sendall(request)

    def receive(self) -> bool:
        """Take what has arrived; whether the answer is whole."""
        data = self.socket.recv(_RECEIVE_BYTES)
        if not data:
            raise BadAnswer("the server closed the connection")
        self.buffer += data
        if not self.needed:
            end = self.buffer.find(b"\r\n\r\n")
            if end < 0:
                return False
            head = self.buffer[:end].lower()
            self.status = int(head[9:12])
            at = head.find(b"\r\ncontent-length:")
            if at < 0:
                raise BadAnswer("an answer without Content-Length")
            length, _, _ = head[at + 17 :].partition(b"\r\n")
            self.needed = end + 4 + int(length)
        return len(self.buffer) >= self.needed

    @property
    def body(self) -> bytes:
        return self.buffer.partition(b"\r\n\r\n")[2]


def run(
    host: str, port: int, requests: Sequence[bytes], *, clients: int, seconds: float
) -> Outcome:
    """Send `requests` in order over `clients` connections, until they or the time are used up.

    Raises: BadAnswer.
    """
    outcome = Outcome(clients)
    connections = {}
    poll = select.epoll()
    for _ in range(min(clients, len(requests))):
        connection = _Connection(host, port)
        connections[connection.socket.fileno()] = connection
        poll.register(connection.socket.fileno(), select.EPOLLIN)
    try:
        _drive(poll, connections, requests, outcome, seconds)
    finally:
        poll.close()
        for connection in connections.values():
            connection.socket.close()
    return outcome


def _drive(
    poll: select.epoll,
    connections: dict[int, _Connection],
    requests: Sequence[bytes],
    outcome: Outcome,
    seconds: float,
) -> None:
    started = ended = time.perf_counter()
    deadline = started + seconds
    following = iter(requests)
    for connection in connections.values():
        connection.send(next(following))
    in_flight = len(connections)
    while in_flight:
        events = poll.poll(STALLED_SECONDS)
        if not events:
            raise BadAnswer(f"no answer for {STALLED_SECONDS:.0f} seconds")
        for descriptor, _ in events:
            connection = connections[descriptor]
            if not connection.receive():
                continue
            ended = time.perf_counter()
            _count(outcome, connection, ended)
            request = next(following, None) if ended < deadline else None
            if request is None:
                in_flight -= 1
            else:
                connection.send(request)
    outcome.seconds = ended - started


def _count(outcome: Outcome, connection: _Connection, now: float) -> None:
    if 200 <= connection.status < 300:
        outcome.answered += 1
        outcome.latencies.append(now - connection.sent_at)
        return
    outcome.refused += 1
    if not outcome.first_refusal:
        outcome.first_refusal = f"{connection.status} {connection.body[:300].decode('latin-1')}"


def ask(host: str, port: int, request: bytes) -> tuple[int, bytes]:
    """One request on a connection of its own: status and body."""
    connection = _Connection(host, port)
    try:
        connection.send(request)
        while not connection.receive():
            pass
        return connection.status, connection.body
    finally:
        connection.socket.close()
