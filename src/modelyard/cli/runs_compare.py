"""`modelyard runs compare RUN RUN...`: runs side by side."""

from pathlib import Path
from typing import Any

import click

from modelyard.cli import connection, output, run_names

_RUNS_MIN, _RUNS_MAX = 2, 100  # CompareTrialComponents: TrialComponentNames, min and max
_CELL_WIDTH = 32
Answer = dict[str, Any]


@click.command("compare")
@click.argument("runs", nargs=-1, required=True, metavar="RUN|EXPERIMENT...")
@click.option("--all", "all_wanted", is_flag=True, help="Show what is the same, too.")
@click.option("--data", type=click.Path(path_type=Path), help="Data folder of the server")
@click.option("--json", "json_wanted", is_flag=True, help="Print the answer as JSON.")
def command(runs: tuple[str, ...], all_wanted: bool, data: Path | None, json_wanted: bool) -> None:
    """Show runs side by side: status, duration, parameters, metrics, artifacts.

    A mark (!) stands before what differs; what is the same is shown with --all. Of a metric the
    last, least and greatest values are compared.

    \b
    Examples:
      modelyard runs compare churn/run-1 churn/run-2
      modelyard runs compare churn --all
    """
    server = connection.by_shell_or_folder(data)
    with connection.telling(server):
        names = run_names.resolved(server.client("sagemaker"), runs)
        if not _RUNS_MIN <= len(names) <= _RUNS_MAX:
            raise output.Stop(
                f"{_RUNS_MIN} to {_RUNS_MAX} runs are compared; these are {len(names)}."
            )
        answer = server.client("modelyard").compare_trial_components(TrialComponentNames=names)
    answer.pop("ResponseMetadata", None)
    if json_wanted:
        output.as_json(answer)
    else:
        _tell(answer, all_wanted)


def _tell(answer: Answer, all_wanted: bool) -> None:
    items = [item for item in answer["Items"] if all_wanted or not item["Same"]]
    header = ["", *(_cell(one["DisplayName"]) for one in answer["TrialComponents"])]
    rows = [[item["Name"], *map(_value, item["Values"])] for item in items]
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    click.echo(_line("  ", header, widths))
    section = ""
    for item, row in zip(items, rows, strict=True):
        if item["Section"] != section:
            section = item["Section"]
            click.echo(f"\n{section}")
        click.echo(_line("  " if item["Same"] else "! ", row, widths))
    if "LeftOut" in answer:
        click.echo(f"\n{answer['LeftOut']} more items are not shown.")
    if answer["Same"]:
        click.echo("\nNothing differs.")


def _line(mark: str, cells: list[str], widths: list[int]) -> str:
    padded = (f"{cell:{width}}" for cell, width in zip(cells, widths, strict=True))
    return (mark + "  ".join(padded)).rstrip()


def _value(one: Answer) -> str:
    if not one["Present"]:
        return "-"
    return f"{one['Number']:g}" if "Number" in one else _cell(one["Value"])


def _cell(text: str) -> str:
    text = "".join(one if one.isprintable() else "?" for one in " ".join(text.split()))
    return text if len(text) <= _CELL_WIDTH else f"{text[: _CELL_WIDTH - 3]}..."
