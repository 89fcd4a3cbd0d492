"""Accounts, and the policies of groups and buckets that let other accounts in.

An account's row stays when it is closed, so that its id and its address are never given again.
"""

from modelyard.storage.migrations import ddl

revision = "0003"
down_revision = "0002"

STATEMENTS = (
    # closed_us: 0 while it is open. email: in lower case; '' for the management account.
    """
    CREATE TABLE account (
        id TEXT NOT NULL PRIMARY KEY,
        joined_us INTEGER NOT NULL,
        closed_us INTEGER NOT NULL DEFAULT 0,
        email TEXT NOT NULL,
        document TEXT NOT NULL
    )
    """,
    "CREATE INDEX account_by_joining ON account (joined_us, id)",
    "CREATE INDEX account_by_email ON account (email)",
    # What CreateAccount was asked for and how that ended.
    """
    CREATE TABLE create_account_status (
        id TEXT NOT NULL PRIMARY KEY,
        requested_us INTEGER NOT NULL,
        state TEXT NOT NULL,
        document TEXT NOT NULL
    )
    """,
    "CREATE INDEX create_account_status_by_time ON create_account_status (requested_us, id)",
    # arn is a model package group's or a bucket's; region is '' for a bucket.
    """
    CREATE TABLE resource_policy (
        account TEXT NOT NULL,
        region TEXT NOT NULL,
        arn TEXT NOT NULL PRIMARY KEY,
        document TEXT NOT NULL
    )
    """,
    # Which accounts a group's policy makes the group discoverable to.
    """
    CREATE TABLE resource_policy_reader (
        reader TEXT NOT NULL,
        region TEXT NOT NULL,
        account TEXT NOT NULL,
        arn TEXT NOT NULL,
        PRIMARY KEY (reader, region, account, arn)
    ) WITHOUT ROWID
    """,
    "CREATE INDEX resource_policy_reader_by_arn ON resource_policy_reader (arn)",
)


def upgrade() -> None:
    ddl.run(*STATEMENTS)
