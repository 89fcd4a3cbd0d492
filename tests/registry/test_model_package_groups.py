"""Groups: what is told of them, which are listed, when one may go."""

import asyncio
from collections.abc import Awaitable
from typing import Any

import pytest

from modelyard.errors import ConflictException, ValidationException
from tests.registry.in_process import ACCOUNT, Registry, group_arn, principal


async def test_a_group_is_described_as_it_was_made(registry: Registry) -> None:
    arn = await registry.group("churn", ModelPackageGroupDescription="Tracks churn")

    assert arn == group_arn("churn")
    assert await registry("DescribeModelPackageGroup", ModelPackageGroupName=arn) == {
        "ModelPackageGroupName": "churn",
        "ModelPackageGroupArn": arn,
        "ModelPackageGroupDescription": "Tracks churn",
        "CreationTime": registry.now_us - 1000,
        "CreatedBy": {
            "IamIdentity": {"Arn": f"arn:aws:iam::{ACCOUNT}:user/ada", "PrincipalId": "AIDAada"}
        },
        "ModelPackageGroupStatus": "Completed",
    }


async def test_a_second_group_of_a_name_is_refused_in_the_words_clients_parse(
    registry: Registry,
) -> None:
    arn = await registry.group("churn")

    with pytest.raises(ValidationException) as refused:
        await registry.group("churn", Tags=[{"Key": "team", "Value": "rc"}])

    assert refused.value.message == f"Model Package Group already exists: {arn}"
    assert await registry("ListTags", ResourceArn=arn) == {"Tags": []}


@pytest.mark.parametrize(
    "argument",
    [
        "missing",
        group_arn("missing"),
        group_arn("churn").replace("us-east-1", "eu-west-1"),
        group_arn("churn").replace("model-package-group", "model-package"),
        group_arn("churn").replace("arn:aws:", "arn:aws-cn:"),
    ],
)
async def test_a_group_that_is_not_here_does_not_exist(registry: Registry, argument: str) -> None:
    await registry.group("churn")

    for operation in ("DescribeModelPackageGroup", "DeleteModelPackageGroup"):
        with pytest.raises(
            ValidationException, match=r"^ModelPackageGroup arn:.* does not exist\."
        ):
            await registry(operation, ModelPackageGroupName=argument)


async def test_accounts_and_regions_are_name_spaces(registry: Registry) -> None:
    await registry.group("churn")

    registry.region = "ap-northeast-1"
    assert "ap-northeast-1" in await registry.group("churn")
    registry.principal = principal("999999999999")
    assert "999999999999" in await registry.group("churn")
    listed = await registry("ListModelPackageGroups")

    assert len(listed["ModelPackageGroupSummaryList"]) == 1


async def test_a_group_with_versions_stays(registry: Registry) -> None:
    await registry.group("churn")
    version = await registry.version("churn")

    with pytest.raises(ConflictException, match="not empty"):
        await registry("DeleteModelPackageGroup", ModelPackageGroupName="churn")
    await registry("DeleteModelPackage", ModelPackageName=version)
    await registry("DeleteModelPackageGroup", ModelPackageGroupName="churn")

    with pytest.raises(ValidationException, match="does not exist"):
        await registry("DescribeModelPackageGroup", ModelPackageGroupName="churn")


async def test_a_group_made_anew_has_none_of_the_tags_before(registry: Registry) -> None:
    arn = await registry.group("churn", Tags=[{"Key": "team", "Value": "rc"}])
    await registry("DeleteModelPackageGroup", ModelPackageGroupName=arn)

    await registry.group("churn")

    assert await registry("ListTags", ResourceArn=arn) == {"Tags": []}


async def _names(registry: Registry, **request: Any) -> list[str]:
    listed = await registry("ListModelPackageGroups", **request)
    return [group["ModelPackageGroupName"] for group in listed["ModelPackageGroupSummaryList"]]


async def test_groups_are_listed_by_creation_unless_asked_otherwise(registry: Registry) -> None:
    for name in ("b", "C", "a"):
        await registry.group(name)

    assert await _names(registry) == ["b", "C", "a"]
    assert await _names(registry, SortOrder="Descending") == ["a", "C", "b"]
    assert await _names(registry, SortBy="Name") == ["C", "a", "b"]
    assert await _names(registry, NameContains="C") == ["C"]
    assert await _names(registry, CrossAccountFilterOption="CrossAccount") == []
    made = registry.now_us
    assert await _names(registry, CreationTimeAfter=made) == []


async def test_pages_of_groups_join_without_gap_or_repeat(registry: Registry) -> None:
    names = [f"group-{number:02}" for number in range(7)]
    for name in names:
        await registry.group(name)

    seen, token = [], {}
    while True:
        page = await registry("ListModelPackageGroups", MaxResults=3, SortBy="Name", **token)
        seen += [group["ModelPackageGroupName"] for group in page["ModelPackageGroupSummaryList"]]
        if "NextToken" not in page:
            break
        token = {"NextToken": page["NextToken"]}

    assert seen == names


async def test_a_token_of_another_question_is_refused(registry: Registry) -> None:
    for name in ("a", "b"):
        await registry.group(name)
    page = await registry("ListModelPackageGroups", MaxResults=1)

    with pytest.raises(ValidationException, match="NextToken"):
        await registry("ListModelPackageGroups", SortBy="Name", NextToken=page["NextToken"])


async def test_one_of_many_creators_of_a_group_wins(registry: Registry) -> None:
    async def outcome(creation: Awaitable[str]) -> str:
        try:
            return await creation
        except ValidationException as refusal:
            return refusal.message

    outcomes = await asyncio.gather(*(outcome(registry.group("churn")) for _ in range(20)))

    assert outcomes.count(group_arn("churn")) == 1
    assert outcomes.count(f"Model Package Group already exists: {group_arn('churn')}") == 19
