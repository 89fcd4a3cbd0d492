"""A promise of the docs names tests that exist."""

import re

import pytest

from tests.docs.blocks import ROOT

_TEST = re.compile(r"`(?P<path>tests/[\w/]+\.py)::(?P<name>\w+)`")
_LINK = re.compile(r"\]\((?!https?:|#)(?P<target>[^)#]+)")
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
MADE_BY_BENCH = {"docs/benchmarks.md"}  # written by `make bench` on a machine that is quiet


@pytest.mark.parametrize("page", ["docs/security.md", "docs/reliability.md"])
def test_every_promise_names_tests_that_exist(page: str) -> None:
    rows = (ROOT / page).read_text().partition("## What does not")[0].splitlines()
    promises = [row for row in rows if row.startswith("| ") and not row.startswith("| Promise")]

    assert promises
    for promise in promises:
        named = _TEST.findall(promise)
        assert named, promise
        for path, name in named:
            assert f"def {name}(" in (ROOT / path).read_text(), f"{path}::{name}"


def test_links_lead_somewhere() -> None:
    dead = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in PAGES
        for target in _LINK.findall(page.read_text())
        if not (page.parent / target).exists() and target not in MADE_BY_BENCH
    ]

    assert dead == []
