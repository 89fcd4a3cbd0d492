"""`modelyard serve`: one server in the foreground, until it is told to stop."""

import os
from pathlib import Path
from typing import Any

import click

from modelyard.cli import output


@click.command("serve")
@click.option("--host", metavar="ADDRESS", help="Address to listen on. Default: 127.0.0.1")
@click.option("--port", type=click.IntRange(0, 65535), help="Port; 0 takes any. Default: 9000")
@click.option("--data", type=click.Path(path_type=Path), help="Data folder. Default: ~/.modelyard")
@click.option("--hide-key", is_flag=True, help="Do not print a new administrator's key.")
@click.option(
    "--database", metavar="URL", help="postgresql://... Default: SQLite in the data folder"
)
def command(hide_key: bool, **options: Any) -> None:
    """Run the server in the foreground; Ctrl-C or SIGTERM stops it in order.

    The first start makes an administrator's access key, keeps it in the data folder (readable by
    you only) and prints it once. Give MODELYARD_ROOT_ACCESS_KEY_ID and
    MODELYARD_ROOT_SECRET_ACCESS_KEY to use a key of your own. GET /ready answers 200 as soon as it
    serves. Every option can also be set as MODELYARD_<OPTION>; docs/settings.md lists them all.

    \b
    Examples:
      modelyard serve
      modelyard serve --data /srv/modelyard --database postgresql://user@db/modelyard
    """
    # The server's own modules are imported here: `modelyard serve --help` does not need them.
    import uvloop

    from modelyard import app, logs
    from modelyard.data_folder import FolderInUse, FolderUnusable
    from modelyard.settings import SettingsError, load

    try:
        settings = load(options, os.environ)
        logs.start(settings.log_level)
        uvloop.run(app.serve(settings, lambda started: announce(started, hide_key)))
    except (SettingsError, FolderInUse, FolderUnusable, app.CannotStart) as problem:
        raise output.Stop(str(problem)) from None


def announce(started: Any, hide_key: bool) -> None:
    """Tell the person at the terminal where the server is, and the key if it is new."""
    lines = [f"Modelyard serves {started.url} (data in {started.data})."]
    if started.new_key is not None and not hide_key:
        lines += [
            "A new administrator's key, shown this once and kept in the data folder:",
            f"  AWS_ACCESS_KEY_ID={started.new_key.id}",
            f"  AWS_SECRET_ACCESS_KEY={started.new_key.secret}",
        ]
    lines.append(
        f'Point your AWS clients at it:  eval "$({output.program()} env --data {started.data})"'
    )
    click.echo("\n".join(lines))
