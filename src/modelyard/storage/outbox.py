"""What was changed and is still to be told: one row a change, written in the change's transaction.

An entry is there exactly if its change is. `take` and `done` in one transaction with what an entry
leads to make that happen exactly once, whoever is killed in between. Entries come by their time;
one whose change committed late may come after younger ones. Knows no topic by name.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from modelyard import errors
from modelyard.storage.transaction import Transaction

WOKEN = "outbox"  # woken after the commit of every announcement

_REASON_CHARACTERS_MAX = 1024

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Entry:
    """`subject` is the ARN of what was changed, `document` JSON text whose form the topic says."""

    at_us: int
    id: str
    account: str
    region: str
    topic: str
    subject: str
    document: str


_COLUMNS = "at_us, id, account, region, topic, subject, document"


async def announce(
    tx: Transaction, account: str, region: str, topic: str, subject: str, document: Any, at_us: int
) -> None:
    """Have `subject`'s change told once this transaction is committed."""
    await tx.run(
        f"INSERT INTO outbox_entry ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)",
        at_us,
        os.urandom(8).hex(),
        account,
        region,
        topic,
        subject,
        _encode(document).decode(),
    )
    tx.wake(WOKEN)


async def anything_waits(tx: Transaction) -> bool:
    return await tx.one("SELECT 1 FROM outbox_entry LIMIT 1") is not None


async def take(tx: Transaction, limit: int) -> list[Entry]:
    """The oldest entries, by time. They stay until they are `done`."""
    rows = await tx.all(
        f"SELECT {_COLUMNS} FROM outbox_entry ORDER BY at_us, id LIMIT ?",
        limit,
    )
    return [Entry(*row) for row in rows]


async def done(tx: Transaction, entries: Sequence[Entry]) -> None:
    """Forget entries whose effects this transaction holds.

    Raises: Conflict: one of them was done by another transaction.
    """
    if not entries:
        return
    keys = " OR ".join(["(at_us = ? AND id = ?)"] * len(entries))
    values = [value for entry in entries for value in (entry.at_us, entry.id)]
    if await tx.run(f"DELETE FROM outbox_entry WHERE {keys}", *values) != len(entries):
        raise errors.Conflict("announcements were done by another server meanwhile")


async def put_aside(tx: Transaction, entry: Entry, reason: str, now_us: int) -> None:
    """Let an entry that cannot be handled hold up the others no longer; it is kept, with why."""
    await done(tx, [entry])
    await tx.run(
        f"INSERT INTO outbox_put_aside ({_COLUMNS}, reason, put_aside_us)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        entry.at_us,
        entry.id,
        entry.account,
        entry.region,
        entry.topic,
        entry.subject,
        entry.document,
        reason[:_REASON_CHARACTERS_MAX],
        now_us,
    )


async def put_back(tx: Transaction) -> int:
    """Have everything that was put aside tried again; answers how many entries that were."""
    await tx.run(
        f"INSERT INTO outbox_entry ({_COLUMNS}) SELECT {_COLUMNS} FROM outbox_put_aside WHERE 1 = 1"
        " ON CONFLICT (at_us, id) DO NOTHING"
    )
    return await tx.run("DELETE FROM outbox_put_aside")


@dataclass(frozen=True, slots=True)
class Backlog:
    """`waiting` counts to BACKLOG_COUNTED at most. `reason` is of the last that was put aside."""

    waiting: int
    put_aside: int
    subject: str
    reason: str


BACKLOG_COUNTED = 10_000


async def backlog(tx: Transaction) -> Backlog:
    waiting = await tx.one(
        "SELECT COUNT(*) FROM (SELECT 1 AS one FROM outbox_entry LIMIT ?) counted", BACKLOG_COUNTED
    )
    aside = await tx.one("SELECT COUNT(*) FROM outbox_put_aside")
    last = await tx.one(
        "SELECT subject, reason FROM outbox_put_aside ORDER BY put_aside_us DESC, id DESC LIMIT 1"
    )
    assert waiting is not None  # COUNT always answers
    assert aside is not None
    subject, reason = last or ("", "")
    return Backlog(waiting[0], aside[0], subject, reason)
