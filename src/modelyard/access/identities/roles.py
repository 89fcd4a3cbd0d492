"""IAM roles: the operations CreateRole to DeleteRole, and what a stored role is.

Knows no sessions; STS reads roles through `find`.
"""

import json
from collections.abc import Mapping
from dataclasses import fields
from urllib.parse import quote

from modelyard import call as calls
from modelyard import policy_principals
from modelyard.access.identities import boundaries, identity, listings, tag_lists
from modelyard.access.identities.identity import ROLE, Identity
from modelyard.access.identities.listings import Listing
from modelyard.access.identities.refusals import (
    DeleteConflict,
    LimitExceeded,
    MalformedPolicyDocument,
)
from modelyard.access.policy import documents
from modelyard.call import Call, Document
from modelyard.storage import access_changes
from modelyard.storage.transaction import Transaction

TRUST_POLICY_CHARS_MAX = 2048  # AWS's default quota ACLSizePerRole
SESSION_SECONDS_DEFAULT = 3600  # MaxSessionDuration unless it is said
PAGE_DEFAULT = listings.PAGE_DEFAULT

# What keeps a role from being deleted: table, AWS's sentence.
_KEPT_BY = (
    ("policy_attachment", "Cannot delete entity, must detach all policies first."),
    ("inline_policy", "Cannot delete entity, must delete policies first."),
)


class Role(Identity):
    """A stored role."""

    __slots__ = ()

    @property
    def trust_policy(self) -> str:
        return str(self.document["AssumeRolePolicyDocument"])

    @property
    def session_seconds_max(self) -> int:
        return int(self.document["MaxSessionDuration"])

    @property
    def trusted(self) -> Mapping[str, str]:
        """The ids of whom the trust policy names, by their ARNs."""
        found: dict[str, str] = json.loads(self.principals)
        return found


async def find(tx: Transaction, account: str, name: str) -> Role | None:
    found = await identity.find(tx, ROLE, account, name)
    return None if found is None else of(found)


async def get(tx: Transaction, account: str, name: str) -> Role:
    """Raises: NoSuchEntity."""
    return of(await identity.get(tx, ROLE, account, name))


@calls.write
async def create_role(call: Call, request: Document) -> Document:
    """Raises: EntityAlreadyExists, LimitExceeded, MalformedPolicyDocument, InvalidInput,
    NoSuchEntity: its boundary."""
    await access_changes.bump(call.tx)
    trusted = await _trusted(call, request["AssumeRolePolicyDocument"])
    document = {
        "AssumeRolePolicyDocument": request["AssumeRolePolicyDocument"],
        "MaxSessionDuration": request.get("MaxSessionDuration", SESSION_SECONDS_DEFAULT),
        **tag_lists.document(request.get("Tags", [])),
    }
    if request.get("Description"):
        document["Description"] = request["Description"]
    boundary = await boundaries.checked(call, request.get("PermissionsBoundary", ""))
    path = request.get("Path", "/")
    role = await identity.create(call, ROLE, request["RoleName"], path, document, boundary)
    if trusted:
        await identity.set_principals(call.tx, role, trusted)
    return {"Role": await shown(call.tx, of(role))}


@calls.read
async def get_role(call: Call, request: Document) -> Document:
    """Raises: NoSuchEntity."""
    return {"Role": await shown(call.tx, await get(call.tx, call.account, request["RoleName"]))}


@calls.scan
async def list_roles(call: Call, request: Document) -> Document:
    listing = Listing(call, request)
    page = await identity.page(call, ROLE, listing, request.get("PathPrefix", "/"))
    # ListRoles leaves out what GetRole adds (the model's note on ListRoles).
    listed = [await shown(call.tx, of(Identity(ROLE, **record))) for record in page.records]
    for role in listed:
        role.pop("Tags", None)
        role.pop("PermissionsBoundary", None)
    return listing.answer({"Roles": listed}, page.last)


@calls.write
async def update_role(call: Call, request: Document) -> Document:
    """Raises: NoSuchEntity."""
    await access_changes.bump(call.tx)
    role = await get(call.tx, call.account, request["RoleName"])
    changes = {k: v for k, v in request.items() if k != "RoleName"}
    await identity.rewrite(call.tx, role, changes)
    call.changed(role.arn, role.document, role.document | changes)
    return {}


@calls.write
async def update_role_description(call: Call, request: Document) -> Document:
    """Raises: NoSuchEntity."""
    await update_role(call, request)
    return {"Role": await shown(call.tx, await get(call.tx, call.account, request["RoleName"]))}


@calls.write
async def update_assume_role_policy(call: Call, request: Document) -> Document:
    """Raises: NoSuchEntity, MalformedPolicyDocument, LimitExceeded."""
    await access_changes.bump(call.tx)
    trust = request["PolicyDocument"]
    trusted = await _trusted(call, trust)
    role = await get(call.tx, call.account, request["RoleName"])
    changes = {"AssumeRolePolicyDocument": trust}
    await identity.rewrite(call.tx, role, changes)
    await identity.set_principals(call.tx, role, trusted)
    call.changed(role.arn, role.document, role.document | changes)
    return {}


@calls.write
async def delete_role(call: Call, request: Document) -> Document:
    """Raises: NoSuchEntity, DeleteConflict: it still has policies."""
    await access_changes.bump(call.tx)
    role = await get(call.tx, call.account, request["RoleName"])
    for table, sentence in _KEPT_BY:
        if await identity.owned(call.tx, role, table):
            raise DeleteConflict(sentence)
    await identity.remove(call.tx, role)
    call.changed(role.arn, before=role.document)
    return {}


async def _trusted(call: Call, text: str) -> dict[str, str]:
    """The ids of whom a trust policy names.

    Raises: MalformedPolicyDocument, LimitExceeded.
    """
    documents.read_trust(text)
    if len("".join(text.split())) > TRUST_POLICY_CHARS_MAX:
        raise LimitExceeded(f"Cannot exceed quota for ACLSizePerRole: {TRUST_POLICY_CHARS_MAX}")
    try:
        return await policy_principals.ids(call.tx, call.account, text)
    except policy_principals.NotThere as missing:
        raise MalformedPolicyDocument(f'Invalid principal in policy: "AWS":"{missing}"') from None


def of(found: Identity) -> Role:
    return Role(*(getattr(found, one.name) for one in fields(found)))


async def shown_trust(tx: Transaction, role: Role) -> str:
    """The trust policy, URL-encoded, of whom is there no more the id."""
    text = await policy_principals.shown(tx, role.account, role.trust_policy, role.trusted)
    return quote(text, safe="")


async def shown(tx: Transaction, role: Role) -> Document:
    """A role as IAM answers it."""
    return {
        **role.shown(),
        **role.shown_boundary(),
        **{key: value for key, value in role.document.items() if key != "Tags"},
        **tag_lists.shown(role.document),
        "AssumeRolePolicyDocument": await shown_trust(tx, role),
    }
