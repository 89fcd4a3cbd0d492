"""What a transaction offers. Both engines satisfy it; nothing above storage sees an engine."""

from collections.abc import Sequence
from typing import Any, Protocol

Row = tuple[Any, ...]


class Transaction(Protocol):
    """Statements use `?` for parameters, always; no literal `?` or `%` stands in a statement.

    Raises: Conflict: a unique key is taken. Unavailable: the database is away, full or locked.
    After either, the transaction can only be left: raise out of it. A statement that expects a
    taken key says ON CONFLICT. (PostgreSQL knows it no other way; SQLite is held to the same.)
    """

    async def one(self, sql: str, *parameters: Any) -> Row | None:
        """The first row, or None. Also for INSERT/UPDATE/DELETE .. RETURNING."""
        ...

    async def all(self, sql: str, *parameters: Any) -> Sequence[Row]: ...

    async def run(self, sql: str, *parameters: Any) -> int:
        """Execute, and answer how many rows changed."""
        ...

    async def many(self, sql: str, rows: Sequence[Sequence[Any]]) -> Sequence[Row]:
        """Execute `INSERT .. VALUES (?, ..)` for each of `rows`; what RETURNING says, in any order.

        Values are int, float or str, of one type a column. No two rows have the same key.
        """
        ...

    def wake(self, topic: str) -> None:
        """After commit, call whoever subscribed to `topic` (Database.subscribe), on the loop."""
        ...
