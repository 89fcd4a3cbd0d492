"""The door through a real server: boto3 as it is, and bodies written by hand on a socket."""

import base64
import hashlib
import hmac
import http.client
import os
import shutil
import socket
import time
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3.s3.transfer
import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import (
    ClientError,
    IncompleteReadError,
    ResponseStreamingError,
)

from modelyard.objects import checksums
from modelyard.objects.blobs import BLOCK_BYTES
from tests.server_process import REGION, ServerProcess

BIG = os.urandom(3 * BLOCK_BYTES + 77)
ODD_KEYS = [
    "a b",
    "a+b",
    "100%",
    "a%2Fb",
    "a//b",
    "../a",
    "ä/日本",
    "\U0001f600",
    "t\x01",
    "~-_.!*'()",
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """One server for all tests of this module; each has a bucket of its own."""
    started = ServerProcess(tmp_path_factory.mktemp("s3"))
    started.start()
    yield started
    complaints = started.close()
    shutil.rmtree(started.data)
    assert not complaints


@pytest.fixture
def s3(server: ServerProcess) -> Any:
    return server.client("s3")


@pytest.fixture
def bucket(s3: Any, request: pytest.FixtureRequest) -> str:
    name = "b" + hashlib.sha256(request.node.name.encode()).hexdigest()[:30]
    s3.create_bucket(Bucket=name)
    return name


def code(failed: pytest.ExceptionInfo[ClientError]) -> tuple[str, int]:
    answer = failed.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]


@pytest.mark.parametrize(
    "algorithm", sorted(checksums.ALGORITHMS.keys() - {"MD5"})
)  # botocore lacks it
def test_boto3_puts_and_verifies_every_checksum(s3: Any, bucket: str, algorithm: str) -> None:
    put = s3.put_object(Bucket=bucket, Key="k", Body=BIG, ChecksumAlgorithm=algorithm)

    got = s3.get_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")

    assert got[f"Checksum{algorithm}"] == put[f"Checksum{algorithm}"]
    assert got["Body"].read() == BIG


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC64NVME", "SHA256"])
def test_a_model_goes_up_and_down_in_parts(
    s3: Any, bucket: str, tmp_path: Path, algorithm: str
) -> None:
    model = tmp_path / "model.tar.gz"
    model.write_bytes(os.urandom(30 << 20))

    s3.upload_file(str(model), bucket, "model.tar.gz", {"ChecksumAlgorithm": algorithm})
    s3.download_file(bucket, "model.tar.gz", str(tmp_path / "back"))

    assert (tmp_path / "back").read_bytes() == model.read_bytes()
    head = s3.head_object(Bucket=bucket, Key="model.tar.gz")
    assert head["ETag"].endswith('-4"')
    config = boto3.s3.transfer.TransferConfig(multipart_threshold=8 << 20)
    s3.copy({"Bucket": bucket, "Key": "model.tar.gz"}, bucket, "copied", Config=config)
    assert s3.get_object(Bucket=bucket, Key="copied")["Body"].read() == model.read_bytes()


def test_odd_keys_pass_unharmed(s3: Any, bucket: str) -> None:
    for key in ODD_KEYS:
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode(), Metadata={"n": "1"})

    for key in ODD_KEYS:
        assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == key.encode()
        s3.copy_object(Bucket=bucket, Key=f"copy/{key}", CopySource={"Bucket": bucket, "Key": key})
    pages = s3.get_paginator("list_objects_v2").paginate(
        Bucket=bucket, Delimiter="/", PaginationConfig={"PageSize": 2}
    )
    keys, prefixes = [], []
    for page in pages:
        keys += [found["Key"] for found in page.get("Contents", [])]
        prefixes += [found["Prefix"] for found in page.get("CommonPrefixes", [])]
    assert keys == sorted(key for key in ODD_KEYS if "/" not in key)
    assert prefixes == sorted(
        {key.split("/")[0] + "/" for key in ODD_KEYS if "/" in key} | {"copy/"}
    )
    for version in ("list_objects", "list_objects_v2"):
        pages = s3.get_paginator(version).paginate(
            Bucket=bucket, Prefix="copy/", PaginationConfig={"PageSize": 3}
        )
        listed = [found["Key"] for page in pages for found in page["Contents"]]
        assert listed == sorted(f"copy/{key}" for key in ODD_KEYS)
    wanted = [{"Key": key} for key in ODD_KEYS if key != "t\x01"]  # XML cannot say that one
    deleted = s3.delete_objects(Bucket=bucket, Delete={"Objects": wanted})["Deleted"]
    assert deleted == wanted
    left = s3.list_objects_v2(Bucket=bucket, Delimiter="/")["Contents"]
    assert [found["Key"] for found in left] == ["t\x01"]


def test_headers_ranges_and_conditions_over_http(s3: Any, bucket: str) -> None:
    put = s3.put_object(
        Bucket=bucket, Key="k", Body=BIG, ContentType="text/csv", Metadata={"stage": "prod"},
        Expires=datetime(2030, 1, 1, tzinfo=UTC), Tagging="team=churn",
    )  # fmt: skip
    part = s3.get_object(Bucket=bucket, Key="k", Range="bytes=1000000-2000000")
    assert part["ResponseMetadata"]["HTTPStatusCode"] == 206
    assert part["Body"].read() == BIG[1000000:2000001]
    head = s3.head_object(Bucket=bucket, Key="k")
    assert (head["ContentLength"], head["ContentType"]) == (len(BIG), "text/csv")
    assert (head["Metadata"], head["ETag"]) == ({"stage": "prod"}, put["ETag"])
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == [
        {"Key": "team", "Value": "churn"}
    ]
    attributes = s3.get_object_attributes(
        Bucket=bucket, Key="k", ObjectAttributes=["ETag", "ObjectSize", "Checksum"]
    )
    assert (attributes["ObjectSize"], attributes["ETag"]) == (len(BIG), put["ETag"].strip('"'))
    with pytest.raises(ClientError) as failed:
        s3.get_object(Bucket=bucket, Key="k", IfNoneMatch=put["ETag"])
    assert code(failed)[1] == 304
    with pytest.raises(ClientError) as failed:
        s3.get_object(Bucket=bucket, Key="k", Range="bytes=99999999-")
    assert code(failed) == ("InvalidRange", 416)
    with pytest.raises(ClientError) as failed:
        s3.put_object(Bucket=bucket, Key="k", Body=b"", IfNoneMatch="*")
    assert code(failed) == ("PreconditionFailed", 412)


@pytest.mark.parametrize("encryption", ["AES256", "aws:kms"])
def test_encryption_by_the_stores_own_key_is_taken_and_not_claimed(
    s3: Any, bucket: str, encryption: str
) -> None:
    put = s3.put_object(Bucket=bucket, Key="k", Body=b"1", ServerSideEncryption=encryption)

    assert "ServerSideEncryption" not in put
    assert "ServerSideEncryption" not in s3.head_object(Bucket=bucket, Key="k")


def test_words_are_read_in_any_case_as_other_sdks_write_them(
    server: ServerProcess, s3: Any, bucket: str
) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"abc", ChecksumAlgorithm="CRC32")
    lower = server.client("s3")
    lower.meta.events.register(
        "before-sign.s3.GetObject",
        lambda request, **_: request.headers.replace_header("x-amz-checksum-mode", "enabled"),
    )

    got = lower.get_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")

    assert got["Body"].read() == b"abc"
    assert got["ChecksumCRC32"]


@pytest.mark.parametrize("place", ["us-east-1", "moon-north-1"])
def test_a_place_that_is_none_is_refused_in_s3s_words(s3: Any, place: str) -> None:
    with pytest.raises(ClientError) as failed:
        s3.create_bucket(Bucket="placed", CreateBucketConfiguration={"LocationConstraint": place})

    assert code(failed) == ("InvalidLocationConstraint", 400)


def test_what_is_missing_or_not_ours_says_so(s3: Any, bucket: str) -> None:
    for call, expected in (
        (lambda: s3.head_bucket(Bucket="no-such-bucket"), ("404", 404)),
        (lambda: s3.head_object(Bucket=bucket, Key="none"), ("404", 404)),
        (lambda: s3.get_object(Bucket=bucket, Key="none"), ("NoSuchKey", 404)),
        (lambda: s3.list_objects_v2(Bucket="no-such-bucket"), ("NoSuchBucket", 404)),
        (lambda: s3.head_bucket(Bucket=bucket, ExpectedBucketOwner="0" * 12), ("403", 403)),
        (lambda: s3.get_bucket_policy(Bucket=bucket), ("NoSuchBucketPolicy", 404)),
        (lambda: s3.put_bucket_versioning(
            Bucket=bucket, VersioningConfiguration={"Status": "Enabled"}), ("NotImplemented", 501)),
    ):  # fmt: skip
        with pytest.raises(ClientError) as failed:
            call()
        assert code(failed) == expected
        assert failed.value.response["ResponseMetadata"]["RetryAttempts"] == 0


@pytest.mark.parametrize("version", ["s3v4", "s3"])
def test_presigned_urls_put_and_get(server: ServerProcess, bucket: str, version: str) -> None:
    s3 = server.client("s3", config=Config(signature_version=version))
    params = {"Bucket": bucket, "Key": "a b/ü"}
    connection = http.client.HTTPConnection("127.0.0.1", server.port)

    def send(method: str, url: str, body: bytes | None = None) -> tuple[int, bytes]:
        connection.request(method, url.removeprefix(server.url), body)
        answer = connection.getresponse()
        return answer.status, answer.read()

    assert send("PUT", s3.generate_presigned_url("put_object", params), BIG)[0] == 200
    got = s3.generate_presigned_url(
        "get_object", {**params, "ResponseContentType": "text/csv"}, ExpiresIn=60
    )
    assert send("GET", got) == (200, BIG)
    assert send("GET", got.replace("csv", "html"))[0] == 403
    connection.close()


@pytest.mark.parametrize(
    ("size", "expected"),
    [(1234, ClientError), (len(BIG), (IncompleteReadError, ResponseStreamingError))],
    ids=["small", "big"],
)
def test_rotted_bytes_are_refused_or_cut_off(
    server: ServerProcess, s3: Any, bucket: str, size: int, expected: type[Exception]
) -> None:
    data = os.urandom(size)
    s3.put_object(Bucket=bucket, Key="k", Body=data)
    [path] = [p for p in blob_files(server) if p.read_bytes().startswith(data)]
    rotted = bytearray(path.read_bytes())
    rotted[len(data) - 1] ^= 1
    path.write_bytes(rotted)

    with pytest.raises(expected):
        s3.get_object(Bucket=bucket, Key="k")["Body"].read()
    path.unlink()


def blob_files(server: ServerProcess) -> list[Path]:
    folder = server.data / "blobs"
    return [p for p in folder.rglob("*") if p.is_file() and p.name != "lock"]


EMPTY = hashlib.sha256(b"").hexdigest()


class Streaming(S3SigV4Auth):
    """Signs whatever x-amz-content-sha256 says, and remembers what chunks are signed with."""

    def payload(self, request: AWSRequest) -> str:
        return str(request.context["payload"])

    def signature(self, string_to_sign: str, request: AWSRequest) -> str:
        self.seed = super().signature(string_to_sign, request)
        self.timestamp = request.context["timestamp"]
        return self.seed

    def sign(self, text: str) -> str:
        def mac(key: bytes, data: str) -> bytes:
            return hmac.new(key, data.encode(), hashlib.sha256).digest()

        key = f"AWS4{self.credentials.secret_key}".encode()
        for word in (self.timestamp[:8], REGION, "s3", "aws4_request"):
            key = mac(key, word)
        return mac(key, text).hex()

    def chunk(self, data: bytes) -> bytes:
        scope = f"{self.timestamp}\n{self.timestamp[:8]}/{REGION}/s3/aws4_request\n"
        digest = hashlib.sha256(data).hexdigest()
        self.seed = self.sign(f"AWS4-HMAC-SHA256-PAYLOAD\n{scope}{self.seed}\n{EMPTY}\n{digest}")
        line = b"%x;chunk-signature=%b\r\n" % (len(data), self.seed.encode())
        return line + data + b"\r\n" if data else line

    def trailer(self, line: str) -> bytes:
        scope = f"{self.timestamp}\n{self.timestamp[:8]}/{REGION}/s3/aws4_request\n"
        digest = hashlib.sha256(f"{line}\n".encode()).hexdigest()
        signature = self.sign(f"AWS4-HMAC-SHA256-TRAILER\n{scope}{self.seed}\n{digest}")
        return f"{line}\r\nx-amz-trailer-signature:{signature}\r\n\r\n".encode()


def put_by_hand(
    server: ServerProcess, path: str, payload: str, headers: dict[str, str]
) -> tuple[bytes, Streaming]:
    """The head of a signed PUT, and the signer that goes on with its chunks."""
    request = AWSRequest("PUT", server.url + path, headers=headers)
    request.context["payload"] = payload
    signer = Streaming(Credentials(server.access_key_id, server.secret_access_key), "s3", REGION)
    signer.add_auth(request)
    lines = [f"{name}: {value}" for name, value in request.headers.items()]
    head = f"PUT {path} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n" + "\r\n".join(lines)
    return head.encode() + b"\r\n\r\n", signer


def exchange(server: ServerProcess, sent: bytes, *, close: bool = False) -> bytes:
    with socket.create_connection(("127.0.0.1", server.port), timeout=120) as connection:
        connection.sendall(sent)
        if close:
            connection.shutdown(socket.SHUT_WR)
        return connection.recv(65536)


DATA = b"0123456789" * 10
CRC = base64.b64encode(zlib.crc32(DATA).to_bytes(4, "big")).decode()
HEADERS = {"x-amz-decoded-content-length": str(len(DATA)), "content-encoding": "aws-chunked"}


@pytest.mark.parametrize(
    ("crc", "cut", "expected"),
    [
        (CRC, 0, b"200"),
        ("AAAAAA==", 0, b"400"),  # the checksum of other bytes
        ("nonsense", 0, b"400"),
        ("", 0, b"400"),  # the announced trailer is not there
        (CRC, 30, b"400"),  # the last chunk and the trailer are missing
    ],
)
def test_an_unsigned_trailer_is_compared(
    server: ServerProcess, s3: Any, bucket: str, crc: str, cut: int, expected: bytes
) -> None:
    body = b"%x\r\n%b\r\n0\r\n" % (len(DATA), DATA)
    body += f"x-amz-checksum-crc32:{crc}\r\n\r\n".encode() if crc else b"\r\n"
    body = body[: len(body) - cut]
    headers = HEADERS | {
        "x-amz-trailer": "x-amz-checksum-crc32",
        "content-length": str(len(body)),
    }
    head, _ = put_by_hand(server, f"/{bucket}/k", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", headers)

    answer = exchange(server, head + body)

    assert answer.split()[1] == expected, answer
    found = s3.list_objects_v2(Bucket=bucket).get("Contents", [])
    assert [one["Size"] for one in found] == ([len(DATA)] if expected == b"200" else [])


@pytest.mark.parametrize("trailing", [False, True])
@pytest.mark.parametrize("change", [None, "data", "signature", "trailer", "order"])
def test_signed_chunks_are_proved(
    server: ServerProcess, s3: Any, bucket: str, trailing: bool, change: str | None
) -> None:
    payload = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD" + ("-TRAILER" if trailing else "")
    headers = HEADERS | ({"x-amz-trailer": "x-amz-checksum-crc32"} if trailing else {})
    headers["transfer-encoding"] = "chunked"
    head, signer = put_by_hand(server, f"/{bucket}/k", payload, headers)
    chunks = [signer.chunk(DATA[:50]), signer.chunk(DATA[50:])]
    end = signer.chunk(b"")
    end += signer.trailer(f"x-amz-checksum-crc32:{CRC}") if trailing else b"\r\n"
    if change == "data":
        chunks[1] = chunks[1].replace(b"0123", b"1023", 1)
    elif change == "signature":
        chunks[0] = chunks[0].replace(b"signature=", b"signature=f")[:-1]
    elif change == "order":
        chunks.reverse()
    elif change == "trailer" and trailing:
        end = end.replace(b"trailer-signature:", b"trailer-signature:0")
    elif change == "trailer":
        end = b"0\r\n\r\n"
    body = b"".join([*chunks, end])
    framed = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)

    answer = exchange(server, head + framed)

    expected = (b"200",) if change is None else (b"403", b"400")
    assert answer.split()[1] in expected, answer
    found = s3.list_objects_v2(Bucket=bucket).get("Contents", [])
    assert len(found) == (1 if change is None else 0)


def test_a_list_of_keys_to_delete_needs_its_digest(
    server: ServerProcess, s3: Any, bucket: str
) -> None:
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    xml = b"<Delete><Object><Key>k</Key></Object></Delete>"
    for extra, expected in (({}, b"400"), ({"content-md5": "1B2M2Y8AsgTpgAmY7PhCfg=="}, b"400")):
        request = AWSRequest(
            "POST",
            f"{server.url}/{bucket}?delete",
            headers={"content-length": str(len(xml)), **extra},
        )
        request.context["payload"] = hashlib.sha256(xml).hexdigest()
        credentials = Credentials(server.access_key_id, server.secret_access_key)
        Streaming(credentials, "s3", REGION).add_auth(request)
        lines = [f"{name}: {value}" for name, value in request.headers.items()]
        head = f"POST /{bucket}?delete HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n"
        answer = exchange(server, (head + "\r\n".join(lines) + "\r\n\r\n").encode() + xml)
        assert answer.split()[1] == expected, answer
    assert s3.head_object(Bucket=bucket, Key="k")


def test_a_killed_server_leaves_no_torn_object(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path)
    server.start()
    try:
        s3 = server.client("s3")
        s3.create_bucket(Bucket="bucket")
        s3.put_object(Bucket="bucket", Key="k", Body=b"old")
        headers = {"content-length": str(len(BIG))}
        head, _ = put_by_hand(server, "/bucket/k", "UNSIGNED-PAYLOAD", headers)
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            connection.sendall(head + BIG[: 2 * BLOCK_BYTES])
            wait_for(lambda: len(blob_files(server)) == 2)
            server.kill()
        server.start()

        assert s3.get_object(Bucket="bucket", Key="k")["Body"].read() == b"old"
        wait_for(lambda: len(blob_files(server)) == 1)
    finally:
        assert server.close() == []


def wait_for(holds: Any) -> None:
    deadline = time.monotonic() + 120
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)
