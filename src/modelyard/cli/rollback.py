"""`modelyard rollback ENDPOINT`: back to the version that served well before."""

import time
from pathlib import Path
from typing import Any

import click

from modelyard.cli import connection, output

POLL_SECONDS = 1.0


@click.command("rollback")
@click.argument("endpoint")
@click.option("--dry-run", is_flag=True, help="Say what would serve; change nothing.")
@click.option("--no-wait", is_flag=True, help="Do not wait until it serves.")
@click.option("--data", type=click.Path(path_type=Path), help="Data folder of the server")
@click.option("--json", "json_wanted", is_flag=True, help="Print the answer as JSON.")
def command(
    endpoint: str, dry_run: bool, no_wait: bool, data: Path | None, json_wanted: bool
) -> None:
    """Return ENDPOINT to the version that served well before.

    Takes the newest earlier deployment that reached InService and whose version is still approved
    and unchanged, and says why others were passed over. The server is the one your shell's
    AWS_ENDPOINT_URL and keys, or its AWS_PROFILE, point at; without them, the one of the data
    folder, as root.

    \b
    Examples:
      modelyard rollback churn-prediction --dry-run
      modelyard rollback churn-prediction
    """
    from botocore.exceptions import BotoCoreError, ClientError

    server = connection.by_shell_or_folder(data)
    try:
        answer = server.client("modelyard").rollback_endpoint(EndpointName=endpoint, DryRun=dry_run)
        if not json_wanted:
            _tell(endpoint, answer)
        if not dry_run and not no_wait:
            _wait(server.client("sagemaker"), endpoint)
            if not json_wanted:
                click.echo(f"{endpoint} is InService")
    except ClientError as refusal:
        raise output.Stop(refusal.response["Error"]["Message"]) from None
    except BotoCoreError as problem:
        message = f"{server.url} could not be asked: {problem}"
        raise output.Unreachable(message) from None
    if json_wanted:
        answer.pop("ResponseMetadata", None)
        output.as_json(answer)


def _tell(endpoint: str, answer: dict[str, Any]) -> None:
    for passed in answer.get("PassedOver", []):
        click.echo(f"passed over: {_named(passed['Deployment'])}: {passed['Reason']}")
    target = answer["TargetDeployment"]
    verb = "rolls back" if answer["RolledBack"] else "would roll back"
    click.echo(f"{endpoint} {verb} to {_named(target)}")


def _named(deployment: dict[str, Any]) -> str:
    versions = ", ".join(
        one.get("ModelPackageArn", one.get("ModelName", "?")) for one in deployment["Variants"]
    )
    return (
        f"deployment {deployment['DeploymentNumber']}"
        f" (config {deployment['EndpointConfigName']}, {versions})"
    )


def _wait(sagemaker: Any, endpoint: str) -> None:
    """Wait until the endpoint serves what was asked for.

    Raises: output.Stop: it does not.
    """
    while True:
        found = sagemaker.describe_endpoint(EndpointName=endpoint)
        if found["EndpointStatus"] not in ("Updating", "Creating", "RollingBack"):
            break
        time.sleep(POLL_SECONDS)
    if found["EndpointStatus"] != "InService" or found.get("FailureReason"):
        reason = found.get("FailureReason", "no reason is known")
        raise output.Stop(f"{endpoint} is {found['EndpointStatus']}: {reason}")
