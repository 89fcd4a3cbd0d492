"""What IAM tells of a whole account: its details, its summary, its alias."""

import json
from typing import Any

from tests.access.iam_words import ALLOW_ALL, policy, refused, trust

S3_FULL = "arn:aws:iam::aws:policy/AmazonS3FullAccess"
MEMBERS = ("UserDetailList", "GroupDetailList", "RoleDetailList", "Policies")


def fill(iam: Any) -> str:
    arn = str(
        iam.create_policy(PolicyName="own", PolicyDocument=policy("s3:A"), Description="Own")[
            "Policy"
        ]["Arn"]
    )
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=json.dumps(ALLOW_ALL))
    for name in ("ada", "bob"):
        iam.create_user(UserName=name, Tags=[{"Key": "k", "Value": name}])
    iam.create_group(GroupName="team")
    iam.add_user_to_group(GroupName="team", UserName="ada")
    iam.put_user_policy(UserName="ada", PolicyName="p", PolicyDocument=policy("s3:B"))
    iam.put_group_policy(GroupName="team", PolicyName="g", PolicyDocument=policy("s3:C"))
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=trust(), PermissionsBoundary=S3_FULL)
    iam.attach_role_policy(RoleName="r", PolicyArn=arn)
    return arn


def test_the_details_of_an_account_tell_all_that_decides(iam: Any) -> None:
    arn = fill(iam)

    details = iam.get_account_authorization_details()

    ada, bob = details["UserDetailList"]
    assert (ada["UserName"], ada["GroupList"]) == ("ada", ["team"])
    assert ada["UserPolicyList"] == [
        {"PolicyName": "p", "PolicyDocument": json.loads(policy("s3:B"))}
    ]
    assert bob["Tags"] == [{"Key": "k", "Value": "bob"}]
    assert details["GroupDetailList"][0]["GroupPolicyList"][0]["PolicyName"] == "g"
    role = details["RoleDetailList"][0]
    assert role["AssumeRolePolicyDocument"] == json.loads(trust())
    assert role["AttachedManagedPolicies"] == [{"PolicyName": "own", "PolicyArn": arn}]
    assert role["PermissionsBoundary"]["PermissionsBoundaryArn"] == S3_FULL
    own, aws = details["Policies"]
    assert (own["Arn"], own["AttachmentCount"], own["Description"]) == (arn, 1, "Own")
    versions = {one["VersionId"]: one["Document"] for one in own["PolicyVersionList"]}
    assert versions == {"v1": json.loads(policy("s3:A")), "v2": ALLOW_ALL}
    assert (aws["Arn"], aws["PermissionsBoundaryUsageCount"]) == (S3_FULL, 1)
    roles_only = iam.get_account_authorization_details(Filter=["Role"])
    assert [len(roles_only[member]) for member in MEMBERS] == [0, 0, 1, 0]


def test_the_details_of_an_account_come_in_pages_of_any_size(iam: Any) -> None:
    fill(iam)
    whole = iam.get_account_authorization_details()
    for size in (1, 2, 3, 4, 7):
        paginator = iam.get_paginator("get_account_authorization_details")
        read = list(paginator.paginate(PaginationConfig={"PageSize": size}))
        for member in MEMBERS:
            assert [one for page in read for one in page[member]] == whole[member]
        assert all(1 <= sum(len(page[member]) for member in MEMBERS) <= size for page in read)


def test_the_summary_counts(iam: Any) -> None:
    empty = iam.get_account_summary()["SummaryMap"]
    fill(iam)

    summary = iam.get_account_summary()["SummaryMap"]

    counted = {
        name: summary[name] - empty[name] for name in summary if summary[name] != empty[name]
    }
    assert counted == {"Users": 2, "Groups": 1, "Roles": 1, "Policies": 1, "PolicyVersionsInUse": 2}
    assert summary["AccessKeysPerUserQuota"] == 2


def test_an_account_has_one_alias(iam: Any) -> None:
    iam.create_account_alias(AccountAlias="first")
    iam.create_account_alias(AccountAlias="second")
    assert iam.list_account_aliases()["AccountAliases"] == ["second"]

    iam.delete_account_alias(AccountAlias="second")

    assert iam.list_account_aliases()["AccountAliases"] == []
    assert refused(iam.delete_account_alias, AccountAlias="second")[0] == "NoSuchEntity"
