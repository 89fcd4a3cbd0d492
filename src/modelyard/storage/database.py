"""What a database offers, and the way to one. Engines differ below this line only."""

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from modelyard.storage import postgresql, sqlite
from modelyard.storage.transaction import Transaction

T = TypeVar("T")
Work = Callable[[Transaction], Awaitable[T]]


class Database(Protocol):
    """Runs work in transactions. Work awaits nothing but its transaction, and may be run again.

    Every method raises Unavailable when the database is away, full, locked for too long, or has
    more waiting than it can serve; it works again, without a restart, once that is over.
    """

    @property
    def shared(self) -> bool:
        """Whether other processes may write it too, whose commits nobody here hears of."""
        ...

    async def write(self, work: Work[T]) -> T:
        """Run `work` and answer once its changes are durable.

        An exception of `work` undoes its changes, and its alone. Unavailable may also mean that
        the outcome is unknown: the connection was lost while committing.
        """
        ...

    async def read(self, work: Work[T]) -> T:
        """Run `work`, which looks at a few rows, on one consistent state."""
        ...

    async def scan(self, work: Work[T]) -> T:
        """Like read, for work that may look at many rows: it does not hold up the event loop."""
        ...

    def subscribe(self, topic: str, callback: Callable[[], None]) -> None:
        """Call `callback` on the event loop after each commit of this process that woke `topic`."""
        ...

    async def close(self) -> None:
        """Finish what was accepted, then let go of files and connections."""
        ...


NO_URL = "A database is sqlite:///path/to/file or postgresql://user@host/name."


async def connect(url: str) -> Database:
    """Open "sqlite:///path" or "postgresql://..." and bring its schema up to date.

    Raises: ValueError: neither. Unavailable: it does not answer. schema.NewerDatabase.
    """
    if _is_sqlite(url):
        return await sqlite.connect(sqlite.path_of(url))
    if _is_postgresql(url):
        return await postgresql.connect(url)
    raise ValueError(NO_URL)


async def schema_version(url: str) -> str | None:
    """The schema that is there, None for none yet. Only looks: nothing is made or migrated.

    Raises: ValueError: no such kind of database. Unavailable: it does not answer.
    """
    if _is_sqlite(url):
        return await sqlite.schema_version(sqlite.path_of(url))
    if _is_postgresql(url):
        return await postgresql.schema_version(url)
    raise ValueError(NO_URL)


def _is_sqlite(url: str) -> bool:
    return url.startswith("sqlite:///") and len(url) > len("sqlite:///")


def _is_postgresql(url: str) -> bool:
    return url.startswith(("postgresql://", "postgres://"))
