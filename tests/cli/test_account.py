"""`modelyard account`: accounts are made and listed by the administrator."""

import json

import pytest

from tests.cli.conftest import Command
from tests.server_process import ServerProcess


@pytest.fixture
def pointed(server: ServerProcess) -> dict[str, str]:
    """The AWS settings of a shell that points at the server."""
    return {
        "AWS_ENDPOINT_URL": server.url,
        "AWS_ACCESS_KEY_ID": server.access_key_id,
        "AWS_SECRET_ACCESS_KEY": server.secret_access_key,
        "AWS_REGION": "us-east-1",
    }


def test_an_account_is_made_and_listed(
    server: ServerProcess, modelyard: Command, pointed: dict[str, str]
) -> None:
    made = modelyard("account", "create", "Fraud team", **pointed)

    assert made.returncode == 0, made.stderr
    account = made.stdout.split()[0]
    role = f"arn:aws:iam::{account}:role/OrganizationAccountAccessRole"
    assert role in made.stdout
    entered = server.client("sts").assume_role(RoleArn=role, RoleSessionName="me")
    assert entered["AssumedRoleUser"]["Arn"].split(":")[4] == account
    listed = modelyard("account", "list", **pointed).stdout.splitlines()
    assert [line.split()[0] for line in listed] == ["123456789012", account]
    assert listed[1].endswith("active  Fraud team")


def test_a_script_reads_json(modelyard: Command, pointed: dict[str, str]) -> None:
    made = modelyard("account", "create", "a", "--role-name", "Boss", "--json", **pointed)
    listed = modelyard("account", "list", "--json", **pointed)

    account = json.loads(made.stdout)
    assert account["RoleArn"] == f"arn:aws:iam::{account['AccountId']}:role/Boss"
    assert [one["Id"] for one in json.loads(listed.stdout)][1:] == [account["AccountId"]]


def test_what_cannot_be_says_why(modelyard: Command, pointed: dict[str, str]) -> None:
    modelyard("account", "create", "a", **pointed)

    again = modelyard("account", "create", "a", **pointed)
    wrong = modelyard("account", "create", "b", "--email", "nobody", **pointed)

    assert (again.returncode, wrong.returncode) == (1, 1)
    assert "a@accounts.invalid already" in again.stderr
    assert "email" in wrong.stderr.lower()
    assert "Traceback" not in again.stderr + wrong.stderr


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (("",), "Give the account a NAME"),
        (("  ",), "Give the account a NAME"),
        (("a" * 51,), "51 characters"),
        (("a", "--role-name", "no such name!"), "'no such name!' is no name of a role"),
        (("a", "--role-name", "r" * 65), "is no name of a role"),
    ],
)
def test_what_no_account_is_called_is_said_at_once(
    modelyard: Command, given: tuple[str, ...], says: str
) -> None:
    answer = modelyard("account", "create", *given, AWS_ENDPOINT_URL="http://127.0.0.1:9")

    assert answer.returncode == 2
    assert says in answer.stderr
    assert "Traceback" not in answer.stderr


def test_an_account_that_was_not_made_is_no_success_in_the_trail(
    modelyard: Command, pointed: dict[str, str]
) -> None:
    for _ in range(2):
        modelyard("account", "create", "a", **pointed)

    listed = modelyard("audit", "list", "--outcome", "denied", **pointed).stdout.splitlines()

    assert len(listed) == 2
    assert listed[0].endswith("  CreateAccount  EMAIL_ALREADY_EXISTS")
