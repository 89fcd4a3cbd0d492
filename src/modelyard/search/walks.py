"""Walks along the ways to what a search wants, all at once, a few rows of each in turn.

Nobody knows beforehand which way is short: a value can be everywhere, and so can an approval, and
the few that have both can be the oldest. So every way is walked; whichever first has the page, or
has nothing left, answers. That costs as often the shortest way as there are ways.
"""

import heapq
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from modelyard.call import Document
from modelyard.search.conditions import Condition, Place, Way
from modelyard.search.resources import Resource
from modelyard.storage.transaction import Transaction

_ROWS_FIRST = 128  # of a turn; later turns have twice as many
_ROWS_MAX = 2048
# Rows that are looked at beyond the page to tell how many match, where that is not known by then.
COUNTED_MAX = 2048

Key = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a resource: its columns by name, and its document as text where that was asked.

    shared: the document of what is another account's.
    """

    key: Key
    columns: Document
    document: str
    shared: Document | None = None


@dataclass(slots=True)
class Match:
    """`key` orders it: what the value sorted by is, the value, and the ARN of the row."""

    key: Key
    row: Row


Judge = Callable[[Sequence[Row]], Awaitable[Sequence[Match]]]  # which of the rows match, and where


@dataclass(frozen=True, slots=True)
class Wish:
    """size: how many matches behind `after`, the key of the last one seen."""

    size: int
    descending: bool
    after: Key | None
    with_documents: bool


@dataclass(frozen=True, slots=True)
class Found:
    """The page, and how many matches there are; `is_all` if none can be missing in that."""

    matches: list[Match]
    total: int
    is_all: bool


class Page:
    """The first `size` matches behind `after`, in order, and how many matches were seen at all."""

    def __init__(self, wish: Wish) -> None:
        self._wish = wish
        self._kept: list[Match] = []
        self.total = 0

    def add(self, match: Match) -> None:
        self.total += 1
        after = self._wish.after
        if after is not None and not (
            match.key < after if self._wish.descending else match.key > after
        ):
            return
        self._kept.append(match)
        if len(self._kept) > 8 * self._wish.size:
            self._kept = self.matches()

    def matches(self) -> list[Match]:
        pick = heapq.nlargest if self._wish.descending else heapq.nsmallest
        return pick(self._wish.size, self._kept, key=lambda match: match.key)

    def is_full(self) -> bool:
        return len(self._kept) >= self._wish.size


async def race(
    tx: Transaction,
    resource: Resource,
    place: Place,
    condition: Condition,
    ways: Sequence[Way],
    wish: Wish,
    sorted_by: tuple[str, ...],
    judge: Judge,
) -> Found:
    """`ways` has one that is complete."""
    walks = [_Walk(tx, resource, place, condition, way, wish, sorted_by) for way in ways]
    winner: _Walk | None = None
    page: list[Match] = []
    looked = 0
    while True:
        for walk in list(walks):
            await walk.go_on(judge)
            if walk.is_done and not walk.way.complete:
                walks.remove(walk)
            if winner is None and walk.has_page:
                winner, page, looked = walk, walk.page.matches(), 0
            if walk.is_done and walk.way.complete and not walk.is_started_late:
                return Found(page if winner else walk.page.matches(), walk.page.total, True)
            if walk.is_done and walk.way.complete and winner is None:
                winner, page = walk, walk.page.matches()
        looked += sum(walk.size for walk in walks)
        if winner is not None and (wish.after is not None or looked > COUNTED_MAX):
            return Found(page, max(walk.page.total for walk in walks), False)


class _Walk:
    def __init__(
        self,
        tx: Transaction,
        resource: Resource,
        place: Place,
        condition: Condition,
        way: Way,
        wish: Wish,
        sorted_by: tuple[str, ...],
    ) -> None:
        self._tx, self._resource, self._wish = tx, resource, wish
        self.way = way
        self._statements = _Statements(resource, place, condition, way, wish.with_documents)
        self._is_ordered = way.sorted_by == sorted_by and (way.complete or wish.descending)
        self._descending = self._is_ordered and wish.descending
        self._position: Key | None = None
        self._from: Any = None
        if self._is_ordered and wish.after is not None:
            self._from = wish.after[1] if wish.after[0] else None
        self.is_started_late = self._from is not None
        self._seen: set[Key] = set()
        self.page = Page(wish)
        self.size = _ROWS_FIRST
        self.is_done = False
        self.has_page = False

    async def go_on(self, judge: Judge) -> None:
        """Look at the next rows."""
        if self.is_done:
            return
        limits = self._statements.limits(self._position, self._from, self._descending)
        last = await self._tx.one(*self._statements.last(limits, self._descending, self.size))
        rows = await self._tx.all(*self._statements.rows(limits, self._descending, self.size))
        for match in await judge([one for one in map(self._row, rows) if self._is_new(one)]):
            self.page.add(match)
        self.is_done = last is None
        self._position = None if last is None else tuple(last)
        self.has_page = self.has_page or self._is_full()
        self.size = min(2 * self.size, _ROWS_MAX)

    def _row(self, row: Sequence[Any]) -> Row:
        names = self._statements.columns
        columns = dict(zip(names, row, strict=False))
        key = tuple(columns[name] for name in self._resource.key)
        return Row(key, columns, row[-1] if self._wish.with_documents else "")

    def _is_new(self, row: Row) -> bool:
        if not self.way.repeats:
            return True
        known = row.key in self._seen
        self._seen.add(row.key)
        return not known

    def _is_full(self) -> bool:
        """Whether what comes now cannot belong to the page: values are behind its last."""
        if not self._is_ordered or self._position is None or not self.page.is_full():
            return False
        last = self.page.matches()[-1].key[1]
        at = self._position[0]
        return bool(at < last if self._descending else at > last)


class _Statements:
    """The SQL of one walk. The `LIMIT` inside keeps a database to the index and to a few rows."""

    def __init__(
        self,
        resource: Resource,
        place: Place,
        condition: Condition,
        way: Way,
        with_documents: bool,
    ) -> None:
        self._way, self._place, self._condition = way, place, condition
        self._table = resource.table
        names = {
            *resource.key,
            *("arn", "created_us", "modified_us"),
            *(column.name or column.folded for column in resource.columns.values()),
        }
        self.columns = sorted(names)
        self._read = [*self.columns, "document"] if with_documents else self.columns

    def limits(
        self, position: Key | None, value: Any, descending: bool
    ) -> tuple[str, tuple[Any, ...]]:
        order, sign = self._way.order, "<" if descending else ">"
        if position is not None:
            marks = ", ".join("?" * len(position))
            return f" AND ({', '.join(order)}) {sign} ({marks})", position
        if value is not None:
            return f" AND {order[0]} {sign}= ?", (value,)
        return "", ()

    def last(
        self, limits: tuple[str, tuple[Any, ...]], descending: bool, size: int
    ) -> tuple[Any, ...]:
        """Where the next `size` rows end; nothing if there are fewer."""
        text, values = self._merged(self._way.order, limits, descending, size)
        order = _directed(self._way.order, descending)
        return (f"{text} ORDER BY {order} LIMIT 1 OFFSET ?", *values, size - 1)

    def rows(
        self, limits: tuple[str, tuple[Any, ...]], descending: bool, size: int
    ) -> tuple[Any, ...]:
        """The matching rows among the next `size`."""
        key = self._way.key
        inner = self._read if key is None else sorted({*self._way.order, *key.values()})
        listed = list(dict.fromkeys([*inner, *self._way.order]))
        text, values = self._merged(listed, limits, descending, size)
        order = _directed(self._way.order, descending)
        taken = f"{text} ORDER BY {order} LIMIT ?"
        said = self._condition.text
        where = f" WHERE {said}" if said else ""
        values = (*values, size)
        read = ", ".join(f"t.{column}" for column in self._read)
        if key is None:
            return (f"SELECT {read} FROM ({taken}) AS t{where}", *values, *self._condition.values)
        joined = " AND ".join(f"t.{mine} = k.{other}" for mine, other in key.items())
        return (
            (
                f"SELECT {read} FROM ({taken}) AS k JOIN {self._table} AS t"
                f" ON t.account = ? AND t.region = ? AND {joined}{where}"
            ),
            *(*values, *self._place.key, *self._condition.values),
        )

    def _merged(
        self,
        columns: Sequence[str],
        limits: tuple[str, tuple[Any, ...]],
        descending: bool,
        size: int,
    ) -> tuple[str, tuple[Any, ...]]:
        """A SELECT of the next rows of all prefixes, up to `size` of each where there are several.

        ORDER BY and LIMIT are to follow.
        """
        listed, table = ", ".join(columns), self._way.table
        bound, bounds = limits
        one = f"SELECT {listed} FROM {table} WHERE"
        if len(self._way.prefixes) == 1:
            ((text, values),) = self._way.prefixes
            return f"{one} {text}{bound}", (*values, *bounds)
        order = _directed(self._way.order, descending)
        parts = [
            f"SELECT {listed} FROM ({one} {text}{bound} ORDER BY {order} LIMIT ?) AS p{number}"
            for number, (text, _) in enumerate(self._way.prefixes)
        ]
        merged = [v for _, values in self._way.prefixes for v in (*values, *bounds, size)]
        return f"SELECT {listed} FROM ({' UNION ALL '.join(parts)}) AS m", tuple(merged)


def _directed(order: Sequence[str], descending: bool) -> str:
    return ", ".join(f"{column} DESC" if descending else column for column in order)
