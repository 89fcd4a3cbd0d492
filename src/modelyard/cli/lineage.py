"""`modelyard lineage WHAT`: what a version was made of, and where it went."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from modelyard.cli import connection, output

DEPTH_MAX = 10  # QueryLineageMaxDepth


@click.command("lineage")
@click.argument("what")
@click.option(
    "--depth",
    type=click.IntRange(1, DEPTH_MAX),
    default=DEPTH_MAX,
    show_default=True,
    help="How many associations away to look, in each direction.",
)
@click.option("--svg", type=click.Path(path_type=Path), help="Draw it into this file.")
@click.option("--data", type=click.Path(path_type=Path), help="Data folder of the server")
@click.option("--json", "json_wanted", is_flag=True, help="Print the graph as JSON.")
def command(what: str, depth: int, svg: Path | None, data: Path | None, json_wanted: bool) -> None:
    """Show what WHAT was made of, and what came of it.

    WHAT is a model package as GROUP/VERSION, a group by its name, an s3:// address, or an ARN: of a
    lineage entity, or of anything that one stands for, such as an endpoint. The server is the one
    your shell's AWS_ENDPOINT_URL and keys, or its AWS_PROFILE, point at; without them, the one of
    the data folder, as root.

    \b
    Examples:
      modelyard lineage churn/3
      modelyard lineage churn/3 --svg churn-3.svg
    """
    from botocore.exceptions import BotoCoreError, ClientError

    from modelyard.cli import lineage_graph

    server = connection.by_shell_or_folder(data)
    try:
        graph = lineage_graph.ask(server.client("sagemaker"), what, depth)
    except ClientError as refusal:
        raise output.Stop(refusal.response["Error"]["Message"]) from None
    except BotoCoreError as problem:
        message = f"{server.url} could not be asked: {problem}"
        raise output.Unreachable(message) from None
    if json_wanted:
        output.as_json(graph.document())
    else:
        _tell(graph)
    if svg is not None:
        try:
            svg.write_text(graph.svg(f"Lineage of {what}"), encoding="utf-8")
        except OSError as problem:
            raise output.Stop(f"{svg} cannot be written: {problem.strerror}.") from None
        if not json_wanted:
            click.echo(f"drawn into {svg}")


def _tell(graph: Any) -> None:
    from rich.console import Console

    console = Console(highlight=False)
    for part in _parts(graph):
        console.print(part, no_wrap=True, overflow="ellipsis")


def _parts(graph: Any) -> Iterator[Any]:
    """A tree a direction: rich draws the branches. An entity's own branches are shown once."""
    from rich.text import Text

    yield _text(graph, graph.start, "")
    for title, down in (("came from", False), ("led to", True)):
        if graph.beside(graph.start, down):
            yield _tree(graph, title, down)
        else:
            yield Text(f"{title} nothing that is known", "dim")


def _tree(graph: Any, title: str, down: bool) -> Any:
    from rich.text import Text
    from rich.tree import Tree

    root = Tree(Text(title, "bold"), guide_style="dim")
    shown: set[str] = {graph.start}
    waiting = [(root, arn, name) for arn, name in reversed(graph.beside(graph.start, down))]
    while waiting:
        above, arn, association = waiting.pop()
        text = _text(graph, arn, association)
        after = graph.beside(arn, down)
        if arn in shown and after:
            text.append("  see above", "dim italic")
        branch = above.add(text)
        if arn not in shown:
            shown.add(arn)
            waiting += [(branch, other, name) for other, name in reversed(after)]
    return root


def _text(graph: Any, arn: str, association: str) -> Any:
    from rich.text import Text

    entity = graph.entities[arn]
    text = Text()
    text.append("● ", entity.colour)
    text.append(entity.shown, "bold")
    text.append(f"  {entity.note}", "dim")
    if association:
        text.append(f"  {association}", "dim italic")
    return text
