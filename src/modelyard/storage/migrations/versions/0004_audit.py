"""The audit trail: one record a call, the chain over them, and what signs it.

A record's key is its request's id: no call can be recorded twice. sequence is 0 and hash "" until
the record is chained; nothing else of a row is ever changed, and no row is deleted.
"""

from modelyard.storage.migrations import ddl

revision = "0004"
down_revision = "0003"

STATEMENTS = (
    # error_code: "" for a call that was carried out. seal: a MAC over all columns before it.
    """
    CREATE TABLE audit_record (
        id TEXT NOT NULL PRIMARY KEY,
        account TEXT NOT NULL,
        region TEXT NOT NULL,
        at_us INTEGER NOT NULL,
        principal TEXT NOT NULL,
        user_name TEXT NOT NULL,
        access_key_id TEXT NOT NULL,
        service TEXT NOT NULL,
        operation TEXT NOT NULL,
        read_only INTEGER NOT NULL,
        resource TEXT NOT NULL,
        error_code TEXT NOT NULL,
        document TEXT NOT NULL,
        seal TEXT NOT NULL,
        sequence INTEGER NOT NULL DEFAULT 0,
        hash TEXT NOT NULL DEFAULT ''
    )
    """,
    "CREATE INDEX audit_record_by_time ON audit_record (account, at_us, id)",
    "CREATE INDEX audit_record_by_resource ON audit_record (account, resource, at_us, id)",
    "CREATE INDEX audit_record_by_user ON audit_record (account, user_name, at_us, id)",
    "CREATE INDEX audit_record_waiting ON audit_record (id) WHERE sequence = 0",
    """
    CREATE UNIQUE INDEX audit_record_by_sequence ON audit_record (sequence) WHERE sequence > 0
    """,
    # The resources of a call that touched several, but for the first, which is the record's own.
    """
    CREATE TABLE audit_resource (
        account TEXT NOT NULL,
        resource TEXT NOT NULL,
        at_us INTEGER NOT NULL,
        id TEXT NOT NULL,
        PRIMARY KEY (account, resource, at_us, id)
    ) WITHOUT ROWID
    """,
    # One row: the last record of the chain, signed by the server that chained it.
    """
    CREATE TABLE audit_head (
        name TEXT NOT NULL PRIMARY KEY,
        sequence INTEGER NOT NULL,
        hash TEXT NOT NULL,
        at_us INTEGER NOT NULL,
        signed_by TEXT NOT NULL,
        signature TEXT NOT NULL
    )
    """,
    # Heads of earlier times, kept.
    """
    CREATE TABLE audit_checkpoint (
        sequence INTEGER NOT NULL PRIMARY KEY,
        hash TEXT NOT NULL,
        at_us INTEGER NOT NULL,
        signed_by TEXT NOT NULL,
        signature TEXT NOT NULL
    )
    """,
)


def upgrade() -> None:
    ddl.run(*STATEMENTS)
