"""Rows of the chain: records that wait, places by number, the head, checkpoints."""

from collections.abc import Sequence

from modelyard.audit.chain import BEGINNING, Chained
from modelyard.audit.checkpoints import Checkpoint
from modelyard.audit.records import COLUMNS, Record
from modelyard.storage.transaction import Transaction

_ANY = Checkpoint(0, BEGINNING, 0, "", "")
_OF_RECORD = ", ".join(f"record.{column}" for column in COLUMNS)
_SAME = " AND ".join(
    f"place.{column} = record.{column}" for column in ("account", "at_us", "user_name", "resource")
)
_CHECKPOINT = "sequence, hash, at_us, signed_by, signature"


async def waiting(tx: Transaction, limit: int, after: str = "") -> list[tuple[str, Record | None]]:
    """Ids that are not chained yet, in order, with their records; None for one that is gone."""
    rows = await tx.all(
        f"SELECT waiting.id, {_OF_RECORD} FROM"
        " (SELECT id FROM audit_waiting WHERE id > ? ORDER BY id LIMIT ?) AS waiting"
        " LEFT JOIN audit_record AS record ON record.id = waiting.id ORDER BY waiting.id",
        after,
        limit,
    )
    return [(row[0], None if row[1] is None else Record(*row[1:])) for row in rows]


async def anything_waits(tx: Transaction) -> bool:
    return await tx.one("SELECT id FROM audit_waiting LIMIT 1") is not None


async def places(tx: Transaction, after: int, limit: int) -> list[tuple[int, Chained | None]]:
    """Numbers behind `after`, in order, with what is chained there; None if its record is gone."""
    rows = await tx.all(
        f"SELECT place.sequence, place.hash, {_SAME}, {_OF_RECORD} FROM"
        " (SELECT * FROM audit_chain WHERE sequence > ? ORDER BY sequence LIMIT ?) AS place"
        " LEFT JOIN audit_record AS record ON record.id = place.id ORDER BY place.sequence",
        after,
        limit,
    )
    return [
        (number, None if of[0] is None else Chained(number, link, Record(*of), bool(same)))
        for number, link, same, *of in rows
    ]


async def nowhere(tx: Transaction, limit: int, after: str = "") -> tuple[list[Record], str]:
    """Of the next `limit` records by id, those that neither have a place nor wait for one.

    And the id to go on behind, "" at the end.
    """
    rows = await tx.all(
        f"SELECT place.sequence, waiting.id, {_OF_RECORD} FROM"
        " (SELECT * FROM audit_record WHERE id > ? ORDER BY id LIMIT ?) AS record"
        " LEFT JOIN audit_chain AS place ON place.account = record.account"
        " AND place.at_us = record.at_us AND place.id = record.id"
        " LEFT JOIN audit_waiting AS waiting ON waiting.id = record.id ORDER BY record.id",
        after,
        limit,
    )
    found = [Record(*row[2:]) for row in rows if row[0] is None and row[1] is None]
    return found, rows[-1][2] if len(rows) == limit else ""


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


async def place(tx: Transaction, chained: Sequence[Chained]) -> int:
    """Give waiting records the numbers behind the last; answers how many still waited for one."""
    rows = ", ".join(["(?, ?, ?, ?, ?, ?, ?)"] * len(chained))
    values: list[str | int] = []
    for one in chained:
        record = one.record
        values += (one.sequence, one.hash, record.id)
        values += (record.account, record.at_us, record.user_name, record.resource)
    await tx.run(
        "INSERT INTO audit_chain (sequence, hash, id, account, at_us, user_name, resource)"
        f" VALUES {rows}",
        *values,
    )
    return await tx.run(
        "DELETE FROM audit_waiting WHERE id IN (SELECT id FROM audit_chain WHERE sequence >= ?)",
        chained[0].sequence,
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
