"""What was changed and is still to be told; and, once, what was there before anything was told.

Rows are keyed by the time of the change, so that they come and go at the two ends of the index.
"""

from modelyard.storage.migrations import ddl

revision = "0010"
down_revision = "0009"

_COLUMNS = """
    at_us INTEGER NOT NULL,
    id TEXT NOT NULL,
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    topic TEXT NOT NULL,
    subject TEXT NOT NULL,
    document TEXT NOT NULL
"""

STATEMENTS = (
    f"""
    CREATE TABLE outbox_entry ({_COLUMNS}, PRIMARY KEY (at_us, id)) WITHOUT ROWID
    """,
    # Entries that could not be handled, and why.
    f"""
    CREATE TABLE outbox_put_aside (
        {_COLUMNS},
        reason TEXT NOT NULL,
        put_aside_us INTEGER NOT NULL,
        PRIMARY KEY (at_us, id)
    )
    """,
)

_INTO = "INSERT INTO outbox_entry (at_us, id, account, region, topic, subject, document)"

# What a database has from before gets its lineage as if it were announced now.
KEPT = (
    f"""
    {_INTO} SELECT created_us, arn, account, region, 'ModelPackageKept', arn, '{{}}'
        FROM model_package
    """,
    f"""
    {_INTO} SELECT d.in_service_us, d.endpoint_arn || '#' || CAST(d.number AS VARCHAR),
            d.account, d.region, 'EndpointDeploymentKept', d.endpoint_arn,
            '{{"number":' || CAST(d.number AS VARCHAR) || '}}'
        FROM endpoint_deployment d JOIN endpoint e
            ON e.account = d.account AND e.region = d.region AND e.arn = d.endpoint_arn
        WHERE d.in_service_us > 0 AND d.created_us >= e.created_us
    """,
)


def upgrade() -> None:
    ddl.run(*STATEMENTS, *KEPT)
