"""A stored user, group or role: what the three have in common. Knows no operation.

Whatever belongs to one (policies, memberships, keys) is kept by its unique id, so that a new name
changes one row. Changes are made after `access_changes.bump`, so nothing here is locked once more.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modelyard.access.identities import unique_ids
from modelyard.access.identities.listings import Listing, under
from modelyard.access.identities.refusals import EntityAlreadyExists, LimitExceeded, NoSuchEntity
from modelyard.call import Call, Document
from modelyard.storage import records
from modelyard.storage.transaction import Transaction

ID_CHARS = 17  # behind AIDA, AGPA, AROA

_COLUMNS = ("account", "name", "path", "id", "arn", "created_us", "document")


@dataclass(frozen=True, slots=True)
class Kind:
    """One of the three: its word in ARNs and sentences, its table, and AWS's default quota."""

    word: str
    table: records.Table
    id_prefix: str
    per_account_max: int

    @property
    def title(self) -> str:
        """As in the members UserName, UserId, Users."""
        return self.word.capitalize()


USER = Kind(
    "user",
    records.Table("iam_user", ("account", "name"), (*_COLUMNS, "boundary")),
    "AIDA",
    5000,
)
GROUP = Kind("group", records.Table("iam_group", ("account", "name"), _COLUMNS), "AGPA", 300)
ROLE = Kind(
    "role",
    records.Table("role", ("account", "name"), (*_COLUMNS, "boundary", "principals")),
    "AROA",
    1000,
)
KINDS = (USER, GROUP, ROLE)


@dataclass(frozen=True, slots=True)
class Identity:
    """`document` has the members of AWS's shape that are no columns; `boundary` an ARN or "".

    `principals`: of a role, the ids of whom its trust policy names, by ARN, as JSON.
    """

    kind: Kind
    account: str
    name: str
    path: str
    id: str
    arn: str
    created_us: int
    document: dict[str, Any]
    boundary: str = ""
    principals: str = "{}"

    @property
    def tags(self) -> dict[str, str]:
        return {tag["Key"]: tag["Value"] for tag in self.document.get("Tags", [])}

    def shown(self) -> Document:
        """The members that AWS answers of each of the three."""
        title = self.kind.title
        return {
            "Path": self.path,
            f"{title}Name": self.name,
            f"{title}Id": self.id,
            "Arn": self.arn,
            "CreateDate": self.created_us,
        }

    def shown_boundary(self) -> Document:
        """What Get answers beside, if there is a boundary."""
        if not self.boundary:
            return {}
        # AWS answers Policy; its model says PermissionsBoundaryPolicy (awsdocs/iam-user-guide 82).
        return {
            "PermissionsBoundary": {
                "PermissionsBoundaryType": "Policy",
                "PermissionsBoundaryArn": self.boundary,
            }
        }


async def find(tx: Transaction, kind: Kind, account: str, name: str) -> Identity | None:
    record = await records.find(tx, kind.table, account, name)
    return None if record is None else Identity(kind, **record)


async def get(tx: Transaction, kind: Kind, account: str, name: str) -> Identity:
    """Raises: NoSuchEntity."""
    found = await find(tx, kind, account, name)
    if found is None:
        raise missing(kind, name)
    return found


async def by_id(tx: Transaction, kind: Kind, account: str, unique_id: str) -> Identity | None:
    sql = f"SELECT name FROM {kind.table.name} WHERE account = ? AND id = ?"
    row = await tx.one(sql, account, unique_id)
    return None if row is None else await find(tx, kind, account, str(row[0]))


async def create(
    call: Call, kind: Kind, name: str, path: str, document: dict[str, Any], boundary: str = ""
) -> Identity:
    """Raises: EntityAlreadyExists, LimitExceeded."""
    await _refuse_taken(call.tx, kind, call.account, name)
    row = await call.tx.one(
        f"SELECT COUNT(*) FROM {kind.table.name} WHERE account = ?", call.account
    )
    if row is not None and row[0] >= kind.per_account_max:
        raise LimitExceeded(
            f"Cannot exceed quota for {kind.title}sPerAccount: {kind.per_account_max}"
        )
    record: records.Record = {
        "account": call.account,
        "name": name,
        "path": path,
        "id": unique_ids.new(kind.id_prefix, ID_CHARS),
        "arn": arn_of(kind, call.account, path, name),
        "created_us": call.now_us,
        "document": document,
    }
    if boundary:
        record["boundary"] = boundary
    await records.insert(call.tx, kind.table, record)
    return Identity(kind, **record)


async def move(call: Call, identity: Identity, name: str, path: str) -> None:
    """Give it another name and path; the audit trail knows it by both ARNs.

    Raises: EntityAlreadyExists.
    """
    kind, account = identity.kind, identity.account
    await _refuse_taken(call.tx, kind, account, name, but=identity.id)
    changes = {"name": name, "path": path, "arn": arn_of(kind, account, path, name)}
    await records.update(call.tx, kind.table, (account, identity.name), changes)
    before = identity.shown()
    after = before | {f"{kind.title}Name": name, "Path": path, "Arn": changes["arn"]}
    call.changed(identity.arn, before, after)
    if before != after:
        call.changed(changes["arn"])


async def rewrite(tx: Transaction, identity: Identity, changes: dict[str, Any]) -> None:
    """Store `changes` to its document."""
    document = identity.document | changes
    key = (identity.account, identity.name)
    await records.update(tx, identity.kind.table, key, {"document": document})


async def set_principals(tx: Transaction, role: Identity, trusted: Mapping[str, str]) -> None:
    """Store the ids of whom the trust policy of a role names."""
    principals = json.dumps(trusted)
    key = (role.account, role.name)
    await records.update(tx, role.kind.table, key, {"principals": principals})


async def remove(tx: Transaction, identity: Identity) -> None:
    await records.delete(tx, identity.kind.table, identity.account, identity.name)


async def page(call: Call, kind: Kind, listing: Listing, prefix: str) -> records.Page:
    """The next records of one account under a path, by name."""
    return await records.page(
        call.tx,
        kind.table,
        equal={"account": call.account},
        order=("name",),
        limit=listing.limit,
        filters=under(prefix),
        after=listing.after,
    )


async def owned(tx: Transaction, identity: Identity, table: str, column: str = "owner") -> bool:
    """Whether a row of `table` belongs to it."""
    sql = f"SELECT 1 FROM {table} WHERE account = ? AND {column} = ? LIMIT 1"
    return await tx.one(sql, identity.account, identity.id) is not None


def arn_of(kind: Kind, account: str, path: str, name: str) -> str:
    return f"arn:aws:iam::{account}:{kind.word}{path}{name}"


def missing(kind: Kind, name: str) -> NoSuchEntity:
    return NoSuchEntity(f"The {kind.word} with name {name} cannot be found.")


async def _refuse_taken(
    tx: Transaction, kind: Kind, account: str, name: str, but: str = ""
) -> None:
    # IAM's names are not distinguished by case; they are ASCII, so lower() means the same anywhere.
    sql = f"SELECT 1 FROM {kind.table.name} WHERE account = ? AND lower(name) = ? AND id <> ?"
    if await tx.one(sql, account, name.lower(), but) is not None:
        raise EntityAlreadyExists(f"{kind.title} with name {name} already exists.")
