"""What a reader may count on in every file: its size, its opening, and nothing of one machine."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FILE_LINES_MAX = 500
FUNCTION_LINES_MAX = 60
LANDFILLS = {"utils", "util", "common", "helpers", "helper", "misc"}

# A letter in brackets keeps this file from reporting itself.
LATER = re.compile(r"\b(T[O]DO|F[I]XME|X[X]X|H[A]CK)\b(?!\s*\(#\d+\))")
OF_ONE_MACHINE = re.compile(
    r"(?<![\w.~$}])/(?:r[o]ot|w[o]rk|h[o]me/\w+)/\w"
    r"|p[y]pi\.org|p[y]thonhosted\.org|registry\.n[p]mjs|d[e]b\.debian\.org"
    r"|--(?:extra-)?index-u[r]l[= ]\S*://"
)
TEXTS = {".py", ".md", ".toml", ".txt", ".in", ".sh", ".sql", ".json", ".yml", ".cfg", ""}


def tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    paths = [ROOT / name for name in listed.split("\0") if name]
    return [path for path in paths if path.is_file() and path.suffix in TEXTS]


def modules() -> list[Path]:
    return [path for path in tracked() if path.suffix == ".py"]


def named(path: Path, line: int = 0) -> str:
    where = str(path.relative_to(ROOT))
    return f"{where}:{line}" if line else where


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_a_module_fits_in_one_sitting() -> None:
    long = {
        named(path): lines
        for path in modules()
        if (lines := path.read_text().count("\n")) > FILE_LINES_MAX
    }

    assert long == {}


def test_a_function_fits_on_a_screen() -> None:
    long = {
        f"{named(path, node.lineno)} {node.name}": length
        for path in modules()
        for node in functions(path)
        if (length := (node.end_lineno or node.lineno) - node.lineno + 1) > FUNCTION_LINES_MAX
    }

    assert long == {}


def test_a_module_says_what_it_is() -> None:
    silent = [
        named(path)
        for path in modules()
        if path.stat().st_size
        and not path.name.startswith("test_")  # a test module's name and its tests say it
        and ast.get_docstring(ast.parse(path.read_text())) is None
    ]

    assert silent == []


def test_no_module_is_a_landfill() -> None:
    assert [named(path) for path in modules() if LANDFILLS & set(path.with_suffix("").parts)] == []


def test_what_is_left_for_later_has_an_issue() -> None:
    assert found(LATER) == []


def test_nothing_names_one_machine_or_a_registry() -> None:
    assert found(OF_ONE_MACHINE) == []


@pytest.mark.parametrize(
    ("text", "is_reported"),
    [
        ("/home/" + "someone/project", True),
        ("see https://" + "pypi" + ".org/simple", True),
        ("the folder ~/work/project of storage/work/items", False),
        ("arn:aws:iam::123456789012:root", False),
    ],
)
def test_a_machine_path_is_told_from_a_word(text: str, is_reported: bool) -> None:
    assert bool(OF_ONE_MACHINE.search(text)) == is_reported


def found(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{named(path, number)}: {line.strip()[:80]}"
        for path in tracked()
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1)
        if pattern.search(line)
    ]
