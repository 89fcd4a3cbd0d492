"""What came of what: artifacts, actions and contexts, and the associations between them.

Associations may also end at trial components and experiments, which have tables of their own.
"""

from modelyard.storage.migrations import ddl

revision = "0006"
down_revision = "0005"

STATEMENTS = (
    # kind: artifact, action or context. The end of an ARN is the name in lower case, so the primary
    # key is what makes names unique, and the order by name; of an artifact it is a digest of its
    # source. source_key: SHA-256 of the source's URI, which is too long for an index.
    # digest: SHA-256 of the bytes at the source, '' where nobody told.
    """
    CREATE TABLE lineage_entity (
        account TEXT NOT NULL,
        region TEXT NOT NULL,
        arn TEXT NOT NULL,
        kind TEXT NOT NULL,
        name TEXT NOT NULL,
        type TEXT NOT NULL,
        source_key TEXT NOT NULL,
        digest TEXT NOT NULL,
        created_us INTEGER NOT NULL,
        modified_us INTEGER NOT NULL,
        document TEXT NOT NULL,
        PRIMARY KEY (account, region, arn)
    )
    """,
    """
    CREATE INDEX lineage_entity_by_creation
        ON lineage_entity (account, region, kind, created_us, arn)
    """,
    """
    CREATE INDEX lineage_entity_by_type
        ON lineage_entity (account, region, kind, type, created_us, arn)
    """,
    """
    CREATE INDEX lineage_entity_by_source
        ON lineage_entity (account, region, kind, source_key, created_us, arn)
    """,
    """
    CREATE INDEX lineage_entity_by_digest
        ON lineage_entity (account, region, digest) WHERE digest <> ''
    """,
    # One between two entities, in this direction. source_type and destination_type are the types
    # of its ends, which never change.
    """
    CREATE TABLE lineage_association (
        account TEXT NOT NULL,
        region TEXT NOT NULL,
        source_arn TEXT NOT NULL,
        destination_arn TEXT NOT NULL,
        association_type TEXT NOT NULL,
        source_type TEXT NOT NULL,
        destination_type TEXT NOT NULL,
        created_us INTEGER NOT NULL,
        PRIMARY KEY (account, region, source_arn, destination_arn)
    ) WITHOUT ROWID
    """,
    # With all that a walk reads, or SQLite takes the primary key up to region and looks at all.
    """
    CREATE INDEX lineage_association_by_destination
        ON lineage_association (account, region, destination_arn, source_arn, association_type,
            source_type)
    """,
    """
    CREATE INDEX lineage_association_by_creation
        ON lineage_association (account, region, created_us, source_arn, destination_arn)
    """,
    # Whoever adds an association that must not close a circle holds this row meanwhile.
    """
    CREATE TABLE lineage_group (
        account TEXT NOT NULL,
        region TEXT NOT NULL,
        created_us INTEGER NOT NULL,
        PRIMARY KEY (account, region)
    ) WITHOUT ROWID
    """,
)


def upgrade() -> None:
    ddl.run(*STATEMENTS)
