"""Operations on many items: those that the caller may not touch are refused beside the others."""

import json
from typing import Any

import pytest

from tests.access.unauthorised import Caller
from tests.audit.conftest import rows_of, url_of
from tests.server_process import REGION, ServerProcess

ACCOUNT = "123456789012"
BUCKET = "models"
PACKAGE = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:model-package"


@pytest.fixture
def world(server_on_each_database: ServerProcess) -> ServerProcess:
    server = server_on_each_database
    s3, sagemaker = server.client("s3"), server.client("sagemaker")
    s3.create_bucket(Bucket=BUCKET)
    for key in ("mine/a", "mine/b", "theirs/a"):
        s3.put_object(Bucket=BUCKET, Key=key, Body=b"x")
    for group in ("mine", "theirs"):
        sagemaker.create_model_package_group(ModelPackageGroupName=group)
        sagemaker.create_model_package(
            ModelPackageGroupName=group,
            InferenceSpecification={
                "Containers": [{"Image": "image"}],
                "SupportedContentTypes": ["text/csv"],
                "SupportedResponseMIMETypes": ["text/csv"],
            },
        )
    return server


def ann(server: ServerProcess) -> Caller:
    """She may do everything to what is called `mine`."""
    iam = server.client("iam")
    iam.create_user(UserName="ann")
    resources = [f"arn:aws:s3:::{BUCKET}/mine/*", f"{PACKAGE}/mine/*"]
    statement = {"Effect": "Allow", "Action": "*", "Resource": resources}
    document = json.dumps({"Version": "2012-10-17", "Statement": statement})
    iam.put_user_policy(UserName="ann", PolicyName="mine", PolicyDocument=document)
    key = iam.create_access_key(UserName="ann")["AccessKey"]
    return Caller(server, key["AccessKeyId"], key["SecretAccessKey"])


def keys(server: ServerProcess) -> list[str]:
    return [one["Key"] for one in server.client("s3").list_objects_v2(Bucket=BUCKET)["Contents"]]


def recorded(server: ServerProcess, operation: str) -> list[tuple[str, dict[str, Any]]]:
    """The error code and the answer of each record of ann's, oldest first."""
    sql = (
        "SELECT error_code, document FROM audit_record"
        " WHERE user_name = 'ann' AND operation = ? ORDER BY at_us, id"
    )
    with rows_of(url_of(server)) as rows:
        return [(code, json.loads(text).get("Answer", {})) for code, text in rows(sql, operation)]


def delete(caller: Caller, *wanted: str) -> tuple[list[str], list[tuple[str, str]]]:
    objects = [{"Key": key} for key in wanted]
    answer = caller.client("s3").delete_objects(Bucket=BUCKET, Delete={"Objects": objects})
    deleted = [one["Key"] for one in answer.get("Deleted", [])]
    return deleted, [(one["Key"], one["Code"]) for one in answer.get("Errors", [])]


def test_deletion_spares_what_the_caller_may_not_delete(world: ServerProcess) -> None:
    deleted, refused = delete(ann(world), "theirs/a", "mine/a", "theirs/absent", "mine/absent")

    assert deleted == ["mine/a", "mine/absent"]
    assert refused == [("theirs/a", "AccessDenied"), ("theirs/absent", "AccessDenied")]
    assert keys(world) == ["mine/b", "theirs/a"]
    [(code, answer)] = recorded(world, "DeleteObjects")
    assert code == ""
    assert [one["Code"] for one in answer["Errors"]] == ["AccessDenied", "AccessDenied"]


def test_deletion_of_nothing_but_what_the_caller_may_not_delete_is_a_denial(
    world: ServerProcess,
) -> None:
    assert delete(ann(world), "theirs/a") == ([], [("theirs/a", "AccessDenied")])

    assert keys(world) == ["mine/a", "mine/b", "theirs/a"]
    assert recorded(world, "DeleteObjects") == [("AccessDenied", {})]


def test_a_batch_is_described_without_what_the_caller_may_not_see(world: ServerProcess) -> None:
    mine, theirs = f"{PACKAGE}/mine/1", f"{PACKAGE}/theirs/1"

    answer = (
        ann(world)
        .client("sagemaker")
        .batch_describe_model_package(ModelPackageArnList=[theirs, mine])
    )

    assert list(answer["ModelPackageSummaries"]) == [mine]
    refused = answer["BatchDescribeModelPackageErrorMap"]
    assert {arn: error["ErrorCode"] for arn, error in refused.items()} == {
        theirs: "AccessDeniedException"
    }
    assert recorded(world, "BatchDescribeModelPackage") == [("AccessDeniedException", {})]
