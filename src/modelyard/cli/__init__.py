"""The command line: one file a command, each imported only when it is called."""

import importlib
from typing import Any

import click

_COMMANDS = {
    "serve": "Run the server.",
    "quickstart": "See the whole story happen, step by step.",
    "env": "Print the exports that point AWS clients at the server.",
    "configure": "Write an AWS profile for the server.",
    "login": "Sign in as a person and get temporary credentials.",
    "logout": "End a sign-in and forget its credentials.",
    "account": "Make accounts, and list them.",
    "lineage": "See what a version was made of, and where it went.",
    "rollback": "Return an endpoint to the version that served well before.",
    "metrics": "See how a metric went over the versions of a group.",
    "runs": "Compare runs, and draw the curves of their metrics.",
    "diff": "See where versions differ, to the files of their archives.",
    "reproduce": "See how a version was made, as a script that does it again.",
    "access": "See who may do what, and why.",
    "audit": "See who did what, and prove that nobody changed the record of it.",
    "doctor": "Check what this machine has for Modelyard.",
}


class _Commands(click.Group):
    """Lists every command without importing it, so that `--help` is quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = importlib.import_module(f"modelyard.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="First time here: `modelyard quickstart`. Then: `modelyard serve` and, in another shell,"
    ' `eval "$(modelyard env)"`; from there boto3, the AWS CLI and the SageMaker SDK work as ever.',
)
@click.version_option(package_name="modelyard", message="modelyard %(version)s")
def main(**_: Any) -> None:
    """A model registry of your own that speaks SageMaker.

    Register, approve, deploy, invoke and roll back models with unmodified AWS clients.

    Exit codes: 0 done; 1 it could not be done, the message says why; 2 the command was called
    wrongly; 3 the server could not be reached.
    """
