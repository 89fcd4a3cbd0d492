"""All that decides about a user or a role is read in one go."""

from typing import Any

import pytest

from modelyard.access.identities import subjects
from modelyard.access.identities.subjects import SubjectPolicies
from modelyard.errors import Refusal
from modelyard.storage import access_changes
from modelyard.storage.database import Database
from tests.access.iam_in_process import ACCOUNT, Iam
from tests.access.iam_words import policy, trust

S3_FULL = "arn:aws:iam::aws:policy/AmazonS3FullAccess"


@pytest.fixture
def iam(database: Database) -> Iam:
    return Iam(database)


async def of_user(iam: Iam, name: str) -> SubjectPolicies | None:
    return await iam.database.read(lambda tx: subjects.of_user(tx, ACCOUNT, name))


async def test_a_user_has_its_own_policies_and_those_of_its_groups(iam: Iam) -> None:
    first = await iam.policy("first", policy("s3:A"))
    await iam("CreatePolicyVersion", PolicyArn=first, PolicyDocument=policy("s3:B"))
    await iam(
        "CreatePolicyVersion", PolicyArn=first, PolicyDocument=policy("s3:C"), SetAsDefault=True
    )
    boundary = await iam.policy("boundary", policy("s3:D"))
    tags = [{"Key": "team", "Value": "churn"}]
    await iam("CreateUser", UserName="ada", Path="/x/", Tags=tags, PermissionsBoundary=boundary)
    await iam("PutUserPolicy", UserName="ada", PolicyName="b", PolicyDocument=policy("s3:E"))
    await iam("PutUserPolicy", UserName="ada", PolicyName="a", PolicyDocument=policy("s3:F"))
    await iam("AttachUserPolicy", UserName="ada", PolicyArn=first)
    for group in ("two", "one", "foreign"):
        await iam("CreateGroup", GroupName=group)
        await iam(
            "PutGroupPolicy",
            GroupName=group,
            PolicyName=group,
            PolicyDocument=policy(f"s3:{group}"),
        )
    await iam("AttachGroupPolicy", GroupName="two", PolicyArn=S3_FULL)
    for group in ("two", "one"):
        await iam("AddUserToGroup", GroupName=group, UserName="ada")

    subject = await of_user(iam, "ada")

    assert subject is not None
    assert subject.arn == f"arn:aws:iam::{ACCOUNT}:user/x/ada"
    assert (subject.path, subject.tags) == ("/x/", (("team", "churn"),))
    assert [(one.name, one.text) for one in subject.inline] == [
        ("a", policy("s3:F")),
        ("b", policy("s3:E")),
    ]
    assert [(one.arn, one.version, one.text) for one in subject.attached] == [
        (first, "v3", policy("s3:C"))
    ]
    assert [group.name for group in subject.groups] == ["one", "two"]
    assert [one.name for group in subject.groups for one in group.inline] == ["one", "two"]
    assert [one.arn for group in subject.groups for one in group.attached] == [S3_FULL]
    assert subject.boundary is not None
    assert (subject.boundary.arn, subject.boundary.text) == (boundary, policy("s3:D"))
    assert await of_user(iam, "nobody") is None


async def test_a_role_has_no_groups_and_may_be_bounded_by_one_of_awss(iam: Iam) -> None:
    await iam(
        "CreateRole",
        RoleName="r",
        AssumeRolePolicyDocument=trust(),
        PermissionsBoundary=S3_FULL,
    )

    subject = await iam.database.read(lambda tx: subjects.of_role(tx, ACCOUNT, "r"))

    assert subject is not None
    assert (subject.inline, subject.attached, subject.groups) == ((), (), ())
    assert subject.boundary is not None
    assert subject.boundary.arn == S3_FULL
    assert await iam.database.read(lambda tx: subjects.of_role(tx, "999999999999", "r")) is None


WRITES: list[tuple[str, dict[str, Any]]] = [
    ("TagUser", {"UserName": "u", "Tags": [{"Key": "k", "Value": "v"}]}),
    ("UntagUser", {"UserName": "u", "TagKeys": ["k"]}),
    ("PutUserPolicy", {"UserName": "u", "PolicyName": "p", "PolicyDocument": policy()}),
    ("DeleteUserPolicy", {"UserName": "u", "PolicyName": "p"}),
    ("AttachUserPolicy", {"UserName": "u", "PolicyArn": S3_FULL}),
    ("DetachUserPolicy", {"UserName": "u", "PolicyArn": S3_FULL}),
    ("PutUserPermissionsBoundary", {"UserName": "u", "PermissionsBoundary": S3_FULL}),
    ("DeleteUserPermissionsBoundary", {"UserName": "u"}),
    ("CreateGroup", {"GroupName": "g"}),
    ("AddUserToGroup", {"GroupName": "g", "UserName": "u"}),
    ("UpdateGroup", {"GroupName": "g", "NewPath": "/x/"}),
    ("RemoveUserFromGroup", {"GroupName": "g", "UserName": "u"}),
    ("DeleteGroup", {"GroupName": "g"}),
    ("CreateAccessKey", {"UserName": "u"}),
    ("UpdateUser", {"UserName": "u", "NewUserName": "w"}),
]


async def test_every_change_is_counted_and_told_and_a_refused_one_is_not(iam: Iam) -> None:
    told: list[None] = []
    iam.database.subscribe(access_changes.TOPIC, lambda: told.append(None))

    async def count() -> int:
        return await iam.database.read(access_changes.version)

    await iam("CreateUser", UserName="u")
    for operation, request in WRITES:
        before = await count()
        await iam(operation, **request)
        assert await count() == before + 1, operation
    before = await count()
    with pytest.raises(Refusal):
        await iam("DeleteUser", UserName="w")
    await iam("GetUser", UserName="w")

    assert await count() == before
    assert len(told) == len(WRITES) + 1
