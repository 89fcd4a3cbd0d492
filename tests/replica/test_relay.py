"""The replica's side of its door, in this process: bytes pass as they are, ends pass too."""

import os
import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from modelyard.replica import door, relay
from modelyard.replica.door import Ports

SECONDS_MAX = 60.0


class Server:
    """The other end of the channel: takes what is asked, and gives streams away."""

    def __init__(self, control: socket.socket) -> None:
        self.control = control
        control.settimeout(SECONDS_MAX)

    def asked(self) -> tuple[bytes, bytes]:
        found = door.question(self.control.recv(1000))
        assert found is not None
        return found

    def give(self) -> socket.socket:
        """Our end of the stream behind the connection that is asked for now."""
        what, number = self.asked()
        assert what == door.CONNECT
        ours, theirs = socket.socketpair()
        ours.settimeout(SECONDS_MAX)
        with theirs:
            socket.send_fds(self.control, [number], [theirs.fileno()])
        return ours


@pytest.fixture
def ports() -> Ports:
    return Ports(*(socket.create_server((door.HOST, 0)) for _ in Ports._fields))


@pytest.fixture
def server(ports: Ports) -> Iterator[Server]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    thread = threading.Thread(target=relay.Relay(ports, theirs, "token").run)
    thread.start()
    with ours:
        yield Server(ours)
    thread.join(SECONDS_MAX)
    assert not thread.is_alive()


@pytest.fixture
def connect(ports: Ports, server: Server) -> Callable[[int], socket.socket]:
    numbers = ports.numbers
    return lambda which: socket.create_connection((door.HOST, numbers[which]), SECONDS_MAX)


def read_all(stream: socket.socket) -> bytes:
    parts = []
    while data := stream.recv(1 << 16):
        parts.append(data)
    return b"".join(parts)


def test_large_bodies_pass_both_ways_at_once_and_their_ends_too(
    connect: Callable[[int], socket.socket], server: Server
) -> None:
    there, back = os.urandom(3 << 20), os.urandom(3 << 20)
    with connect(0) as client, server.give() as behind:

        def send(stream: socket.socket, data: bytes) -> threading.Thread:
            def run() -> None:
                stream.sendall(data)
                stream.shutdown(socket.SHUT_WR)

            thread = threading.Thread(target=run)
            thread.start()
            return thread

        sending = [send(client, there), send(behind, back)]
        arrived: list[bytes] = []
        reading = threading.Thread(target=lambda: arrived.append(read_all(behind)))
        reading.start()
        assert read_all(client) == back
        for thread in (*sending, reading):
            thread.join(SECONDS_MAX)
        assert arrived == [there]


def test_a_connection_that_is_not_given_is_closed(
    connect: Callable[[int], socket.socket], server: Server
) -> None:
    with connect(0) as client:
        _, number = server.asked()
        server.control.send(number)

        assert client.recv(10) == b""


def test_no_more_connections_are_asked_for_than_there_may_be(
    connect: Callable[[int], socket.socket], server: Server
) -> None:
    clients = [connect(0) for _ in range(door.CONNECTIONS_MAX + 5)]
    streams = [server.give() for _ in range(door.CONNECTIONS_MAX)]
    server.control.settimeout(0.3)
    with pytest.raises(TimeoutError):
        server.asked()

    server.control.settimeout(SECONDS_MAX)
    streams.pop().close()  # one is over, and one of those that wait takes its place
    streams.append(server.give())

    for one in (*clients, *streams):
        one.close()


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET /credentials HTTP/1.1\r\nAuthorization: token\r\n\r\n", b"200"),
        (b"GET /credentials HTTP/1.1\r\naUTHORIZATION:token \r\nX: y\r\n\r\n", b"200"),
        (b"GET /credentials HTTP/1.1\r\nAuthorization: Token\r\n\r\n", b"403"),
        (b"GET /credentials HTTP/1.1\r\nAuthorization: t\xc3\xb6ken\r\n\r\n", b"403"),
        (b"GET /credentials HTTP/1.1\r\n\r\n", b"403"),
        (b"POST /credentials HTTP/1.1\r\nAuthorization: token\r\n\r\n", b"404"),
        (b"GET /credentials/ HTTP/1.1\r\nAuthorization: token\r\n\r\n", b"404"),
        (b"HEAD /credentials HTTP/1.1\r\nAuthorization: token\r\n\r\n", b"404"),
        (b"GET //credentials HTTP/1.1\r\nAuthorization: token\r\n\r\n", b"404"),
        (b"GET /credentials?role=other HTTP/1.1\r\nAuthorization: token\r\n\r\n", b"404"),
        (b"GET /credentials HTTP/1.1\r\nAuthorization: token, token\r\n\r\n", b"403"),
        (b"\xff\xfe\x00 nonsense\r\n\r\n", b"404"),
    ],
)
def test_credentials_are_for_who_sends_the_token(
    connect: Callable[[int], socket.socket], server: Server, request_bytes: bytes, status: bytes
) -> None:
    with connect(1) as client:
        client.sendall(request_bytes[:10])
        client.sendall(request_bytes[10:])
        if status == b"200":
            what, number = server.asked()
            assert what == door.CREDENTIALS
            server.control.send(number + b' 200 {"AccessKeyId":"a"}')
        head, _, body = read_all(client).partition(b"\r\n\r\n")

    assert head.startswith(b"HTTP/1.1 " + status)
    assert b"content-length: %d" % len(body) in head
    assert (body == b'{"AccessKeyId":"a"}') == (status == b"200")


def test_a_head_without_an_end_is_cut(connect: Callable[[int], socket.socket]) -> None:
    with connect(1) as client:
        client.sendall(b"x" * (relay.HEAD_BYTES_MAX + 1))
        try:
            assert client.recv(10) == b""
        except ConnectionResetError:
            """The kernel's word for an end with bytes unread."""


def test_when_the_server_closes_the_channel_every_connection_ends(
    connect: Callable[[int], socket.socket], server: Server
) -> None:
    with connect(0) as client, server.give() as behind, connect(1) as asking, connect(0) as waiting:
        server.asked()
        server.control.close()

        assert read_all(behind) == b""
        for one in (client, asking, waiting):
            try:
                assert one.recv(10) == b""
            except ConnectionResetError:
                """It was not even accepted."""


def test_only_questions_are_questions() -> None:
    assert door.question(b"connect 1") == (b"connect", b"1")
    assert door.question(b"credentials 99") == (b"credentials", b"99")
    for line in (b"", b"connect", b"connect ", b"connect 1 ", b"x 1", b"connect " + b"1" * 60):
        assert door.question(line) is None
