"""The count of changes of who may do what."""

from modelyard.storage.migrations import ddl

revision = "0002"
down_revision = "0001"

STATEMENTS = (
    # One row. Every change of who may do what adds one to version, in its own transaction.
    "CREATE TABLE access_version (id INTEGER NOT NULL PRIMARY KEY, version INTEGER NOT NULL)",
    "INSERT INTO access_version (id, version) VALUES (1, 0)",
)


def upgrade() -> None:
    ddl.run(*STATEMENTS)
