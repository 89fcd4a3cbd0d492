"""Pages of the registry's lists, by the last key seen: the SQL around an order, and its tokens."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from modelyard.call import Call, Document
from modelyard.contract.page_tokens import Question
from modelyard.storage.transaction import Row

ASCENDING = "Ascending"
SIZE_DEFAULT = 100  # AWS does not state it; the most a page may have spares who do not page


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
    call: Call, request: Document, listing: Listing, size_default: int
) -> tuple[Sequence[Row], str | None]:
    """The next rows, and the token for those after them. A row starts with the order columns.

    Raises: ValidationException: the token is of another list.
    """
    size = request.get("MaxResults", size_default)
    question = Question(call.account, call.region, call.operation, request)
    if request.get("NextToken"):
        position = call.page_tokens.open(question, request["NextToken"])
        sign = "<" if listing.descending else ">"
        marks = ", ".join("?" * len(position))
        listing.require(f"({', '.join(listing.order)}) {sign} ({marks})", *position)
    direction = " DESC" if listing.descending else ""
    rows = await call.tx.all(
        f"SELECT {', '.join(listing.order + listing.columns)} FROM {listing.table}"
        f" WHERE {' AND '.join(listing.where)}"
        f" ORDER BY {', '.join(column + direction for column in listing.order)} LIMIT ?",
        *listing.values,
        size + 1,
    )
    if len(rows) <= size:
        return rows, None
    last = rows[size - 1]
    return rows[:size], call.page_tokens.seal(question, list(last[: len(listing.order)]))


def answer(member: str, items: list[Document], token: str | None) -> Document:
    """A list's answer; at the end there is no NextToken, never an empty one."""
    return {member: items} if token is None else {member: items, "NextToken": token}
