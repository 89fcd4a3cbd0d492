"""Durable work: what is to be done about a subject, by whoever leases it. Knows no kind by name.

There is one item for each kind and subject. Wishing for work that waits already changes nothing
but its document; wishing for it while it is leased makes it run once more afterwards.
"""

from dataclasses import dataclass
from typing import Any

import msgspec

from modelyard.storage.transaction import Transaction

TOPIC = "work"  # woken after the commit of every enqueue

BACK_OFF_FIRST_US = 1_000_000
BACK_OFF_MAX_US = 60_000_000
_UNLESS_WISHED_AGAIN = "CASE WHEN generation = ? THEN ? ELSE due_us END"
_LEASE_RACES_MAX = 8  # others claimed what was about to be claimed; then it is their turn


@dataclass(frozen=True, slots=True)
class WorkItem:
    """A leased item. `attempts` counts this one; it starts again with every new wish."""

    kind: str
    subject: str
    generation: int
    holder: str
    attempts: int
    document: Any


async def enqueue(
    tx: Transaction, kind: str, subject: str, *, due_us: int, document: Any = None
) -> None:
    """Wish for work on `subject` at `due_us`, or earlier if it is due earlier already."""
    await tx.run(
        "INSERT INTO work_item"
        " (kind, subject, generation, due_us, holder, lease_until_us, attempts, document)"
        " VALUES (?, ?, 1, ?, '', 0, 0, ?)"
        " ON CONFLICT (kind, subject) DO UPDATE SET"
        " generation = work_item.generation + 1,"
        " due_us = CASE WHEN excluded.due_us < work_item.due_us THEN excluded.due_us"
        " ELSE work_item.due_us END,"
        " attempts = 0, document = excluded.document",
        kind,
        subject,
        due_us,
        msgspec.json.encode(document).decode(),
    )
    tx.wake(TOPIC)


async def lease(
    tx: Transaction, kind: str, holder: str, *, now_us: int, seconds: float
) -> WorkItem | None:
    """Claim the item of `kind` that is due longest, or None.

    The lease runs out `seconds` after `now_us`; an expired item can be claimed by anyone.
    """
    for _ in range(_LEASE_RACES_MAX):
        candidate = await tx.one(
            "SELECT subject FROM work_item WHERE kind = ? AND due_us <= ? AND lease_until_us <= ?"
            " ORDER BY due_us, subject LIMIT 1",
            kind,
            now_us,
            now_us,
        )
        if candidate is None:
            return None
        claimed = await tx.one(
            "UPDATE work_item SET holder = ?, lease_until_us = ?, attempts = attempts + 1"
            " WHERE kind = ? AND subject = ? AND lease_until_us <= ?"
            " RETURNING subject, generation, attempts, document",
            holder,
            now_us + int(seconds * 1_000_000),
            kind,
            candidate[0],
            now_us,
        )
        if claimed is not None:
            subject, generation, attempts, document = claimed
            decoded = msgspec.json.decode(document)
            return WorkItem(kind, subject, generation, holder, attempts, decoded)
    return None


async def extend(tx: Transaction, item: WorkItem, *, now_us: int, seconds: float) -> bool:
    """Keep a lease; False if it was lost to another holder."""
    changed = await tx.run(
        "UPDATE work_item SET lease_until_us = ? WHERE kind = ? AND subject = ? AND holder = ?",
        now_us + int(seconds * 1_000_000),
        item.kind,
        item.subject,
        item.holder,
    )
    return changed > 0


async def finish(tx: Transaction, item: WorkItem) -> bool:
    """Done. False if there is more to do: it was wished for again, or the lease was lost."""
    gone = await tx.run(
        "DELETE FROM work_item WHERE kind = ? AND subject = ? AND holder = ? AND generation = ?",
        item.kind,
        item.subject,
        item.holder,
        item.generation,
    )
    if gone:
        return True
    await _release(tx, item, "due_us", ())
    return False


async def fail(tx: Transaction, item: WorkItem, *, now_us: int) -> None:
    """Not done: due again after a pause that doubles, or at once if it was wished for again."""
    due_us = now_us + back_off_us(item.attempts)
    await _release(tx, item, _UNLESS_WISHED_AGAIN, (item.generation, due_us))


async def again(tx: Transaction, item: WorkItem, *, due_us: int) -> None:
    """Done for now: due again at `due_us`, or at once if it was wished for again."""
    if await _release(tx, item, _UNLESS_WISHED_AGAIN, (item.generation, due_us)):
        await tx.run(
            "UPDATE work_item SET attempts = 0 WHERE kind = ? AND subject = ?",
            item.kind,
            item.subject,
        )


async def next_due_us(tx: Transaction, kind: str) -> int | None:
    """When to look again: the time at which some item of `kind` can be leased, or None."""
    row = await tx.one(
        "SELECT MIN(CASE WHEN lease_until_us > due_us THEN lease_until_us ELSE due_us END)"
        " FROM work_item WHERE kind = ?",
        kind,
    )
    return None if row is None else row[0]


def back_off_us(attempts: int) -> int:
    doublings = min(max(attempts - 1, 0), 32)
    return min(BACK_OFF_FIRST_US << doublings, BACK_OFF_MAX_US)


async def _release(
    tx: Transaction, item: WorkItem, due_us: str, parameters: tuple[int, ...]
) -> bool:
    """Let go of the lease; False if it was lost."""
    changed = await tx.run(
        f"UPDATE work_item SET holder = '', lease_until_us = 0, due_us = {due_us}"
        " WHERE kind = ? AND subject = ? AND holder = ?",
        *parameters,
        item.kind,
        item.subject,
        item.holder,
    )
    if changed:
        tx.wake(TOPIC)
    return changed > 0
