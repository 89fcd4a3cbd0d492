"""Named leases: at most one holder at a time, by the clock of those who ask."""

from modelyard.storage.transaction import Transaction


async def hold(tx: Transaction, name: str, holder: str, *, now_us: int, seconds: float) -> bool:
    """Take or keep the lease `name`; False if somebody else has it and it has not run out."""
    row = await tx.one(
        "INSERT INTO lease (name, holder, until_us) VALUES (?, ?, ?)"
        " ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until_us = excluded.until_us"
        " WHERE lease.holder = excluded.holder OR lease.until_us <= ?"
        " RETURNING holder",
        name,
        holder,
        now_us + int(seconds * 1_000_000),
        now_us,
    )
    return row is not None


async def release(tx: Transaction, name: str, holder: str) -> None:
    """Let go at once, so that the next holder need not wait."""
    await tx.run("DELETE FROM lease WHERE name = ? AND holder = ?", name, holder)
