"""Rows of the chain: records that wait, records by number, the head, checkpoints."""

from collections.abc import Sequence

from modelyard.audit.chain import BEGINNING, Chained
from modelyard.audit.checkpoints import Checkpoint
from modelyard.audit.records import SELECTED, Record
from modelyard.storage.transaction import Transaction

_ANY = Checkpoint(0, BEGINNING, 0, "", "")
_CHECKPOINT = "sequence, hash, at_us, signed_by, signature"


async def waiting(tx: Transaction, limit: int, after: str = "") -> list[Record]:
    """Committed records that are not chained yet, by id."""
    rows = await tx.all(
        f"SELECT {SELECTED} FROM audit_record WHERE sequence = 0 AND id > ? ORDER BY id LIMIT ?",
        after,
        limit,
    )
    return [Record(*row) for row in rows]


async def anything_waits(tx: Transaction) -> bool:
    return await tx.one("SELECT id FROM audit_record WHERE sequence = 0 LIMIT 1") is not None


async def chained(tx: Transaction, after: int, limit: int) -> list[Chained]:
    """Records by number, behind `after`."""
    rows = await tx.all(
        f"SELECT sequence, hash, {SELECTED} FROM audit_record"
        " WHERE sequence > 0 AND sequence > ? ORDER BY sequence LIMIT ?",
        after,
        limit,
    )
    return [Chained(row[0], row[1], Record(*row[2:])) for row in rows]


async def head(tx: Transaction) -> Checkpoint:
    """The end of the chain, as it was signed; sequence 0 before the first record."""
    row = await tx.one(f"SELECT {_CHECKPOINT} FROM audit_head WHERE name = 'head'")
    return _ANY if row is None else Checkpoint(*row)


async def locked_head(tx: Transaction) -> Checkpoint:
    """The head, which nobody else moves before this transaction ends."""
    await tx.run(
        "INSERT INTO audit_head (name, sequence, hash, at_us, signed_by, signature)"
        " VALUES ('head', 0, ?, 0, '', '') ON CONFLICT (name) DO NOTHING",
        BEGINNING,
    )
    await tx.run("UPDATE audit_head SET name = name WHERE name = 'head'")
    return await head(tx)


async def move_head(tx: Transaction, before: Checkpoint, after: Checkpoint) -> bool:
    """False if it is not where it was."""
    moved = await tx.run(
        "UPDATE audit_head SET sequence = ?, hash = ?, at_us = ?, signed_by = ?, signature = ?"
        " WHERE name = 'head' AND sequence = ? AND hash = ?",
        after.sequence,
        after.hash,
        after.at_us,
        after.signed_by,
        after.signature,
        before.sequence,
        before.hash,
    )
    return moved == 1


async def place(tx: Transaction, places: Sequence[Chained]) -> int:
    """Give records their numbers; answers how many still waited for one."""
    rows = ", ".join(["(?, ?, ?)"] * len(places))
    values = [part for one in places for part in (one.record.id, one.sequence, one.hash)]
    return await tx.run(
        "UPDATE audit_record SET sequence = given.column2, hash = given.column3"
        f" FROM (VALUES {rows}) AS given"
        " WHERE audit_record.id = given.column1 AND audit_record.sequence = 0",
        *values,
    )


async def checkpoints(tx: Transaction, after: int = -1, limit: int = 10_000) -> list[Checkpoint]:
    rows = await tx.all(
        f"SELECT {_CHECKPOINT} FROM audit_checkpoint WHERE sequence > ? ORDER BY sequence LIMIT ?",
        after,
        limit,
    )
    return [Checkpoint(*row) for row in rows]


async def last_checkpoint(tx: Transaction) -> Checkpoint:
    row = await tx.one(f"SELECT {_CHECKPOINT} FROM audit_checkpoint ORDER BY sequence DESC LIMIT 1")
    return _ANY if row is None else Checkpoint(*row)


async def keep(tx: Transaction, checkpoint: Checkpoint) -> None:
    await tx.run(
        f"INSERT INTO audit_checkpoint ({_CHECKPOINT}) VALUES (?, ?, ?, ?, ?)",
        checkpoint.sequence,
        checkpoint.hash,
        checkpoint.at_us,
        checkpoint.signed_by,
        checkpoint.signature,
    )
