"""IAM and STS as unmodified clients use them, on a running server."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests import aws_sessions
from tests.server_process import REGION, ServerProcess

ACCOUNT = "123456789012"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {
                "AWS": f"arn:aws:iam::{ACCOUNT}:root",
                "Service": "sagemaker.amazonaws.com",
            },
            "Action": ["sts:AssumeRole", "sts:SetSourceIdentity"],
        }
    ],
}
POLICY = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}


@pytest.fixture
def iam(server: ServerProcess) -> Any:
    return server.client("iam")


@pytest.fixture
def sts(server: ServerProcess) -> Any:
    return server.client("sts")


def create(iam: Any, name: str = "builder", **more: Any) -> str:
    made = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST), **more)
    return str(made["Role"]["Arn"])


def code(refused: pytest.ExceptionInfo[ClientError]) -> tuple[str, int]:
    response = refused.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


def test_a_role_lives(iam: Any) -> None:
    arn = create(iam, Path="/team/", Description="builds", Tags=[{"Key": "a", "Value": "b"}])
    assert arn == f"arn:aws:iam::{ACCOUNT}:role/team/builder"
    role = iam.get_role(RoleName="builder")["Role"]
    assert role["AssumeRolePolicyDocument"] == TRUST
    assert (role["Path"], role["MaxSessionDuration"]) == ("/team/", 3600)
    assert role["Tags"] == [{"Key": "a", "Value": "b"}]

    iam.update_role(RoleName="builder", MaxSessionDuration=7200)
    iam.put_role_policy(RoleName="builder", PolicyName="p", PolicyDocument=json.dumps(POLICY))
    iam.put_role_policy(RoleName="builder", PolicyName="p", PolicyDocument=json.dumps(POLICY))
    got = iam.get_role_policy(RoleName="builder", PolicyName="p")
    assert got["PolicyDocument"] == POLICY
    assert iam.list_role_policies(RoleName="builder")["PolicyNames"] == ["p"]
    managed = "arn:aws:iam::aws:policy/AmazonSageMakerFullAccess"
    iam.attach_role_policy(RoleName="builder", PolicyArn=managed)
    assert iam.list_attached_role_policies(RoleName="builder")["AttachedPolicies"] == [
        {"PolicyName": "AmazonSageMakerFullAccess", "PolicyArn": managed}
    ]

    with pytest.raises(ClientError) as attached:
        iam.delete_role(RoleName="builder")
    assert code(attached) == ("DeleteConflict", 409)
    iam.detach_role_policy(RoleName="builder", PolicyArn=managed)
    with pytest.raises(ClientError) as inline:
        iam.delete_role(RoleName="builder")
    assert code(inline) == ("DeleteConflict", 409)
    iam.delete_role_policy(RoleName="builder", PolicyName="p")
    iam.delete_role(RoleName="builder")
    with pytest.raises(ClientError) as gone:
        iam.get_role(RoleName="builder")
    assert code(gone) == ("NoSuchEntity", 404)


def test_roles_are_refused_in_iams_words(iam: Any) -> None:
    create(iam)
    with pytest.raises(ClientError) as twice:
        create(iam, "Builder")
    with pytest.raises(ClientError) as malformed:
        iam.put_role_policy(RoleName="builder", PolicyName="p", PolicyDocument="{}")
    with pytest.raises(ClientError) as missing:
        iam.put_role_policy(RoleName="x", PolicyName="p", PolicyDocument=json.dumps(POLICY))
    long = POLICY | {"Id": "x" * 10_240}
    with pytest.raises(ClientError) as large:
        iam.put_role_policy(RoleName="builder", PolicyName="p", PolicyDocument=json.dumps(long))

    assert code(twice) == ("EntityAlreadyExists", 409)
    assert code(malformed) == ("MalformedPolicyDocument", 400)
    assert code(missing) == ("NoSuchEntity", 404)
    assert code(large) == ("LimitExceeded", 409)


def test_roles_are_listed_in_pages(iam: Any) -> None:
    for name in ("c", "a", "b"):
        create(iam, name, Path="/x/")
    create(iam, "d")

    pages = list(
        iam.get_paginator("list_roles").paginate(PathPrefix="/x/", PaginationConfig={"PageSize": 2})
    )

    assert [[role["RoleName"] for role in page["Roles"]] for page in pages] == [["a", "b"], ["c"]]


def test_a_simulation_asks_the_rule_that_stands_before_every_operation(iam: Any) -> None:
    arn = create(iam)
    iam.put_role_policy(RoleName="builder", PolicyName="p", PolicyDocument=json.dumps(POLICY))
    actions = [f"sagemaker:Do{number}" for number in range(5)]

    pages = list(
        iam.get_paginator("simulate_principal_policy").paginate(
            PolicySourceArn=arn, ActionNames=actions, PaginationConfig={"PageSize": 2}
        )
    )

    results = [result for page in pages for result in page["EvaluationResults"]]
    assert [result["EvalActionName"] for result in results] == actions
    assert {result["EvalDecision"] for result in results} == {"allowed"}
    elsewhere = iam.simulate_principal_policy(
        PolicySourceArn=arn,
        ActionNames=["sagemaker:CreateModel"],
        ResourceArns=["arn:aws:sagemaker:us-east-1:999999999999:model/m"],
    )
    assert elsewhere["EvaluationResults"][0]["EvalDecision"] == "implicitDeny"
    with pytest.raises(ClientError) as missing:
        iam.simulate_principal_policy(PolicySourceArn=arn + "x", ActionNames=["s3:Get"])
    assert code(missing) == ("NoSuchEntity", 404)


def assumed(server: ServerProcess, credentials: dict[str, str], service: str) -> Any:
    session = aws_sessions.session(
        credentials["AccessKeyId"],
        credentials["SecretAccessKey"],
        credentials["SessionToken"],
        REGION,
    )
    return session.client(service, endpoint_url=server.url)


def test_an_assumed_role_speaks_for_itself(server: ServerProcess, iam: Any, sts: Any) -> None:
    root = sts.get_caller_identity()
    assert root["Arn"] == f"arn:aws:iam::{ACCOUNT}:root"
    assert (root["Account"], root["UserId"]) == (ACCOUNT, ACCOUNT)
    arn = create(iam, Path="/service-role/")
    iam.put_role_policy(RoleName="builder", PolicyName="p", PolicyDocument=json.dumps(POLICY))

    answer = sts.assume_role(RoleArn=arn, RoleSessionName="walk", SourceIdentity="alice")

    expected = f"arn:aws:sts::{ACCOUNT}:assumed-role/builder/walk"
    assert answer["AssumedRoleUser"]["Arn"] == expected
    own = assumed(server, answer["Credentials"], "sts")
    assert own.get_caller_identity()["Arn"] == expected
    assert own.get_caller_identity()["UserId"] == answer["AssumedRoleUser"]["AssumedRoleId"]
    chained = own.assume_role(RoleArn=arn, RoleSessionName="next")
    assert chained["SourceIdentity"] == "alice"
    with pytest.raises(ClientError) as changed:
        own.assume_role(RoleArn=arn, RoleSessionName="next", SourceIdentity="mallory")
    assert code(changed) == ("AccessDenied", 403)
    with pytest.raises(ClientError) as again:
        own.get_session_token()
    assert code(again) == ("AccessDenied", 403)


def test_a_session_token_acts_as_its_owner(server: ServerProcess, sts: Any) -> None:
    own = assumed(server, sts.get_session_token()["Credentials"], "sts")

    assert own.get_caller_identity()["Arn"] == f"arn:aws:iam::{ACCOUNT}:root"


def test_assuming_is_refused_alike_for_missing_and_closed_roles(iam: Any, sts: Any) -> None:
    closed = {**TRUST["Statement"][0], "Principal": {"Service": "sagemaker.amazonaws.com"}}  # type: ignore[dict-item]
    document = json.dumps({"Version": "2012-10-17", "Statement": [closed]})
    iam.create_role(RoleName="closed", AssumeRolePolicyDocument=document)

    for name in ("closed", "missing"):
        arn = f"arn:aws:iam::{ACCOUNT}:role/{name}"
        with pytest.raises(ClientError, match="is not authorized to perform: sts:AssumeRole") as no:
            sts.assume_role(RoleArn=arn, RoleSessionName="walk")
        assert code(no) == ("AccessDenied", 403)


def test_a_session_is_no_longer_than_its_role_allows(iam: Any, sts: Any) -> None:
    arn = create(iam)
    with pytest.raises(ClientError) as refused:
        sts.assume_role(RoleArn=arn, RoleSessionName="walk", DurationSeconds=3601)
    assert code(refused) == ("ValidationError", 400)


def test_a_session_policy_that_is_none_is_refused(iam: Any, sts: Any) -> None:
    with pytest.raises(ClientError) as refused:
        sts.assume_role(RoleArn=create(iam), RoleSessionName="walk", Policy="{}")
    assert code(refused) == ("MalformedPolicyDocument", 400)
