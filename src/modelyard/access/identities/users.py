"""IAM users: the operations CreateUser to DeleteUser."""

from modelyard import call as calls
from modelyard.access.identities import boundaries, caller, identity, tag_lists
from modelyard.access.identities.identity import USER, Identity
from modelyard.access.identities.listings import Listing
from modelyard.access.identities.refusals import DeleteConflict
from modelyard.call import Call, Document
from modelyard.storage import access_changes

# What keeps a user from being deleted, in the order in which AWS says so: table, column with the
# user's id, AWS's sentence.
_KEPT_BY = (
    ("login_profile", "user_id", "Cannot delete entity, must delete login profile first."),
    ("access_key", "user_id", "Cannot delete entity, must delete access keys first."),
    ("iam_membership", "user_id", "Cannot delete entity, must remove users from group first."),
    ("policy_attachment", "owner", "Cannot delete entity, must detach all policies first."),
    ("inline_policy", "owner", "Cannot delete entity, must delete policies first."),
)


@calls.write
async def create_user(call: Call, request: Document) -> Document:
    """Raises: EntityAlreadyExists, LimitExceeded, InvalidInput, NoSuchEntity: its boundary."""
    await access_changes.bump(call.tx)
    document = tag_lists.document(request.get("Tags", []))
    boundary = await boundaries.checked(call, request.get("PermissionsBoundary", ""))
    path = request.get("Path", "/")
    user = await identity.create(call, USER, request["UserName"], path, document, boundary)
    return {"User": shown(user)}


@calls.read
async def get_user(call: Call, request: Document) -> Document:
    """Without a name: the caller. Raises: NoSuchEntity, ValidationException."""
    if "UserName" not in request and caller.is_root(call):
        # AWS answers neither name nor path here, though its model requires them.
        return {"User": {"UserId": call.account, "Arn": call.principal.arn}}
    return {"User": shown(await caller.user(call, request))}


@calls.scan
async def list_users(call: Call, request: Document) -> Document:
    listing = Listing(call, request)
    page = await identity.page(call, USER, listing, request.get("PathPrefix", "/"))
    # Neither tags nor the boundary, says the model's note on ListUsers.
    listed = [Identity(USER, **record).shown() for record in page.records]
    return listing.answer({"Users": listed}, page.last)


@calls.write
async def update_user(call: Call, request: Document) -> Document:
    """Another name or path; what belongs to the user stays. Raises: NoSuchEntity,
    EntityAlreadyExists."""
    await access_changes.bump(call.tx)
    user = await identity.get(call.tx, USER, call.account, request["UserName"])
    name, path = request.get("NewUserName", user.name), request.get("NewPath", user.path)
    await identity.move(call, user, name, path)
    return {}


@calls.write
async def delete_user(call: Call, request: Document) -> Document:
    """Raises: NoSuchEntity, DeleteConflict: something still belongs to it."""
    await access_changes.bump(call.tx)
    user = await identity.get(call.tx, USER, call.account, request["UserName"])
    for table, column, sentence in _KEPT_BY:
        if await identity.owned(call.tx, user, table, column):
            raise DeleteConflict(sentence)
    await identity.remove(call.tx, user)
    call.changed(user.arn, before=shown(user))
    return {}


def shown(user: Identity) -> Document:
    return {**user.shown(), **user.shown_boundary(), **tag_lists.shown(user.document)}
