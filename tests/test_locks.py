"""The lock files hold what pyproject.toml asks for, so that a fresh clone is complete."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def names(requirements: list[object]) -> set[str]:
    return {
        re.split(r"[\[<>=!~ ;]", requirement)[0]
        for requirement in requirements
        if isinstance(requirement, str)
    }


def locked(name: str) -> set[str]:
    text = (ROOT / "requirements" / name).read_text()
    return set(re.findall(r"^([\w.-]+)==", text, re.MULTILINE))


def test_the_program_finds_all_its_packages() -> None:
    asked = names(PROJECT["project"]["dependencies"])
    for extra in PROJECT["project"]["optional-dependencies"].values():
        asked |= names(extra)

    assert asked - locked("runtime.txt") == set()


def test_the_tools_and_tests_find_all_their_packages() -> None:
    asked = {name for group in PROJECT["dependency-groups"].values() for name in names(group)}

    assert asked - locked("dev.txt") == set()
    assert locked("runtime.txt") - locked("dev.txt") == set()


def test_every_locked_package_has_a_hash() -> None:
    for path in (ROOT / "requirements").rglob("*.txt"):
        for entry in re.split(r"\n(?=[\w.-]+==)", path.read_text())[1:]:
            assert "--hash=sha256:" in entry, f"{path.name}: {entry.splitlines()[0]}"
