"""What users can see of the program, as text: `make golden` writes the files, tests compare.

Everything here is read from the code that runs: the dispatch table, the commands, the errors. The
remarks on operations are docs/operations.toml's.
"""

import importlib
import pkgutil
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

import modelyard
from modelyard import offered
from modelyard.cli import main
from modelyard.contract import model
from modelyard.errors import Refusal
from tests.access import unauthorised
from tests.golden import permissions

ROOT = Path(__file__).resolve().parent.parent.parent
GOLDEN = Path(__file__).resolve().parent
BEGIN = "<!-- made by `make golden`: {} -->"
END = "<!-- end -->"
_HELP_COLUMNS = 100
_ALEMBIC_ONLY = "modelyard.storage.migrations."  # run by Alembic, not importable by themselves
_REMARK = "remark"


def files() -> Mapping[Path, str]:
    """Every golden file and what it should hold."""
    return {
        GOLDEN / "operations.txt": operations(),
        GOLDEN / "without_unauthorised_access_test.txt": without_unauthorised_access_test(),
        GOLDEN / "errors.txt": error_codes(),
        GOLDEN / "help.txt": command_help(),
        ROOT / "README.md": filled(ROOT / "README.md", "operations", summary_table()),
        ROOT / "docs/operations.md": filled(
            ROOT / "docs/operations.md", "operations", operation_tables(remarks())
        ),
        ROOT / "docs/permissions.md": filled(
            ROOT / "docs/permissions.md", "permissions", permissions.tables()
        ),
    }


def operations() -> str:
    return "".join(
        f"{service} {name}\n" for service, names in offered.names().items() for name in names
    )


def without_unauthorised_access_test() -> str:
    """The operations that tests/access/test_every_operation.py does not ask for. To stay empty."""
    return "".join(f"{service} {name}\n" for service, name in unauthorised.without_test())


def error_codes() -> str:
    """Every refusal a client can meet: where it is made, its code and its HTTP status."""
    lines = {
        f"{kind.__module__.removeprefix('modelyard.')}.{kind.__name__} {kind.code} {kind.status}\n"
        for kind in _refusals()
    }
    return "".join(sorted(lines))


def command_help() -> str:
    """`modelyard --help`, and each command's, at 100 columns."""
    with click.Context(main, info_name="modelyard", terminal_width=_HELP_COLUMNS) as context:
        texts = [main.get_help(context)]
        for name in main.list_commands(context):
            command = main.get_command(context, name)
            assert command is not None, name
            with click.Context(
                command, context, info_name=name, terminal_width=_HELP_COLUMNS
            ) as inner:
                texts.append(command.get_help(inner))
    return f"\n\n{'-' * _HELP_COLUMNS}\n\n".join(texts) + "\n"


def summary_table() -> str:
    """A row a service, for the README."""
    lines = ["| Service | Offered | Operations |", "|---|---|---|"]
    for service, names in offered.names().items():
        lines.append(f"| `{service}` | {_count(service, names)} | {', '.join(names)} |")
    return "\n".join(lines)


def operation_tables(remarked: Mapping[str, Mapping[str, str]]) -> str:
    """A table a service with a row an operation.

    Raises: LookupError: a remark on something that is not offered.
    """
    listed = offered.names()
    for service, texts in remarked.items():
        strangers = texts.keys() - {_REMARK} - set(listed.get(service, ()))
        if strangers:
            raise LookupError(f"docs/operations.toml: {service} offers no {sorted(strangers)}")
    sections = []
    for service, names in listed.items():
        texts = remarked.get(service, {})
        lines = [f"## {service}: {_count(service, names)}", ""]
        if texts.get(_REMARK):
            lines += [texts[_REMARK], ""]
        lines += ["| Operation | What to know |", "|---|---|"]
        lines += [f"| {name} | {texts.get(name, '')} |" for name in names]
        sections.append("\n".join(lines))
    return "\n\n".join(sections)


def remarks() -> dict[str, dict[str, str]]:
    return tomllib.loads((ROOT / "docs/operations.toml").read_text())


def filled(path: Path, what: str, text: str) -> str:
    """The file with `text` between its markers.

    Raises: LookupError: it has none.
    """
    content = path.read_text()
    begin = BEGIN.format(what)
    head, found, rest = content.partition(begin)
    _, ended, tail = rest.partition(END)
    if not found or not ended:
        raise LookupError(f"{path.name} has no {begin} ... {END}")
    return f"{head}{begin}\n{text}\n{END}{tail}"


def _count(service: str, names: list[str]) -> str:
    return f"{len(names)} of {len(model.load(service).operations)}"


def _refusals() -> Iterator[Any]:
    for found in pkgutil.walk_packages(modelyard.__path__, "modelyard."):
        if not found.name.startswith(_ALEMBIC_ONLY) and not found.name.endswith("__main__"):
            importlib.import_module(found.name)
    waiting = [Refusal]
    while waiting:
        kind = waiting.pop()
        waiting += kind.__subclasses__()
        ours = kind.__module__.startswith("modelyard.")  # tests define refusals of their own
        if ours and hasattr(kind, "code"):
            yield kind


def write() -> None:
    """Rewrite what differs, and say so."""
    for path, text in files().items():
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
            click.echo(f"golden: {path.relative_to(ROOT)} rewritten")


if __name__ == "__main__":
    write()
