"""A connection is kept for the next request, unless bytes nobody asked for are still on it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest

from tests.server_process import ServerProcess

Connect = Callable[[str], HTTPConnection]


@pytest.fixture
def connect() -> Iterator[Connect]:
    """Connections to a host and port, closed after the test."""
    with ExitStack() as stack:
        yield lambda host: stack.enter_context(closing(HTTPConnection(host)))


def test_a_probe_keeps_its_connection(server: ServerProcess, connect: Connect) -> None:
    link = connect(server.url.removeprefix("http://"))
    for _ in range(2):
        link.request("GET", "/ready")
        answer = link.getresponse()
        answer.read()

        assert answer.status == 200
        assert not answer.will_close


def test_objects_are_read_one_after_the_other_on_one_connection(
    server: ServerProcess, connect: Connect
) -> None:
    s3 = server.client("s3")
    s3.create_bucket(Bucket="kept")
    s3.put_object(Bucket="kept", Key="a", Body=b"bytes")
    url = urlsplit(s3.generate_presigned_url("get_object", Params={"Bucket": "kept", "Key": "a"}))
    link = connect(url.netloc)
    for _ in range(2):
        link.request("GET", f"{url.path}?{url.query}")
        answer = link.getresponse()

        assert answer.read() == b"bytes"
        assert not answer.will_close


def test_a_connection_with_an_unread_body_is_closed(
    server: ServerProcess, connect: Connect
) -> None:
    link = connect(server.url.removeprefix("http://"))
    link.putrequest("POST", "/")
    link.putheader("Content-Length", "5000000")
    link.endheaders(b"x")
    answer = link.getresponse()
    answer.read()

    assert 400 <= answer.status < 500
    assert answer.will_close
