"""Policies of resources keep the unique ids of the users and roles that they name.

What is stored by now is taken at its word once more: whoever has a name today is who was named.
Names that nobody has get no id; from then on nobody gets a permission by them.
"""

import json
import re
from typing import Any

from modelyard.storage.migrations import ddl

revision = "0012"
down_revision = "0011"

# principals: {ARN: id} of users, roles and (ARN: id:session) their sessions.
STATEMENTS = (
    "ALTER TABLE role ADD COLUMN principals TEXT NOT NULL DEFAULT '{}'",
    "ALTER TABLE resource_policy ADD COLUMN principals TEXT NOT NULL DEFAULT '{}'",
)
_SESSION = re.compile(r"arn:aws:sts::([0-9]{12}):assumed-role/([^/]+)/(.+)")


def upgrade() -> None:
    ddl.run(*STATEMENTS)
    by_arn = {
        str(arn): str(unique_id)
        for table in ("iam_user", "role")
        for arn, unique_id in _rows(f"SELECT arn, id FROM {table}")
    }
    roles = {
        (str(account), str(name)): str(unique_id)
        for account, name, unique_id in _rows("SELECT account, name, id FROM role")
    }
    for account, name, document in _rows("SELECT account, name, document FROM role"):
        text = json.loads(document)["AssumeRolePolicyDocument"]
        if found := _ids(text, by_arn, roles):
            values = {"account": account, "name": name, "principals": found}
            sql = (
                "UPDATE role SET principals = :principals WHERE account = :account AND name = :name"
            )
            _rows(sql, values)
    for arn, text in _rows("SELECT arn, document FROM resource_policy"):
        if found := _ids(text, by_arn, roles):
            sql = "UPDATE resource_policy SET principals = :principals WHERE arn = :arn"
            _rows(sql, {"arn": arn, "principals": found})


def _ids(text: str, by_arn: dict[str, str], roles: dict[tuple[str, str], str]) -> str:
    """As JSON; "" where there are none."""
    found: dict[str, str] = {}
    for word in _words(text):
        session = _SESSION.fullmatch(word)
        if word in by_arn:
            found[word] = by_arn[word]
        elif session and (role := roles.get((session[1], session[2]))):
            found[word] = f"{role}:{session[3]}"
    return json.dumps(found) if found else ""


def _words(text: str) -> list[str]:
    try:
        statements = json.loads(text)["Statement"]
    except (ValueError, KeyError, TypeError):  # it gives no permission either
        return []
    found: list[Any] = []
    for statement in statements if isinstance(statements, list) else [statements]:
        for member in ("Principal", "NotPrincipal"):
            principals = statement.get(member) if isinstance(statement, dict) else None
            words = principals.get("AWS", []) if isinstance(principals, dict) else []
            found.extend(words if isinstance(words, list) else [words])
    return [word for word in found if isinstance(word, str)]


def _rows(sql: str, values: dict[str, str] | None = None) -> list[Any]:
    import sqlalchemy
    from alembic import op

    result = op.get_bind().execute(sqlalchemy.text(sql), values or {})
    return list(result) if result.returns_rows else []
