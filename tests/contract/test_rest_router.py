"""Which S3 operation a request means."""

import pytest

from modelyard.contract import model
from modelyard.contract.http import HttpRequest
from modelyard.contract.rest import Router
from modelyard.errors import UnknownOperationException

S3 = Router(model.load("s3"))
RUNTIME = Router(model.load("sagemaker-runtime"))
COPY = {"x-amz-copy-source": "a/b"}


def named(
    method: str, path: bytes, query: bytes = b"", headers: dict[str, str] | None = None
) -> str | None:
    found = S3.match(method, path, query, headers)
    return None if found is None else found[0].name


@pytest.mark.parametrize(
    ("method", "path", "query", "name"),
    [
        ("GET", b"/", b"", "ListBuckets"),
        ("PUT", b"/bucket", b"", "CreateBucket"),
        ("PUT", b"/bucket/", b"", "CreateBucket"),
        ("HEAD", b"/bucket", b"", "HeadBucket"),
        ("GET", b"/bucket", b"", "ListObjects"),
        ("GET", b"/bucket/", b"prefix=a&delimiter=%2F", "ListObjects"),
        ("GET", b"/bucket", b"list-type=2&prefix=a", "ListObjectsV2"),
        ("GET", b"/bucket", b"location", "GetBucketLocation"),
        ("GET", b"/bucket", b"location=", "GetBucketLocation"),
        ("GET", b"/bucket", b"versioning", "GetBucketVersioning"),
        ("GET", b"/bucket", b"uploads", "ListMultipartUploads"),
        ("POST", b"/bucket", b"delete", "DeleteObjects"),
        ("GET", b"/bucket/a/b//c", b"", "GetObject"),
        ("GET", b"/bucket/a", b"x-id=GetObject", "GetObject"),
        ("GET", b"/bucket/a", b"X-Amz-Signature=00&X-Amz-Expires=1", "GetObject"),
        ("GET", b"/bucket/a", b"tagging", "GetObjectTagging"),
        ("GET", b"/bucket/a", b"uploadId=1", "ListParts"),
        ("PUT", b"/bucket/a", b"", "PutObject"),
        ("PUT", b"/bucket/a", b"partNumber=1&uploadId=1", "UploadPart"),
        ("POST", b"/bucket/a", b"uploads", "CreateMultipartUpload"),
        ("POST", b"/bucket/a", b"uploadId=1", "CompleteMultipartUpload"),
        ("DELETE", b"/bucket/a", b"uploadId=1", "AbortMultipartUpload"),
        ("DELETE", b"/bucket/a", b"", "DeleteObject"),
        ("DELETE", b"/bucket/%2F", b"", "DeleteObject"),
        ("PUT", b"/bucket/a", b"retention", "PutObjectRetention"),
    ],
)
def test_a_request_names_its_operation(method: str, path: bytes, query: bytes, name: str) -> None:
    assert named(method, path, query) == name


def test_a_copy_is_told_by_its_header() -> None:
    assert named("PUT", b"/bucket/a", b"", COPY) == "CopyObject"
    assert named("PUT", b"/bucket/a", b"partNumber=1&uploadId=1", COPY) == "UploadPartCopy"


@pytest.mark.parametrize(
    ("method", "path", "query"),
    [
        ("PUT", b"/bucket/a", b"uploadId=1"),
        ("GET", b"/bucket", b"list-type=3"),
        ("PATCH", b"/bucket", b""),
        ("POST", b"/", b""),
        ("GET", b"", b""),
        ("DELETE", b"/", b""),
    ],
)
def test_half_of_an_operation_does_not_fall_to_a_plainer_one(
    method: str, path: bytes, query: bytes
) -> None:
    assert named(method, path, query) is None


def test_what_is_not_offered_does_not_fall_to_what_is() -> None:
    router = Router(model.load("s3"), operations=["PutObject", "GetObject"])

    assert router.match("PUT", b"/bucket/a", b"retention") is None
    assert router.match("PUT", b"/bucket/a") is not None


def test_labels_are_decoded_once() -> None:
    found = S3.match("GET", b"/bucket/a%2520b%2F../c")

    assert found is not None
    assert found[1] == {"Bucket": "bucket", "Key": "a%20b/../c"}


def test_a_runtime_path_holds_one_name() -> None:
    found = RUNTIME.match("POST", b"/endpoints/churn/invocations")

    assert found is not None
    assert found[1] == {"EndpointName": "churn"}
    assert RUNTIME.match("POST", b"/endpoints/a/b/invocations") is None
    with pytest.raises(UnknownOperationException):
        RUNTIME.operation(HttpRequest("GET", b"/endpoints/churn/invocations"))
