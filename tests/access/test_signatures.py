"""What AWS's SDKs sign is accepted, and AWS's published examples give the published signatures."""

import hashlib
from datetime import UTC, datetime

import botocore.auth
import pytest

from modelyard.access.signing import sigv4
from modelyard.access.signing.sigv4 import Scope
from modelyard.contract.http import HttpRequest
from modelyard.errors import Doubt, NotAuthenticated
from tests.access import signing
from tests.access.authenticator import Authenticator

EMPTY = hashlib.sha256(b"").hexdigest()
# The example key of AWS's documentation.
EXAMPLE_SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
EXAMPLE_HOST = "examplebucket.s3.amazonaws.com"
# When those below are signed: while tests are collected, which may be long before this one runs.
SIGNED_AT_US = signing.now_us()
MAY_24_US = int(datetime(2013, 5, 24, tzinfo=UTC).timestamp() * 1_000_000)


@pytest.mark.parametrize(
    "http",
    [
        signing.describe(),
        signing.describe(region="us-gov-west-1"),
        signing.signed("iam", headers={"Content-Type": "application/x-www-form-urlencoded"}),
        signing.signed(url=f"http://{signing.HOST}/endpoints/churn~1/invocations", body=b"1,2\n"),
        signing.signed(url=f"http://{signing.HOST}/a%20b/%2Fc", body=b""),
        signing.signed(method="GET", url=f"http://{signing.HOST}/x?b=2&a=1&a0=", body=b""),
        signing.put_object(),
        signing.put_object(url=f"http://{signing.HOST}/bucket/a//b/../c%2Fd+e"),
        signing.put_object(headers={"x-amz-meta-note": "  two   words "}),
        signing.presigned(),
        signing.presigned("sagemaker"),
        signing.presigned_v2(),
        signing.presigned_v2(
            f"http://{signing.HOST}/bucket/a%20key?uploadId=7&partNumber=2", "PUT"
        ),
        signing.presigned_v2(headers={"content-type": "text/csv", "x-amz-meta-a": "b"}),
    ],
    ids=lambda http: f"{http.method} {http.raw_path.decode()}",
)
def test_what_botocore_signs_is_proved(authenticator: Authenticator, http: HttpRequest) -> None:
    pending = authenticator.precheck(http, SIGNED_AT_US)

    caller = pending.finish(signing.sha256(http))

    assert caller.principal.arn == "arn:aws:iam::123456789012:root"
    assert caller.principal.access_key_id == signing.KEY_ID


def test_the_scope_gives_region_and_service(authenticator: Authenticator) -> None:
    http = signing.put_object(region="ap-northeast-1")

    caller = authenticator.precheck(http, signing.now_us()).finish(None)

    assert (caller.region, caller.service) == ("ap-northeast-1", "s3")
    assert caller.expected_sha256 == signing.sha256(http)
    assert caller.host_signed


def test_version_2_does_not_vouch_for_the_host(authenticator: Authenticator) -> None:
    caller = authenticator.precheck(signing.presigned_v2(), signing.now_us()).finish(None)

    assert not caller.host_signed
    assert caller.service == "s3"


def test_a_request_without_credentials_is_told_so(authenticator: Authenticator) -> None:
    with pytest.raises(NotAuthenticated) as refused:
        authenticator.precheck(HttpRequest("POST", b"/", headers={"host": "h"}), 0)

    assert refused.value.doubt is Doubt.MISSING


# From AWS's page "Authenticating Requests (Signature Version 4)" of the S3 API reference.
@pytest.mark.parametrize(
    ("method", "path", "query", "extra", "payload", "signature"),
    [
        (
            "GET",
            b"/test.txt",
            b"",
            {"range": "bytes=0-9"},
            EMPTY,
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
        ),
        (
            "PUT",
            b"/test%24file.text",
            b"",
            {
                "date": "Fri, 24 May 2013 00:00:00 GMT",
                "x-amz-storage-class": "REDUCED_REDUNDANCY",
            },
            "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
        ),
        (
            "GET",
            b"/",
            b"lifecycle",
            {},
            EMPTY,
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
        ),
        (
            "GET",
            b"/",
            b"max-keys=2&prefix=J",
            {},
            EMPTY,
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
        ),
    ],
)
def test_the_examples_of_the_s3_reference(
    method: str, path: bytes, query: bytes, extra: dict[str, str], payload: str, signature: str
) -> None:
    headers = {
        "host": EXAMPLE_HOST,
        "x-amz-content-sha256": payload,
        "x-amz-date": "20130524T000000Z",
        **extra,
    }
    headers["authorization"] = (
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
        f"SignedHeaders={';'.join(sorted(headers))},Signature={signature}"
    )
    http = HttpRequest(method, path, query, headers)
    found = sigv4.parse(http)

    assert found is not None
    sigv4.verify(found, http, EXAMPLE_SECRET, None, MAY_24_US)


def test_the_presigned_example_of_the_s3_reference() -> None:
    query = (
        b"X-Amz-Algorithm=AWS4-HMAC-SHA256"
        b"&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request"
        b"&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
        b"&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
    )
    http = HttpRequest("GET", b"/test.txt", query, {"host": EXAMPLE_HOST})
    found = sigv4.parse(http)

    assert found is not None
    sigv4.verify(found, http, EXAMPLE_SECRET, None, MAY_24_US)


# From AWS's signature test suite for services other than S3.
@pytest.mark.parametrize(
    ("method", "path", "query", "signature"),
    [
        (
            "GET",
            b"/",
            b"",
            "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
        ),
        (
            "GET",
            b"/example1/example2/../..",
            b"",
            "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
        ),
        (
            "POST",
            b"/",
            b"",
            "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
        ),
        (
            "GET",
            b"/",
            b"Param2=value2&Param1=value1",
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        ),
    ],
)
def test_examples_of_the_signature_test_suite(
    method: str, path: bytes, query: bytes, signature: str
) -> None:
    headers = {
        "host": "example.amazonaws.com",
        "x-amz-date": "20150830T123600Z",
        "authorization": "AWS4-HMAC-SHA256 "
        "Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
        f"SignedHeaders=host;x-amz-date, Signature={signature}",
    }
    http = HttpRequest(method, path, query, headers)
    now_us = int(datetime(2015, 8, 30, 12, 36, tzinfo=UTC).timestamp() * 1_000_000)
    found = sigv4.parse(http)

    assert found is not None
    sigv4.verify(found, http, "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", EMPTY, now_us)


def test_signing_keys_are_kept_in_bounds() -> None:
    for number in range(sigv4.SIGNING_KEYS_MAX + 10):
        sigv4.signing_key("secret", Scope("20250101", f"region-{number}", "s3"))

    assert sigv4.signing_key.cache_info().currsize == sigv4.SIGNING_KEYS_MAX


def test_a_date_header_may_date_a_request(authenticator: Authenticator) -> None:
    http = signing.signed(headers={"Date": "now"}, signer=botocore.auth.SigV4Auth)
    assert "x-amz-date" not in http.headers

    authenticator.precheck(http, signing.now_us()).finish(signing.sha256(http))
