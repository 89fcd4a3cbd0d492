"""All that decides what a user or role may do, read in one go: policies, groups, boundary, tags.

Texts as they are stored; access/policy compiles them.
"""

from dataclasses import dataclass

from modelyard.access.identities import aws_managed, identity
from modelyard.access.identities.identity import GROUP, ROLE, USER, Identity, Kind
from modelyard.storage.transaction import Transaction


@dataclass(frozen=True, slots=True)
class InlinePolicy:
    name: str
    text: str


@dataclass(frozen=True, slots=True)
class AttachedPolicy:
    """A managed policy in its default version. `version` is AWS's, as "v2"."""

    arn: str
    version: str
    text: str


@dataclass(frozen=True, slots=True)
class GroupPolicies:
    name: str
    arn: str
    inline: tuple[InlinePolicy, ...]
    attached: tuple[AttachedPolicy, ...]


@dataclass(frozen=True, slots=True)
class SubjectPolicies:
    """`groups` is empty for a role. Every sequence is in order of name or ARN."""

    account: str
    name: str
    arn: str
    id: str
    path: str
    tags: tuple[tuple[str, str], ...]
    inline: tuple[InlinePolicy, ...]
    attached: tuple[AttachedPolicy, ...]
    groups: tuple[GroupPolicies, ...]
    boundary: AttachedPolicy | None


async def of_user(tx: Transaction, account: str, name: str) -> SubjectPolicies | None:
    """None if there is no such user."""
    return await _of(tx, USER, account, name)


async def of_role(tx: Transaction, account: str, name: str) -> SubjectPolicies | None:
    """None if there is no such role."""
    return await _of(tx, ROLE, account, name)


async def of_group(tx: Transaction, account: str, name: str) -> SubjectPolicies | None:
    """What its members have of it. None if there is no such group."""
    return await _of(tx, GROUP, account, name)


async def _of(tx: Transaction, kind: Kind, account: str, name: str) -> SubjectPolicies | None:
    found = await identity.find(tx, kind, account, name)
    if found is None:
        return None
    groups = await _groups(tx, found) if kind is USER else []
    owners = [found.id, *(group_id for group_id, _, _ in groups)]
    inline = await _inline(tx, account, owners)
    attached = await _attached(tx, account, owners)
    boundary = await _boundary(tx, found) if found.boundary else None
    return SubjectPolicies(
        account=account,
        name=found.name,
        arn=found.arn,
        id=found.id,
        path=found.path,
        tags=tuple(sorted(found.tags.items())),
        inline=tuple(inline[found.id]),
        attached=tuple(attached[found.id]),
        groups=tuple(
            GroupPolicies(group, arn, tuple(inline[group_id]), tuple(attached[group_id]))
            for group_id, group, arn in groups
        ),
        boundary=boundary,
    )


async def _groups(tx: Transaction, user: Identity) -> list[tuple[str, str, str]]:
    rows = await tx.all(
        "SELECT g.id, g.name, g.arn FROM iam_membership m"
        " JOIN iam_group g ON g.account = m.account AND g.id = m.group_id"
        " WHERE m.account = ? AND m.user_id = ? ORDER BY g.name",
        user.account,
        user.id,
    )
    return [(str(unique_id), str(name), str(arn)) for unique_id, name, arn in rows]


async def _inline(
    tx: Transaction, account: str, owners: list[str]
) -> dict[str, list[InlinePolicy]]:
    marks = ", ".join("?" * len(owners))
    rows = await tx.all(
        "SELECT owner, name, text FROM inline_policy"
        f" WHERE account = ? AND owner IN ({marks}) ORDER BY owner, name",
        account,
        *owners,
    )
    found: dict[str, list[InlinePolicy]] = {owner: [] for owner in owners}
    for owner, name, text in rows:
        found[owner].append(InlinePolicy(name, text))
    return found


async def _attached(
    tx: Transaction, account: str, owners: list[str]
) -> dict[str, list[AttachedPolicy]]:
    marks = ", ".join("?" * len(owners))
    rows = await tx.all(
        "SELECT a.owner, a.arn, v.number, v.text FROM policy_attachment a"
        " LEFT JOIN managed_policy p ON p.account = a.account AND p.arn = a.arn"
        " LEFT JOIN managed_policy_version v"
        " ON v.account = p.account AND v.arn = p.arn AND v.number = p.default_version"
        f" WHERE a.account = ? AND a.owner IN ({marks}) ORDER BY a.owner, a.arn",
        account,
        *owners,
    )
    found: dict[str, list[AttachedPolicy]] = {owner: [] for owner in owners}
    for owner, arn, number, text in rows:
        policy = _aws(arn) if number is None else AttachedPolicy(arn, f"v{number}", text)
        # A database of before managed policies may name one of AWS's that is not offered: without
        # a document it grants nothing.
        if policy is not None:
            found[owner].append(policy)
    return found


async def _boundary(tx: Transaction, of: Identity) -> AttachedPolicy:
    if (aws := _aws(of.boundary)) is not None:
        return aws
    row = await tx.one(
        "SELECT v.number, v.text FROM managed_policy p JOIN managed_policy_version v"
        " ON v.account = p.account AND v.arn = p.arn AND v.number = p.default_version"
        " WHERE p.account = ? AND p.arn = ?",
        of.account,
        of.boundary,
    )
    assert row is not None  # DeletePolicy refuses a policy that is a boundary
    return AttachedPolicy(of.boundary, f"v{row[0]}", str(row[1]))


def _aws(arn: str) -> AttachedPolicy | None:
    aws = aws_managed.all_by_arn().get(arn)
    return None if aws is None else AttachedPolicy(arn, "v1", aws.text)
