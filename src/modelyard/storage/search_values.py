"""What resources have under names that people choose, as rows that Search finds them by.

Model packages keep their CustomerMetadataProperties here, trial components their Parameters. Who
writes the resource writes its rows in the same transaction. Numbers in text are numbers, too.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from modelyard.storage.transaction import Transaction

METADATA = "metadata"  # CustomerMetadataProperties of model packages
PARAMETER = "parameter"  # Parameters of trial components

# Of a text; the rest is left to the document. An index entry has to fit a third of a page.
TEXT_MAX = 128
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_NUMBER_MAX = 64  # characters
_ROWS_AT_ONCE = 50

Value = str | float
_Row = tuple[str, str, float | None]  # property, text, number


@dataclass(frozen=True, slots=True)
class Subject:
    """The resource, as its own table's key has it, with what it is often asked for together with.

    within: the group of a package. state: its approval. Both "" where there is none. `name` and
    `version` are the rest of the key in the resource's table.
    """

    kind: str
    account: str
    region: str
    within: str
    state: str
    created_us: int
    name: str
    version: int

    @property
    def key(self) -> tuple[str | int, ...]:
        return (self.within, self.state, self.created_us, self.name, self.version)


def number(text: str) -> float | None:
    """The finite number that a text is, or None. What only Python reads as one (1_0, nan) is none.

    >>> [number(text) for text in ("0.5", "-1e3", "1_0", "nan", "1e999")]
    [0.5, -1000.0, None, None, None]
    """
    if len(text) > _NUMBER_MAX or _NUMBER.fullmatch(text) is None:
        return None
    found = float(text)
    return found if math.isfinite(found) else None


async def put(tx: Transaction, subject: Subject, values: Mapping[str, Value]) -> None:
    """Add what a resource has; it costs nothing if there is nothing."""
    rows = list(map(_row, values.items()))
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        some = rows[start : start + _ROWS_AT_ONCE]
        marks = ", ".join(["(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"] * len(some))
        fixed = (subject.kind, subject.account, subject.region)
        await tx.run(
            "INSERT INTO search_value (kind, account, region, property, text, number,"
            f" within, state, created_us, name, version) VALUES {marks} ON CONFLICT DO NOTHING",
            *(part for row in some for part in (*fixed, *row, *subject.key)),
        )


async def drop(tx: Transaction, subject: Subject, values: Mapping[str, Value]) -> None:
    """Remove rows: `subject` and `values` as they were put."""
    for name, text, _ in map(_row, values.items()):
        await tx.run(
            "DELETE FROM search_value WHERE account = ? AND region = ? AND kind = ?"
            " AND property = ? AND text = ? AND within = ? AND state = ? AND created_us = ?"
            " AND name = ? AND version = ?",
            *(subject.account, subject.region, subject.kind, name, text, *subject.key),
        )


async def replace(
    tx: Transaction,
    before: Subject,
    values_before: Mapping[str, Value],
    after: Subject,
    values_after: Mapping[str, Value],
) -> None:
    """Keep up with a change; only rows that differ are touched."""
    if before == after:
        same = values_before.items() & values_after.items()
        values_before = dict(values_before.items() - same)
        values_after = dict(values_after.items() - same)
    await drop(tx, before, values_before)
    await put(tx, after, values_after)


def _row(item: tuple[str, Value]) -> _Row:
    name, value = item
    if isinstance(value, str):
        return name, value[:TEXT_MAX], number(value)
    value = float(value)
    return name, repr(value), value if math.isfinite(value) else None
