"""How often a managed policy is attached to somebody, and how often it is a boundary."""

from dataclasses import dataclass

from modelyard.storage.transaction import Transaction

_ATTACHED = "SELECT arn, COUNT(*) FROM policy_attachment WHERE account = ?{0} GROUP BY arn"
_BOUNDARIES = (
    "SELECT boundary, COUNT(*) FROM {1} WHERE account = ? AND boundary <> ''{0} GROUP BY boundary"
)


@dataclass(frozen=True, slots=True)
class Use:
    attached: int = 0
    boundaries: int = 0


NONE = Use()


async def of_account(tx: Transaction, account: str) -> dict[str, Use]:
    """By ARN, for those that are used at all."""
    attached = dict(await _counted(tx, _ATTACHED.format(""), account))
    boundaries: dict[str, int] = {}
    for table in ("iam_user", "role"):
        for arn, count in await _counted(tx, _BOUNDARIES.format("", table), account):
            boundaries[arn] = boundaries.get(arn, 0) + count
    return {arn: Use(attached.get(arn, 0), boundaries.get(arn, 0)) for arn in attached | boundaries}


async def of_policy(tx: Transaction, account: str, arn: str) -> Use:
    attached = await _counted(tx, _ATTACHED.format(" AND arn = ?"), account, arn)
    boundaries = [
        count
        for table in ("iam_user", "role")
        for _, count in await _counted(
            tx, _BOUNDARIES.format(" AND boundary = ?", table), account, arn
        )
    ]
    return Use(sum(count for _, count in attached), sum(boundaries))


def wanted(use: Use, only_attached: bool, usage: str | None) -> bool:
    """Whether ListPolicies lists a policy of such use."""
    if usage == "PermissionsBoundary":
        return use.boundaries > 0
    if usage == "PermissionsPolicy" or only_attached:
        return use.attached > 0
    return True


async def _counted(tx: Transaction, sql: str, *values: str) -> list[tuple[str, int]]:
    return [(str(arn), int(count)) for arn, count in await tx.all(sql, *values)]
