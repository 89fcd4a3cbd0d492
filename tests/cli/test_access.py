"""`modelyard access explain`: who may do what, and which statement says so."""

import json
from typing import Any

import pytest

from tests.cli.conftest import Command
from tests.server_process import ServerProcess

ACCOUNT = "123456789012"
LAKE = "arn:aws:s3:::lake"


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action: str, resource: str = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


@pytest.fixture
def pointed(server: ServerProcess) -> dict[str, str]:
    """The AWS settings of a shell that points at the server, where Ada is known."""
    iam = server.client("iam")
    iam.create_user(UserName="ada", Path="/team/", Tags=[{"Key": "team", "Value": "fraud"}])
    own = policy(
        allow("s3:GetObject", f"{LAKE}/*", Sid="ReadLake"),
        allow("s3:Put*", Condition={"StringEquals": {"aws:RequestTag/team": "fraud"}}),
    )
    iam.put_user_policy(UserName="ada", PolicyName="own", PolicyDocument=own)
    return {
        "AWS_ENDPOINT_URL": server.url,
        "AWS_ACCESS_KEY_ID": server.access_key_id,
        "AWS_SECRET_ACCESS_KEY": server.secret_access_key,
        "AWS_REGION": "us-east-1",
    }


def explained(modelyard: Command, pointed: dict[str, str], action: str, *more: str) -> Any:
    asked = ("access", "explain", "--principal", "user/ada", "--action", action)
    ran = modelyard(*asked, *more, "--json", **pointed)
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


def test_the_statement_that_decides_is_shown(modelyard: Command, pointed: dict[str, str]) -> None:
    asked = ("access", "explain", "--principal", "user/ada", "--action", "s3:GetObject")

    ran = modelyard(*asked, "--resource", f"{LAKE}/a", **pointed)

    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith(f"ALLOWED  s3:GetObject on {LAKE}/a\n")
    assert f"arn:aws:iam::{ACCOUNT}:user/team/ada" in ran.stdout
    assert "inline policy own of user/team/ada, Statement[0] (ReadLake)" in ran.stdout
    assert '"Sid": "ReadLake"' in ran.stdout


def test_what_is_missing_is_said(modelyard: Command, pointed: dict[str, str]) -> None:
    answer = explained(modelyard, pointed, "s3:GetObject", "--resource", "arn:aws:s3:::pond/a")

    assert answer["Decision"] == "implicitDeny"
    [layer] = answer["Layers"]
    [statement] = layer["Statements"]
    assert statement["Obstacle"] == "it is not about arn:aws:s3:::pond/a"

    tagged = explained(modelyard, pointed, "s3:PutObject", "--resource", f"{LAKE}/a")
    assert tagged["MissingContextKeys"] == ["aws:RequestTag/team"]
    given = ("--resource", f"{LAKE}/a", "--context", "aws:RequestTag/team=fraud")
    assert explained(modelyard, pointed, "s3:PutObject", *given)["Decision"] == "allowed"


def test_every_layer_has_its_say(
    modelyard: Command, pointed: dict[str, str], server: ServerProcess
) -> None:
    iam, s3 = server.client("iam"), server.client("s3")
    made = iam.create_policy(PolicyName="bound", PolicyDocument=policy(allow("s3:*")))
    boundary = made["Policy"]["Arn"]
    iam.put_user_permissions_boundary(UserName="ada", PermissionsBoundary=boundary)
    s3.create_bucket(Bucket="lake")
    denies = {**allow("s3:GetObject", f"{LAKE}/secret/*"), "Effect": "Deny", "Principal": "*"}
    s3.put_bucket_policy(Bucket="lake", Policy=policy(denies))

    answer = explained(modelyard, pointed, "s3:GetObject", "--resource", f"{LAKE}/secret/x")

    assert answer["Decision"] == "explicitDeny"
    assert answer["DecidedBy"] == "resource-based policy"
    said = {layer["Kind"]: layer["Decision"] for layer in answer["Layers"]}
    assert said == {
        "identity-based policy": "allowed",
        "permissions boundary": "allowed",
        "resource-based policy": "explicitDeny",
    }
    iam.delete_user_permissions_boundary(UserName="ada")
    only = iam.create_policy(PolicyName="iam", PolicyDocument=policy(allow("iam:*")))
    iam.put_user_permissions_boundary(UserName="ada", PermissionsBoundary=only["Policy"]["Arn"])
    bounded = explained(modelyard, pointed, "s3:GetObject", "--resource", f"{LAKE}/a")
    assert bounded["DecidedBy"] == "permissions boundary"
    assert "does not allow it" in bounded["Reason"]


def test_a_trust_policy_is_a_layer(
    modelyard: Command, pointed: dict[str, str], server: ServerProcess
) -> None:
    iam = server.client("iam")
    trust = {"Effect": "Allow", "Principal": {"AWS": ACCOUNT}, "Action": "sts:AssumeRole"}
    role = iam.create_role(RoleName="ci", AssumeRolePolicyDocument=policy(trust))["Role"]["Arn"]

    answer = explained(modelyard, pointed, "sts:AssumeRole", "--resource", role)

    said = {layer["Kind"]: layer["Decision"] for layer in answer["Layers"]}
    assert said == {"identity-based policy": "implicitDeny", "role trust policy": "allowed"}
    assert answer["Decision"] == "implicitDeny"


def test_another_accounts_policy_is_not_shown(
    modelyard: Command, pointed: dict[str, str], server: ServerProcess
) -> None:
    made = server.client("organizations").create_account(AccountName="b", Email="b@b.invalid")
    account = made["CreateAccountStatus"]["AccountId"]
    role = f"arn:aws:iam::{account}:role/OrganizationAccountAccessRole"

    answer = explained(modelyard, pointed, "sts:AssumeRole", "--resource", role)

    [_, theirs] = answer["Layers"]
    assert theirs["Kind"] == "role trust policy"
    assert theirs["Statements"] == []
    assert answer["Decision"] == "implicitDeny"


@pytest.mark.parametrize(
    ("options", "status", "says"),
    [
        (["--principal", "user/bob", "--action", "s3:GetObject"], 1, "aws iam list-users"),
        (["--principal", "ada", "--action", "s3:GetObject"], 1, "user/NAME"),
        (["--principal", "user/ada", "--action", "GetObject"], 1, "action"),
        (
            ["--principal", "user/ada", "--action", "s3:GetObject", "--context", "x"],
            2,
            "KEY=VALUE",
        ),
    ],
)
def test_what_cannot_be_explained_says_why(
    modelyard: Command, pointed: dict[str, str], options: list[str], status: int, says: str
) -> None:
    ran = modelyard("access", "explain", *options, **pointed)

    assert ran.returncode == status
    assert says in ran.stderr


def test_only_who_may_simulate_may_ask(
    modelyard: Command, pointed: dict[str, str], server: ServerProcess
) -> None:
    key = server.client("iam").create_access_key(UserName="ada")["AccessKey"]
    as_ada = {
        **pointed,
        "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
    }
    asked = ("access", "explain", "--principal", "user/ada", "--action", "s3:GetObject")

    ran = modelyard(*asked, **as_ada)

    assert ran.returncode == 1
    assert "iam:SimulatePrincipalPolicy" in ran.stderr
