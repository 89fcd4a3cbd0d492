"""`modelyard account create NAME`, `modelyard account list`: the accounts of a server."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from modelyard.cli import connection, output

_DATA = click.option("--data", type=click.Path(path_type=Path), help="Data folder of the server")
_NAME_CHARS_MAX = 50  # CreateAccount, AccountName
_ROLE_NAME = re.compile(r"[\w+=,.@-]{1,64}", re.ASCII)  # CreateAccount, RoleName
_JSON = click.option("--json", "json_wanted", is_flag=True, help="Print the answer as JSON.")


@click.group("account")
def command() -> None:
    """Make accounts, and list them, as the server's administrator.

    An account is a name space of its own: nothing of it is seen from another, unless a policy on a
    model package group or a bucket says so. The server is the one your shell's AWS_ENDPOINT_URL and
    keys, or its AWS_PROFILE, point at; without them, the one of the data folder, as root.
    """


@command.command("create")
@click.argument("name")
@click.option("--email", help="Address of its owner, used once. Default: made from NAME")
@click.option("--role-name", help="Role for you in it. Default: OrganizationAccountAccessRole")
@_DATA
@_JSON
def create(
    name: str, email: str | None, role_name: str | None, data: Path | None, json_wanted: bool
) -> None:
    """Make an account called NAME, with a role in it that you can assume.

    \b
    Example:
      modelyard account create fraud-team
    """
    if not name.strip():
        raise click.UsageError("Give the account a NAME, such as fraud-team.")
    if len(name) > _NAME_CHARS_MAX:
        raise click.UsageError(f"NAME has {len(name)} characters; {_NAME_CHARS_MAX} is the limit.")
    if role_name is not None and not _ROLE_NAME.fullmatch(role_name):
        raise click.UsageError(
            f"{role_name!r} is no name of a role: it has 1 to 64 letters, digits and _+=,.@-"
        )
    server = connection.by_shell_or_folder(data)
    request: dict[str, Any] = {"AccountName": name, "Email": email or _address(name)}
    if role_name:
        request["RoleName"] = role_name
    with _asking(server):
        made = server.client("organizations").create_account(**request)["CreateAccountStatus"]
    if made["State"] != "SUCCEEDED":
        raise output.Stop(_failure(made["FailureReason"], request["Email"]))
    role = f"arn:aws:iam::{made['AccountId']}:role/{role_name or 'OrganizationAccountAccessRole'}"
    if json_wanted:
        output.as_json({"AccountId": made["AccountId"], "Name": name, "RoleArn": role})
        return
    click.echo(f"{made['AccountId']}  {name}")
    click.echo(f"Get in with:  aws sts assume-role --role-session-name me --role-arn {role}")


@command.command("list")
@_DATA
@_JSON
def list_(data: Path | None, json_wanted: bool) -> None:
    """List the accounts, oldest first, closed ones too."""
    server = connection.by_shell_or_folder(data)
    with _asking(server):
        pages = server.client("organizations").get_paginator("list_accounts").paginate()
        found = [account for page in pages for account in page["Accounts"]]
    if json_wanted:
        output.as_json(found)
        return
    for account in found:
        click.echo(f"{account['Id']}  {account['State'].lower():<7} {account['Name']}")


def _address(name: str) -> str:
    """An address that nobody has, for accounts without a mailbox."""
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:48] or "account"
    return f"{slug}@accounts.invalid"


def _failure(reason: str, email: str) -> str:
    if reason == "EMAIL_ALREADY_EXISTS":
        return f"Another account has the address {email} already. Give another one with --email."
    return f"The account was not made: {reason}."


@contextmanager
def _asking(server: connection.Address) -> Iterator[None]:
    """Say what went wrong in a person's words. Raises: output.Stop."""
    from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

    try:
        yield
    except ClientError as refusal:
        raise output.Stop(refusal.response["Error"]["Message"]) from None
    except ParamValidationError as problem:
        raise output.Stop(str(problem)) from None
    except BotoCoreError as problem:
        raise output.Unreachable(f"{server.url} could not be asked: {problem}") from None
