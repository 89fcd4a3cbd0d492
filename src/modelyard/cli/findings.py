"""What an examination found: good, a warning, or a failure; and what to do about it."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    GOOD = "good"
    WARNING = "warning"
    FAILURE = "failure"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of `modelyard doctor`. `advice` says what to do; good findings may have none."""

    check: str
    level: Level
    found: str
    advice: str = ""


def good(check: str, found: str, advice: str = "") -> Finding:
    return Finding(check, Level.GOOD, found, advice)


def warning(check: str, found: str, advice: str) -> Finding:
    return Finding(check, Level.WARNING, found, advice)


def failure(check: str, found: str, advice: str) -> Finding:
    return Finding(check, Level.FAILURE, found, advice)
