"""What commands print: for people by default, JSON for scripts, and errors that say what to do."""

import json
import shutil
import sys
from pathlib import Path
from typing import IO, Any

import click

FAILED = 1
UNREACHABLE = 3


class Stop(click.ClickException):
    """Ends the command: its message goes to standard error, its exit status is FAILED."""

    exit_code = FAILED

    def show(self, file: IO[Any] | None = None) -> None:
        click.secho(self.message, err=True, fg="red" if sys.stderr.isatty() else None)


class Unreachable(Stop):
    """The server could not be reached."""

    exit_code = UNREACHABLE


def program() -> str:
    """How this program is called from this shell: by its name only where that finds this one."""
    own = Path(sys.executable).parent / "modelyard"
    found = shutil.which("modelyard")
    if not own.exists() or (found is not None and Path(found).resolve() == own.resolve()):
        return "modelyard"
    here = Path.cwd()
    return str(own.relative_to(here) if own.is_relative_to(here) else own)


def as_json(document: Any) -> None:
    click.echo(json.dumps(document, indent=2, default=str))
