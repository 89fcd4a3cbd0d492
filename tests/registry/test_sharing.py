"""What other accounts do with a group that is shared with them, and what they cannot."""

from typing import Any

import pytest

from modelyard import model_package_names as names
from modelyard.errors import AccessDeniedException, ValidationException
from tests.registry.in_process import (
    ACCOUNT,
    Registry,
    group_arn,
    package_arn,
    principal,
    specification,
)

OTHER = "210987654321"
GROUP = group_arn("churn")
VERSION = package_arn("churn/1")
BOB = f"arn:aws:iam::{OTHER}:user/bob"


@pytest.fixture
async def shared(registry: Registry) -> Registry:
    """A group with a version in one account, asked from another one."""
    await registry.group()
    await registry.version()
    registry.principal = principal(OTHER, "bob")
    return registry


async def test_a_shared_group_is_seen_as_its_owner_sees_it(shared: Registry) -> None:
    group = await shared.across("DescribeModelPackageGroup", GROUP, ModelPackageGroupName=GROUP)
    version = await shared.across("DescribeModelPackage", GROUP, ModelPackageName=VERSION)
    listed = await shared.across("ListModelPackages", GROUP, ModelPackageGroupName=GROUP)
    batch = await shared.across(
        "BatchDescribeModelPackage", GROUP, ModelPackageArnList=[VERSION, package_arn("churn/9")]
    )

    assert group["ModelPackageGroupArn"] == GROUP
    assert version["CreatedBy"]["IamIdentity"]["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/ada"
    assert [one["ModelPackageArn"] for one in listed["ModelPackageSummaryList"]] == [VERSION]
    assert list(batch["ModelPackageSummaries"]) == [VERSION]
    refused = batch["BatchDescribeModelPackageErrorMap"][package_arn("churn/9")]
    assert refused["ErrorCode"] == "ValidationException"


async def test_a_decision_of_another_account_is_the_owners_to_see(shared: Registry) -> None:
    await shared.across(
        "UpdateModelPackage",
        GROUP,
        ModelPackageArn=VERSION,
        ModelApprovalStatus="Approved",
        ApprovalDescription="by bob",
    )

    shared.principal = principal()
    version = await shared.describe(VERSION)
    assert version["ModelApprovalStatus"] == "Approved"
    assert version["LastModifiedBy"]["IamIdentity"]["Arn"] == BOB
    [decision] = (await shared.own("ListModelPackageDecisions", ModelPackageName=VERSION))[
        "Decisions"
    ]
    assert (decision["DecidedBy"], decision["ApprovalDescription"]) == (BOB, "by bob")


async def test_a_version_that_another_account_registers_is_the_groups(shared: Registry) -> None:
    await shared.put_object("bobs", "model.tar.gz", account=OTHER)
    made = await shared.across(
        "CreateModelPackage",
        GROUP,
        ModelPackageGroupName=GROUP,
        InferenceSpecification=specification("s3://bobs/model.tar.gz"),
    )

    assert made == {"ModelPackageArn": package_arn("churn/2")}
    assert (await shared("ListModelPackages", ModelPackageType="Both")) == {
        "ModelPackageSummaryList": []
    }
    shared.principal = principal()
    version = await shared.describe(package_arn("churn/2"))
    assert version["CreatedBy"]["IamIdentity"]["Arn"] == BOB
    kept = await shared.own("DescribeModelPackageArtifacts", ModelPackageName="churn/2")
    assert [one["State"] for one in kept["Artifacts"]] == ["Verified"]


async def test_a_group_of_the_same_name_stays_ones_own(shared: Registry) -> None:
    await shared.group()
    await shared.version()

    mine = await shared.across("DescribeModelPackage", GROUP, ModelPackageName="churn/1")

    assert mine["ModelPackageArn"] == VERSION.replace(ACCOUNT, OTHER)


OPERATIONS: list[tuple[str, str, dict[str, Any]]] = [
    ("DescribeModelPackageGroup", "ModelPackageGroupName", {}),
    ("DeleteModelPackageGroup", "ModelPackageGroupName", {}),
    ("ListModelPackages", "ModelPackageGroupName", {}),
    ("CreateModelPackage", "ModelPackageGroupName", {"InferenceSpecification": specification()}),
    ("DescribeModelPackage", "ModelPackageName", {}),
    ("DeleteModelPackage", "ModelPackageName", {}),
    ("UpdateModelPackage", "ModelPackageArn", {"ModelApprovalStatus": "Approved"}),
    ("ListTags", "ResourceArn", {}),
    ("AddTags", "ResourceArn", {"Tags": [{"Key": "a", "Value": "b"}]}),
    ("DeleteTags", "ResourceArn", {"TagKeys": ["a"]}),
]


@pytest.mark.parametrize(("operation", "member", "more"), OPERATIONS)
@pytest.mark.parametrize("is_there", [True, False])
async def test_what_is_not_shared_is_denied_whether_it_is_there_or_not(
    shared: Registry, operation: str, member: str, more: dict[str, Any], is_there: bool
) -> None:
    name = "churn" if is_there else "nothing"
    arn = group_arn(name)
    if member in ("ModelPackageName", "ModelPackageArn"):
        arn = package_arn(f"{name}/1")

    for others in ((), (group_arn("another"), group_arn("churn").replace(ACCOUNT, OTHER))):
        with pytest.raises(AccessDeniedException) as refused:
            await shared.across(operation, *others, **{member: arn, **more})
        assert refused.value.message == (
            f"User: {BOB} is not authorized to perform: sagemaker:{operation} on resource: {arn}"
        )


async def test_sharing_one_group_shares_no_other(shared: Registry) -> None:
    shared.principal = principal()
    await shared.group("other")
    await shared.version("other")
    await shared.unversioned("churn")
    shared.principal = principal(OTHER, "bob")

    for text in (package_arn("other/1"), package_arn("churn"), package_arn("churnx/1")):
        with pytest.raises(AccessDeniedException):
            await shared.across("DescribeModelPackage", GROUP, ModelPackageName=text)
    batch = await shared.across(
        "BatchDescribeModelPackage", GROUP, ModelPackageArnList=[package_arn("other/1")]
    )
    [refused] = batch["BatchDescribeModelPackageErrorMap"].values()
    assert refused["ErrorCode"] == "AccessDeniedException"


async def test_a_batch_leaves_out_what_the_caller_may_not_describe(registry: Registry) -> None:
    await registry.group()
    arns = [await registry.version() for _ in range(3)]

    batch = await registry.across(
        "BatchDescribeModelPackage", refused={1: "not you"}, ModelPackageArnList=arns
    )

    assert list(batch["ModelPackageSummaries"]) == [arns[0], arns[2]]
    assert batch["BatchDescribeModelPackageErrorMap"] == {
        arns[1]: {"ErrorCode": "AccessDeniedException", "ErrorResponse": "not you"}
    }


async def test_a_package_of_another_account_is_copied_by_whoever_may_describe_it(
    shared: Registry,
) -> None:
    await shared.group("mine")
    asked: list[tuple[str, str]] = []

    def may(action: str, arn: str) -> bool:
        asked.append((action, arn))
        return True

    request = {"ModelPackageGroupName": "mine", "SourceUri": VERSION}
    with pytest.raises(AccessDeniedException):
        await shared.across("CreateModelPackage", **request)
    made = await shared.across("CreateModelPackage", may=may, **request)

    assert asked == [("sagemaker:DescribeModelPackage", VERSION)]
    copied = await shared.describe(made["ModelPackageArn"])
    assert copied["InferenceSpecification"] == specification()
    assert copied["ModelApprovalStatus"] == "PendingManualApproval"


@pytest.mark.parametrize("key", ["there", "missing"])
async def test_bytes_of_another_account_are_taken_by_whoever_may_read_them(
    shared: Registry, key: str
) -> None:
    await shared.put_object("theirs", "there")
    await shared.group("mine")
    request = {
        "ModelPackageGroupName": "mine",
        "InferenceSpecification": specification(f"s3://theirs/{key}"),
    }

    with pytest.raises(ValidationException, match="belongs to another account"):
        await shared.across("CreateModelPackage", **request)
    asked: list[tuple[str, str]] = []

    def may(action: str, arn: str) -> bool:
        asked.append((action, arn))
        return True

    if key == "missing":
        with pytest.raises(ValidationException, match="holds no object"):
            await shared.across("CreateModelPackage", may=may, **request)
    else:
        await shared.across("CreateModelPackage", may=may, **request)
        kept = await shared.own("DescribeModelPackageArtifacts", ModelPackageName="mine/1")
        assert [one["State"] for one in kept["Artifacts"]] == ["Verified"]
    assert asked == [("s3:GetObject", f"arn:aws:s3:::theirs/{key}")]


@pytest.mark.parametrize(
    ("arn", "held_by"),
    [
        (VERSION, GROUP),
        (package_arn("churn/*"), GROUP),
        (package_arn("churn"), package_arn("churn")),
        (GROUP, GROUP),
        ("arn:aws:iam::123456789012:role/model-package/x", None),
        ("*", None),
        ("churn/1", None),
    ],
)
def test_a_version_is_held_by_its_group(arn: str, held_by: str | None) -> None:
    assert names.holder(arn) == (arn if held_by is None else held_by)
