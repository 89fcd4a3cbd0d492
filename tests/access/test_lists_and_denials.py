"""What a list shows to whom a policy allows it on everything, on some things, or denies some of."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.server_process import ServerProcess

ACCOUNT = "123456789012"
ARN = f"arn:aws:sagemaker:us-east-1:{ACCOUNT}"
LISTS_ALL = {"Effect": "Allow", "Action": "sagemaker:List*", "Resource": "*"}
DENIES_SECOND = {
    "Effect": "Deny",
    "Action": "sagemaker:DescribeModelPackage",
    "Resource": [f"{ARN}:model-package/churn/2", f"{ARN}:model-package/lone"],
}
DESCRIBES_FIRST = {
    "Effect": "Allow",
    "Action": "sagemaker:DescribeModelPackage",
    "Resource": f"{ARN}:model-package/churn/1",
}


@pytest.fixture(scope="module")
def yard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """Versions churn/1 to churn/3, and the package `lone` of no group."""
    server = ServerProcess(tmp_path_factory.mktemp("lists"))
    server.start()
    sagemaker = server.client("sagemaker")
    sagemaker.create_model_package_group(ModelPackageGroupName="churn")
    for _ in range(3):
        sagemaker.create_model_package(ModelPackageGroupName="churn")
    image = {"Containers": [{"Image": "1.dkr.ecr.x/y:1"}], "SupportedContentTypes": ["text/csv"]}
    specification = image | {"SupportedResponseMIMETypes": ["text/csv"]}
    for name in ("lone", "other"):
        sagemaker.create_model_package(ModelPackageName=name, InferenceSpecification=specification)
    server.client("iam").create_user(UserName="ana")
    yield server
    assert server.close() == []


def shown(server: ServerProcess, *statements: dict[str, Any], **asked: Any) -> list[str]:
    """The ends of the ARNs that ListModelPackages shows to a user of this policy, page by page."""
    iam = server.client("iam")
    for old in iam.list_access_keys(UserName="ana")["AccessKeyMetadata"]:
        iam.delete_access_key(UserName="ana", AccessKeyId=old["AccessKeyId"])
    document = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
    iam.put_user_policy(UserName="ana", PolicyName="p", PolicyDocument=document)
    made = iam.create_access_key(UserName="ana")["AccessKey"]
    sagemaker = server.client(
        "sagemaker",
        aws_access_key_id=made["AccessKeyId"],
        aws_secret_access_key=made["SecretAccessKey"],
    )
    pages = sagemaker.get_paginator("list_model_packages").paginate(
        SortOrder="Ascending", PaginationConfig={"PageSize": 1}, **asked
    )
    listed = [one["ModelPackageArn"] for page in pages for one in page["ModelPackageSummaryList"]]
    return [arn.partition("model-package/")[2] for arn in listed]


def test_a_list_of_everything_shows_also_what_may_not_be_described(yard: ServerProcess) -> None:
    """As on AWS: who wrote List on everything meant the list."""
    all_three = ["churn/1", "churn/2", "churn/3"]
    assert shown(yard, LISTS_ALL, ModelPackageType="Versioned") == all_three
    assert shown(yard, LISTS_ALL, DESCRIBES_FIRST, ModelPackageGroupName="churn") == all_three


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        ({"ModelPackageType": "Versioned"}, ["churn/1", "churn/3"]),
        ({"ModelPackageType": "Both"}, ["churn/1", "churn/3", "other"]),
        ({}, ["other"]),
        ({"ModelPackageGroupName": "churn"}, ["churn/1", "churn/3"]),
    ],
)
def test_what_a_denial_hides_is_in_no_list(
    yard: ServerProcess, asked: dict[str, Any], wanted: list[str]
) -> None:
    assert shown(yard, LISTS_ALL, DENIES_SECOND, **asked) == wanted
    assert shown(yard, LISTS_ALL, DESCRIBES_FIRST, DENIES_SECOND, **asked) == wanted


def test_a_list_of_some_shows_what_may_be_described(yard: ServerProcess) -> None:
    lists_churn = LISTS_ALL | {"Resource": f"{ARN}:model-package/churn/*"}

    assert shown(yard, lists_churn, DESCRIBES_FIRST, ModelPackageType="Both") == ["churn/1"]
