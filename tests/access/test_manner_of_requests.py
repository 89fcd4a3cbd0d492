"""Policies ask how a request was sent and signed: S3's keys of the signature, aws:Referer."""

import http.client
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.config import Config

from tests.access.iam_words import refused
from tests.server_process import ServerProcess

BUCKET = "lake"
SHORT_MS, LONG_MS = "0", "3600000"


@pytest.fixture(scope="module")
def yard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    server = ServerProcess(tmp_path_factory.mktemp("manner"))
    server.start()
    s3 = server.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key="a", Body=b"a")
    yield server
    assert server.close() == []


def key(server: ServerProcess, *statements: dict[str, Any]) -> dict[str, str]:
    """The key of a user who may do everything but what `statements` say."""
    iam = server.client("iam")
    if not iam.list_users()["Users"]:
        iam.create_user(UserName="ana")
    for old in iam.list_access_keys(UserName="ana")["AccessKeyMetadata"]:
        iam.delete_access_key(UserName="ana", AccessKeyId=old["AccessKeyId"])
    allow = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    document = {"Version": "2012-10-17", "Statement": [allow, *statements]}
    iam.put_user_policy(UserName="ana", PolicyName="p", PolicyDocument=json.dumps(document))
    made = iam.create_access_key(UserName="ana")["AccessKey"]
    return {
        "aws_access_key_id": made["AccessKeyId"],
        "aws_secret_access_key": made["SecretAccessKey"],
    }


def deny(**condition: Any) -> dict[str, Any]:
    return {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": condition}


def presigned(server: ServerProcess, whose: dict[str, str], version: str) -> int:
    """The status of a GET of an object by a presigned URL."""
    s3 = server.client("s3", config=Config(signature_version=version), **whose)
    url = urlsplit(s3.generate_presigned_url("get_object", Params={"Bucket": BUCKET, "Key": "a"}))
    connection = http.client.HTTPConnection(url.netloc)
    connection.request("GET", f"{url.path}?{url.query}")
    status = connection.getresponse().status
    connection.close()
    return status


# Which of (signed in a header, presigned, presigned by Version 2) a condition of a Deny meets.
@pytest.mark.parametrize(
    ("condition", "denied"),
    [
        ({"StringEquals": {"s3:authType": "REST-HEADER"}}, (True, False, False)),
        ({"StringEquals": {"s3:authType": "REST-QUERY-STRING"}}, (False, True, True)),
        ({"StringEquals": {"s3:signatureversion": "AWS"}}, (False, False, True)),
        ({"StringEquals": {"s3:signatureversion": "AWS4-HMAC-SHA256"}}, (True, True, False)),
        ({"NumericGreaterThanEquals": {"s3:signatureAge": SHORT_MS}}, (False, True, True)),
        ({"NumericGreaterThan": {"s3:signatureAge": LONG_MS}}, (False, False, False)),
        # In the very millisecond of its signing Version 4 is as old.
        ({"NumericEquals": {"s3:signatureAge": "0"}}, (False, None, True)),
        (
            {"StringEquals": {"s3:x-amz-content-sha256": "UNSIGNED-PAYLOAD"}},
            (False, True, False),
        ),
        ({"Null": {"s3:x-amz-content-sha256": "true"}}, (False, False, True)),
    ],
)
def test_a_policy_asks_how_a_request_was_signed(
    yard: ServerProcess, condition: dict[str, Any], denied: tuple[bool, bool | None, bool]
) -> None:
    whose = key(yard, deny(**condition))

    s3 = yard.client("s3", **whose)
    if denied[0]:
        assert refused(s3.get_object, Bucket=BUCKET, Key="a")[0] == "AccessDenied"
    else:
        assert s3.get_object(Bucket=BUCKET, Key="a")["Body"].read() == b"a"
    assert denied[1] in (None, presigned(yard, whose, "s3v4") == 403)
    assert (presigned(yard, whose, "s3") == 403) is denied[2]


def test_a_policy_asks_what_is_signed_of_an_upload(yard: ServerProcess) -> None:
    unsigned = {"StringEquals": {"s3:x-amz-content-sha256": "UNSIGNED-PAYLOAD"}}
    whose = key(yard, deny(**unsigned))
    lax = Config(
        s3={"payload_signing_enabled": False}, request_checksum_calculation="when_required"
    )
    strict = Config(s3={"payload_signing_enabled": True})

    signed = yard.client("s3", config=strict, **whose)

    assert signed.put_object(Bucket=BUCKET, Key="b", Body=b"b")["ETag"]
    unsigned_s3 = yard.client("s3", config=lax, **whose)
    unsigned_s3.meta.events.register(
        "before-sign.s3", lambda request, **_: request.context.update(payload_signing_enabled=False)
    )
    unsigned_s3.meta.events.register(
        "before-call.s3", lambda params, **_: params["headers"].update(_UNSIGNED)
    )
    assert refused(unsigned_s3.put_object, Bucket=BUCKET, Key="b", Body=b"b")[0] == "AccessDenied"


_UNSIGNED = {"X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD"}


def test_a_policy_asks_what_page_a_request_says_it_comes_from(yard: ServerProcess) -> None:
    elsewhere = {"StringNotLike": {"aws:Referer": "https://registry.example.com/*"}}
    whose = key(yard, deny(**elsewhere))
    client = yard.client("sagemaker", **whose)

    assert refused(client.list_models)[0] == "AccessDeniedException"
    client.meta.events.register(
        "before-sign",
        lambda request, **_: request.headers.add_header(
            "Referer", "https://registry.example.com/models"
        ),
    )
    assert client.list_models()["Models"] == []
