"""SimulateCustomPolicy and SimulatePrincipalPolicy as boto3 asks them, on a running server."""

import json
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from modelyard.access.identities import simulate as simulate_operations
from modelyard.access.policy import documents, evaluation
from modelyard.access.policy.evaluation import Subject
from modelyard.call import Principal
from tests.server_process import ServerProcess

ACCOUNT, OTHER = "123456789012", "999999999999"
ANA = f"arn:aws:iam::{ACCOUNT}:user/team/ana"
GET, LAKE = "s3:GetObject", "arn:aws:s3:::lake/a"


@pytest.fixture
def iam(server: ServerProcess) -> Any:
    return server.client("iam")


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action: str = "*", resource: str = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def simulate(iam: Any, *policies: str, **more: Any) -> dict[str, Any]:
    """The first result."""
    asked = {"ActionNames": [GET], "ResourceArns": [LAKE], **more}
    answer = iam.simulate_custom_policy(PolicyInputList=list(policies), **asked)
    return dict(answer["EvaluationResults"][0])


def test_a_simulation_names_the_statements_and_where_they_stand(iam: Any) -> None:
    # The example of AWS's CLI reference, and the positions that it prints.
    text = (
        '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"dynamodb:*",'
        '"Resource":"*","Condition":{"DateGreaterThan":{"aws:CurrentTime":'
        '"2018-08-16T12:00:00Z"}}}}'
    )
    now = {
        "ContextKeyName": "aws:CurrentTime",
        "ContextKeyValues": ["2019-04-25T11:00:00Z"],
        "ContextKeyType": "date",
    }
    asked = {"ActionNames": ["dynamodb:CreateBackup"], "ResourceArns": ["*"]}

    result = simulate(iam, text, ContextEntries=[now], **asked)

    assert result["EvalDecision"] == "allowed"
    assert result["MatchedStatements"] == [
        {
            "SourcePolicyId": "PolicyInputList.1",
            "SourcePolicyType": "none",
            "StartPosition": {"Line": 1, "Column": 38},
            "EndPosition": {"Line": 1, "Column": 167},
        }
    ]
    assert result["MissingContextValues"] == []
    early = {**now, "ContextKeyValues": ["2018-01-01T00:00:00Z"]}
    assert simulate(iam, text, ContextEntries=[early], **asked)["EvalDecision"] == "implicitDeny"
    missing = simulate(iam, text, **asked)
    assert missing["EvalDecision"] == "implicitDeny"
    assert missing["MissingContextValues"] == ["aws:CurrentTime"]


def test_a_deny_in_any_policy_is_named(iam: Any) -> None:
    denying = policy(allow("iam:*"), {**allow(GET), "Effect": "Deny"}).replace("}, {", "},\n {")

    result = simulate(iam, policy(allow()), denying)

    assert result["EvalDecision"] == "explicitDeny"
    [named] = result["MatchedStatements"]
    assert named["SourcePolicyId"] == "PolicyInputList.2"
    assert named["StartPosition"] == {"Line": 2, "Column": 3}


def test_a_boundary_says_whether_it_was_in_the_way(iam: Any) -> None:
    def bounded(boundary: str) -> tuple[str, bool]:
        result = simulate(
            iam, policy(allow()), PermissionsBoundaryPolicyInputList=[policy(allow(boundary))]
        )
        detail = result["PermissionsBoundaryDecisionDetail"]
        return result["EvalDecision"], detail["AllowedByPermissionsBoundary"]

    assert bounded("s3:*") == ("allowed", True)
    assert bounded("iam:*") == ("implicitDeny", False)


def test_a_resources_policy_speaks_to_the_caller(iam: Any) -> None:
    bucket = policy({**allow(GET), "Principal": {"AWS": ANA}})
    nothing = policy(allow("iam:*"))
    mine = {"ResourcePolicy": bucket, "CallerArn": ANA}

    assert simulate(iam, nothing, **mine)["EvalDecision"] == "allowed"
    matched = simulate(iam, nothing, **mine)["MatchedStatements"]
    assert [(one["SourcePolicyId"], one["SourcePolicyType"]) for one in matched] == [
        ("ResourcePolicy", "resource")
    ]
    theirs = {**mine, "ResourceOwner": f"arn:aws:iam::{OTHER}:root"}
    assert simulate(iam, nothing, **theirs)["EvalDecision"] == "implicitDeny"
    assert simulate(iam, policy(allow()), **theirs)["EvalDecision"] == "allowed"
    bob = {**mine, "CallerArn": f"arn:aws:iam::{ACCOUNT}:user/bob"}
    assert simulate(iam, nothing, **bob)["EvalDecision"] == "implicitDeny"


def test_variables_take_the_callers_name_and_what_is_given_in_its_place(iam: Any) -> None:
    own = policy(allow(GET, "arn:aws:s3:::lake/${aws:username}"))
    asked = {"CallerArn": ANA, "ResourceArns": ["arn:aws:s3:::lake/ana"]}
    bob = [{"ContextKeyName": "aws:username", "ContextKeyValues": ["bob"]}]

    assert simulate(iam, own, **asked)["EvalDecision"] == "allowed"
    assert simulate(iam, own, ContextEntries=bob, **asked)["EvalDecision"] == "implicitDeny"


def test_every_action_is_asked_of_every_resource_in_pages(iam: Any) -> None:
    actions, on = ["s3:GetObject", "s3:PutObject", "iam:GetRole"], ["arn:aws:s3:::a/b", LAKE]
    pages = iam.get_paginator("simulate_custom_policy").paginate(
        PolicyInputList=[policy(allow("s3:Get*", LAKE))],
        ActionNames=actions,
        ResourceArns=on,
        PaginationConfig={"PageSize": 4},
    )

    results = [result for page in pages for result in page["EvaluationResults"]]

    assert [(one["EvalActionName"], one["EvalResourceName"]) for one in results] == [
        (action, resource) for action in actions for resource in on
    ]
    allowed = [one["EvalDecision"] == "allowed" for one in results]
    assert allowed == [False, True, False, False, False, False]


def test_a_role_is_asked_for_by_those_whom_their_policies_let(iam: Any) -> None:
    role = f"arn:aws:iam::{ACCOUNT}:role/builder"
    asked = {"ActionNames": ["sts:AssumeRole"], "ResourceArns": [role]}

    assert simulate(iam, policy(allow("sts:*", role)), **asked)["EvalDecision"] == "allowed"
    assert simulate(iam, policy(allow("s3:*")), **asked)["EvalDecision"] == "implicitDeny"


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"ActionNames": ["GetObject"]}, "Invalid Action Name"),
        ({"PolicyInputList": [policy(allow("Get"))]}, "PolicyInputList.1: Actions"),
        ({"PolicyInputList": [policy(allow())] * 51}, "at most 50 policies"),
        ({"ResourcePolicy": policy(allow())}, "ResourcePolicy: Missing required field Principal"),
        ({"PermissionsBoundaryPolicyInputList": ["{"]}, "PermissionsBoundaryPolicyInputList.1"),
        ({"CallerArn": f"arn:aws:iam::{ACCOUNT}:role/r"}, "CallerArn is the ARN of a user"),
        ({"ResourceOwner": "somebody"}, "ResourceOwner"),
    ],
)
def test_what_cannot_be_simulated_is_refused(iam: Any, more: dict[str, Any], says: str) -> None:
    asked = {"PolicyInputList": [policy(allow())], "ActionNames": [GET], **more}

    with pytest.raises(ClientError) as refused:
        iam.simulate_custom_policy(**asked)

    error = refused.value.response["Error"]
    assert error["Code"] == "InvalidInput"
    assert says in error["Message"]


def test_further_policies_are_simulated_with_a_principals_own(iam: Any) -> None:
    trust = {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole"}
    made = iam.create_role(RoleName="simulated", AssumeRolePolicyDocument=policy(trust))
    denying = policy({**allow(GET), "Effect": "Deny"})

    answer = iam.simulate_principal_policy(
        PolicySourceArn=made["Role"]["Arn"], PolicyInputList=[denying], ActionNames=[GET]
    )

    [result] = answer["EvaluationResults"]
    assert result["EvalDecision"] == "explicitDeny"
    assert result["MatchedStatements"][0]["SourcePolicyId"] == "PolicyInputList.1"


ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"
TRUST = policy({"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole"})


def decisions(iam: Any, arn: str, *actions: str, on: str = LAKE) -> list[str]:
    answer = iam.simulate_principal_policy(
        PolicySourceArn=arn, ActionNames=list(actions), ResourceArns=[on]
    )
    return [result["EvalDecision"] for result in answer["EvaluationResults"]]


def test_a_role_is_simulated_by_its_own_policies(iam: Any) -> None:
    role = iam.create_role(RoleName="work", Path="/ml/", AssumeRolePolicyDocument=TRUST)["Role"]
    assert decisions(iam, role["Arn"], GET) == ["implicitDeny"]

    iam.put_role_policy(
        RoleName="work", PolicyName="read", PolicyDocument=policy(allow("s3:Get*", "*"))
    )
    assert decisions(iam, role["Arn"], GET, "s3:PutObject") == ["allowed", "implicitDeny"]

    iam.attach_role_policy(RoleName="work", PolicyArn=ADMINISTRATOR)
    # What SDK 3 asks before it builds a model.
    asked = ["sagemaker:CreateModel", "s3:PutObject", "iam:PassRole", "sts:AssumeRole"]
    assert decisions(iam, role["Arn"], *asked, on="*") == ["allowed"] * 4


def test_a_user_has_its_groups_policies_and_its_boundary(iam: Any) -> None:
    user = iam.create_user(UserName="ana")["User"]["Arn"]
    group = iam.create_group(GroupName="readers")["Group"]["Arn"]
    iam.put_group_policy(
        GroupName="readers", PolicyName="read", PolicyDocument=policy(allow("s3:*", "*"))
    )
    assert decisions(iam, user, GET) == ["implicitDeny"]
    assert decisions(iam, group, GET) == ["allowed"]

    iam.add_user_to_group(GroupName="readers", UserName="ana")
    answer = iam.simulate_principal_policy(PolicySourceArn=user, ActionNames=[GET])
    [result] = answer["EvaluationResults"]
    assert result["EvalDecision"] == "allowed"
    [matched] = result["MatchedStatements"]
    assert matched["SourcePolicyId"] == "inline policy read of group/readers"
    assert matched["SourcePolicyType"] == "group"
    assert matched["StartPosition"]["Line"] == 1

    boundary = iam.create_policy(
        PolicyName="only-put", PolicyDocument=policy(allow("s3:PutObject"))
    )["Policy"]["Arn"]
    iam.put_user_permissions_boundary(UserName="ana", PermissionsBoundary=boundary)
    assert decisions(iam, user, GET, "s3:PutObject") == ["implicitDeny", "allowed"]


def test_the_root_may_do_everything_and_strangers_are_not_there(iam: Any) -> None:
    assert decisions(iam, f"arn:aws:iam::{ACCOUNT}:root", GET) == ["allowed"]
    for arn, code in (
        (f"arn:aws:iam::{ACCOUNT}:user/nobody", "NoSuchEntity"),
        (f"arn:aws:iam::{OTHER}:role/theirs", "AccessDenied"),
        (f"arn:aws:sts::{ACCOUNT}:assumed-role/work/me", "InvalidInput"),
    ):
        with pytest.raises(ClientError) as refused:
            decisions(iam, arn, GET)
        assert refused.value.response["Error"]["Code"] == code


ANA_SUBJECT = Subject(Principal(ACCOUNT, ANA, "AIDA", ""), names=frozenset({ANA, ACCOUNT}))
STORED = [
    ("inline policy own of user/team/ana", "user"),
    ("inline policy all of group/readers", "group"),
    ("inline policy work of role builder", "role"),
    (f"managed policy arn:aws:iam::{ACCOUNT}:policy/mine v2 of user/ana", "user-managed"),
    ("managed policy arn:aws:iam::aws:policy/ReadOnlyAccess v1", "aws-managed"),
]


@pytest.mark.parametrize(("source", "kind"), STORED)
def test_stored_policies_are_named_by_their_kind(source: str, kind: str) -> None:
    stored = evaluation.compile(documents.read_identity(policy(allow(GET))), source)
    request = {"ActionNames": [GET], "ResourceArns": [LAKE], "PolicyInputList": [policy(allow())]}
    subject = replace(ANA_SUBJECT, identity=(stored,), boundary=stored)

    result = simulate_operations.result(simulate_operations.read(request, subject), 0)

    assert result["MatchedStatements"][0] == {"SourcePolicyId": source, "SourcePolicyType": kind}
    assert result["MatchedStatements"][1]["SourcePolicyId"] == "PolicyInputList.1"
    assert result["PermissionsBoundaryDecisionDetail"] == {"AllowedByPermissionsBoundary": True}
