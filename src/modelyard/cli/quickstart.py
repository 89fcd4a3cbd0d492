"""`modelyard quickstart`: the whole story on a real server, each step with its `aws` command."""

import functools
import json
import shutil
import textwrap
from pathlib import Path
from typing import Any

import click

from modelyard.cli import background, connection, output
from modelyard.quickstart.models import ExtrasMissing
from modelyard.quickstart.story import Step, Story, StoryFailed

_INDENT = "    "


@click.command("quickstart")
@click.option("--data", type=click.Path(path_type=Path), help="Data folder. Default: ~/.modelyard")
@click.option("--port", type=click.IntRange(0, 65535), help="Port of the server. Default: 9000")
@click.option("--once", is_flag=True, help="Stop the server at the end if this command started it.")
@click.option("--json", "json_wanted", is_flag=True, help="Print the steps as JSON.")
def command(data: Path | None, port: int | None, once: bool, json_wanted: bool) -> None:
    """Train two real models, register, approve, deploy, invoke, update and roll back.

    Uses the server that runs on the data folder, or starts one there and leaves it running. Takes
    about twenty seconds. Needs the extras xgboost and sklearn.

    \b
    Examples:
      modelyard quickstart
      modelyard quickstart --once --data /tmp/try --port 0
    """
    running = background.find(data)
    server = running or background.start(data, port)
    try:
        steps = _tell(connection.by_data_folder(data), json_wanted)
    finally:
        if once and running is None:
            background.stop(server)
    if json_wanted:
        output.as_json(steps)
    elif once and running is None:
        click.echo("\nAll of it worked. The server is stopped, as --once asks.")
    else:
        _show_what_next(server, data)


def _show_what_next(server: background.BackgroundServer, data: Path | None) -> None:
    flag = f" --data {data}" if data else ""
    click.echo(f"\nAll of it worked. The server goes on at {server.url}. Yours to use:")
    click.echo(f'  eval "$({output.program()} env{flag})"')
    click.echo("  aws sagemaker list-model-package-groups --output table")
    if shutil.which("aws") is None:
        click.echo("(The aws command is not here; pip install awscli brings it. boto3 works too.)")
    click.echo(f"Stop it with: kill {server.pid}")


def _tell(server: connection.Connection, json_wanted: bool) -> list[dict[str, Any]]:
    from botocore.exceptions import BotoCoreError, ClientError

    client = functools.cache(server.client)

    def progress(what: str) -> None:
        if not json_wanted:
            click.secho(f"   ... {what}", dim=True, err=True)

    told: list[dict[str, Any]] = []
    try:
        for number, step in enumerate(Story(client, progress).steps(), 1):
            told.append({"title": step.title, "command": step.command, "result": step.result})
            if not json_wanted:
                _show(number, step)
    except (ExtrasMissing, StoryFailed) as problem:
        raise output.Stop(str(problem)) from None
    except ClientError as refusal:
        raise output.Stop(f"The server refused: {refusal}") from None
    except BotoCoreError as problem:
        message = f"{server.url} could not be asked: {problem}"
        raise output.Unreachable(message) from None
    return told


def _show(number: int, step: Step) -> None:
    click.secho(f"\n{number:2d}. {step.title}", bold=True)
    click.secho(textwrap.indent(f"$ {step.command}", _INDENT), fg="cyan")
    for name, value in step.result.items():
        for line in _lines(name, value):
            click.echo(_INDENT + line)


def _lines(name: str, value: Any) -> list[str]:
    """A list of documents is shown a line each."""
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return [f"{name}:", *(f"  {_members(one)}" for one in value)]
    shown = value if isinstance(value, str) else json.dumps(value, default=str)
    return [f"{name}: {shown}"]


def _members(document: dict[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in document.items())
