"""The users that people sign in as, as this folder needs them. Rows are the IAM operations'."""

from dataclasses import dataclass

from modelyard.access.identities.refusals import NoSuchEntity
from modelyard.storage.transaction import Transaction


@dataclass(frozen=True, slots=True)
class User:
    account: str
    name: str
    id: str
    arn: str


async def find(tx: Transaction, account: str, name: str) -> User | None:
    sql = "SELECT account, name, id, arn FROM iam_user WHERE account = ? AND name = ?"
    row = await tx.one(sql, account, name)
    return None if row is None else User(*row)


async def by_id(tx: Transaction, account: str, user_id: str) -> User | None:
    sql = "SELECT account, name, id, arn FROM iam_user WHERE account = ? AND id = ?"
    row = await tx.one(sql, account, user_id)
    return None if row is None else User(*row)


async def get(tx: Transaction, account: str, name: str) -> User:
    """Raises: NoSuchEntity."""
    user = await find(tx, account, name)
    if user is None:
        raise NoSuchEntity(f"The user with name {name} cannot be found.")
    return user
