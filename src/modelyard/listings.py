"""Pages of lists, by the last key seen: the SQL around an order, and its tokens.

Knows no table: a family says where the ARN of a row is.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from modelyard import visible_pages
from modelyard.call import Call, Document
from modelyard.contract.page_tokens import Question
from modelyard.storage.transaction import Row

ASCENDING = "Ascending"
Sees = Callable[[str], Awaitable[bool]]


@dataclass(slots=True)
class Listing:
    """One query being put together. `order` names one row within what `where` leaves."""

    columns: tuple[str, ...]
    table: str
    order: tuple[str, ...]
    descending: bool
    where: list[str] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)

    def require(self, condition: str, *values: Any) -> None:
        self.where.append(condition)
        self.values.extend(values)

    def require_times(self, request: Document, column: str) -> None:
        """CreationTimeAfter and -Before, both exclusive."""
        for member, sign in (("CreationTimeAfter", ">"), ("CreationTimeBefore", "<")):
            if member in request:
                self.require(f"{column} {sign} ?", request[member])


async def page(
    call: Call,
    request: Document,
    listing: Listing,
    size_default: int,
    arn: Callable[[Row], str],
    sees: Sees | None = None,
) -> tuple[Sequence[Row], str | None]:
    """The next rows, and the token for those after them. A row starts with the order columns.

    With `sees`, or else the call's own, only what it answers to of the rows' ARNs.

    Raises: ValidationException: the token is of another list.
    """
    size = request.get("MaxResults", size_default)
    question = Question(call.account, call.region, call.operation, request)
    after = None
    if request.get("NextToken"):
        after = call.page_tokens.open(question, request["NextToken"])
    rows, last = await _rows(call, listing, size, after, arn, sees or call.sees)
    return rows, None if last is None else call.page_tokens.seal(question, list(last))


async def _rows(
    call: Call,
    listing: Listing,
    size: int,
    after: visible_pages.Position | None,
    arn: Callable[[Row], str],
    sees: Sees | None,
) -> tuple[Sequence[Row], visible_pages.Position | None]:
    """The next rows, and where to go on if there are more."""

    def position(row: Row) -> visible_pages.Position:
        return row[: len(listing.order)]

    async def fetch(after: visible_pages.Position | None, limit: int) -> Sequence[Row]:
        return await _next(call, listing, after, limit)

    if sees is not None:
        return await visible_pages.gather(fetch, lambda row: sees(arn(row)), position, size, after)
    rows = await fetch(after, size + 1)
    if len(rows) <= size:
        return rows, None
    return rows[:size], position(rows[size - 1])


async def _next(
    call: Call, listing: Listing, after: visible_pages.Position | None, limit: int
) -> Sequence[Row]:
    where, values = list(listing.where), list(listing.values)
    if after is not None:
        sign = "<" if listing.descending else ">"
        where.append(f"({', '.join(listing.order)}) {sign} ({', '.join('?' * len(after))})")
        values.extend(after)
    direction = " DESC" if listing.descending else ""
    return await call.tx.all(
        f"SELECT {', '.join(listing.order + listing.columns)} FROM {listing.table}"
        f" WHERE {' AND '.join(where)}"
        f" ORDER BY {', '.join(column + direction for column in listing.order)} LIMIT ?",
        *values,
        limit,
    )


def answer(member: str, items: list[Document], token: str | None) -> Document:
    """A list's answer; at the end there is no NextToken, never an empty one."""
    return {member: items} if token is None else {member: items, "NextToken": token}
