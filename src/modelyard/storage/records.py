"""Insert, get, update, delete and page over tables. Knows no table by name.

A record is a dict of a table's columns; its column `document` is decoded. Families that need more
write SQL.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import msgspec

from modelyard.errors import NotFound
from modelyard.storage.transaction import Row, Transaction

Record = dict[str, Any]

DOCUMENT = "document"
_STATEMENTS_CACHED = 1024

# Text is searched by code point, as it is sorted; LIKE would fold case on SQLite only.
_CONDITIONS = {
    "=": "{0} = ?",
    "<>": "{0} <> ?",
    "<": "{0} < ?",
    "<=": "{0} <= ?",
    ">": "{0} > ?",
    ">=": "{0} >= ?",
    "contains": "replace({0}, ?, '') <> {0}",
}

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


@dataclass(frozen=True, slots=True)
class Table:
    """A table's name, the columns of its key, and all its columns."""

    name: str
    key: tuple[str, ...]
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Filter:
    """`operator` is one of = <> < <= > >= contains."""

    column: str
    operator: str
    value: str | int


@dataclass(frozen=True, slots=True)
class Page:
    """Records, and the order columns of the last one if there are more."""

    records: list[Record]
    last: list[Any] | None


async def insert(tx: Transaction, table: Table, record: Mapping[str, Any]) -> None:
    """Columns that `record` leaves out take their default.

    Raises: Conflict: its key, or another unique one, is taken.
    """
    await tx.run(_insert(table, tuple(record)), *_values(record))


async def find(tx: Transaction, table: Table, *key: str | int) -> Record | None:
    row = await tx.one(_select(table), *key)
    return None if row is None else _record(table, row)


async def get(tx: Transaction, table: Table, *key: str | int) -> Record:
    """Raises: NotFound."""
    record = await find(tx, table, *key)
    if record is None:
        raise NotFound(f"no {table.name} {key}")
    return record


async def update(
    tx: Transaction,
    table: Table,
    key: Sequence[str | int],
    changes: Mapping[str, Any],
    expected: Mapping[str, str | int] | None = None,
) -> bool:
    """Change a record, if it is there and its columns are as `expected`; answer whether it was."""
    expected = expected or {}
    sql = _update(table, tuple(changes), tuple(expected))
    return await tx.run(sql, *_values(changes), *key, *expected.values()) > 0


async def delete(tx: Transaction, table: Table, *key: str | int) -> bool:
    """Answer whether there was such a record."""
    return await tx.run(_delete(table), *key) > 0


async def page(
    tx: Transaction,
    table: Table,
    *,
    equal: Mapping[str, str | int],
    order: tuple[str, ...],
    limit: int,
    descending: bool = False,
    filters: Sequence[Filter] = (),
    after: Sequence[str | int] | None = None,
) -> Page:
    """The next `limit` records that match, in the order of `order`, behind the key `after`.

    With `equal`, `order` names one record. A page costs the same anywhere in the table if an index
    starts with the columns of `equal`, then `order`.
    """
    if after is not None and len(after) != len(order):
        raise ValueError(f"a position in {order} has {len(order)} parts, not {len(after)}")
    conditions = tuple((f.column, f.operator) for f in filters)
    sql = _page(table, tuple(equal), conditions, order, descending, after is not None)
    values = (*equal.values(), *(f.value for f in filters), *(after or ()))
    rows = await tx.all(sql, *values, limit + 1)
    records = [_record(table, row) for row in rows[:limit]]
    if len(rows) <= limit:
        return Page(records, None)
    return Page(records, [records[-1][column] for column in order])


def _values(record: Mapping[str, Any]) -> list[Any]:
    return [
        _encode(value).decode() if name == DOCUMENT else value for name, value in record.items()
    ]


def _record(table: Table, row: Row) -> Record:
    record = dict(zip(table.columns, row, strict=True))
    if DOCUMENT in record:
        record[DOCUMENT] = _decode(record[DOCUMENT])
    return record


@lru_cache(_STATEMENTS_CACHED)
def _insert(table: Table, columns: tuple[str, ...]) -> str:
    _check(table, columns)
    marks = ", ".join("?" * len(columns))
    return f"INSERT INTO {table.name} ({', '.join(columns)}) VALUES ({marks})"


@lru_cache(_STATEMENTS_CACHED)
def _select(table: Table) -> str:
    return f"SELECT {', '.join(table.columns)} FROM {table.name} WHERE {_all_equal(table.key)}"


@lru_cache(_STATEMENTS_CACHED)
def _update(table: Table, changes: tuple[str, ...], expected: tuple[str, ...]) -> str:
    _check(table, changes + expected)
    assignments = ", ".join(f"{column} = ?" for column in changes)
    return f"UPDATE {table.name} SET {assignments} WHERE {_all_equal(table.key + expected)}"


@lru_cache(_STATEMENTS_CACHED)
def _delete(table: Table) -> str:
    return f"DELETE FROM {table.name} WHERE {_all_equal(table.key)}"


@lru_cache(_STATEMENTS_CACHED)
def _page(
    table: Table,
    equal: tuple[str, ...],
    filters: tuple[tuple[str, str], ...],
    order: tuple[str, ...],
    descending: bool,
    continued: bool,
) -> str:
    _check(table, equal + order + tuple(column for column, _ in filters))
    conditions = [f"{column} = ?" for column in equal]
    conditions += [_CONDITIONS[operator].format(column) for column, operator in filters]
    if continued:
        marks = ", ".join("?" * len(order))
        conditions.append(f"({', '.join(order)}) {'<' if descending else '>'} ({marks})")
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    direction = " DESC" if descending else ""
    sequence = ", ".join(column + direction for column in order)
    columns = ", ".join(table.columns)
    return f"SELECT {columns} FROM {table.name}{where} ORDER BY {sequence} LIMIT ?"


def _all_equal(columns: tuple[str, ...]) -> str:
    return " AND ".join(f"{column} = ?" for column in columns)


def _check(table: Table, columns: tuple[str, ...]) -> None:
    """Names become SQL text, so none may come from anywhere but the table's description."""
    for column in columns:
        if column not in table.columns:
            raise ValueError(f"{table.name} has no column {column!r}")
