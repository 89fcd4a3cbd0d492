"""IAM groups and who is in them: the operations CreateGroup to ListGroupsForUser."""

from modelyard import call as calls
from modelyard.access.identities import identity
from modelyard.access.identities.identity import GROUP, USER, Identity
from modelyard.access.identities.listings import Listing
from modelyard.access.identities.refusals import DeleteConflict, LimitExceeded, NoSuchEntity
from modelyard.call import Call, Document
from modelyard.storage import access_changes

GROUPS_PER_USER_MAX = 10  # AWS: GroupsPerUser, not adjustable

_USERS_OF_GROUP = (
    "SELECT u.name FROM iam_membership m"
    " JOIN iam_user u ON u.account = m.account AND u.id = m.user_id"
    " WHERE m.account = ? AND m.group_id = ? AND u.name > ? ORDER BY u.name LIMIT ?"
)
_GROUPS_OF_USER = (
    "SELECT g.name FROM iam_membership m"
    " JOIN iam_group g ON g.account = m.account AND g.id = m.group_id"
    " WHERE m.account = ? AND m.user_id = ? AND g.name > ? ORDER BY g.name LIMIT ?"
)
_KEPT_BY = (
    ("iam_membership", "group_id", "Cannot delete entity, must remove users from group first."),
    ("policy_attachment", "owner", "Cannot delete entity, must detach all policies first."),
    ("inline_policy", "owner", "Cannot delete entity, must delete policies first."),
)


@calls.write
async def create_group(call: Call, request: Document) -> Document:
    """Raises: EntityAlreadyExists, LimitExceeded."""
    await access_changes.bump(call.tx)
    path = request.get("Path", "/")
    group = await identity.create(call, GROUP, request["GroupName"], path, {})
    return {"Group": group.shown()}


@calls.read
async def get_group(call: Call, request: Document) -> Document:
    """The group, and its users in pages. Raises: NoSuchEntity."""
    group = await identity.get(call.tx, GROUP, call.account, request["GroupName"])
    listing = Listing(call, request)
    users, last = await _joined(call, listing, USER, _USERS_OF_GROUP, group.id)
    members = {"Group": group.shown(), "Users": [user.shown() for user in users]}
    return listing.answer(members, last)


@calls.scan
async def list_groups(call: Call, request: Document) -> Document:
    listing = Listing(call, request)
    page = await identity.page(call, GROUP, listing, request.get("PathPrefix", "/"))
    listed = [Identity(GROUP, **record).shown() for record in page.records]
    return listing.answer({"Groups": listed}, page.last)


@calls.write
async def update_group(call: Call, request: Document) -> Document:
    """Another name or path; what belongs to the group stays. Raises: NoSuchEntity,
    EntityAlreadyExists."""
    await access_changes.bump(call.tx)
    group = await identity.get(call.tx, GROUP, call.account, request["GroupName"])
    name, path = request.get("NewGroupName", group.name), request.get("NewPath", group.path)
    await identity.move(call, group, name, path)
    return {}


@calls.write
async def delete_group(call: Call, request: Document) -> Document:
    """Raises: NoSuchEntity, DeleteConflict: something still belongs to it."""
    await access_changes.bump(call.tx)
    group = await identity.get(call.tx, GROUP, call.account, request["GroupName"])
    for table, column, sentence in _KEPT_BY:
        if await identity.owned(call.tx, group, table, column):
            raise DeleteConflict(sentence)
    await identity.remove(call.tx, group)
    call.changed(group.arn, before=group.shown())
    return {}


@calls.write
async def add_user_to_group(call: Call, request: Document) -> Document:
    """Adding twice is no error. Raises: NoSuchEntity, LimitExceeded."""
    await access_changes.bump(call.tx)
    group = await identity.get(call.tx, GROUP, call.account, request["GroupName"])
    user = await identity.get(call.tx, USER, call.account, request["UserName"])
    rows = await call.tx.all(
        "SELECT group_id FROM iam_membership WHERE account = ? AND user_id = ?",
        call.account,
        user.id,
    )
    if (group.id,) in [tuple(row) for row in rows]:
        call.unchanged()
        return {}
    if len(rows) >= GROUPS_PER_USER_MAX:
        raise LimitExceeded(f"Cannot exceed quota for GroupsPerUser: {GROUPS_PER_USER_MAX}")
    await call.tx.run(
        "INSERT INTO iam_membership (account, user_id, group_id) VALUES (?, ?, ?)",
        call.account,
        user.id,
        group.id,
    )
    call.changed(group.arn, {"Users": []}, {"Users": [user.name]})
    call.changed(user.arn)
    return {}


@calls.write
async def remove_user_from_group(call: Call, request: Document) -> Document:
    """Raises: NoSuchEntity: no such group or user, or the user is not in it."""
    await access_changes.bump(call.tx)
    group = await identity.get(call.tx, GROUP, call.account, request["GroupName"])
    user = await identity.get(call.tx, USER, call.account, request["UserName"])
    removed = await call.tx.run(
        "DELETE FROM iam_membership WHERE account = ? AND user_id = ? AND group_id = ?",
        call.account,
        user.id,
        group.id,
    )
    if not removed:
        raise NoSuchEntity(f"User {user.name} is not in group {group.name}.")
    call.changed(group.arn, {"Users": [user.name]}, {"Users": []})
    call.changed(user.arn)
    return {}


@calls.read
async def list_groups_for_user(call: Call, request: Document) -> Document:
    """Raises: NoSuchEntity."""
    user = await identity.get(call.tx, USER, call.account, request["UserName"])
    listing = Listing(call, request)
    groups, last = await _joined(call, listing, GROUP, _GROUPS_OF_USER, user.id)
    return listing.answer({"Groups": [group.shown() for group in groups]}, last)


async def _joined(
    call: Call, listing: Listing, kind: identity.Kind, sql: str, unique_id: str
) -> tuple[list[Identity], list[str] | None]:
    after = "" if listing.after is None else listing.after[0]
    rows = await call.tx.all(sql, call.account, unique_id, after, listing.limit + 1)
    names = [str(row[0]) for row in rows[: listing.limit]]
    found = [await identity.get(call.tx, kind, call.account, name) for name in names]
    return found, [names[-1]] if len(rows) > listing.limit else None
