"""`modelyard login`: temporary credentials for a person, written where AWS's clients look."""

import os
import sys
from pathlib import Path
from typing import Any

import click

from modelyard.cli import aws_files, output, sign_in_client

_KEYS = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")


@click.command("login")
@click.option("--user", metavar="NAME", help="Sign in as this IAM user, by password.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@click.option("--oidc", is_flag=True, help="Sign in with the browser, through your organisation.")
@click.option("--account", metavar="ID", help="Account of the user. Default: the server's own")
@click.option(
    "--url", metavar="URL", help="The server. Default: AWS_ENDPOINT_URL, else this machine's"
)
@click.option("--data", type=click.Path(path_type=Path), help="Data folder of the server")
@click.option("--profile", default="modelyard", show_default=True, help="Name of the AWS profile")
@click.option(
    "--hours", type=click.FloatRange(0.25, 12), default=8, show_default=True, help="How long"
)
@click.option("--no-browser", is_flag=True, help="Print the address instead of opening it.")
@click.option("--json", "json_wanted", is_flag=True, help="Print what was written as JSON.")
def command(**options: Any) -> None:
    """Sign in and write temporary credentials into an AWS profile.

    With --user, a name and a password; with --oidc, the browser opens and your organisation's
    provider asks. The credentials go into ~/.aws/credentials, where every AWS client finds them,
    and stop at the time that is printed, at `modelyard logout`, or as soon as your password, your
    user or your role changes. The administrator (root) signs in with its access key only: that is
    `modelyard configure`.

    \b
    Examples:
      modelyard login --user ana
      modelyard login --oidc --url https://models.example.org
    """
    if bool(options["user"]) is bool(options["oidc"]):
        raise click.UsageError("Give either --user NAME or --oidc.")
    if options["password_stdin"] and not options["user"]:
        raise click.UsageError("--password-stdin belongs to --user.")
    if options["account"] is not None:
        _check_account(options["account"], of_user=bool(options["user"]))
    profile = options["profile"]
    _, credentials = aws_files.paths()
    held = aws_files.section(credentials, profile)
    if "aws_access_key_id" in held and "aws_session_token" not in held:
        raise output.Stop(
            f"The profile {profile} in {credentials} holds a permanent key, which would be lost."
            " Name another one with --profile."
        )
    server = sign_in_client.server(options["url"], options["data"])
    seconds = int(options["hours"] * 3600)
    if options["oidc"]:
        given = sign_in_client.by_browser(server, seconds, open_it=not options["no_browser"])
    else:
        password = _password(options["user"], options["password_stdin"])
        account = options["account"] or ""
        given = sign_in_client.by_password(server, account, options["user"], password, seconds)
    _write(profile, server, given)
    if options["json_wanted"]:
        output.as_json({"profile": profile, "arn": given["arn"], "expiration": given["expiration"]})
        return
    click.echo(f"Signed in as {given['arn']} until {given['expiration']}.")
    click.echo(f"Try: aws --profile {profile} sts get-caller-identity")


def _check_account(account: str, *, of_user: bool) -> None:
    if not of_user:
        raise click.UsageError("--account belongs to --user: a provider is of the server's own.")
    if not (len(account) == 12 and account.isascii() and account.isdigit()):
        raise click.UsageError(
            f"{account!r} is no account: give its ID, twelve digits, as `modelyard account list`"
            " shows it."
        )


def _password(user: str, from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    password: str = click.prompt(f"Password of {user}", hide_input=True, err=True)
    return password


def _write(profile: str, server: str, given: dict[str, Any]) -> None:
    config, credentials = aws_files.paths()
    token = given["accessToken"]
    names = ("accessKeyId", "secretAccessKey", "sessionToken")
    keys = {key: token[name] for key, name in zip(_KEYS, names, strict=True)}
    # the name under which other tools write down when temporary keys end
    aws_files.set_section(
        credentials, profile, {**keys, "x_security_token_expires": given["expiration"]}
    )
    region = os.environ.get("AWS_REGION") or given["region"]
    aws_files.set_section(
        config,
        aws_files.config_section(profile),
        {"region": region, "endpoint_url": server, "output": "json"},
    )
