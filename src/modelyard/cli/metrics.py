"""`modelyard metrics GROUP`: how metrics went over the versions of a group."""

from pathlib import Path
from typing import Any

import click

from modelyard.cli import connection, output, plotting

_BAR_WIDTH = 30
Metric = dict[str, Any]


@click.command("metrics")
@click.argument("group")
@click.option("--metric", "name", metavar="NAME", help="This metric alone, version by version.")
@click.option("--approved", is_flag=True, help="Of approved versions alone.")
@click.option("--svg", type=click.Path(path_type=Path, dir_okay=False), help="Draw into this file.")
@click.option("--png", type=click.Path(path_type=Path, dir_okay=False), help="Draw into this file.")
@click.option("--data", type=click.Path(path_type=Path), help="Data folder of the server")
@click.option("--json", "json_wanted", is_flag=True, help="Print the metrics as JSON.")
def command(
    group: str,
    name: str | None,
    approved: bool,
    svg: Path | None,
    png: Path | None,
    data: Path | None,
    json_wanted: bool,
) -> None:
    """Show the metrics of GROUP over its versions.

    They are the numbers in the documents that ModelMetrics names and in CustomerMetadataProperties.
    Pictures need matplotlib: pip install 'modelyard[plots]'. The server is the one your shell's
    AWS_ENDPOINT_URL and keys, or its AWS_PROFILE, point at; without them, the one of the data
    folder, as root.

    \b
    Examples:
      modelyard metrics churn
      modelyard metrics churn --metric accuracy --svg accuracy.svg
    """
    server = connection.by_shell_or_folder(data)
    request = {"ModelPackageGroupName": group}
    request |= {"MetricName": name} if name else {}
    request |= {"ModelApprovalStatus": "Approved"} if approved else {}
    with connection.telling(server):
        pages = server.client("modelyard").get_paginator("list_model_package_metrics")
        found = [one for page in pages.paginate(**request) for one in page["Metrics"]]
    for path, form in ((svg, "svg"), (png, "png")):
        if path is not None:
            plotting.save(path, form, f"Metrics of {group}", "version", _curves(found))
    if json_wanted:
        output.as_json(found)
    elif not found:
        click.echo("No version has such a metric." if name else "No version has a metric.")
    elif name:
        _tell_versions(found)
    else:
        _tell_trends(found)


def _by_name(found: list[Metric]) -> dict[str, list[Metric]]:
    named: dict[str, list[Metric]] = {}
    for one in found:
        named.setdefault(one["MetricName"], []).append(one)
    return dict(sorted(named.items()))


def _curves(found: list[Metric]) -> list[plotting.Curve]:
    return [
        plotting.Curve(name, [(one["ModelPackageVersion"], one["Value"]) for one in some])
        for name, some in _by_name(found).items()
    ]


def _tell_trends(found: list[Metric]) -> None:
    named = _by_name(found)
    width = max(len(name) for name in named)
    for name, some in named.items():
        low, high = (choose(some, key=lambda one: one["Value"]) for choose in (min, max))
        click.echo(
            f"{name:{width}}  {plotting.sparkline([one['Value'] for one in some])}"
            f"  last {_shown(some[-1])}, lowest {_shown(low)}, highest {_shown(high)}"
        )


def _shown(one: Metric) -> str:
    return f"{one['Value']:g} (version {one['ModelPackageVersion']})"


def _tell_versions(found: list[Metric]) -> None:
    """A line a version, with a bar from the lowest of all (or 0) to its value."""
    values = [one["Value"] for one in found]
    low, high = min(0.0, *values), max(0.0, *values)
    span = (high / 2 - low / 2) or 1.0
    width = max(len(f"{value:g}") for value in values)
    for one in found:
        length = round((one["Value"] / 2 - low / 2) / span * _BAR_WIDTH)
        status = one.get("ModelApprovalStatus", "")
        click.echo(
            f"{one['ModelPackageVersion']:>6}  {one['Value']:>{width}g}"
            f"  {'#' * length:{_BAR_WIDTH}}  {status}"
        )
