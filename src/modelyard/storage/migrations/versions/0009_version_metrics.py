"""Metrics of model packages as numbers, the documents they come from, and listings of archives."""

from modelyard.storage.migrations import ddl

revision = "0009"
down_revision = "0008"

STATEMENTS = (
    # One number a name and package. source: the kind of the document it was read from, or
    # CustomerMetadataProperties. group_name and version are the package's: "" and 0 of an
    # unversioned one.
    """
    CREATE TABLE model_package_metric (
        account TEXT NOT NULL,
        region TEXT NOT NULL,
        group_name TEXT NOT NULL,
        version INTEGER NOT NULL,
        arn TEXT NOT NULL,
        name TEXT NOT NULL,
        value REAL NOT NULL,
        source TEXT NOT NULL,
        PRIMARY KEY (account, region, group_name, version, arn, name)
    ) WITHOUT ROWID
    """,
    """
    CREATE INDEX model_package_metric_by_version
        ON model_package_metric (account, region, group_name, name, version)
    """,
    """
    CREATE INDEX model_package_metric_by_value
        ON model_package_metric (account, region, group_name, name, value)
    """,
    # What ModelMetrics names, and the bytes that were there at registration, which are held.
    # state: Pending until it was read, then Read or Unreadable. problems: JSON, a list of sentences
    """
    CREATE TABLE model_package_document (
        account TEXT NOT NULL,
        region TEXT NOT NULL,
        arn TEXT NOT NULL,
        position INTEGER NOT NULL,
        kind TEXT NOT NULL,
        url TEXT NOT NULL,
        state TEXT NOT NULL,
        sha256 TEXT NOT NULL,
        bytes INTEGER NOT NULL,
        blob TEXT NOT NULL,
        problems TEXT NOT NULL,
        PRIMARY KEY (account, region, arn, position)
    ) WITHOUT ROWID
    """,
    "CREATE INDEX model_package_document_by_blob ON model_package_document (blob)",
    # What is in an archive, by the digest of its bytes, so that it is read once.
    """
    CREATE TABLE archive_listing (
        account TEXT NOT NULL,
        region TEXT NOT NULL,
        sha256 TEXT NOT NULL,
        document TEXT NOT NULL,
        PRIMARY KEY (account, region, sha256)
    )
    """,
)

# Packages from before get the numbers of their metadata from the reader of documents.
KEPT = """
    INSERT INTO work_item
        (kind, subject, generation, due_us, holder, lease_until_us, attempts, document)
        SELECT 'model-package-metrics', arn, 1, 0, '', 0, 0, '"kept"' FROM model_package
    """


def upgrade() -> None:
    ddl.run(*STATEMENTS, KEPT)
