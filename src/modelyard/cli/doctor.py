"""`modelyard doctor`: what this machine has for Modelyard, and what to do about the rest."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from modelyard.cli import machine_checks, output, server_checks
from modelyard.cli.findings import Finding, Level
from modelyard.settings import Settings, SettingsError, load

_MARKS = {Level.GOOD: "ok", Level.WARNING: "warning", Level.FAILURE: "FAILURE"}
_COLOURS = {Level.GOOD: "green", Level.WARNING: "yellow", Level.FAILURE: "red"}
_ADVICE_INDENT = " " * 12


@click.command("doctor")
@click.option("--host", metavar="ADDRESS", help="Address to listen on. Default: 127.0.0.1")
@click.option("--port", type=click.IntRange(0, 65535), help="Port to look at. Default: 9000")
@click.option("--data", type=click.Path(path_type=Path), help="Data folder. Default: ~/.modelyard")
@click.option(
    "--database", metavar="URL", help="postgresql://... Default: SQLite in the data folder"
)
@click.option("--json", "json_wanted", is_flag=True, help="Print the findings as JSON.")
def command(json_wanted: bool, **options: Any) -> None:
    """Check runtimes, sandbox, disk, ports, clock and database, and say what to do.

    Only looks: makes no folder, no key and no schema. Takes the options and MODELYARD_ variables
    that `modelyard serve` takes. The exit status is 0 when nothing fails (warnings may remain),
    and 1 when something does.

    \b
    Examples:
      modelyard doctor
      modelyard doctor --data /srv/modelyard --json
    """
    try:
        settings = load(options, os.environ)
    except SettingsError as problem:
        raise output.Stop(str(problem)) from None
    findings = []
    for finding in _examine(settings):
        findings.append(finding)
        if not json_wanted:
            _show(finding)
    if json_wanted:
        output.as_json([asdict(finding) for finding in findings])
    else:
        click.echo(f"\n{_summary(findings)}")
    if any(finding.level is Level.FAILURE for finding in findings):
        raise SystemExit(output.FAILED)


def _examine(settings: Settings) -> Iterator[Finding]:
    yield from machine_checks.examine()
    yield from server_checks.examine(settings)


def _show(finding: Finding) -> None:
    mark = click.style(f"{_MARKS[finding.level]:>8}", fg=_COLOURS[finding.level])
    click.echo(f"{mark}    {finding.check}: {finding.found}")
    if finding.advice:
        click.echo(f"{_ADVICE_INDENT}{finding.advice}")


def _summary(findings: Iterable[Finding]) -> str:
    levels = [finding.level for finding in findings]
    failures, warnings = levels.count(Level.FAILURE), levels.count(Level.WARNING)
    if failures:
        return f"{failures} to mend before Modelyard works here, {warnings} to know about."
    return f"Modelyard can work here; {warnings} to know about." if warnings else "All is well."
