"""What botocore sends we read, and what we write botocore reads."""

import datetime as dt
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelyard.contract import model
from modelyard.contract.rest import Router
from tests.contract.other_side import inside, without_empty
from tests.contract.shape_strategies import structures

OPERATIONS = {
    "sagemaker": (
        "AddTags BatchDescribeModelPackage CreateEndpoint CreateEndpointConfig CreateModel "
        "CreateModelPackage CreateModelPackageGroup CreateTrainingJob DeleteEndpoint "
        "DescribeEndpoint DescribeModelPackage DescribeModelPackageGroup ListEndpoints "
        "ListModelPackages QueryLineage Search UpdateEndpoint UpdateModelPackage"
    ),
    "sagemaker-runtime": "InvokeEndpoint InvokeEndpointAsync",
    "sagemaker-metrics": "BatchPutMetrics BatchGetMetrics",
    "logs": "DescribeLogStreams GetLogEvents",
    "sts": "AssumeRole GetCallerIdentity GetSessionToken",
    "iam": (
        "CreateRole GetRole PutRolePolicy AttachRolePolicy SimulatePrincipalPolicy ListRoles "
        "GetContextKeysForCustomPolicy DeleteRole"
    ),
    "s3": (
        "AbortMultipartUpload CompleteMultipartUpload CopyObject CreateBucket "
        "CreateMultipartUpload DeleteBucket DeleteObject DeleteObjects GetBucketVersioning "
        "GetObject GetObjectTagging HeadBucket HeadObject ListBuckets ListMultipartUploads "
        "ListObjects ListObjectsV2 ListParts PutObject PutObjectTagging UploadPart "
        "UploadPartCopy PutBucketAcl GetBucketAcl"
    ),
}
EVERY = [(service, name) for service, names in OPERATIONS.items() for name in names.split()]
LOOSE = {"query", "rest-xml"}
MANY = settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@pytest.mark.parametrize(("service", "name"), EVERY)
@MANY
@given(data=st.data())
def test_a_request_of_botocore_is_read_as_it_was_meant(
    other_side: Any, service: str, name: str, data: Any
) -> None:
    side, operation = other_side(service), model.load(service).operations[name]
    shape = side.operation(name).input_shape
    params = {} if shape is None else data.draw(structures(shape, 0))

    http = side.request(name, params)
    found = side.protocol.decode(operation, http)

    expected = inside(params)
    if operation.service.protocol in LOOSE:
        found, expected = without_empty(found), without_empty(expected)
    if "ContentLength" not in params:
        found.pop("ContentLength", None)  # a header that HTTP itself adds
    assert without_empty_body(found) == expected


def without_empty_body(found: dict[str, Any]) -> dict[str, Any]:
    """An empty body is an empty blob; botocore cannot say that there is none."""
    return {key: value for key, value in found.items() if value != b""}


@pytest.mark.parametrize(("service", "name"), EVERY)
@MANY
@given(data=st.data())
def test_botocore_reads_an_answer_as_it_was_meant(
    other_side: Any, service: str, name: str, data: Any
) -> None:
    side, operation = other_side(service), model.load(service).operations[name]
    shape = side.operation(name).output_shape
    result = {} if shape is None else data.draw(structures(shape, 0))

    answer = side.protocol.encode(operation, inside(result), "request-1")
    found = side.result(name, answer)

    metadata = found.pop("ResponseMetadata")
    assert metadata["RequestId"] == "request-1"
    if operation.service.protocol in LOOSE:
        found, result = without_empty(found), without_empty(result)
    assert inside(without_empty_body(found)) == inside(result)


@pytest.mark.parametrize(
    ("service", "name"),
    [e for e in EVERY if e[0] in ("s3", "sagemaker-runtime", "sagemaker-metrics")],
)
@MANY
@given(data=st.data())
def test_a_request_of_botocore_finds_its_operation(
    other_side: Any, service: str, name: str, data: Any
) -> None:
    side = other_side(service)
    shape = side.operation(name).input_shape
    http = side.request(name, data.draw(structures(shape, 0)))

    match = ROUTERS[service].match(http.method, http.raw_path, http.query, http.headers)

    assert match is not None
    assert match[0].name == name


ROUTERS = {
    name: Router(model.load(name)) for name in ("s3", "sagemaker-runtime", "sagemaker-metrics")
}


def test_moments_keep_their_milliseconds(other_side: Any) -> None:
    side = other_side("sagemaker")
    operation = model.load("sagemaker").operations["DescribeModelPackageGroup"]

    answer = side.protocol.encode(operation, {"CreationTime": 1_700_000_000_123_999}, "r")

    found = side.result("DescribeModelPackageGroup", answer)["CreationTime"]
    expected = dt.datetime.fromtimestamp(1_700_000_000.123, dt.UTC)
    assert abs(found - expected) < dt.timedelta(milliseconds=1)
