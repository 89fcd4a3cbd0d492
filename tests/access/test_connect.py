"""Clients that hard-code AWS's hosts reach the server; nobody else gets anywhere."""

import asyncio
import base64
import contextlib
import os
import ssl
import stat
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cryptography import x509

from modelyard.access.interception import public_addresses
from modelyard.access.interception.authority import Authority
from modelyard.access.interception.client_environment import client_environment
from modelyard.access.interception.connect import HEAD_BYTES_MAX, ConnectListener

PASSWORD = "a-password-of-this-test"
CLIENT = """
import boto3
client = boto3.client("sts", region_name="eu-west-1",
    endpoint_url="https://sts.eu-west-1.amazonaws.com",
    aws_access_key_id="AKIAEXAMPLE", aws_secret_access_key="secret")
print(client.get_caller_identity()["Arn"])
"""
ANSWER = (
    b"<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:me</Arn>"
    b"</GetCallerIdentityResult></GetCallerIdentityResponse>"
)


@pytest.fixture
async def port(data: Path) -> AsyncIterator[int]:
    """A listener before a server that answers any request as STS would."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        assert b"\r\nhost: sts.eu-west-1.amazonaws.com\r\n" in head.lower()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(ANSWER) + ANSWER)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    address: tuple[str, int] = server.sockets[0].getsockname()
    listener = ConnectListener(Authority(data), PASSWORD, address)
    yield await listener.start("127.0.0.1", 0)
    await listener.close()
    server.close()
    await server.wait_closed()


async def test_boto3_reaches_sts_at_its_public_name(port: int, data: Path) -> None:
    variables = client_environment(data, PASSWORD, "127.0.0.1", port)
    client = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        CLIENT,
        env={"PATH": os.environ["PATH"], "HOME": str(data), **variables},
        stdout=asyncio.subprocess.PIPE,
    )

    output, _ = await client.communicate()

    assert output.decode().strip() == "arn:me"


async def ask(port: int, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    answer = await asyncio.wait_for(reader.read(4096), 120)
    writer.close()
    await writer.wait_closed()
    return answer


def connect(target: str, user: str = f"modelyard:{PASSWORD}", extra: str = "") -> bytes:
    given = base64.b64encode(user.encode()).decode()
    return (
        f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{extra}"
        f"Proxy-Authorization: Basic {given}\r\n\r\n"
    ).encode()


AWS = "sts.eu-west-1.amazonaws.com:443"


@pytest.mark.parametrize(
    ("request_head", "status"),
    [
        (f"CONNECT {AWS} HTTP/1.1\r\n\r\n".encode(), b"407"),
        (connect(AWS, "modelyard:wrong"), b"407"),
        (connect(AWS, "modelyard:"), b"407"),
        (connect(AWS, f"other:{PASSWORD}"), b"407"),
        (connect(AWS, extra="Proxy-Authorization: Basic eDp5\r\n"), b"407"),
        (connect("sts.eu-west-1.amazonaws.com:80"), b"403"),
        (connect("127.0.0.1:22"), b"403"),
        (connect("localhost:22"), b"403"),
        (connect("169.254.169.254:80"), b"403"),
        (connect("[::1]:22"), b"403"),
        (connect("[::ffff:10.0.0.1]:22"), b"403"),
        (connect("2130706433:80"), b"403"),
        (connect("no-such-host.invalid:443"), b"502"),
        (connect("host:0"), b"400"),
        (connect("host"), b"400"),
        (connect("ho st:443"), b"400"),
        (connect(AWS).replace(b"CONNECT", b"GET"), b"400"),
        (connect("http://169.254.169.254/latest").replace(b"CONNECT", b"GET"), b"400"),
        (connect("/").replace(b"CONNECT", b"POST"), b"400"),
        (connect("*").replace(b"CONNECT", b"OPTIONS"), b"400"),
        (connect(AWS).replace(b"CONNECT", b"connect"), b"400"),
        (connect(AWS).replace(b"HTTP/1.1", b"HTTP/2.0"), b"400"),
        (b"GET http://sts.amazonaws.com/ HTTP/1.1\r\n\r\n", b"407"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"407"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", b"407"),
        (connect(AWS, extra="X: " + "x" * HEAD_BYTES_MAX + "\r\n"), b"431"),
    ],
)
async def test_everything_else_is_refused(port: int, request_head: bytes, status: bytes) -> None:
    answer = await ask(port, request_head)

    assert answer.startswith(b"HTTP/1.1 " + status)


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True),
        ("2606:4700::1111", True),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.0.1", False),
        ("127.1.2.3", False),
        ("100.64.0.1", False),
        ("169.254.169.254", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::", False),
        ("::1", False),
        ("fe80::1%eth0", False),
        ("fd00::1", False),
        ("::ffff:127.0.0.1", False),
        ("64:ff9b::7f00:1", False),
        ("2002:7f00:1::", False),
        ("ff02::1", False),
        ("fec0::1", False),
        ("::7f00:1", False),
        ("host", False),
    ],
)
def test_only_the_open_internet_is_public(address: str, public: bool) -> None:
    assert public_addresses.is_public(address) is public


def test_the_authority_vouches_for_aws_names_only(data: Path) -> None:
    certificate = x509.load_pem_x509_certificate(Authority(data).certificate())

    constraints = certificate.extensions.get_extension_for_class(x509.NameConstraints)
    assert constraints.critical
    permitted = constraints.value.permitted_subtrees or []
    assert {name.value for name in permitted} == {"amazonaws.com", "amazonaws.com.cn", "api.aws"}
    assert len(constraints.value.excluded_subtrees or []) == 2


@pytest.mark.parametrize(
    ("host", "trusted"), [("sts.us-east-1.amazonaws.com", True), ("bank.example", False)]
)
def test_openssl_holds_the_authority_to_its_names(data: Path, host: str, trusted: bool) -> None:
    authority = Authority(data)
    client_context = ssl.create_default_context(cadata=authority.certificate().decode())
    client_in, client_out = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context.wrap_bio(client_in, client_out, server_hostname=host)
    server_in, server_out = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = authority.context(host).wrap_bio(server_in, server_out, server_side=True)

    def shake() -> None:
        for _ in range(10):
            for side in (client, server):
                with contextlib.suppress(ssl.SSLWantReadError):
                    side.do_handshake()
                server_in.write(client_out.read())
                client_in.write(server_out.read())

    if trusted:
        shake()
        assert client.version() == "TLSv1.3"
        return
    with pytest.raises(ssl.SSLCertVerificationError, match="permitted subtree"):
        shake()


def test_the_authority_is_made_once_and_kept_from_others(data: Path) -> None:
    first = Authority(data).certificate()
    variables = client_environment(data, PASSWORD, "::1", 9001, no_proxy="example.com, ::1")

    assert Authority(data).certificate() == first
    assert all(stat.S_IMODE(file.stat().st_mode) == 0o600 for file in (data / "ca").iterdir())
    assert Path(variables["AWS_CA_BUNDLE"]).read_bytes().startswith(first)
    assert variables["HTTPS_PROXY"] == f"http://modelyard:{PASSWORD}@[::1]:9001"
    assert variables["NO_PROXY"] == "example.com,::1,localhost,127.0.0.1"
    config = Path(variables["SAGEMAKER_USER_CONFIG_OVERRIDE"]).read_text()
    assert "    Modules:\n      TelemetryOptOut: true\n" in config


async def test_a_head_that_never_matches_costs_a_stranger_nothing(port: int) -> None:
    spaces = b" " * (HEAD_BYTES_MAX - 200)
    head = b"CONNECT x:443 HTTP/1.1\r\nProxy-Authorization:" + spaces + b"\nx\r\n\r\n"

    started = time.thread_time()
    answer = await ask(port, head)  # the listener is of this thread too

    assert answer.startswith(b"HTTP/1.1 407")
    assert time.thread_time() - started < 2
