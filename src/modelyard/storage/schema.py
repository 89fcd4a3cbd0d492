"""Brings a database to this program's schema. Knows when, not what: the tables are in migrations/.

An empty database gets its tables at once. Alembic and SQLAlchemy are imported only when there is
something to migrate, so that no other start pays for them.
"""

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

from modelyard.errors import Unavailable

if TYPE_CHECKING:
    from sqlalchemy import Engine

HEAD = "0013"  # the newest migration; tests/storage/test_schema.py compares it with the folder

_ATTEMPTS_MAX = 10  # servers that start together on one empty database: all but one try again
_PAUSE_SECONDS = 0.2

_one_at_a_time = threading.Lock()  # alembic keeps its context in module globals

log = logging.getLogger(__name__)


class NewerDatabase(Exception):
    """The database was written by a newer Modelyard."""

    def __init__(self, version: str) -> None:
        super().__init__(
            f"The database has schema {version}; this Modelyard knows schemas up to {HEAD}. "
            "Start the Modelyard that wrote it, or a newer one: there is no way back."
        )


async def ensure(
    version: Callable[[], Awaitable[str | None]],
    make: Callable[[], Awaitable[None]],
    engine: Callable[[], "Engine"],
) -> None:
    """Bring the database to HEAD if it is not there yet.

    `make` executes `ddl.fresh` in one transaction of an empty database; it raises Unavailable
    when the database is away, or is not empty any more.
    Raises: NewerDatabase. Unavailable: the migration did not get through.
    """
    for attempt in range(_ATTEMPTS_MAX):
        found = await version()
        if found == HEAD:
            return
        if found is not None and found > HEAD:
            raise NewerDatabase(found)
        if attempt:
            await asyncio.sleep(_PAUSE_SECONDS)
        log.info("schema_migrating", extra={"from": found, "to": HEAD})
        failure: Exception | None = None
        if found is not None:
            failure = await asyncio.to_thread(_upgrade, engine)
            continue
        try:
            await make()
        except Unavailable as error:  # another server was faster, or it is away: look again
            failure = error
    if await version() != HEAD:
        raise Unavailable("the database could not be migrated") from failure


def _upgrade(make_engine: Callable[[], "Engine"]) -> Exception | None:
    """Run all missing migrations in one transaction; answer what went wrong, for a next attempt."""
    import alembic.command
    import alembic.config
    import alembic.util
    import sqlalchemy.exc

    config = alembic.config.Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    engine = make_engine()
    try:
        with _one_at_a_time, engine.begin() as connection:
            config.attributes["connection"] = connection
            alembic.command.upgrade(config, "head")
    except (sqlalchemy.exc.DBAPIError, alembic.util.CommandError) as error:
        # Another server was faster, or the database is away: `ensure` looks again, and tells.
        log.info("schema_migration_failed", extra={"error": str(error)})
        return error
    finally:
        engine.dispose()
    return None
