"""What requests of IAM, STS and the rest are judged on."""

import pytest

from modelyard.access.policy import actions
from modelyard.access.policy.actions import Asker
from tests.access.asking import ACCOUNT, ASKER, OTHER, REGION, USER, first, judged


def test_a_role_s_path_is_to_be_looked_up() -> None:
    check = first("iam", "AttachRolePolicy", RoleName="r", PolicyArn="arn:aws:iam::aws:policy/P")

    assert check.lookup is not None
    assert check.lookup[:2] == ("role", "r")
    assert dict(check.context) == {"iam:policyarn": ("arn:aws:iam::aws:policy/P",)}
    assert "iam:permissionsboundary" in check.looked_up
    found = actions.resolved(check, f"arn:aws:iam::{ACCOUNT}:role/service-role/r")
    assert found.resource == f"arn:aws:iam::{ACCOUNT}:role/service-role/r"
    assert found.context == check.context


def test_a_new_role_is_judged_by_its_path_and_boundary() -> None:
    check = first("iam", "CreateRole", RoleName="r", Path="/team/", PermissionsBoundary="arn:b")

    assert check.resource == f"arn:aws:iam::{ACCOUNT}:role/team/r"
    assert check.lookup is None
    assert dict(check.context) == {"iam:permissionsboundary": ("arn:b",)}


def test_a_rename_is_judged_under_both_names() -> None:
    before, after = actions.checks(
        "iam", "UpdateUser", {"UserName": "bob", "NewUserName": "rob"}, ASKER
    )
    stored = f"arn:aws:iam::{ACCOUNT}:user/ops/bob"

    assert actions.resolved(before, stored).resource == stored
    assert actions.resolved(after, stored).resource == f"arn:aws:iam::{ACCOUNT}:user/ops/rob"


def test_a_move_to_another_path_is_judged_there() -> None:
    _, after = actions.checks(
        "iam", "UpdateUser", {"UserName": "bob", "NewPath": "/admins/"}, ASKER
    )

    assert after.resource == f"arn:aws:iam::{ACCOUNT}:user/admins/bob"
    assert actions.resolved(after, f"arn:aws:iam::{ACCOUNT}:user/ops/bob") == after


@pytest.mark.parametrize("operation", ["GetUser", "ListAccessKeys", "ChangePassword"])
def test_without_a_name_the_calling_user_is_meant(operation: str) -> None:
    check = first("iam", operation)

    assert check.resource == USER
    assert check.lookup is not None
    assert check.lookup.kind == "caller"
    session = Asker(ACCOUNT, REGION, f"arn:aws:sts::{ACCOUNT}:assumed-role/r/s")
    (of_session,) = actions.checks("iam", operation, {}, session)
    assert of_session.resource == f"arn:aws:iam::{ACCOUNT}:user/*"
    root = Asker(ACCOUNT, REGION, f"arn:aws:iam::{ACCOUNT}:root")
    (of_root,) = actions.checks("iam", operation, {}, root)
    assert of_root.resource == root.arn


def test_a_policy_of_aws_s_own_belongs_to_no_other_account() -> None:
    check = first("iam", "GetPolicy", PolicyArn="arn:aws:iam::aws:policy/ReadOnlyAccess")

    assert (check.resource, check.resource_account) == (
        "arn:aws:iam::aws:policy/ReadOnlyAccess",
        "",
    )


def test_a_session_with_tags_and_a_source_identity_asks_for_each() -> None:
    role = f"arn:aws:iam::{OTHER}:role/deploy"
    checks = actions.checks(
        "sts",
        "AssumeRole",
        {
            "RoleArn": role,
            "RoleSessionName": "s",
            "ExternalId": "x",
            "SourceIdentity": "ann",
            "Tags": [{"Key": "team", "Value": "a"}],
        },
        ASKER,
    )

    assert [(check.action, check.resource, check.resource_account) for check in checks] == [
        ("sts:AssumeRole", role, OTHER),
        ("sts:TagSession", role, OTHER),
        ("sts:SetSourceIdentity", role, OTHER),
    ]
    assert checks[0].context["sts:externalid"] == ("x",)


@pytest.mark.parametrize(
    "operation", ["GetCallerIdentity", "GetSessionToken", "AssumeRoleWithWebIdentity"]
)
def test_some_operations_no_policy_decides(operation: str) -> None:
    assert judged("sts", operation) == []


@pytest.mark.parametrize("operation", ["LookupEvents"])
def test_the_trail_is_judged_as_a_whole(operation: str) -> None:
    assert judged("cloudtrail", operation) == [(f"cloudtrail:{operation}", "*")]


def test_logs_are_judged_on_the_group_s_streams() -> None:
    group = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/sagemaker/Endpoints/e"

    for named in ("/aws/sagemaker/Endpoints/e", group, f"{group}:*"):
        assert judged("logs", "FilterLogEvents", logGroupIdentifier=named) == [
            ("logs:FilterLogEvents", f"{group}:log-stream:")
        ]
