"""`modelyard audit`: who did what, and the proof that nobody changed what is written of it."""

import asyncio
import os
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from modelyard.audit.checkpoints import (
    SECRET_LABEL,
    Checkpoint,
    Keys,
    NotACheckpoint,
    PublicKey,
    read,
    written,
)
from modelyard.audit.verification import Report, Trust, verify
from modelyard.cli import audit_list, output
from modelyard.settings import Settings, SettingsError, load
from modelyard.storage.database import Database

_DATA = click.option(
    "--data", type=click.Path(path_type=Path), help="Data folder. Default: ~/.modelyard"
)
_DATABASE = click.option(
    "--database", metavar="URL", help="postgresql://... Default: SQLite in the data folder"
)


@click.group("audit")
def command() -> None:
    """Read the audit trail, and prove that it is whole.

    Every call that changed something or was denied is in it, written with the change itself.
    """


command.add_command(audit_list.command)


@command.command("verify")
@_DATA
@_DATABASE
@click.option(
    "--checkpoint",
    "files",
    multiple=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A checkpoint that was exported earlier: is what it was signed for still there?",
)
@click.option(
    "--public-key",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Trust this key and not the data folder's secret.",
)
@click.option("--json", "json_wanted", is_flag=True, help="Print the report as JSON.")
def verify_command(
    data: Path | None,
    database: str | None,
    files: tuple[Path, ...],
    public_key: Path | None,
    json_wanted: bool,
) -> None:
    """Find what was altered, removed, moved, inserted or cut off, and name it.

    Reads the database itself, whether a server runs on it or not: a server that is under suspicion
    is not asked. What every record says is held against its seal, its place against the chain, the
    end of the chain against the server's signature. The exit status is 0 for a trail that is whole.

    \b
    Examples:
      modelyard audit verify
      modelyard audit verify --data /srv/modelyard --checkpoint checkpoint.json
    """
    settings = _settings(data, database)
    trust = _trust(settings, public_key)
    exported = [_read_checkpoint(path) for path in files]
    report = asyncio.run(_verified(settings, trust, exported))
    if json_wanted:
        output.as_json(_as_document(report))
    else:
        _tell(report, trust, exported)
    if report.findings:
        raise SystemExit(output.FAILED)


@command.command("checkpoint")
@_DATA
@_DATABASE
@click.option("--out", type=click.Path(path_type=Path), help="Write here. Default: print it")
@click.option(
    "--public-key-out", type=click.Path(path_type=Path), help="Write the public key here, as PEM."
)
def checkpoint_command(
    data: Path | None, database: str | None, out: Path | None, public_key_out: Path | None
) -> None:
    """Export how far the trail goes now, signed by the server.

    Keep it where nobody who can write to the database can: `verify --checkpoint` proves later that
    the trail still contains what was signed. Reads the database itself, like verify.
    """
    settings = _settings(data, database)
    keys = _keys(settings)
    head = asyncio.run(_head(settings))
    if head.sequence == 0:
        raise output.Stop("No record is chained yet: there is nothing to sign.")
    if not keys.public.signed(head):
        raise output.Stop(
            f"The chain's end, record {head.sequence}, was not signed with the secret of"
            f" {settings.data}. Run: {output.program()} audit verify"
        )
    if public_key_out is not None:
        public_key_out.write_bytes(keys.public.pem())
    if out is None:
        click.echo(written(head).decode(), nl=False)
    else:
        out.write_bytes(written(head))
        click.echo(f"checkpoint of {head.sequence} records, as of {_time(head.at_us)}: {out}")


def _settings(data: Path | None, database: str | None) -> Settings:
    try:
        return load({"data": data, "database": database}, os.environ)
    except SettingsError as problem:
        raise output.Stop(str(problem)) from None


def _keys(settings: Settings) -> Keys:
    """Raises: output.Stop: the secret is not there. It is never made here."""
    from modelyard.access.keys import private_files
    from modelyard.access.keys.credentials import SECRET_FILE, ServerSecret

    try:
        secret = private_files.read(settings.data / SECRET_FILE)
    except FileNotFoundError:
        raise output.Stop(
            f"There is no server's secret in {settings.data}. Name the data folder with --data,"
            " or verify with --public-key."
        ) from None
    except private_files.UnsafeFile as problem:
        raise output.Stop(str(problem)) from None
    return Keys(ServerSecret(secret).derive(SECRET_LABEL))


def _trust(settings: Settings, public_key: Path | None) -> Trust:
    if public_key is None:
        keys = _keys(settings)
        return Trust(keys.public, keys.seal)
    try:
        return Trust(PublicKey.read(public_key.read_bytes()), None)
    except NotACheckpoint as problem:
        raise output.Stop(f"{public_key} cannot be used: {problem}.") from None


def _read_checkpoint(path: Path) -> Checkpoint:
    try:
        return read(path.read_bytes())
    except NotACheckpoint as problem:
        raise output.Stop(f"{path} cannot be used: {problem}.") from None


async def _verified(settings: Settings, trust: Trust, exported: Sequence[Checkpoint]) -> Report:
    from modelyard import errors

    database = await _opened(settings)
    try:
        return await verify(database, trust, exported)
    except errors.Unavailable as problem:
        raise output.Stop(f"The database cannot be read: {problem}") from None
    finally:
        await database.close()


async def _head(settings: Settings) -> Checkpoint:
    from modelyard import errors
    from modelyard.audit import heads

    database = await _opened(settings)
    try:
        return await database.read(heads.head)
    except errors.Unavailable as problem:
        raise output.Stop(f"The database cannot be read: {problem}") from None
    finally:
        await database.close()


async def _opened(settings: Settings) -> Database:
    """The database as it is: one of another schema is not migrated by looking at it."""
    from modelyard import errors
    from modelyard.storage import database, schema

    url = settings.database or f"sqlite:///{settings.data / 'modelyard.db'}"
    try:
        found = await database.schema_version(url)
        if found is None:
            raise output.Stop(f"There is no registry at {url.rsplit('@', 1)[-1]}.")
        if found != schema.HEAD:
            raise output.Stop(
                f"The database has schema {found} and this program {schema.HEAD}. Start the server"
                " of this version once: it brings the database up to date."
            )
        return await database.connect(url)
    except (errors.Unavailable, ValueError, ModuleNotFoundError) as problem:
        raise output.Stop(f"The database cannot be used: {problem}") from None


def _as_document(report: Report) -> dict[str, Any]:
    findings = [
        {**asdict(one), "wrong": one.wrong.value, "time": _time(one.at_us)}
        for one in report.findings
    ]
    return {**asdict(report), "whole": not report.findings, "findings": findings}


def _tell(report: Report, trust: Trust, exported: Sequence[Checkpoint]) -> None:
    for one in report.findings:
        who = f", {_time(one.at_us)}, request {one.request_id}" if one.request_id else ""
        place = (
            f"record {one.sequence}" if one.sequence else "a record that has no place in the chain"
        )
        click.echo(f"{one.wrong.value.upper()}    {place}{who}: {one.what}")
    click.echo(
        f"{report.records} records, {report.checkpoints} checkpoints, {len(exported)} exported"
        f" ones, {report.waiting} records wait to be chained; key {trust.public.id}"
    )
    if trust.seal is None:
        click.echo("Seals were not looked at: they need the server's secret.")
    if report.findings:
        click.secho("The trail is NOT whole.", fg="red")
    else:
        click.echo("The trail is whole.")


def _time(at_us: int) -> str:
    if not at_us:
        return ""
    return datetime.fromtimestamp(at_us / 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
