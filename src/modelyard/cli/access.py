"""`modelyard access explain`: why somebody may do something, or may not."""

import textwrap
from pathlib import Path
from typing import Any

import click

from modelyard.cli import connection, output

_VERDICTS = {"allowed": "ALLOWED", "explicitDeny": "DENIED", "implicitDeny": "DENIED"}
_SAYS = {"allowed": "allows it", "explicitDeny": "denies it", "implicitDeny": "does not allow it"}


@click.group("access")
def command() -> None:
    """See who may do what, and why."""


@command.command("explain")
@click.option(
    "--principal",
    required=True,
    metavar="NAME|ARN",
    help="user/NAME, role/NAME, group/NAME, root, or an ARN.",
)
@click.option("--action", required=True, help="As a policy names it: sagemaker:CreateModel.")
@click.option("--resource", default="*", show_default=True, help="ARN of what it is done to.")
@click.option(
    "--context",
    "context",
    multiple=True,
    metavar="KEY=VALUE",
    help="A condition key of the request, as aws:RequestTag/team=fraud. May be repeated.",
)
@click.option("--data", type=click.Path(path_type=Path), help="Data folder of the server")
@click.option("--json", "json_wanted", is_flag=True, help="Print the answer as JSON.")
def explain(
    principal: str,
    action: str,
    resource: str,
    context: tuple[str, ...],
    data: Path | None,
    json_wanted: bool,
) -> None:
    """Say whether a principal may do something, and which statement decides it.

    Goes through every layer: the principal's own policies, its permissions boundary and the policy
    of the resource. Nothing is done. Tags of the principal and the resource, the time and the
    region are known; other condition keys are given with --context. The server is the one your
    shell's AWS_ENDPOINT_URL and keys point at; without them, the one of the data folder.

    \b
    Examples:
      modelyard access explain --principal user/ada --action sagemaker:CreateModelPackage
      modelyard access explain --principal role/ci --action s3:GetObject \\
        --resource arn:aws:s3:::models/churn/model.tar.gz --context aws:SourceIp=10.0.0.7
    """
    from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

    request = {
        "Principal": principal,
        "Action": action,
        "Resource": resource,
        "ContextEntries": _entries(context),
    }
    server = connection.by_shell_or_folder(data)
    try:
        answer = server.client("modelyard").explain_access(**request)
    except ClientError as refusal:
        raise output.Stop(refusal.response["Error"]["Message"]) from None
    except ParamValidationError as problem:
        raise output.Stop(str(problem)) from None
    except BotoCoreError as problem:
        raise output.Unreachable(f"{server.url} could not be asked: {problem}") from None
    answer.pop("ResponseMetadata", None)
    if json_wanted:
        output.as_json(answer)
    else:
        _tell(answer)


def _entries(context: tuple[str, ...]) -> list[dict[str, Any]]:
    """Values of a key that is given more than once are all of it."""
    values: dict[str, list[str]] = {}
    for one in context:
        key, named, value = one.partition("=")
        if not named or not key:
            raise click.UsageError(f"--context {one}: write KEY=VALUE, as aws:SourceIp=10.0.0.7.")
        values.setdefault(key, []).append(value)
    return [{"ContextKeyName": key, "ContextKeyValues": found} for key, found in values.items()]


def _tell(answer: dict[str, Any]) -> None:
    verdict = _VERDICTS[answer["Decision"]]
    click.echo(f"{verdict}  {answer['Action']} on {answer['Resource']}")
    click.echo(f"         for {answer['Principal']}")
    click.echo(f"because  {answer['Reason']}")
    for layer in answer["Layers"]:
        click.echo(f"\n{layer['Kind']}: {_SAYS[layer['Decision']]}")
        click.echo(f"  {layer['Reason']}")
        for statement in layer["Statements"]:
            _tell_statement(statement)
    if answer["MissingContextKeys"]:
        keys = ", ".join(answer["MissingContextKeys"])
        click.echo(f"\nNot known, and asked for by statements: {keys}.")
        click.echo("Give them with --context KEY=VALUE.")


def _tell_statement(statement: dict[str, Any]) -> None:
    sid = f" ({statement['Sid']})" if "Sid" in statement else ""
    click.echo(f"  {statement['Effect']} by {statement['Policy']}, {statement['Place']}{sid}")
    if "Obstacle" in statement:
        click.echo(f"    does not count: {statement['Obstacle']}")
    if "Text" in statement:
        click.echo(textwrap.indent(textwrap.dedent(statement["Text"]), "    | "))
