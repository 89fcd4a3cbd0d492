"""What a client reads when it is refused, in each protocol, through botocore's own parsers."""

import json
from typing import Any

import pytest

from modelyard import errors
from modelyard.contract import json_rpc, model, query, rest_json, rest_xml
from modelyard.contract.http import HttpAnswer
from modelyard.errors import Doubt, NotAuthenticated

CODECS: dict[str, Any] = {
    "sagemaker": json_rpc,
    "sagemaker-runtime": rest_json,
    "iam": query,
    "sts": query,
    "s3": rest_xml,
}
SOME_OPERATION = {
    "sagemaker": "CreateModelPackageGroup",
    "sagemaker-runtime": "InvokeEndpoint",
    "iam": "GetRole",
    "sts": "AssumeRole",
    "s3": "GetBucketTagging",
}


class ModelError(errors.Refusal):
    code = "ModelError"


class NoSuchEntity(errors.Refusal):
    code = "NoSuchEntity"


class NoSuchKey(errors.Refusal):
    code = "NoSuchKey"


class NotModified(errors.Refusal):
    code = "NotModified"
    status = 304


def refused(other_side: Any, service: str, refusal: errors.Refusal) -> tuple[HttpAnswer, Any]:
    answer = CODECS[service].encode_refusal(model.load(service), refusal, "id-1")
    return answer, other_side(service).result(SOME_OPERATION[service], answer)


@pytest.mark.parametrize(
    ("service", "refusal", "code", "status"),
    [
        ("sagemaker", errors.ValidationException("no"), "ValidationException", 400),
        ("sagemaker", errors.ResourceNotFound("no"), "ResourceNotFound", 400),
        ("sagemaker", errors.ConflictException("no"), "ConflictException", 400),
        ("sagemaker", errors.RequestEntityTooLarge("no"), "RequestEntityTooLargeException", 413),
        ("sagemaker", errors.ServiceUnavailable("no"), "ServiceUnavailable", 503),
        ("sagemaker", errors.InternalFailure("no"), "InternalFailure", 500),
        ("sagemaker-runtime", errors.ValidationException("no"), "ValidationError", 400),
        ("sagemaker-runtime", errors.ServiceUnavailable("no"), "ServiceUnavailable", 503),
        ("sagemaker-runtime", ModelError("no", OriginalStatusCode=500), "ModelError", 424),
        ("iam", NoSuchEntity("no"), "NoSuchEntity", 404),
        ("iam", errors.ValidationException("no"), "ValidationError", 400),
        ("iam", errors.AccessDeniedException("no"), "AccessDenied", 403),
        ("sts", errors.UnknownOperationException("no"), "InvalidAction", 400),
        ("s3", NoSuchKey("no"), "NoSuchKey", 404),
        ("s3", errors.AccessDeniedException("no"), "AccessDenied", 403),
        ("s3", errors.SerializationException("no"), "MalformedXML", 400),
        ("s3", errors.InternalFailure("no"), "InternalError", 500),
    ],
    ids=str,
)
def test_a_refusal_has_the_protocols_code_and_status(
    other_side: Any, service: str, refusal: errors.Refusal, code: str, status: int
) -> None:
    answer, read = refused(other_side, service, refusal)

    assert answer.status == status
    assert read["Error"]["Code"] == code
    assert read["Error"]["Message"] == "no"
    assert read["ResponseMetadata"]["RequestId"] == "id-1"


def test_a_model_error_tells_what_the_model_said(other_side: Any) -> None:
    refusal = ModelError(
        "Received server error (500) from model",
        OriginalStatusCode=500,
        OriginalMessage="ValueError: no column",
        LogStreamArn="arn:aws:logs:us-east-1:123456789012:log-group:x",
    )

    answer, _ = refused(other_side, "sagemaker-runtime", refusal)

    assert isinstance(answer.body, bytes)
    read = json.loads(answer.body)
    assert read["OriginalStatusCode"] == 500
    assert read["OriginalMessage"] == "ValueError: no column"
    assert read["LogStreamArn"].endswith(":x")


def test_an_s3_refusal_carries_its_details(other_side: Any) -> None:
    refusal = NoSuchKey("no", Key="a<b", Resource="/bucket/a")

    answer, read = refused(other_side, "s3", refusal)

    assert read["Error"]["Key"] == "a<b"
    assert read["Error"]["Resource"] == "/bucket/a"
    assert dict(answer.headers)[b"content-type"] == b"application/xml"


def test_what_is_not_modified_has_no_body() -> None:
    answer = rest_xml.encode_refusal(model.load("s3"), NotModified("Not Modified"), "id-1")

    assert (answer.status, answer.body) == (304, b"")


@pytest.mark.parametrize("service", CODECS)
@pytest.mark.parametrize("doubt", Doubt)
def test_every_doubt_is_a_refusal_in_every_protocol(
    other_side: Any, service: str, doubt: Doubt
) -> None:
    failure = NotAuthenticated(doubt, "Who are you?")

    answer = CODECS[service].encode_not_authenticated(model.load(service), failure, "id-1")

    read = other_side(service).result(SOME_OPERATION[service], answer)
    assert answer.status in (400, 403)
    assert read["Error"]["Message"] == "Who are you?"
    assert read["Error"]["Code"]


@pytest.mark.parametrize("service", CODECS)
def test_a_refusal_may_say_anything(other_side: Any, service: str) -> None:
    message = 'quotes " and <tags> & ünïcode ✓ \n ]]>'

    _, read = refused(other_side, service, errors.ValidationException(message))

    assert read["Error"]["Message"] == message
