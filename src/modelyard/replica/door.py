"""The words of a replica's control channel, and the two ports of its own loopback.

The channel is a pair of sockets that keep packets apart (SOCK_SEQPACKET). The replica asks and
numbers its questions; the server answers each once, in any order:

    "connect 7"       "7" and the descriptor of a stream on which the server speaks HTTP;
                      without a descriptor: not now
    "credentials 8"   "8 STATUS JSON", to be answered to an SDK as it is

Knows neither what is asked through the door nor who serves behind it.
"""

import contextlib
import fcntl
import socket
import struct
from typing import NamedTuple

CONNECT, CREDENTIALS = b"connect", b"credentials"
QUESTION_BYTES_MAX = 64
ANSWER_BYTES_MAX = 32 << 10
CONNECTIONS_MAX = 32  # of one replica at a time; SDKs keep ten for a client
HOST = "127.0.0.1"
BACKLOG = 128

_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 0x1
_INTERFACE_REQUEST = struct.Struct("16sH14x")


class Ports(NamedTuple):
    """Listening sockets: HTTP of the server, and the container credentials endpoint."""

    http: socket.socket
    credentials: socket.socket

    @property
    def numbers(self) -> tuple[int, int]:
        return self.http.getsockname()[1], self.credentials.getsockname()[1]

    def close(self) -> None:
        for listener in self:
            listener.close()


def listen() -> Ports | None:
    """Listen in this process's own network namespace, with its loopback set up.

    To be called in one that was made just now, while the right to it is there. None: refused.
    """
    with contextlib.ExitStack() as stack:
        try:
            _set_loopback_up()
            http = stack.enter_context(socket.create_server((HOST, 0), backlog=BACKLOG))
            credentials = stack.enter_context(socket.create_server((HOST, 0), backlog=BACKLOG))
            ports = Ports(http, credentials)
        except OSError:
            return None
        stack.pop_all()
        return ports


def question(line: bytes) -> tuple[bytes, bytes] | None:
    """What is asked and the question's number; None for what is no question."""
    asked, _, number = line.partition(b" ")
    if asked not in (CONNECT, CREDENTIALS) or not number.isdigit():
        return None
    return (asked, number) if len(line) <= QUESTION_BYTES_MAX else None


def _set_loopback_up() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        asked = _INTERFACE_REQUEST.pack(b"lo", 0)
        answer = fcntl.ioctl(any_socket, _SIOCGIFFLAGS, asked)
        _, flags = _INTERFACE_REQUEST.unpack(answer)
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, _INTERFACE_REQUEST.pack(b"lo", flags | _IFF_UP))
