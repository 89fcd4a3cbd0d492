"""Accounts as unmodified clients make, list, enter and close them, on a running server."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.server_process import ServerProcess

MANAGEMENT = "123456789012"


def code(refused: pytest.ExceptionInfo[ClientError]) -> str:
    return str(refused.value.response["Error"]["Code"])


def make(server: ServerProcess, name: str, **more: Any) -> str:
    status = server.client("organizations").create_account(
        AccountName=name, Email=f"{name}@example.com", **more
    )["CreateAccountStatus"]
    assert status["State"] == "SUCCEEDED"
    return str(status["AccountId"])


def enter(
    server: ServerProcess,
    account: str,
    role: str = "OrganizationAccountAccessRole",
    sts: Any = None,
) -> dict[str, str]:
    """What makes clients of the account's administrator."""
    arn = f"arn:aws:iam::{account}:role/{role}"
    assumed = (sts or server.client("sts")).assume_role(RoleArn=arn, RoleSessionName="ada")
    given = assumed["Credentials"]
    return {
        "aws_access_key_id": given["AccessKeyId"],
        "aws_secret_access_key": given["SecretAccessKey"],
        "aws_session_token": given["SessionToken"],
    }


def test_an_account_is_made_and_entered(server_on_each_database: ServerProcess) -> None:
    server = server_on_each_database
    account = make(server, "fraud", Tags=[{"Key": "team", "Value": "fraud"}])

    keys = enter(server, account)

    who = server.client("sts", **keys).get_caller_identity()
    assert who["Account"] == account
    assert who["Arn"] == f"arn:aws:sts::{account}:assumed-role/OrganizationAccountAccessRole/ada"
    role = server.client("iam", **keys).get_role(RoleName="OrganizationAccountAccessRole")["Role"]
    [statement] = role["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Principal"] == {"AWS": f"arn:aws:iam::{MANAGEMENT}:root"}
    attached = server.client("iam", **keys).list_attached_role_policies(
        RoleName="OrganizationAccountAccessRole"
    )["AttachedPolicies"]
    assert [one["PolicyName"] for one in attached] == ["AdministratorAccess"]


def test_accounts_are_listed_and_described(server_on_each_database: ServerProcess) -> None:
    server = server_on_each_database
    organizations = server.client("organizations")
    made = [make(server, f"team{number}") for number in range(4)]

    pages = organizations.get_paginator("list_accounts").paginate(PaginationConfig={"PageSize": 2})
    listed = [account for page in pages for account in page["Accounts"]]

    assert [account["Id"] for account in listed] == [MANAGEMENT, *made]
    assert [account["Status"] for account in listed] == ["ACTIVE"] * 5
    assert organizations.describe_account(AccountId=made[2])["Account"] == listed[3]
    organization = organizations.describe_organization()["Organization"]
    assert organization["MasterAccountId"] == MANAGEMENT
    assert listed[1]["Arn"].split("/")[1:] == [organization["Id"], made[0]]


def test_how_making_an_account_ended_can_be_asked(server_on_each_database: ServerProcess) -> None:
    organizations = server_on_each_database.client("organizations")
    good = organizations.create_account(AccountName="a", Email="a@example.com")
    taken = organizations.create_account(AccountName="b", Email="A@example.com")

    assert taken["CreateAccountStatus"]["State"] == "FAILED"
    assert taken["CreateAccountStatus"]["FailureReason"] == "EMAIL_ALREADY_EXISTS"
    for made in (good["CreateAccountStatus"], taken["CreateAccountStatus"]):
        asked = organizations.describe_create_account_status(CreateAccountRequestId=made["Id"])
        assert asked["CreateAccountStatus"] == made
    failed = organizations.list_create_account_status(States=["FAILED"])
    assert failed["CreateAccountStatuses"] == [taken["CreateAccountStatus"]]
    both = organizations.get_paginator("list_create_account_status").paginate(
        PaginationConfig={"PageSize": 1}
    )
    assert [len(page["CreateAccountStatuses"]) for page in both] == [1, 1]
    assert len(organizations.list_accounts()["Accounts"]) == 2
    in_progress = organizations.list_create_account_status(States=["IN_PROGRESS"])
    assert in_progress["CreateAccountStatuses"] == []
    with pytest.raises(ClientError) as unknown:
        organizations.describe_create_account_status(CreateAccountRequestId="car-00000000")
    assert code(unknown) == "CreateAccountStatusNotFoundException"


def test_credentials_of_a_closed_account_stop_at_once(
    server_on_each_database: ServerProcess,
) -> None:
    server = server_on_each_database
    organizations, account = server.client("organizations"), make(server, "gone")
    keys = enter(server, account)
    server.client("s3", **keys).create_bucket(Bucket="of-the-gone")

    organizations.close_account(AccountId=account)

    for service, operation, expected in (
        ("sagemaker", "list_models", "UnrecognizedClientException"),
        ("sts", "get_caller_identity", "InvalidClientTokenId"),
        ("iam", "list_roles", "InvalidClientTokenId"),
        ("s3", "list_buckets", "InvalidAccessKeyId"),
        ("logs", "filter_log_events", "UnrecognizedClientException"),
    ):
        request = {"logGroupName": "g"} if service == "logs" else {}
        with pytest.raises(ClientError) as refused:
            getattr(server.client(service, **keys), operation)(**request)
        assert code(refused) == expected, service
    with pytest.raises(ClientError) as entered:
        enter(server, account)
    assert code(entered) == "AccessDenied"
    with pytest.raises(ClientError) as again:
        organizations.close_account(AccountId=account)
    assert code(again) == "AccountAlreadyClosedException"
    shown = organizations.describe_account(AccountId=account)["Account"]
    assert (shown["Status"], shown["State"]) == ("SUSPENDED", "CLOSED")
    taken = organizations.create_account(AccountName="x", Email="gone@example.com")
    assert taken["CreateAccountStatus"]["State"] == "FAILED"


def test_only_the_management_account_has_a_say(server: ServerProcess) -> None:
    account, other = make(server, "a"), make(server, "b")
    organizations = server.client("organizations", **enter(server, account))
    asked: list[tuple[str, dict[str, Any]]] = [
        ("describe_organization", {}),
        ("create_account", {"AccountName": "c", "Email": "c@example.com"}),
        ("describe_create_account_status", {"CreateAccountRequestId": "car-00000000"}),
        ("list_create_account_status", {}),
        ("list_accounts", {}),
        ("describe_account", {"AccountId": account}),
        ("close_account", {"AccountId": other}),
    ]
    for operation, request in asked:
        with pytest.raises(ClientError) as refused:
            getattr(organizations, operation)(**request)
        assert code(refused) == "AccessDeniedException", operation
    assert len(server.client("organizations").list_accounts()["Accounts"]) == 3


def test_what_an_account_cannot_be(server: ServerProcess) -> None:
    organizations = server.client("organizations")
    twice = [{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}]
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"Email": ".dot@example.com"}, "InvalidInputException"),
        ({"Email": "two@at@example.com"}, "ValidationException"),
        ({"Email": "nobody@nodots"}, "ValidationException"),
        ({"Email": "d\u00e9j\u00e0@example.com"}, "InvalidInputException"),
        ({"Tags": twice}, "InvalidInputException"),
        ({"RoleName": "no spaces"}, "ValidationException"),
    ]
    for members, expected in wrong:
        request = {"AccountName": "a", "Email": "a@example.com", **members}
        with pytest.raises(ClientError) as refused:
            server.client("organizations").create_account(**request)
        assert code(refused) == expected, members
    with pytest.raises(ClientError) as unknown:
        organizations.describe_account(AccountId="000000000000")
    assert code(unknown) == "AccountNotFoundException"
    with pytest.raises(ClientError) as management:
        organizations.close_account(AccountId=MANAGEMENT)
    assert code(management) == "ConstraintViolationException"
    with pytest.raises(ClientError) as foreign:
        organizations.list_accounts(NextToken="AAAA")
    assert code(foreign) == "InvalidInputException"
    assert len(organizations.list_accounts()["Accounts"]) == 1


def test_an_accounts_role_can_have_another_name_and_lets_nobody_else_in(
    server: ServerProcess,
) -> None:
    account, stranger = make(server, "a", RoleName="Boss"), make(server, "b")
    strangers = server.client("sts", **enter(server, stranger))

    assert server.client("sts", **enter(server, account, "Boss"))
    with pytest.raises(ClientError) as refused:
        enter(server, account, "Boss", strangers)
    with pytest.raises(ClientError) as missing:
        enter(server, account, "Nobody", strangers)

    assert code(refused) == code(missing) == "AccessDenied"


def test_a_role_can_trust_another_account(server: ServerProcess) -> None:
    ours, theirs = make(server, "a"), make(server, "b")
    trust = {
        "Version": "2012-10-17",
        "Statement": {
            "Effect": "Allow",
            "Principal": {"AWS": theirs},
            "Action": "sts:AssumeRole",
        },
    }
    server.client("iam", **enter(server, ours)).create_role(
        RoleName="shared", AssumeRolePolicyDocument=json.dumps(trust)
    )

    keys = enter(server, ours, "shared", server.client("sts", **enter(server, theirs)))

    assert server.client("sts", **keys).get_caller_identity()["Account"] == ours
    with pytest.raises(ClientError) as refused:
        enter(server, ours, "shared")
    assert code(refused) == "AccessDenied"


def test_accounts_outlive_a_restart(server: ServerProcess) -> None:
    account = make(server, "a")
    keys = enter(server, account)

    server.restart()

    assert server.client("sts", **keys).get_caller_identity()["Account"] == account
    assert len(server.client("organizations").list_accounts()["Accounts"]) == 2
