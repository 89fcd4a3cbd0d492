"""Users, groups, managed policies and access keys; roles' policies move to where all policies are.

What belongs to a user, group or role is kept by its unique id, which a new name does not change.
Policy documents are the text that the client sent.
"""

import json
from typing import Any

from modelyard.storage.migrations import ddl

revision = "0002"
down_revision = "0001"


def _identity(table: str, boundary: str = "") -> tuple[str, str]:
    """A table of users or groups. Names that differ only in case are one name to IAM."""
    return (
        f"""
        CREATE TABLE {table} (
            account TEXT NOT NULL,
            name TEXT NOT NULL,
            path TEXT NOT NULL,
            id TEXT NOT NULL,
            arn TEXT NOT NULL,
            created_us INTEGER NOT NULL,{boundary}
            document TEXT NOT NULL,
            PRIMARY KEY (account, name),
            UNIQUE (account, id)
        )
        """,
        f"CREATE UNIQUE INDEX {table}_by_any_case ON {table} (account, lower(name))",
    )


_BOUNDARY = """
            boundary TEXT NOT NULL DEFAULT '',"""

_TABLES = (
    # One row. Every change of who may do what adds one to version, in its own transaction.
    "CREATE TABLE access_version (id INTEGER NOT NULL PRIMARY KEY, version INTEGER NOT NULL)",
    "INSERT INTO access_version (id, version) VALUES (1, 0)",
    # boundary: the ARN of a managed policy.
    *_identity("iam_user", _BOUNDARY),
    *_identity("iam_group"),
    "CREATE INDEX iam_user_by_boundary ON iam_user (account, boundary)",
    "ALTER TABLE role ADD COLUMN boundary TEXT NOT NULL DEFAULT ''",
    "CREATE INDEX role_by_boundary ON role (account, boundary)",
    "CREATE UNIQUE INDEX role_by_any_case ON role (account, lower(name))",
    "CREATE UNIQUE INDEX role_by_id ON role (account, id)",
    """
    CREATE TABLE iam_membership (
        account TEXT NOT NULL,
        user_id TEXT NOT NULL,
        group_id TEXT NOT NULL,
        PRIMARY KEY (account, user_id, group_id)
    ) WITHOUT ROWID
    """,
    "CREATE INDEX iam_membership_by_group ON iam_membership (account, group_id, user_id)",
    # owner: the id of a user, group or role.
    """
    CREATE TABLE inline_policy (
        account TEXT NOT NULL,
        owner TEXT NOT NULL,
        name TEXT NOT NULL,
        text TEXT NOT NULL,
        PRIMARY KEY (account, owner, name)
    )
    """,
    """
    CREATE TABLE policy_attachment (
        account TEXT NOT NULL,
        owner TEXT NOT NULL,
        arn TEXT NOT NULL,
        PRIMARY KEY (account, owner, arn)
    ) WITHOUT ROWID
    """,
    "CREATE INDEX policy_attachment_by_policy ON policy_attachment (account, arn, owner)",
    # default_version and next_version are numbers; a number is never used twice.
    """
    CREATE TABLE managed_policy (
        account TEXT NOT NULL,
        arn TEXT NOT NULL,
        name TEXT NOT NULL,
        path TEXT NOT NULL,
        id TEXT NOT NULL,
        created_us INTEGER NOT NULL,
        updated_us INTEGER NOT NULL,
        default_version INTEGER NOT NULL,
        next_version INTEGER NOT NULL,
        document TEXT NOT NULL,
        PRIMARY KEY (account, arn)
    )
    """,
    "CREATE UNIQUE INDEX managed_policy_by_any_case ON managed_policy (account, lower(name))",
    """
    CREATE TABLE managed_policy_version (
        account TEXT NOT NULL,
        arn TEXT NOT NULL,
        number INTEGER NOT NULL,
        created_us INTEGER NOT NULL,
        text TEXT NOT NULL,
        PRIMARY KEY (account, arn, number)
    )
    """,
    # sealed: the secret, encrypted under a key that is not in the database.
    """
    CREATE TABLE access_key (
        id TEXT NOT NULL PRIMARY KEY,
        account TEXT NOT NULL,
        user_id TEXT NOT NULL,
        status TEXT NOT NULL,
        sealed TEXT NOT NULL,
        created_us INTEGER NOT NULL,
        used_us INTEGER NOT NULL DEFAULT 0,
        used_service TEXT NOT NULL DEFAULT '',
        used_region TEXT NOT NULL DEFAULT ''
    )
    """,
    "CREATE INDEX access_key_of_user ON access_key (account, user_id, id)",
    "CREATE TABLE account_alias (alias TEXT NOT NULL PRIMARY KEY, account TEXT NOT NULL UNIQUE)",
)
_MOVED = ("DROP TABLE role_policy",)

STATEMENTS = (*_TABLES, *_MOVED)


def upgrade() -> None:
    ddl.run(*_TABLES)
    _move_policies_of_roles()
    ddl.run(*_MOVED)


def _move_policies_of_roles() -> None:
    """Inline ones from their own table, attached ones out of the role's document."""
    inline = (
        "SELECT p.account, r.id, p.name, p.document FROM role_policy p"
        " JOIN role r ON r.account = p.account AND r.name = p.role"
    )
    for account, owner, name, document in _rows(inline):
        values = {"account": account, "owner": owner, "name": name, "text": json.loads(document)}
        _rows(
            "INSERT INTO inline_policy (account, owner, name, text)"
            " VALUES (:account, :owner, :name, :text)",
            values,
        )
    for account, owner, text in _rows("SELECT account, id, document FROM role"):
        document = json.loads(text)
        for arn in document.pop("AttachedPolicies", []):
            values = {"account": account, "owner": owner, "arn": arn}
            _rows(
                "INSERT INTO policy_attachment (account, owner, arn)"
                " VALUES (:account, :owner, :arn)",
                values,
            )
        left = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
        _rows(
            "UPDATE role SET document = :document WHERE account = :account AND id = :id",
            {"document": left, "account": account, "id": owner},
        )


def _rows(sql: str, values: dict[str, str] | None = None) -> list[Any]:
    import sqlalchemy
    from alembic import op

    result = op.get_bind().execute(sqlalchemy.text(sql), values or {})
    return list(result) if result.returns_rows else []
