"""Accounts as rows. The management account is one of them, written at the server's start.

A row is never deleted: the id and the address of a closed account are not given again.
"""

import hashlib
import secrets
from dataclasses import dataclass
from typing import Any

from modelyard.storage import records
from modelyard.storage.database import Database
from modelyard.storage.transaction import Transaction

ACCOUNT = records.Table("account", ("id",), ("id", "joined_us", "closed_us", "email", "document"))
MANAGEMENT_NAME = "management"
_IDS = 10**12  # twelve digits


@dataclass(frozen=True, slots=True)
class Account:
    """`closed_us` is 0 while it is open; `document` has its Name and Email as they were given."""

    id: str
    joined_us: int
    closed_us: int
    email: str
    document: dict[str, Any]


async def ensure_management(database: Database, account: str, now_us: int) -> None:
    """Write down the account that the settings name, if it is new."""

    async def work(tx: Transaction) -> None:
        await tx.run(
            "INSERT INTO account (id, joined_us, email, document) VALUES (?, ?, '', ?)"
            " ON CONFLICT (id) DO NOTHING",
            account,
            now_us,
            f'{{"Name":"{MANAGEMENT_NAME}"}}',
        )

    await database.write(work)


async def find(tx: Transaction, account: str) -> Account | None:
    record = await records.find(tx, ACCOUNT, account)
    return None if record is None else Account(**record)


async def is_closed(tx: Transaction, account: str) -> bool:
    """Whether the account was closed. One that no row tells of is open: it is the settings'."""
    row = await tx.one("SELECT closed_us FROM account WHERE id = ?", account)
    return row is not None and row[0] > 0


async def unused_id(tx: Transaction) -> str:
    """Twelve random digits that no account has or had."""
    while True:
        account = f"{secrets.randbelow(_IDS):012}"
        if await find(tx, account) is None:
            return account


def organization_id(management: str) -> str:
    """The id of the organization that an account manages: the same at every start."""
    return f"o-{hashlib.sha256(management.encode()).hexdigest()[:10]}"
