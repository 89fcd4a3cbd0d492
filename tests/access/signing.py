"""Requests signed by botocore, as the server receives them."""

import hashlib
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import botocore.auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotocoreCredentials

from modelyard.contract.http import HttpRequest

KEY_ID = "AKIAROOTROOTROOTROOT"
SECRET = "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEYab"
HOST = "127.0.0.1:9000"
REGION = "eu-central-1"


def now_us() -> int:
    return int(datetime.now(UTC).timestamp() * 1_000_000)


def received(request: AWSRequest) -> HttpRequest:
    """What an HTTP server makes of a prepared botocore request."""
    prepared = request.prepare()
    parts = urlsplit(prepared.url)
    headers: dict[str, str] = {"host": parts.netloc}
    for name, value in prepared.headers.items():
        text = value.decode("latin-1") if isinstance(value, bytes) else value
        headers[name.lower()] = text
    body = prepared.body or b""
    return HttpRequest(
        prepared.method,
        (parts.path or "/").encode(),
        parts.query.encode(),
        headers,
        body.encode() if isinstance(body, str) else body,
    )


def signed(
    service: str = "sagemaker",
    method: str = "POST",
    url: str = f"http://{HOST}/",
    headers: dict[str, str] | None = None,
    body: bytes = b"{}",
    *,
    signer: type[Any] = botocore.auth.SigV4Auth,
    key_id: str = KEY_ID,
    secret: str = SECRET,
    token: str | None = None,
    region: str = REGION,
    **options: Any,
) -> HttpRequest:
    """A request signed now, by botocore."""
    request = AWSRequest(method=method, url=url, data=body, headers=headers or {})
    credentials = BotocoreCredentials(key_id, secret, token)
    signer(credentials, service, region, **options).add_auth(request)
    return received(request)


def describe(**changes: Any) -> HttpRequest:
    """A control-plane call as boto3 signs it."""
    headers = {
        "X-Amz-Target": "SageMaker.DescribeModelPackageGroup",
        "Content-Type": "application/x-amz-json-1.1",
    }
    return signed(headers=headers, body=b'{"ModelPackageGroupName": "churn"}', **changes)


def put_object(**changes: Any) -> HttpRequest:
    """A PutObject as boto3 signs it over http."""
    settings = {"method": "PUT", "url": f"http://{HOST}/bucket/a%20key", "body": b"bytes"}
    return signed("s3", signer=botocore.auth.S3SigV4Auth, **(settings | changes))


def presigned(service: str = "s3", **changes: Any) -> HttpRequest:
    """A GetObject by a presigned URL, Version 4."""
    query_signer = botocore.auth.SigV4QueryAuth
    signer = botocore.auth.S3SigV4QueryAuth if service == "s3" else query_signer
    settings = {"method": "GET", "url": f"http://{HOST}/bucket/key?versionId=3", "body": b""}
    return signed(service, signer=signer, **(settings | changes))


def presigned_v2(
    url: str = f"http://{HOST}/bucket/key?response-content-type=text%2Fplain&acl",
    method: str = "GET",
    headers: dict[str, str] | None = None,
    token: str | None = None,
    expires: int = 3600,
) -> HttpRequest:
    """A presigned URL as boto3 makes it for a custom endpoint: Version 2."""
    request = AWSRequest(method=method, url=url, headers=headers or {})
    credentials = BotocoreCredentials(KEY_ID, SECRET, token)
    botocore.auth.HmacV1QueryAuth(credentials, expires).add_auth(request)
    parts = urlsplit(request.url)
    sent = {"host": parts.netloc} | {k.lower(): v for k, v in (headers or {}).items()}
    return HttpRequest(method, parts.path.encode(), parts.query.encode(), sent, b"")


def sha256(http: HttpRequest) -> str:
    return hashlib.sha256(http.body or b"").hexdigest()
