"""Finding records: newest first, page by page, in one account. Knows SQL, not CloudTrail."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from modelyard.audit.chain import Chained
from modelyard.audit.records import SELECTED, Record
from modelyard.storage.transaction import Transaction

_IN_CHAIN = "audit_chain JOIN audit_record USING (id, account, at_us, user_name, resource)"
_IS_WAITING = "id IN (SELECT id FROM audit_waiting)"
_CHAINED = f"SELECT sequence, hash, {SELECTED} FROM {_IN_CHAIN} WHERE sequence > 0"
_WAITING = f"SELECT 0, '', {SELECTED} FROM audit_record WHERE {_IS_WAITING}"
_OF_RESOURCE = (
    "SELECT at_us, id FROM audit_chain WHERE account = ? AND resource = ?"
    " UNION ALL SELECT at_us, id FROM audit_resource WHERE account = ? AND resource = ?"
    " UNION ALL SELECT at_us, id FROM audit_record"
    f" WHERE account = ? AND resource = ? AND {_IS_WAITING}"
)


@dataclass(frozen=True, slots=True)
class Conditions:
    """SQL over columns of records that all have to hold, and its parameters."""

    texts: tuple[str, ...] = ()
    values: tuple[str | int, ...] = field(default=())

    def __and__(self, other: "Conditions") -> "Conditions":
        return Conditions(self.texts + other.texts, self.values + other.values)


def equal(column: str, value: str | int) -> Conditions:
    return Conditions((f"{column} = ?",), (value,))


def between(first_us: int | None, last_us: int | None) -> Conditions:
    """Records of a span of time, both ends included."""
    found = Conditions()
    if first_us is not None:
        found &= Conditions(("at_us >= ?",), (first_us,))
    if last_us is not None:
        found &= Conditions(("at_us <= ?",), (last_us,))
    return found


def of_resource(account: str, name: str) -> Conditions:
    """Records that name a resource: by its ARN, or by what its ARN ends with."""
    if name.startswith("arn:"):
        return Conditions((f"(at_us, id) IN ({_OF_RESOURCE})",), (account, name) * 3)
    # An S3 bucket stands behind a colon, all else behind a slash.
    ends = "substr(resource, CAST(length(resource) - ? + 1 AS INT))"  # PostgreSQL has no other
    length = len(name) + 1
    return Conditions((f"({ends} = ? OR {ends} = ?)",), (length, f"/{name}", length, f":{name}"))


def like(pattern: str, unlike: str = "") -> Conditions:
    """Records whose resource's ARN looks like this; `%` stands for anything."""
    found = Conditions(("resource LIKE ?",), (pattern,))
    return found & Conditions(("resource NOT LIKE ?",), (unlike,)) if unlike else found


async def page(
    tx: Transaction,
    account: str,
    conditions: Conditions,
    limit: int,
    after: Sequence[str | int] | None = None,
) -> list[Chained]:
    """Up to `limit` records behind (at_us, id) `after`. The few that are not chained count too."""
    wanted = equal("account", account) & conditions
    if after is not None:
        wanted &= Conditions(("(at_us, id) < (?, ?)",), tuple(after))
    where = " AND ".join(wanted.texts)
    found = [
        Chained(row[0], row[1], Record(*row[2:]))
        for source in (_CHAINED, _WAITING)
        for row in await tx.all(
            f"{source} AND {where} ORDER BY at_us DESC, id DESC LIMIT ?", *wanted.values, limit
        )
    ]
    found.sort(key=lambda one: (one.record.at_us, one.record.id), reverse=True)
    return found[:limit]
