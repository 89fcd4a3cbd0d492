"""Back-off: who fails to sign in waits, by the name that is tried and by the address it comes from.

An attempt is counted before it is made, so that many at once are no way around. A name that
nobody has is counted as any other, and no one learns which is which.
"""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address

from modelyard.storage.transaction import Transaction

FORGET_US = 3_600_000_000  # an hour without a failure starts afresh
SWEEP_MAX = 1000  # rows to a transaction
_SECOND_US = 1_000_000
_IPV6_NETWORK_BITS = 64  # one customer has that many addresses


class TooManyAttempts(Exception):
    """Failed too often; `seconds` until the next try."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"wait {seconds} s")
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class Subject:
    """What is counted: `free` attempts cost nothing, then each doubles the wait up to a limit."""

    key: str
    free: int
    seconds_max: int

    def wait_us(self, failures: int) -> int:
        if failures < self.free:
            return 0
        doublings = min(failures - self.free, 32)
        return int(min(1 << doublings, self.seconds_max)) * _SECOND_US


def subjects(secret: bytes, account: str, user_name: str, source_ip: str) -> tuple[Subject, ...]:
    """Those of one attempt, always in the same order.

    The wait for a name is short: otherwise a stranger could keep its owner out. A minute a guess
    is enough against guessing, with passwords that the policy lets through.
    """
    name = _digest(secret, f"name/{account}/{user_name}")
    address = _digest(secret, f"address/{_network(source_ip)}")
    return Subject(name, free=5, seconds_max=60), Subject(address, free=30, seconds_max=60)


async def charge(tx: Transaction, tried: Sequence[Subject], now_us: int) -> None:
    """Count an attempt as failed until `refund` says otherwise.

    Raises: TooManyAttempts: it is too early; nothing is counted once the transaction is left.
    """
    for subject in tried:
        row = await tx.one(
            "INSERT INTO sign_in_attempt (subject, failures, until_us, last_us)"
            " VALUES (?, 1, 0, ?) ON CONFLICT (subject) DO UPDATE SET"
            " failures = CASE WHEN sign_in_attempt.last_us < ? THEN 1"
            " ELSE sign_in_attempt.failures + 1 END, last_us = excluded.last_us"
            " WHERE sign_in_attempt.until_us <= excluded.last_us RETURNING failures",
            subject.key,
            now_us,
            now_us - FORGET_US,
        )
        if row is None:
            raise TooManyAttempts(await _seconds_left(tx, subject, now_us))
        wait_us = subject.wait_us(int(row[0]))
        if wait_us:
            sql = "UPDATE sign_in_attempt SET until_us = ? WHERE subject = ?"
            await tx.run(sql, now_us + wait_us, subject.key)


async def refund(tx: Transaction, tried: Sequence[Subject]) -> None:
    """It succeeded: the name starts afresh, the address gets this attempt back."""
    name, *others = tried
    await tx.run("DELETE FROM sign_in_attempt WHERE subject = ?", name.key)
    for subject in others:
        await tx.run(
            "UPDATE sign_in_attempt SET failures = failures - 1, until_us = 0"
            " WHERE subject = ? AND failures > 0",
            subject.key,
        )


async def sweep(tx: Transaction, now_us: int) -> int:
    """Forget what has rested long enough, SWEEP_MAX rows at most; answer how many."""
    return await tx.run(
        "DELETE FROM sign_in_attempt WHERE subject IN (SELECT subject FROM sign_in_attempt"
        " WHERE last_us < ? ORDER BY last_us LIMIT ?)",
        now_us - FORGET_US,
        SWEEP_MAX,
    )


async def _seconds_left(tx: Transaction, subject: Subject, now_us: int) -> int:
    row = await tx.one("SELECT until_us FROM sign_in_attempt WHERE subject = ?", subject.key)
    until_us = now_us if row is None else int(row[0])
    return max(1, -(-(until_us - now_us) // _SECOND_US))


def _network(source_ip: str) -> str:
    try:
        address = ip_address(source_ip)
    except ValueError:
        return source_ip
    if isinstance(address, IPv6Address) and address.ipv4_mapped is None:
        return f"{int(address) >> (128 - _IPV6_NETWORK_BITS):x}"
    return str(getattr(address, "ipv4_mapped", None) or address)


def _digest(secret: bytes, text: str) -> str:
    return hmac.digest(secret, text.encode(), "sha256").hex()
