"""Records of the audit trail are written once; their places in the chain have a table of their own.

A change writes its record and its id into audit_waiting, two rows at the ends of two tables.
Chaining takes the id from there and writes the place. What look-ups need is kept with the place,
so that its indexes are filled by many records at once and no change waits for them.
"""

from modelyard.storage.migrations import ddl

revision = "0011"
down_revision = "0010"

STATEMENTS = (
    "CREATE TABLE audit_waiting (id TEXT NOT NULL PRIMARY KEY) WITHOUT ROWID",
    # What stands behind id is the record's, and verification compares it.
    """
    CREATE TABLE audit_chain (
        sequence INTEGER NOT NULL PRIMARY KEY,
        hash TEXT NOT NULL,
        id TEXT NOT NULL,
        account TEXT NOT NULL,
        at_us INTEGER NOT NULL,
        user_name TEXT NOT NULL,
        resource TEXT NOT NULL
    )
    """,
    "INSERT INTO audit_waiting (id) SELECT id FROM audit_record WHERE sequence = 0",
    """
    INSERT INTO audit_chain (sequence, hash, id, account, at_us, user_name, resource)
        SELECT sequence, hash, id, account, at_us, user_name, resource FROM audit_record
        WHERE sequence > 0 ORDER BY sequence
    """,
    "DROP INDEX audit_record_by_time",
    "DROP INDEX audit_record_by_resource",
    "DROP INDEX audit_record_by_user",
    "DROP INDEX audit_record_waiting",
    "DROP INDEX audit_record_by_sequence",
    "ALTER TABLE audit_record DROP COLUMN sequence",
    "ALTER TABLE audit_record DROP COLUMN hash",
    "CREATE UNIQUE INDEX audit_chain_by_time ON audit_chain (account, at_us, id)",
    "CREATE INDEX audit_chain_by_resource ON audit_chain (account, resource, at_us, id)",
    "CREATE INDEX audit_chain_by_user ON audit_chain (account, user_name, at_us, id)",
)


def upgrade() -> None:
    ddl.run(*STATEMENTS)
