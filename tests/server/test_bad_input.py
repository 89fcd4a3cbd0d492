"""Whatever a client sends, it gets a 4xx with AWS's error and a request id; the server stays up."""

import json
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.server_process import ServerProcess

DEEP = 200_000


def sign(
    server: ServerProcess,
    body: bytes,
    *,
    target: str = "SageMaker.ListModelPackageGroups",
    service: str = "sagemaker",
    path: str = "/",
    method: str = "POST",
    headers: dict[str, str] | None = None,
) -> AWSRequest:
    request = AWSRequest(
        method,
        server.url + path,
        data=body,
        headers={
            "Content-Type": "application/x-amz-json-1.1",
            "X-Amz-Target": target,
            **(headers or {}),
        },
    )
    keys = Credentials(server.access_key_id, server.secret_access_key)
    SigV4Auth(keys, service, "us-east-1").add_auth(request)
    return request


def raw(server: ServerProcess, head: bytes, body: bytes = b"") -> bytes:
    """Send bytes as they are; everything that comes back until the server closes."""
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=120) as link:
        link.sendall(head + body)
        return b"".join(iter(lambda: link.recv(65536), b""))


def send(server: ServerProcess, request: AWSRequest) -> tuple[int, dict[str, str], bytes]:
    prepared = request.prepare()
    lines = [f"{prepared.method} {prepared.url.removeprefix(server.url)} HTTP/1.1"]
    headers = {
        k.lower(): v if isinstance(v, str) else v.decode() for k, v in prepared.headers.items()
    }
    headers.setdefault("host", server.url.removeprefix("http://"))
    headers.update({"content-length": str(len(prepared.body or b"")), "connection": "close"})
    lines += [f"{name}: {value}" for name, value in headers.items()]
    answer = raw(server, "\r\n".join(lines).encode() + b"\r\n\r\n", prepared.body or b"")
    head, _, body = answer.partition(b"\r\n\r\n")
    status, *rest = head.decode("latin-1").split("\r\n")
    named = dict(line.lower().split(": ", 1) for line in rest)
    return int(status.split()[1]), named, body


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """One server for all: each bad request also proves that those before did no harm."""
    process = ServerProcess(tmp_path_factory.mktemp("bad-input"))
    process.start()
    yield process
    assert not process.close()


BODIES = {
    "not JSON": b"{",
    "not an object": b"[]",
    "a bare number": b"7",
    "not UTF-8": b'{"NameContains": "\xff\xfe"}',
    "a lone surrogate": b'{"NameContains": "\\ud800"}',
    "a NUL": b'{"NameContains": "a\\u0000b"}',
    "NaN": b'{"MaxResults": NaN}',
    "infinity": b'{"MaxResults": 1e999}',
    "a huge integer": b'{"MaxResults": ' + b"9" * 5000 + b"}",
    "a fraction for an integer": b'{"MaxResults": 1.5}',
    "a text for an integer": b'{"MaxResults": "ten"}',
    "a list for a text": b'{"NameContains": ["a"]}',
    "true for an integer": b'{"MaxResults": true}',
    "an integer below its range": b'{"MaxResults": 0}',
    "a time far off": b'{"CreationTimeAfter": 1e18}',
    "an unknown enum value": b'{"SortBy": "Colour"}',
    "deep arrays": b'{"NameContains": ' + b"[" * DEEP + b"]" * DEEP + b"}",
    "deep objects": b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    "trailing words": b"{} {}",
    "a forged page token": b'{"NextToken": "AAAA"}',
}


@pytest.mark.parametrize("name", BODIES)
def test_a_bad_body_is_refused_with_an_error_that_clients_can_read(
    server: ServerProcess, name: str
) -> None:
    status, headers, body = send(server, sign(server, BODIES[name]))
    error = json.loads(body)

    assert 400 <= status < 500
    assert error["__type"] and error["message"]
    assert headers["x-amzn-requestid"] in server.log


@pytest.mark.parametrize(
    "target",
    ["SageMaker.NoSuchThing", "SageMaker.", "Nobody.Home", "", "SageMaker.CreateAutoMLJob"],
)
def test_an_operation_that_is_not_offered_is_named_in_a_refusal(
    server: ServerProcess, target: str
) -> None:
    status, _, body = send(server, sign(server, b"{}", target=target or "x"))

    assert status == 400
    assert json.loads(body)["__type"] == "UnknownOperationException"


def test_a_service_that_is_not_offered_is_named_in_a_refusal(server: ServerProcess) -> None:
    status, _, body = send(server, sign(server, b"{}", service="dynamodb"))

    assert status == 400
    assert b"dynamodb" in body


def test_a_request_without_a_signature_is_refused(server: ServerProcess) -> None:
    request = AWSRequest(
        "POST",
        server.url + "/",
        data=b"{}",
        headers={"X-Amz-Target": "SageMaker.ListModelPackageGroups"},
    )
    status, headers, body = send(server, request)

    assert 400 <= status < 500
    assert "MissingAuthenticationToken" in json.loads(body)["__type"]
    assert headers["x-amzn-requestid"]


def test_a_signature_by_a_wrong_secret_is_refused(server: ServerProcess) -> None:
    request = AWSRequest(
        "POST",
        server.url + "/",
        data=b"{}",
        headers={"X-Amz-Target": "SageMaker.ListModelPackageGroups"},
    )
    keys = Credentials(server.access_key_id, "not-the-secret-of-this-key")
    SigV4Auth(keys, "sagemaker", "us-east-1").add_auth(request)
    status, _, body = send(server, request)

    assert 400 <= status < 500
    assert "Signature" in json.loads(body)["__type"]


def test_a_body_over_the_limit_is_refused_before_it_is_read(server: ServerProcess) -> None:
    head = (
        b"POST / HTTP/1.1\r\nhost: x\r\nx-amz-target: SageMaker.ListModelPackageGroups\r\n"
        b"content-type: application/x-amz-json-1.1\r\n"
        b"content-length: 10000000000\r\nauthorization: %s\r\nx-amz-date: %s\r\n\r\n"
    )
    signed = sign(server, b"{}").headers
    answer = raw(
        server,
        head % (signed["Authorization"].encode(), signed["X-Amz-Date"].encode()),
    )

    assert b" 413 " in answer.split(b"\r\n")[0]


FRAMINGS = {
    "two lengths": b"content-length: 1\r\ncontent-length: 2\r\n",
    "length and chunks": b"content-length: 1\r\ntransfer-encoding: chunked\r\n",
    "a signed length": b"content-length: +1\r\n",
    "a negative length": b"content-length: -1\r\n",
    "an unknown coding": b"transfer-encoding: gzip, chunked, x\r\n",
    "a space before the colon": b"content-length : 1\r\n",
    "a folded header": b"x-a: 1\r\n folded: 2\r\n",
    "a NUL in a header": b"x-a: \x00\r\n",
}


@pytest.mark.parametrize("name", FRAMINGS)
def test_an_ambiguous_framing_gets_one_refusal_and_no_second_request(
    server: ServerProcess, name: str
) -> None:
    inner = b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n"
    answer = raw(
        server, b"POST / HTTP/1.1\r\nhost: x\r\n" + FRAMINGS[name] + b"\r\n", b"0\r\n\r\n" + inner
    )

    assert answer.count(b"HTTP/1.1 4") == 1
    assert b"HTTP/1.1 200" not in answer


def test_headers_without_end_are_refused(server: ServerProcess) -> None:
    answer = raw(server, b"GET / HTTP/1.1\r\nhost: x\r\n" + b"x-a: " + b"a" * 300_000 + b"\r\n")

    assert answer.startswith(b"HTTP/1.1 4")


SERVICES: dict[str, Callable[[ServerProcess], AWSRequest]] = {
    "s3": lambda server: AWSRequest("GET", server.url + "/bucket/key"),
    "sts": lambda server: AWSRequest(
        "POST",
        server.url + "/",
        data=b"Action=GetCallerIdentity&Version=2011-06-15",
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    ),
    "runtime": lambda server: AWSRequest(
        "POST", server.url + "/endpoints/x/invocations", data=b"1"
    ),
}


@pytest.mark.parametrize("service", SERVICES)
def test_a_stranger_is_refused_in_the_words_of_the_protocol(
    server: ServerProcess, service: str
) -> None:
    status, headers, body = send(server, SERVICES[service](server))
    form: Any = headers["content-type"]

    assert 400 <= status < 500
    assert ("xml" in form) == (service != "runtime")
    assert (b"<Code>" in body) if "xml" in form else json.loads(body)["message"]
