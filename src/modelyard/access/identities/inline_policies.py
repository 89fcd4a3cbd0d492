"""Inline policies of users, groups and roles: Put, Get, Delete and List of each.

Stores and returns; deciding by them is access/policy's.
"""

from urllib.parse import quote

from modelyard import call as calls
from modelyard.access.identities import identity
from modelyard.access.identities.identity import GROUP, ROLE, USER, Kind
from modelyard.access.identities.listings import Listing
from modelyard.access.identities.refusals import LimitExceeded, NoSuchEntity
from modelyard.access.policy import documents
from modelyard.call import Call, Document
from modelyard.storage import access_changes, records

# AWS: all inline policies of one together, white space not counted.
CHARS_MAX = {USER: 2048, GROUP: 5120, ROLE: 10_240}

INLINE_POLICY = records.Table(
    "inline_policy", ("account", "owner", "name"), ("account", "owner", "name", "text")
)


@calls.write
async def put_user_policy(call: Call, request: Document) -> Document:
    """Raises: NoSuchEntity, MalformedPolicyDocument, LimitExceeded."""
    return await _put(call, USER, request)


@calls.read
async def get_user_policy(call: Call, request: Document) -> Document:
    """Raises: NoSuchEntity."""
    return await _get(call, USER, request)


@calls.write
async def delete_user_policy(call: Call, request: Document) -> Document:
    """Raises: NoSuchEntity."""
    return await _delete(call, USER, request)


@calls.read
async def list_user_policies(call: Call, request: Document) -> Document:
    """Raises: NoSuchEntity."""
    return await _list(call, USER, request)


@calls.write
async def put_group_policy(call: Call, request: Document) -> Document:
    """Raises: NoSuchEntity, MalformedPolicyDocument, LimitExceeded."""
    return await _put(call, GROUP, request)


@calls.read
async def get_group_policy(call: Call, request: Document) -> Document:
    """Raises: NoSuchEntity."""
    return await _get(call, GROUP, request)


@calls.write
async def delete_group_policy(call: Call, request: Document) -> Document:
    """Raises: NoSuchEntity."""
    return await _delete(call, GROUP, request)


@calls.read
async def list_group_policies(call: Call, request: Document) -> Document:
    """Raises: NoSuchEntity."""
    return await _list(call, GROUP, request)


@calls.write
async def put_role_policy(call: Call, request: Document) -> Document:
    """Raises: NoSuchEntity, MalformedPolicyDocument, LimitExceeded."""
    return await _put(call, ROLE, request)


@calls.read
async def get_role_policy(call: Call, request: Document) -> Document:
    """Raises: NoSuchEntity."""
    return await _get(call, ROLE, request)


@calls.write
async def delete_role_policy(call: Call, request: Document) -> Document:
    """Raises: NoSuchEntity."""
    return await _delete(call, ROLE, request)


@calls.read
async def list_role_policies(call: Call, request: Document) -> Document:
    """Raises: NoSuchEntity."""
    return await _list(call, ROLE, request)


async def _put(call: Call, kind: Kind, request: Document) -> Document:
    await access_changes.bump(call.tx)
    name, text = request["PolicyName"], request["PolicyDocument"]
    documents.read_identity(text)
    owner = await identity.get(call.tx, kind, call.account, request[f"{kind.title}Name"])
    before = await records.find(call.tx, INLINE_POLICY, call.account, owner.id, name)
    others = await call.tx.all(
        "SELECT text FROM inline_policy WHERE account = ? AND owner = ? AND name <> ?",
        call.account,
        owner.id,
        name,
    )
    if sum(_chars(str(row[0])) for row in others) + _chars(text) > CHARS_MAX[kind]:
        raise LimitExceeded(
            f"Maximum policy size of {CHARS_MAX[kind]} bytes exceeded for {kind.word} {owner.name}"
        )
    await call.tx.run(
        "INSERT INTO inline_policy (account, owner, name, text) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (account, owner, name) DO UPDATE SET text = excluded.text",
        call.account,
        owner.id,
        name,
        text,
    )
    earlier = None if before is None else before["text"]
    call.changed(owner.arn, {"PolicyDocument": earlier}, {"PolicyDocument": text})
    return {}


async def _get(call: Call, kind: Kind, request: Document) -> Document:
    owner = await identity.get(call.tx, kind, call.account, request[f"{kind.title}Name"])
    name = request["PolicyName"]
    record = await records.find(call.tx, INLINE_POLICY, call.account, owner.id, name)
    if record is None:
        raise _missing(kind, name)
    return {
        f"{kind.title}Name": owner.name,
        "PolicyName": name,
        "PolicyDocument": quote(record["text"], safe=""),
    }


async def _delete(call: Call, kind: Kind, request: Document) -> Document:
    await access_changes.bump(call.tx)
    owner = await identity.get(call.tx, kind, call.account, request[f"{kind.title}Name"])
    name = request["PolicyName"]
    before = await records.find(call.tx, INLINE_POLICY, call.account, owner.id, name)
    if before is None:
        raise _missing(kind, name)
    await records.delete(call.tx, INLINE_POLICY, call.account, owner.id, name)
    call.changed(owner.arn, {"PolicyDocument": before["text"]}, {"PolicyDocument": None})
    return {}


async def _list(call: Call, kind: Kind, request: Document) -> Document:
    owner = await identity.get(call.tx, kind, call.account, request[f"{kind.title}Name"])
    listing = Listing(call, request)
    page = await records.page(
        call.tx,
        INLINE_POLICY,
        equal={"account": call.account, "owner": owner.id},
        order=("name",),
        limit=listing.limit,
        after=listing.after,
    )
    names = [record["name"] for record in page.records]
    return listing.answer({"PolicyNames": names}, page.last)


def _chars(text: str) -> int:
    return len("".join(text.split()))


def _missing(kind: Kind, name: str) -> NoSuchEntity:
    return NoSuchEntity(f"The {kind.word} policy with name {name} cannot be found.")
