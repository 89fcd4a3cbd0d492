"""`modelyard diff GROUP/1 GROUP/2`: where versions differ."""

import time
from pathlib import Path
from typing import Any

import click

from modelyard.cli import connection, output

SAME, DIFFERENT, TROUBLE = 0, 1, 2  # the exit codes of diff
READING_SECONDS_MAX = 900.0
POLL_SECONDS = 1.0
_SHOWN_LENGTH = 60
Answer = dict[str, Any]


class Trouble(output.Stop):
    """They could not be compared."""

    exit_code = TROUBLE


@click.command("diff")
@click.argument("packages", nargs=-1, required=True, metavar="GROUP/VERSION...")
@click.option("--all", "all_wanted", is_flag=True, help="Show what is the same, too.")
@click.option("--data", type=click.Path(path_type=Path), help="Data folder of the server")
@click.option("--json", "json_wanted", is_flag=True, help="Print the answer as JSON.")
@click.pass_context
def command(
    context: click.Context,
    packages: tuple[str, ...],
    all_wanted: bool,
    data: Path | None,
    json_wanted: bool,
) -> None:
    """Compare two to five versions, each GROUP/VERSION, a name or an ARN.

    Compares approval, specification, metadata, parameters, metrics, model card and the files of
    archives, with sizes and digests. A mark (!) stands before what differs. Of metrics the
    difference to the first is shown. The server is the one your shell's AWS_ENDPOINT_URL and keys,
    or its AWS_PROFILE, point at; without them, the one of the data folder, as root.

    Exit codes, as diff's: 0 all is the same; 1 something differs; 2 they could not be compared.

    \b
    Examples:
      modelyard diff churn/1 churn/2
      modelyard diff churn/1 churn/2 churn/3 --json
    """
    try:
        server = connection.by_shell_or_folder(data)
        with connection.telling(server):
            answer = _compared(server.client("modelyard"), list(packages))
    except output.Stop as problem:
        raise Trouble(problem.message) from None
    answer.pop("ResponseMetadata", None)
    if json_wanted:
        output.as_json(answer)
    else:
        _tell(answer, all_wanted)
    context.exit(SAME if answer["Same"] else DIFFERENT)


def _compared(client: Any, packages: list[str]) -> Answer:
    """The comparison, once every archive is read.

    Raises: output.Stop: that takes too long.
    """
    until = time.monotonic() + READING_SECONDS_MAX
    while True:
        answer: Answer = client.compare_model_packages(ModelPackageNames=packages)
        if all(one["State"] != "Reading" for one in answer["Archives"]):
            return answer
        if time.monotonic() > until:
            raise output.Stop("The server is still reading the archives. Try again later.")
        time.sleep(POLL_SECONDS)


def _tell(answer: Answer, all_wanted: bool) -> None:
    names = [arn.partition("model-package/")[2] for arn in answer["ModelPackageArns"]]
    click.echo(" -> ".join(names) if len(names) == 2 else " | ".join(names))
    for section in dict.fromkeys(item["Section"] for item in answer["Items"]):
        items = [item for item in answer["Items"] if item["Section"] == section]
        different = [item for item in items if not item["Same"]]
        if not different and not all_wanted:
            continue
        click.echo(f"\n{section}: {len(different)} of {len(items)} differ")
        for item in items if all_wanted else different:
            click.echo(f"{' ' if item['Same'] else '!'} {item['Name']}: {_values(item)}")
    for archive in answer["Archives"]:
        if archive["State"] not in ("Listed", "Reading"):
            why = archive.get("Problem") or _WHY[archive["State"]]
            click.echo(f"\nThe files of {archive['Url']} were not compared: {why}")
    if "LeftOut" in answer:
        click.echo(f"\n{answer['LeftOut']} more items are not shown.")
    if answer["Same"]:
        click.echo("\nNothing differs.")


_WHY = {
    "Denied": "you may not read it (s3:GetObject).",
    "Unverified": "it is in a store that the server cannot see.",
}


def _values(item: Answer) -> str:
    values = item["Values"]
    if item["Same"]:
        return _value(values[0])
    return (" -> " if len(values) == 2 else " | ").join(_value(one) for one in values)


def _value(one: Answer) -> str:
    if not one["Present"]:
        return "(none)"
    text: str = f"{one['Number']:.12g}" if "Number" in one else one["Value"]
    if "Bytes" in one:
        return f"{one['Bytes']} bytes {text[:12]}"
    if one.get("Delta"):
        return f"{text} ({one['Delta']:+g})"
    text = "".join(one if one.isprintable() else "?" for one in " ".join(text.split()))
    return text if len(text) <= _SHOWN_LENGTH else f"{text[: _SHOWN_LENGTH - 3]}..."
