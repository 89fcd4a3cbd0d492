"""Groups and packages, models and endpoints, buckets and objects, roles, work.

Every key starts with account, region (S3 and IAM: account). Times are integer microseconds,
documents JSON text with AWS's member names. '' and 0 stand for "none" in columns that something
filters or sorts by.
"""

from modelyard.storage.migrations import ddl

revision = "0001"
down_revision = None


_REGISTRY = (
    # next_version: the number the next package gets; numbers are never used twice.
    # versions: how many packages are in the group now.
    """
    CREATE TABLE model_package_group (
        account TEXT NOT NULL,
        region TEXT NOT NULL,
        name TEXT NOT NULL,
        arn TEXT NOT NULL,
        created_us INTEGER NOT NULL,
        modified_us INTEGER NOT NULL,
        next_version INTEGER NOT NULL DEFAULT 1,
        versions INTEGER NOT NULL DEFAULT 0,
        document TEXT NOT NULL,
        PRIMARY KEY (account, region, name),
        UNIQUE (account, region, arn)
    )
    """,
    """
    CREATE INDEX model_package_group_by_creation
        ON model_package_group (account, region, created_us, name)
    """,
    # A versioned package has group_name and version; an unversioned one has name and version 0.
    # The primary key is also the order by name.
    """
    CREATE TABLE model_package (
        account TEXT NOT NULL,
        region TEXT NOT NULL,
        group_name TEXT NOT NULL DEFAULT '',
        name TEXT NOT NULL DEFAULT '',
        version INTEGER NOT NULL DEFAULT 0,
        arn TEXT NOT NULL,
        created_us INTEGER NOT NULL,
        modified_us INTEGER NOT NULL,
        approval TEXT NOT NULL DEFAULT '',
        stage TEXT NOT NULL DEFAULT '',
        document TEXT NOT NULL,
        PRIMARY KEY (account, region, group_name, name, version),
        UNIQUE (account, region, arn)
    )
    """,
    """
    CREATE INDEX model_package_of_group_by_creation
        ON model_package (account, region, group_name, created_us, version)
    """,
    """
    CREATE INDEX model_package_of_group_by_approval_and_creation
        ON model_package (account, region, group_name, approval, created_us, version)
    """,
    """
    CREATE INDEX model_package_by_creation
        ON model_package (account, region, created_us, group_name, name, version)
    """,
    # One row a change of approval or life-cycle stage; number counts from 1 within the package.
    """
    CREATE TABLE model_package_decision (
        account TEXT NOT NULL,
        region TEXT NOT NULL,
        arn TEXT NOT NULL,
        number INTEGER NOT NULL,
        at_us INTEGER NOT NULL,
        principal TEXT NOT NULL,
        approval TEXT NOT NULL,
        previous TEXT NOT NULL DEFAULT '',
        note TEXT NOT NULL DEFAULT '',
        stage TEXT NOT NULL DEFAULT '',
        document TEXT NOT NULL DEFAULT '{}',
        PRIMARY KEY (account, region, arn, number)
    ) WITHOUT ROWID
    """,
    # What is known of the bytes that a package stands for, in the order of its specifications.
    # source: the URL there; it differs from url when it is a prefix, under which url is an object.
    """
    CREATE TABLE model_package_artifact (
        account TEXT NOT NULL,
        region TEXT NOT NULL,
        arn TEXT NOT NULL,
        position INTEGER NOT NULL,
        source TEXT NOT NULL,
        url TEXT NOT NULL,
        state TEXT NOT NULL,
        sha256 TEXT NOT NULL DEFAULT '',
        bytes INTEGER NOT NULL DEFAULT 0,
        etag TEXT NOT NULL DEFAULT '',
        blob TEXT NOT NULL DEFAULT '',
        PRIMARY KEY (account, region, arn, position)
    ) WITHOUT ROWID
    """,
    "CREATE INDEX model_package_artifact_by_blob ON model_package_artifact (blob)",
    """
    CREATE TABLE tag (
        account TEXT NOT NULL,
        region TEXT NOT NULL,
        arn TEXT NOT NULL,
        key TEXT NOT NULL,
        value TEXT NOT NULL,
        PRIMARY KEY (account, region, arn, key)
    ) WITHOUT ROWID
    """,
)


def _named(table: str, extra: str = "") -> tuple[str, str]:
    """A table of documents by name, and its order by creation."""
    return (
        f"""
        CREATE TABLE {table} (
            account TEXT NOT NULL,
            region TEXT NOT NULL,
            name TEXT NOT NULL,
            arn TEXT NOT NULL,
            created_us INTEGER NOT NULL,
            modified_us INTEGER NOT NULL,{extra}
            document TEXT NOT NULL,
            PRIMARY KEY (account, region, name),
            UNIQUE (account, region, arn)
        )
        """,
        f"CREATE INDEX {table}_by_creation ON {table} (account, region, created_us, name)",
    )


_HOSTING = (
    *_named("model"),
    *_named("endpoint_config"),
    # serving and target are deployment numbers, 0 for none.
    *_named(
        "endpoint",
        """
            status TEXT NOT NULL,
            serving INTEGER NOT NULL DEFAULT 0,
            target INTEGER NOT NULL DEFAULT 0,""",
    ),
    """
    CREATE INDEX endpoint_by_modification ON endpoint (account, region, modified_us, name)
    """,
    # Outlives its endpoint: what served when. The document holds the resolved variants.
    """
    CREATE TABLE endpoint_deployment (
        account TEXT NOT NULL,
        region TEXT NOT NULL,
        endpoint_arn TEXT NOT NULL,
        number INTEGER NOT NULL,
        config_name TEXT NOT NULL,
        state TEXT NOT NULL,
        created_us INTEGER NOT NULL,
        in_service_us INTEGER NOT NULL DEFAULT 0,
        ended_us INTEGER NOT NULL DEFAULT 0,
        principal TEXT NOT NULL,
        failure_reason TEXT NOT NULL DEFAULT '',
        document TEXT NOT NULL,
        PRIMARY KEY (account, region, endpoint_arn, number)
    )
    """,
)

_OBJECTS = (
    """
    CREATE TABLE bucket (
        name TEXT NOT NULL PRIMARY KEY,
        account TEXT NOT NULL,
        region TEXT NOT NULL,
        created_us INTEGER NOT NULL,
        document TEXT NOT NULL
    )
    """,
    "CREATE INDEX bucket_of_account ON bucket (account, name)",
    # The document holds headers, user metadata, checksums and parts.
    """
    CREATE TABLE object (
        bucket TEXT NOT NULL,
        key TEXT NOT NULL,
        bytes INTEGER NOT NULL,
        etag TEXT NOT NULL,
        sha256 TEXT NOT NULL,
        blob TEXT NOT NULL,
        modified_us INTEGER NOT NULL,
        document TEXT NOT NULL,
        PRIMARY KEY (bucket, key)
    )
    """,
    "CREATE INDEX object_by_blob ON object (blob)",
    """
    CREATE TABLE multipart_upload (
        bucket TEXT NOT NULL,
        key TEXT NOT NULL,
        upload_id TEXT NOT NULL,
        created_us INTEGER NOT NULL,
        document TEXT NOT NULL,
        PRIMARY KEY (bucket, key, upload_id)
    )
    """,
    "CREATE INDEX multipart_upload_by_creation ON multipart_upload (created_us)",
    """
    CREATE TABLE multipart_part (
        upload_id TEXT NOT NULL,
        number INTEGER NOT NULL,
        blob TEXT NOT NULL,
        bytes INTEGER NOT NULL,
        etag TEXT NOT NULL,
        modified_us INTEGER NOT NULL,
        document TEXT NOT NULL,
        PRIMARY KEY (upload_id, number)
    )
    """,
    "CREATE INDEX multipart_part_by_blob ON multipart_part (blob)",
)

_ACCESS = (
    """
    CREATE TABLE role (
        account TEXT NOT NULL,
        name TEXT NOT NULL,
        path TEXT NOT NULL,
        id TEXT NOT NULL,
        arn TEXT NOT NULL,
        created_us INTEGER NOT NULL,
        document TEXT NOT NULL,
        PRIMARY KEY (account, name),
        UNIQUE (account, arn)
    )
    """,
    """
    CREATE TABLE role_policy (
        account TEXT NOT NULL,
        role TEXT NOT NULL,
        name TEXT NOT NULL,
        document TEXT NOT NULL,
        PRIMARY KEY (account, role, name)
    )
    """,
)

_MACHINERY = (
    """
    CREATE TABLE client_token (
        account TEXT NOT NULL,
        region TEXT NOT NULL,
        operation TEXT NOT NULL,
        token TEXT NOT NULL,
        request_digest TEXT NOT NULL,
        answer TEXT NOT NULL,
        created_us INTEGER NOT NULL,
        PRIMARY KEY (account, region, operation, token)
    )
    """,
    "CREATE INDEX client_token_by_creation ON client_token (created_us)",
    # generation grows with every wish, so that a wish made during a lease is not lost with it.
    """
    CREATE TABLE work_item (
        kind TEXT NOT NULL,
        subject TEXT NOT NULL,
        generation INTEGER NOT NULL,
        due_us INTEGER NOT NULL,
        holder TEXT NOT NULL,
        lease_until_us INTEGER NOT NULL,
        attempts INTEGER NOT NULL,
        document TEXT NOT NULL,
        PRIMARY KEY (kind, subject)
    )
    """,
    "CREATE INDEX work_item_by_due ON work_item (kind, due_us, subject)",
    """
    CREATE TABLE lease (
        name TEXT NOT NULL PRIMARY KEY,
        holder TEXT NOT NULL,
        until_us INTEGER NOT NULL
    )
    """,
)

STATEMENTS = (*_REGISTRY, *_HOSTING, *_OBJECTS, *_ACCESS, *_MACHINERY)


def upgrade() -> None:
    ddl.run(*STATEMENTS)
