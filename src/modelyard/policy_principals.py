"""The users and roles that a policy of a resource names, by their unique ids.

AWS keeps the id of whom a policy names when it is put, so that who is made again under a name is
not who was named. Beside `resource_facts` rather than in a family, because roles, groups and
buckets have such policies. Reads `iam_user` and `role`; decides nothing.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from modelyard.storage.transaction import Transaction

_IDENTITY = re.compile(
    r"arn:aws:iam::([0-9]{12}):(user|role)/(?:[\x21-\x7e]*/)?([\w+=,.@-]{1,64})", re.ASCII
)
_SESSION = re.compile(
    r"arn:aws:sts::([0-9]{12}):assumed-role/([\w+=,.@-]{1,64})/([\w+=,.@-]{2,64})", re.ASCII
)
_TABLES = {"user": "iam_user", "role": "role"}
# By what an id begins with.
_TABLES_BY_PREFIX = {"AIDA": "iam_user", "AROA": "role"}
_PREFIX_CHARS = 4


class NotThere(Exception):
    """A policy names a user or role of its own account that is not there; the text is the ARN."""


async def ids(tx: Transaction, account: str, text: str) -> dict[str, str]:
    """The id of each user, role and session (`ID:NAME`) that `account`'s policy names, by ARN.

    `text` is a policy that was read. What is not there in another account is left out, so that
    nobody learns from a policy whom another account has.
    Raises: NotThere.
    """
    found: dict[str, str] = {}
    for word in sorted(_words(json.loads(text))):
        unique_id = await _id(tx, word)
        if unique_id is not None:
            found[word] = unique_id
        elif is_identity(word) and word.split(":")[4] == account:
            raise NotThere(word)
    return found


async def shown(tx: Transaction, account: str, text: str, known: Mapping[str, str]) -> str:
    """The policy as AWS shows it: a new ARN where it changed, the id of who is there no more.

    Of other accounts' users and roles it says what it said when it was put.
    """
    changed: dict[str, str] = {}
    for word, unique_id in known.items():
        if word.split(":")[4] == account and not _SESSION.fullmatch(word):
            table = _TABLES_BY_PREFIX[unique_id[:_PREFIX_CHARS]]
            sql = f"SELECT arn FROM {table} WHERE account = ? AND id = ?"
            row = await tx.one(sql, account, unique_id)
            changed[word] = unique_id if row is None else str(row[0])
        elif word.split(":")[4] == account and await _id(tx, word) != unique_id:
            changed[word] = unique_id
    if all(word == now for word, now in changed.items()):
        return text
    document = json.loads(text)
    _words(document, lambda word: changed.get(word, word))
    return json.dumps(document)


def is_identity(word: str) -> bool:
    """Whether a principal of a policy is a user, a role or a session."""
    return ":user/" in word or ":role/" in word or ":assumed-role/" in word


async def _id(tx: Transaction, word: str) -> str | None:
    if named := _IDENTITY.fullmatch(word):
        account, kind, name = named.groups()
        sql = f"SELECT id FROM {_TABLES[kind]} WHERE account = ? AND name = ? AND arn = ?"
        row = await tx.one(sql, account, name, word)
        return None if row is None else str(row[0])
    if session := _SESSION.fullmatch(word):
        account, role, name = session.groups()
        row = await tx.one("SELECT id FROM role WHERE account = ? AND name = ?", account, role)
        return None if row is None else f"{row[0]}:{name}"
    return None


def _words(document: Any, change: Callable[[str], str] = str) -> set[str]:
    """The principals of AWS in a document, each replaced by what `change` makes of it."""
    found: set[str] = set()
    for principals in _principals(document):
        words = principals.get("AWS", [])
        listed = words if isinstance(words, list) else [words]
        found.update(listed)
        if listed:
            after = [change(word) for word in listed]
            principals["AWS"] = after if isinstance(words, list) else after[0]
    return found


def _principals(document: Any) -> Iterator[dict[str, Any]]:
    statements = document["Statement"]
    for statement in statements if isinstance(statements, list) else [statements]:
        for member in ("Principal", "NotPrincipal"):
            if isinstance(statement.get(member), dict):
                yield statement[member]
