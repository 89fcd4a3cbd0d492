"""`modelyard runs plot RUN... --metric M -o FILE`: metric curves as a picture."""

from pathlib import Path
from typing import Any

import click

from modelyard.cli import connection, output, plotting, run_names

_FORMS = {".svg": "svg", ".png": "png"}
_POINTS_MAX = 1_000_000  # of one curve
Run = dict[str, Any]


@click.command("plot")
@click.argument("runs", nargs=-1, required=True, metavar="RUN|EXPERIMENT...")
@click.option("--metric", "metrics", multiple=True, required=True, help="May be given repeatedly.")
@click.option(
    "-o",
    "--output",
    "path",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="The picture: .svg or .png",
)
@click.option("--data", type=click.Path(path_type=Path), help="Data folder of the server")
def command(runs: tuple[str, ...], metrics: tuple[str, ...], path: Path, data: Path | None) -> None:
    """Draw how metrics went over the steps of runs.

    Runs that have none of the metrics are left out. Needs matplotlib:
    pip install 'modelyard[plots]'.

    \b
    Examples:
      modelyard runs plot churn --metric loss -o loss.svg
      modelyard runs plot churn/run-1 churn/run-2 --metric loss --metric accuracy -o both.png
    """
    form = _FORMS.get(path.suffix.lower())
    if form is None:
        raise click.UsageError(f"{path} is neither .svg nor .png.")
    server = connection.by_shell_or_folder(data)
    with connection.telling(server):
        sagemaker, values = server.client("sagemaker"), server.client("sagemaker-metrics")
        curves = [
            plotting.Curve(_title(run, metric, metrics), _points(values, run, metric))
            for name in run_names.resolved(sagemaker, runs)
            for run in (sagemaker.describe_trial_component(TrialComponentName=name),)
            for metric in dict.fromkeys(metrics)
            if metric in {one["MetricName"] for one in run.get("Metrics", [])}
        ]
    if not curves:
        raise output.Stop(f"None of these runs has the metric {' or '.join(metrics)}.")
    plotting.save(path, form, ", ".join(dict.fromkeys(metrics)), "step", curves)
    click.echo(f"{path}: {len(curves)} curve{'s' if len(curves) > 1 else ''}")


def _title(run: Run, metric: str, metrics: tuple[str, ...]) -> str:
    name = str(run["DisplayName"])
    return f"{name}: {metric}" if len(metrics) > 1 else name


def _points(client: Any, run: Run, metric: str) -> list[tuple[float, float]]:
    """Every step with the last value that was logged for it.

    Raises: output.Stop: there are too many, or the server does not answer them.
    """
    query = {
        "MetricName": metric,
        "ResourceArn": run["TrialComponentArn"],
        "MetricStat": "Last",
        "Period": "IterationNumber",
        "XAxisType": "IterationNumber",
    }
    found: list[tuple[float, float]] = []
    while True:
        (result,) = client.batch_get_metrics(MetricQueries=[query])["MetricQueryResults"]
        if result["Status"] not in ("Complete", "Truncated"):
            raise output.Stop(result.get("Message", result["Status"]))
        found += zip(result["XAxisValues"], result["MetricValues"], strict=True)
        if result["Status"] == "Complete":
            return found
        if len(found) > _POINTS_MAX:
            raise output.Stop(f"{metric} of {run['DisplayName']} has too many points to draw.")
        query["Start"] = result["XAxisValues"][-1] + 1
