"""The code blocks of a page that a test runs: those after a line `<!-- run: WHO -->`."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
_BLOCK = re.compile(
    r"<!-- run: (?P<who>\w+) -->\n```(?P<language>\w+)\n(?P<text>.*?)\n```", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Block:
    """`who` is the client's environment that runs it."""

    who: str
    language: str
    text: str


def of(page: str) -> list[Block]:
    """The blocks of a page, in its order."""
    text = (ROOT / page).read_text()
    return [
        Block(found["who"], found["language"], found["text"]) for found in _BLOCK.finditer(text)
    ]
