"""Earlier answers of idempotent requests, by the token that the client sent. Knows no operation."""

from dataclasses import dataclass

from modelyard.storage.transaction import Transaction

SWEEP_MAX = 1000  # rows to a transaction


@dataclass(frozen=True, slots=True)
class EarlierAnswer:
    """The digest tells whether the client repeats itself or uses the token for something else."""

    request_digest: str
    answer: str


async def find(
    tx: Transaction, account: str, region: str, operation: str, token: str
) -> EarlierAnswer | None:
    row = await tx.one(
        "SELECT request_digest, answer FROM client_token"
        " WHERE account = ? AND region = ? AND operation = ? AND token = ?",
        account,
        region,
        operation,
        token,
    )
    return None if row is None else EarlierAnswer(*row)


async def remember(
    tx: Transaction,
    account: str,
    region: str,
    operation: str,
    token: str,
    earlier: EarlierAnswer,
    *,
    now_us: int,
) -> None:
    """Raises: Conflict: a request with this token was faster; its answer can be found now."""
    await tx.run(
        "INSERT INTO client_token"
        " (account, region, operation, token, request_digest, answer, created_us)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        account,
        region,
        operation,
        token,
        earlier.request_digest,
        earlier.answer,
        now_us,
    )


async def sweep(tx: Transaction, *, before_us: int) -> int:
    """Forget answers given before `before_us`, SWEEP_MAX at most; answer how many."""
    return await tx.run(
        "DELETE FROM client_token WHERE (account, region, operation, token) IN"
        " (SELECT account, region, operation, token FROM client_token"
        " WHERE created_us < ? ORDER BY created_us LIMIT ?)",
        before_us,
        SWEEP_MAX,
    )
