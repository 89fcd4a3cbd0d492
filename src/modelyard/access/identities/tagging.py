"""Tags of users, roles and managed policies: TagUser to ListPolicyTags."""

from collections.abc import Callable

from modelyard import call as calls
from modelyard.access.identities import identity, managed_policies, tag_lists
from modelyard.access.identities.identity import ROLE, USER, Kind
from modelyard.access.identities.listings import Listing
from modelyard.call import Call, Document
from modelyard.storage import access_changes


@calls.write
async def tag_user(call: Call, request: Document) -> Document:
    """Raises: NoSuchEntity, InvalidInput, LimitExceeded."""
    return await _tag(call, USER, request)


@calls.write
async def untag_user(call: Call, request: Document) -> Document:
    """Keys that are not there are no error. Raises: NoSuchEntity."""
    return await _untag(call, USER, request)


@calls.read
async def list_user_tags(call: Call, request: Document) -> Document:
    """Raises: NoSuchEntity."""
    return await _list(call, USER, request)


@calls.write
async def tag_role(call: Call, request: Document) -> Document:
    """Raises: NoSuchEntity, InvalidInput, LimitExceeded."""
    return await _tag(call, ROLE, request)


@calls.write
async def untag_role(call: Call, request: Document) -> Document:
    """Keys that are not there are no error. Raises: NoSuchEntity."""
    return await _untag(call, ROLE, request)


@calls.read
async def list_role_tags(call: Call, request: Document) -> Document:
    """Raises: NoSuchEntity."""
    return await _list(call, ROLE, request)


@calls.write
async def tag_policy(call: Call, request: Document) -> Document:
    """Raises: NoSuchEntity, InvalidInput, LimitExceeded."""
    return await _retag(call, request, lambda tags: tag_lists.added(tags, request["Tags"]))


@calls.write
async def untag_policy(call: Call, request: Document) -> Document:
    """Keys that are not there are no error. Raises: NoSuchEntity."""
    return await _retag(call, request, lambda tags: tag_lists.without(tags, request["TagKeys"]))


@calls.read
async def list_policy_tags(call: Call, request: Document) -> Document:
    """Raises: NoSuchEntity."""
    policy = await managed_policies.get(call.tx, call.account, request["PolicyArn"])
    return _page(Listing(call, request), policy.document)


async def _tag(call: Call, kind: Kind, request: Document) -> Document:
    await access_changes.bump(call.tx)
    one = await identity.get(call.tx, kind, call.account, request[f"{kind.title}Name"])
    before = one.document.get("Tags", [])
    tags = tag_lists.added(before, request["Tags"])
    await identity.rewrite(call.tx, one, {"Tags": tags})
    call.changed(one.arn, {"Tags": before}, {"Tags": tags})
    return {}


async def _untag(call: Call, kind: Kind, request: Document) -> Document:
    await access_changes.bump(call.tx)
    one = await identity.get(call.tx, kind, call.account, request[f"{kind.title}Name"])
    before = one.document.get("Tags", [])
    tags = tag_lists.without(before, request["TagKeys"])
    await identity.rewrite(call.tx, one, {"Tags": tags})
    call.changed(one.arn, {"Tags": before}, {"Tags": tags})
    return {}


async def _list(call: Call, kind: Kind, request: Document) -> Document:
    one = await identity.get(call.tx, kind, call.account, request[f"{kind.title}Name"])
    return _page(Listing(call, request), one.document)


def _page(listing: Listing, document: Document) -> Document:
    # By key, as AWS says; a key may be longer than a Marker.
    tags = sorted(document.get("Tags", []), key=lambda tag: str(tag["Key"]))
    tags, last = listing.cut_by_number(tags)
    return listing.answer({"Tags": tags}, last)


async def _retag(
    call: Call, request: Document, change: Callable[[list[tag_lists.Tag]], list[tag_lists.Tag]]
) -> Document:
    """Change the tags of a managed policy of one's own."""
    await access_changes.bump(call.tx)
    policy = await managed_policies.own(call, request["PolicyArn"])
    before = policy.document.get("Tags", [])
    tags = change(before)
    await managed_policies.rewrite(call.tx, policy, {"Tags": tags})
    call.changed(policy.arn, {"Tags": before}, {"Tags": tags})
    return {}
