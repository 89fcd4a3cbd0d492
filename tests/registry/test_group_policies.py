"""Group policies: kept as they were given, refused when malformed, gone with their group."""

import json
from typing import Any

import pytest

from modelyard.errors import ValidationException
from modelyard.storage import access_changes
from tests.registry.in_process import Registry, group_arn, principal

OTHER = "210987654321"
THIRD = "333333333333"


def policy(account: str = OTHER, **members: Any) -> str:
    statement = {
        "Sid": "AddPermModelPackageGroup",
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{account}:root"},
        "Action": ["sagemaker:DescribeModelPackageGroup"],
        "Resource": group_arn("churn"),
        **members,
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]}, indent=2)


async def put(registry: Registry, text: str, group: str = "churn") -> dict[str, Any]:
    return await registry(
        "PutModelPackageGroupPolicy", ModelPackageGroupName=group, ResourcePolicy=text
    )


async def get(registry: Registry, group: str = "churn") -> str:
    found = await registry("GetModelPackageGroupPolicy", ModelPackageGroupName=group)
    return str(found["ResourcePolicy"])


async def test_a_policy_is_given_back_as_it_was(registry: Registry) -> None:
    arn = await registry.group()

    assert await put(registry, policy(THIRD)) == {"ModelPackageGroupArn": arn}
    await put(registry, policy())

    assert await get(registry) == policy()
    await registry("DeleteModelPackageGroupPolicy", ModelPackageGroupName="churn")
    for operation in ("GetModelPackageGroupPolicy", "DeleteModelPackageGroupPolicy"):
        with pytest.raises(ValidationException, match="^Cannot find resource policy"):
            await registry(operation, ModelPackageGroupName="churn")


async def test_a_policy_needs_its_group_and_goes_with_it(registry: Registry) -> None:
    with pytest.raises(ValidationException, match="^Cannot find Model Package Group"):
        await put(registry, policy())
    for operation in ("GetModelPackageGroupPolicy", "DeleteModelPackageGroupPolicy"):
        with pytest.raises(ValidationException, match="^Cannot find Model Package Group"):
            await registry(operation, ModelPackageGroupName="churn")
    await registry.group()
    await put(registry, policy())

    await registry("DeleteModelPackageGroup", ModelPackageGroupName="churn")
    await registry.group()

    with pytest.raises(ValidationException, match="^Cannot find resource policy"):
        await get(registry)
    assert await discovered(registry) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("nonsense", "Json"),
        ("{}", "Statement"),
        (policy(Principal=None), "principal"),
        (policy(Principal={"AWS": "ada"}), "Invalid principal"),
        (policy(Action="s3:GetObject"), "invalid action"),
        (policy(Effect="Perhaps"), "Effect"),
        (policy(Resource="churn"), "ARN format"),
        (policy(Condition={"StringIs": {"a": "b"}}), "Condition"),
    ],
)
async def test_what_is_no_policy_of_a_group_is_refused(
    registry: Registry, text: str, words: str
) -> None:
    await registry.group()

    with pytest.raises(ValidationException, match=words) as refused:
        await put(registry, text)

    assert refused.value.message.startswith("Invalid resource policy: ")


async def test_a_policy_has_20480_characters_at_most(registry: Registry) -> None:
    await registry.group()
    longest = policy() + " " * (20_480 - len(policy()))

    await put(registry, longest)
    with pytest.raises(ValidationException, match="20480"):
        await put(registry, longest + " ")

    assert await get(registry) == longest


async def test_every_change_of_a_policy_is_counted(registry: Registry) -> None:
    await registry.group()
    counts = [await registry.database.read(access_changes.version)]

    await put(registry, policy())
    counts.append(await registry.database.read(access_changes.version))
    await registry("DeleteModelPackageGroupPolicy", ModelPackageGroupName="churn")
    counts.append(await registry.database.read(access_changes.version))

    assert counts[0] < counts[1] < counts[2]


async def discovered(
    registry: Registry, account: str = OTHER, operation: str = "ListModelPackageGroups"
) -> list[str]:
    """The groups of others that an account finds which may describe every one of them."""
    asker, registry.principal = registry.principal, principal(account)
    members: dict[str, Any] = {"CrossAccountFilterOption": "CrossAccount"}
    if operation == "Search":
        members |= {"Resource": "ModelPackageGroup", "SortBy": "ModelPackageGroupName"}
        members |= {"SortOrder": "Ascending"}
    answer = await registry.across(operation, may=lambda action, arn: True, **members)
    registry.principal = asker
    if operation == "Search":
        return [one["ModelPackageGroup"]["ModelPackageGroupArn"] for one in answer["Results"]]
    return [one["ModelPackageGroupArn"] for one in answer["ModelPackageGroupSummaryList"]]


@pytest.mark.parametrize("operation", ["ListModelPackageGroups", "Search"])
@pytest.mark.parametrize(
    ("members", "found"),
    [
        ({}, True),
        ({"Principal": {"AWS": OTHER}}, True),
        ({"Principal": {"AWS": [f"arn:aws:iam::{THIRD}:root", OTHER]}}, True),
        ({"Action": ["sagemaker:ListTags", "sagemaker:describeModelPackageGroup"]}, True),
        ({"Action": "*"}, False),
        ({"Action": "sagemaker:*"}, False),
        ({"Action": "sagemaker:Describe*"}, False),
        ({"Action": "sagemaker:DescribeModelPackage"}, False),
        ({"Principal": {"AWS": f"arn:aws:iam::{OTHER}:role/deployer"}}, False),
        ({"Principal": "*"}, False),
        ({"Principal": {"AWS": THIRD}}, False),
        ({"Effect": "Deny"}, False),
    ],
)
async def test_a_group_is_discovered_by_accounts_that_its_policy_names_with_its_actions(
    registry: Registry, operation: str, members: dict[str, Any], found: bool
) -> None:
    arn = await registry.group()
    await put(registry, policy(**members))

    assert await discovered(registry, operation=operation) == ([arn] if found else [])
    assert await discovered(registry, "444444444444", operation) == []


async def test_what_an_account_may_not_describe_it_does_not_discover(registry: Registry) -> None:
    for name in ("a", "b", "c", "d", "e"):
        await registry.group(name)
        await put(registry, policy(), name)
    registry.principal = principal(OTHER)
    members: dict[str, Any] = {"CrossAccountFilterOption": "CrossAccount", "MaxResults": 2}

    def may(action: str, arn: str) -> bool:
        return action == "sagemaker:DescribeModelPackageGroup" and arn[-1] in "bde"

    first = await registry.across("ListModelPackageGroups", may=may, **members)
    rest = await registry.across(
        "ListModelPackageGroups", may=may, NextToken=first["NextToken"], **members
    )
    nothing = await registry("ListModelPackageGroups", **members)

    pages = (first, rest)
    named = [
        one["ModelPackageGroupName"] for p in pages for one in p["ModelPackageGroupSummaryList"]
    ]
    assert named == ["b", "d", "e"]
    assert nothing == {"ModelPackageGroupSummaryList": []}


async def test_groups_of_a_name_in_two_accounts_are_both_discovered(registry: Registry) -> None:
    for account in ("111111111111", "222222222222"):
        registry.principal = principal(account)
        await registry.group()
        await put(registry, policy())

    found = await discovered(registry)

    assert [arn.split(":")[4] for arn in found] == ["111111111111", "222222222222"]


async def test_ones_own_groups_are_not_others(registry: Registry) -> None:
    await registry.group()
    await put(registry, policy())

    assert await discovered(registry, account=registry.principal.account) == []
    registry.principal = principal(OTHER)
    assert await registry("ListModelPackageGroups") == {"ModelPackageGroupSummaryList": []}
    assert (await registry("Search", Resource="ModelPackageGroup"))["Results"] == []


async def test_shared_versions_are_searched_one_by_one(registry: Registry) -> None:
    await registry.group()
    await put(registry, policy())
    for _ in range(3):
        await registry.version()
    await registry.group("other")
    await registry.version("other")
    registry.principal = principal(OTHER)

    def may(action: str, arn: str) -> bool:
        return not arn.endswith("/2")

    found = await registry.across(
        "Search",
        may=may,
        Resource="ModelPackage",
        CrossAccountFilterOption="CrossAccount",
        SearchExpression={"Filters": [{"Name": "ModelPackageGroupName", "Value": "churn"}]},
    )

    numbers = [one["ModelPackage"]["ModelPackageVersion"] for one in found["Results"]]
    assert sorted(numbers) == [1, 3]
