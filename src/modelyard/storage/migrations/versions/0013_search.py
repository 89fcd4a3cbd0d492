"""Search: what resources have under chosen names, as rows; orders and values that it walks by.

`search_filling` says for which kinds the rows of what was there before are being written still, and
up to where that came. Until it is done Search does without the rows of that kind.
"""

from modelyard.storage.migrations import ddl

revision = "0013"
down_revision = "0012"

STATEMENTS = (
    # kind: metadata of a model package, or parameter of a trial component. within and state: the
    # group and the approval of a package, else ''. name, version: the rest of the resource's key.
    # number: of a text that is one, or NULL. The key ends with the order by creation, so what has
    # a value in one group and state is read newest first.
    """
    CREATE TABLE search_value (
        account TEXT NOT NULL,
        region TEXT NOT NULL,
        kind TEXT NOT NULL,
        property TEXT NOT NULL,
        text TEXT NOT NULL,
        within TEXT NOT NULL,
        state TEXT NOT NULL,
        created_us INTEGER NOT NULL,
        name TEXT NOT NULL,
        version INTEGER NOT NULL,
        number REAL,
        PRIMARY KEY (account, region, kind, property, text, within, state, created_us, name,
            version)
    ) WITHOUT ROWID
    """,
    """
    CREATE INDEX search_value_by_number
        ON search_value (account, region, kind, property, number, within, state, created_us, name,
            version)
        WHERE number IS NOT NULL
    """,
    """
    CREATE TABLE search_filling (
        kind TEXT NOT NULL PRIMARY KEY,
        account TEXT NOT NULL,
        region TEXT NOT NULL,
        arn TEXT NOT NULL
    )
    """,
    """
    INSERT INTO search_filling (kind, account, region, arn)
        SELECT 'metadata', '', '', '' WHERE EXISTS (SELECT 1 FROM model_package)
    """,
    # An approval has four values, '' among them, so this is the order of all packages as well.
    """
    CREATE INDEX model_package_by_approval_and_modification
        ON model_package (account, region, approval, modified_us, group_name, name, version)
    """,
    """
    CREATE INDEX model_package_by_stage_and_modification
        ON model_package (account, region, stage, modified_us, group_name, name, version)
        WHERE stage <> ''
    """,
    """
    CREATE INDEX trial_component_by_modification
        ON trial_component (account, region, modified_us, name_key)
    """,
    "CREATE INDEX tag_by_value ON tag (account, region, key, value, arn)",
)


def upgrade() -> None:
    ddl.run(*STATEMENTS)
