"""Managed policies on users, groups and roles: Attach, Detach, List of each, and who has one."""

from modelyard import call as calls
from modelyard.access.identities import identity, managed_policies
from modelyard.access.identities.identity import GROUP, KINDS, ROLE, USER, Kind
from modelyard.access.identities.listings import Listing
from modelyard.access.identities.refusals import LimitExceeded, NoSuchEntity
from modelyard.call import Call, Document
from modelyard.storage import access_changes

ATTACHED_MAX = 10  # AWS's default quota of managed policies per user, group and role

_HAVE_ATTACHED = (
    "SELECT o.name, o.id FROM policy_attachment a"
    " JOIN {0} o ON o.account = a.account AND o.id = a.owner"
    " WHERE a.account = ? AND a.arn = ? AND o.path >= ? AND o.path < ?"
)
_HAVE_AS_BOUNDARY = (
    "SELECT name, id FROM {0} WHERE account = ? AND boundary = ? AND path >= ? AND path < ?"
)


@calls.write
async def attach_user_policy(call: Call, request: Document) -> Document:
    """Attaching twice is no error. Raises: NoSuchEntity, InvalidInput, LimitExceeded."""
    return await _attach(call, USER, request)


@calls.write
async def detach_user_policy(call: Call, request: Document) -> Document:
    """Raises: NoSuchEntity, InvalidInput."""
    return await _detach(call, USER, request)


@calls.read
async def list_attached_user_policies(call: Call, request: Document) -> Document:
    """Raises: NoSuchEntity."""
    return await _list(call, USER, request)


@calls.write
async def attach_group_policy(call: Call, request: Document) -> Document:
    """Attaching twice is no error. Raises: NoSuchEntity, InvalidInput, LimitExceeded."""
    return await _attach(call, GROUP, request)


@calls.write
async def detach_group_policy(call: Call, request: Document) -> Document:
    """Raises: NoSuchEntity, InvalidInput."""
    return await _detach(call, GROUP, request)


@calls.read
async def list_attached_group_policies(call: Call, request: Document) -> Document:
    """Raises: NoSuchEntity."""
    return await _list(call, GROUP, request)


@calls.write
async def attach_role_policy(call: Call, request: Document) -> Document:
    """Attaching twice is no error. Raises: NoSuchEntity, InvalidInput, LimitExceeded."""
    return await _attach(call, ROLE, request)


@calls.write
async def detach_role_policy(call: Call, request: Document) -> Document:
    """Raises: NoSuchEntity, InvalidInput."""
    return await _detach(call, ROLE, request)


@calls.read
async def list_attached_role_policies(call: Call, request: Document) -> Document:
    """Raises: NoSuchEntity."""
    return await _list(call, ROLE, request)


@calls.scan
async def list_entities_for_policy(call: Call, request: Document) -> Document:
    """Groups, then roles, then users. Raises: NoSuchEntity, InvalidInput."""
    policy = await managed_policies.get(call.tx, call.account, request["PolicyArn"])
    listing = Listing(call, request)
    wanted = request.get("EntityFilter")
    found: list[tuple[Kind, str, str]] = []
    for kind in KINDS:
        if wanted in (None, kind.title):
            found += await _entities(call, kind, policy.arn, request)
    page, last = listing.cut(found, lambda one: f"{one[0].word} {one[1]}")
    members: Document = {f"Policy{kind.title}s": [] for kind in KINDS}
    for kind, name, unique_id in page:
        entity = {f"{kind.title}Name": name, f"{kind.title}Id": unique_id}
        members[f"Policy{kind.title}s"].append(entity)
    return listing.answer(members, last)


async def arns(call: Call, owner_id: str) -> list[str]:
    """What is attached to one, in order; never more than ATTACHED_MAX."""
    rows = await call.tx.all(
        "SELECT arn FROM policy_attachment WHERE account = ? AND owner = ? ORDER BY arn",
        call.account,
        owner_id,
    )
    return [str(row[0]) for row in rows]


async def _attach(call: Call, kind: Kind, request: Document) -> Document:
    await access_changes.bump(call.tx)
    arn = request["PolicyArn"]
    owner = await identity.get(call.tx, kind, call.account, request[f"{kind.title}Name"])
    await managed_policies.attachable(call, arn)
    attached = await arns(call, owner.id)
    if arn in attached:
        call.unchanged()
        return {}
    if len(attached) >= ATTACHED_MAX:
        raise LimitExceeded(f"Cannot exceed quota for PoliciesPer{kind.title}: {ATTACHED_MAX}")
    await call.tx.run(
        "INSERT INTO policy_attachment (account, owner, arn) VALUES (?, ?, ?)",
        call.account,
        owner.id,
        arn,
    )
    after = sorted([*attached, arn])
    call.changed(owner.arn, {"AttachedPolicies": attached}, {"AttachedPolicies": after})
    return {}


async def _detach(call: Call, kind: Kind, request: Document) -> Document:
    await access_changes.bump(call.tx)
    arn = request["PolicyArn"]
    managed_policies.check_arn(arn)
    owner = await identity.get(call.tx, kind, call.account, request[f"{kind.title}Name"])
    attached = await arns(call, owner.id)
    detached = await call.tx.run(
        "DELETE FROM policy_attachment WHERE account = ? AND owner = ? AND arn = ?",
        call.account,
        owner.id,
        arn,
    )
    if not detached:
        raise NoSuchEntity(f"Policy {arn} was not found.")
    after = [one for one in attached if one != arn]
    call.changed(owner.arn, {"AttachedPolicies": attached}, {"AttachedPolicies": after})
    return {}


async def _list(call: Call, kind: Kind, request: Document) -> Document:
    owner = await identity.get(call.tx, kind, call.account, request[f"{kind.title}Name"])
    listing = Listing(call, request)
    prefix = request.get("PathPrefix", "/")
    matching = [arn for arn in await arns(call, owner.id) if _path(arn).startswith(prefix)]
    page, last = listing.cut(matching, managed_policies.place)
    attached = [{"PolicyName": arn.rpartition("/")[2], "PolicyArn": arn} for arn in page]
    return listing.answer({"AttachedPolicies": attached}, last)


async def _entities(
    call: Call, kind: Kind, arn: str, request: Document
) -> list[tuple[Kind, str, str]]:
    usage, prefix = request.get("PolicyUsageFilter"), request.get("PathPrefix", "/")
    queries = []
    if usage != "PermissionsBoundary":
        queries.append(_HAVE_ATTACHED)
    if usage != "PermissionsPolicy" and kind is not GROUP:
        queries.append(_HAVE_AS_BOUNDARY)
    found = {
        (kind, str(name), str(unique_id))
        for query in queries
        for name, unique_id in await call.tx.all(
            query.format(kind.table.name), call.account, arn, prefix, prefix + "\x7f"
        )
    }
    return sorted(found, key=lambda one: one[1])


def _path(arn: str) -> str:
    """ "/team/" of arn:aws:iam::123456789012:policy/team/name."""
    return arn.partition(":policy")[2].rpartition("/")[0] + "/"
