"""Reading service models."""

import subprocess
import sys

import pytest

from modelyard.contract import answer_check, json_rpc, model, validate

MEGABYTES_MAX = 30


def test_traits_are_read_from_the_model() -> None:
    service = model.load("sagemaker")
    create = service.operations["CreateModelPackage"]

    assert (service.protocol, service.target_prefix) == ("json", "SageMaker")
    assert service.signing_name == "sagemaker"
    assert create.idempotency_token == "ClientToken"
    assert create.error_codes == {"ConflictException", "ResourceLimitExceeded"}
    assert create.input is not None
    assert create.input.members["ModelApprovalStatus"].enum == (
        "Approved",
        "Rejected",
        "PendingManualApproval",
    )
    paging = service.operations["ListModelPackages"].paging
    assert paging is not None
    assert paging.input_token == "NextToken"


def test_a_service_signs_as_its_endpoint_unless_it_says_otherwise() -> None:
    assert model.load("s3").signing_name == "s3"
    assert model.load("sagemaker-runtime").signing_name == "sagemaker"


def test_error_codes_are_what_clients_read() -> None:
    iam = model.load("iam")

    assert "NoSuchEntity" in iam.operations["GetRole"].error_codes
    assert iam.errors["NoSuchEntity"].error_status == 404


def test_an_unknown_service_is_an_error_of_ours() -> None:
    with pytest.raises(model.UnknownService):
        model.load("no-such-service")


def test_the_models_are_small_and_botocore_stays_unimported() -> None:
    """Of the five services the server speaks, loaded in a process of their own."""
    program = """
import sys, tracemalloc
import msgspec, gzip
from modelyard.contract import model
tracemalloc.start()
for name in ("sagemaker", "sagemaker-runtime", "sts", "iam", "s3"):
    model.load(name)
assert "botocore" not in sys.modules
print(tracemalloc.get_traced_memory()[0] / 1e6)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=300
    )

    assert float(done.stdout) < MEGABYTES_MAX


def test_our_own_service_is_described_like_aws_services() -> None:
    service = model.load("modelyard")

    assert (service.protocol, service.signing_name, service.target_prefix) == (
        "json",
        "modelyard",
        "Modelyard",
    )
    assert "RollbackEndpoint" in service.operations
    for operation in service.operations.values():
        if operation.input is not None:
            validate.failures(operation.input, {})


# Checking answers, and what encoding leaves out.

DESCRIBE = model.load("sagemaker").operations["DescribeModelPackageGroup"]
GOOD = {
    "ModelPackageGroupName": "churn",
    "ModelPackageGroupArn": "arn:aws:sagemaker:us-east-1:123456789012:model-package-group/churn",
    "CreationTime": 1_700_000_000_000_000,
    "CreatedBy": {},
    "ModelPackageGroupStatus": "Completed",
}


def test_an_answer_aws_could_have_given_has_no_failures() -> None:
    assert answer_check.output_failures(DESCRIBE, GOOD) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"ModelPackageGroupStatus": "Fine"}, "is not one of Pending"),
        ({"CreationTime": 1.5}, "is not a timestamp"),
        ({"CreationTime": None}, "CreationTime: missing"),
        ({"Colour": "red"}, "the model has no such member"),
        ({"ModelPackageGroupDescription": None}, "an absent member is left out"),
        ({"CreatedBy": {"Name": 1}}, "the model has no such member"),
    ],
)
def test_what_is_wrong_with_an_answer_is_named(change: dict[str, object], said: str) -> None:
    found = answer_check.output_failures(DESCRIBE, {**GOOD, **change})

    assert any(said in text for text in found)


def test_an_operation_without_an_output_answers_nothing() -> None:
    operation = model.load("sagemaker").operations["DeleteModelPackage"]

    assert json_rpc.encode(operation, {}, "r").body == b""
    assert answer_check.output_failures(operation, {}) == []
    assert answer_check.output_failures(operation, {"A": 1})


def test_a_member_that_is_none_is_left_out_at_every_depth() -> None:
    result = {"ModelPackageGroupName": "null", "CreatedBy": {"UserProfileName": None}}

    answer = json_rpc.encode(DESCRIBE, {**result, "ModelPackageGroupDescription": None}, "r")

    assert answer.body == b'{"ModelPackageGroupName":"null","CreatedBy":{}}'
