"""Finding records: newest first, page by page, in one account. Knows SQL, not CloudTrail."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from modelyard.audit.chain import Chained
from modelyard.audit.records import SELECTED, Record
from modelyard.storage.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Conditions:
    """SQL over columns of audit_record that all have to hold, and its parameters."""

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
        named = "SELECT id FROM {} WHERE account = ? AND resource = ?"
        either = f"{named.format('audit_record')} UNION ALL {named.format('audit_resource')}"
        return Conditions((f"id IN ({either})",), (account, name, account, name))
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
    """Up to `limit` records behind (at_us, id) `after`."""
    wanted = equal("account", account) & conditions
    if after is not None:
        wanted &= Conditions(("(at_us, id) < (?, ?)",), tuple(after))
    rows = await tx.all(
        f"SELECT sequence, hash, {SELECTED} FROM audit_record WHERE {' AND '.join(wanted.texts)}"
        " ORDER BY at_us DESC, id DESC LIMIT ?",
        *wanted.values,
        limit,
    )
    return [Chained(row[0], row[1], Record(*row[2:])) for row in rows]
