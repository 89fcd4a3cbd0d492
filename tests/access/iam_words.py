"""What tests of IAM say again and again: a policy, and how AWS refuses."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

ACCOUNT = "123456789012"
ALLOW_ALL = {
    "Version": "2012-10-17",
    "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"},
}
TRUST = {
    "Version": "2012-10-17",
    "Statement": {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
        "Action": "sts:AssumeRole",
    },
}


def policy(action: str = "*") -> str:
    """An identity policy that allows `action` on everything."""
    statement = {"Effect": "Allow", "Action": action, "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def trust() -> str:
    return json.dumps(TRUST)


def refused(ask: Any, **request: Any) -> tuple[str, str]:
    """The code and the sentence with which `ask` is refused."""
    with pytest.raises(ClientError) as refusal:
        ask(**request)
    error = refusal.value.response["Error"]
    return error["Code"], error["Message"]


def pages(client: Any, operation: str, member: str, **request: Any) -> list[list[Any]]:
    """What botocore's own paginator reads, two items a page."""
    paginator = client.get_paginator(operation)
    return [
        page[member] for page in paginator.paginate(PaginationConfig={"PageSize": 2}, **request)
    ]


def empty_account(iam: Any) -> None:
    """Delete whatever a test made, in the order that IAM asks for."""
    for user in _all(iam, "list_users", "Users"):
        whom = {"UserName": user["UserName"]}
        for key in iam.list_access_keys(**whom)["AccessKeyMetadata"]:
            iam.delete_access_key(**whom, AccessKeyId=key["AccessKeyId"])
        for group in iam.list_groups_for_user(**whom)["Groups"]:
            iam.remove_user_from_group(**whom, GroupName=group["GroupName"])
    for kind in ("user", "group", "role"):
        member = f"{kind.capitalize()}Name"
        for one in _all(iam, f"list_{kind}s", f"{kind.capitalize()}s"):
            _strip_and_delete(iam, kind, {member: one[member]})
    for policy in _all(iam, "list_policies", "Policies", Scope="Local"):
        for version in iam.list_policy_versions(PolicyArn=policy["Arn"])["Versions"]:
            if not version["IsDefaultVersion"]:
                iam.delete_policy_version(PolicyArn=policy["Arn"], VersionId=version["VersionId"])
        iam.delete_policy(PolicyArn=policy["Arn"])


def _strip_and_delete(iam: Any, kind: str, whom: dict[str, str]) -> None:
    for one in getattr(iam, f"list_attached_{kind}_policies")(**whom)["AttachedPolicies"]:
        getattr(iam, f"detach_{kind}_policy")(**whom, PolicyArn=one["PolicyArn"])
    for name in getattr(iam, f"list_{kind}_policies")(**whom)["PolicyNames"]:
        getattr(iam, f"delete_{kind}_policy")(**whom, PolicyName=name)
    getattr(iam, f"delete_{kind}")(**whom)


def _all(iam: Any, operation: str, member: str, **request: Any) -> list[Any]:
    return [
        one for page in iam.get_paginator(operation).paginate(**request) for one in page[member]
    ]
