"""The one place where the two engines' table definitions differ, and the way to a fresh schema.

Migrations are written with SQLite's types, TEXT, INTEGER and REAL, and WITHOUT ROWID for tables of
small rows. SQLite gets STRICT tables; PostgreSQL gets 64-bit numbers, and text that sorts by code
point.
A migration module keeps what it does to an empty database as STATEMENTS, so that a new database
needs no Alembic, which takes longer to import than all the rest of a start.
"""

import importlib
import re
from collections.abc import Iterator
from pathlib import Path

_POSTGRESQL_TYPES = {"TEXT": 'TEXT COLLATE "C"', "INTEGER": "BIGINT", "REAL": "DOUBLE PRECISION"}
_WITHOUT_ROWID = " WITHOUT ROWID"
_VERSIONS = Path(__file__).parent / "versions"
_ALEMBIC = (  # as Alembic makes it
    "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL,"
    " CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"
)


def run(*statements: str) -> None:
    """Execute inside of the migration that Alembic runs."""
    from alembic import op

    for statement in statements:
        op.execute(translate(statement, op.get_bind().dialect.name))


def translate(statement: str, dialect: str) -> str:
    statement = statement.strip()
    if dialect == "postgresql":
        statement = statement.removesuffix(_WITHOUT_ROWID)
        return re.sub(r"\b(TEXT|INTEGER|REAL)\b", lambda m: _POSTGRESQL_TYPES[m[0]], statement)
    if not statement.startswith("CREATE TABLE"):
        return statement
    return statement + (", STRICT" if statement.endswith(_WITHOUT_ROWID) else " STRICT")


def fresh(dialect: str) -> Iterator[str]:
    """Everything that brings an empty database to the newest schema, the note of it included."""
    newest = ""
    for path in sorted(_VERSIONS.glob("[0-9]*.py")):
        migration = importlib.import_module(f"{__package__}.versions.{path.stem}")
        for statement in migration.STATEMENTS:
            yield translate(statement, dialect)
        newest = migration.revision
    yield _ALEMBIC
    yield f"INSERT INTO alembic_version (version_num) VALUES ('{newest}')"
