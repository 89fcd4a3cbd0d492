"""Permissions boundaries of users and roles: a managed policy that limits what they can be given.

Kept and given back here; what a boundary lets through is decided by access/policy.
"""

from modelyard import call as calls
from modelyard.access.identities import identity, managed_policies
from modelyard.access.identities.identity import ROLE, USER, Kind
from modelyard.access.identities.refusals import NoSuchEntity
from modelyard.call import Call, Document
from modelyard.storage import access_changes, records


@calls.write
async def put_user_permissions_boundary(call: Call, request: Document) -> Document:
    """Raises: NoSuchEntity, InvalidInput."""
    return await _put(call, USER, request)


@calls.write
async def delete_user_permissions_boundary(call: Call, request: Document) -> Document:
    """Raises: NoSuchEntity: no such user, or it has no boundary."""
    return await _delete(call, USER, request)


@calls.write
async def put_role_permissions_boundary(call: Call, request: Document) -> Document:
    """Raises: NoSuchEntity, InvalidInput."""
    return await _put(call, ROLE, request)


@calls.write
async def delete_role_permissions_boundary(call: Call, request: Document) -> Document:
    """Raises: NoSuchEntity: no such role, or it has no boundary."""
    return await _delete(call, ROLE, request)


async def checked(call: Call, arn: str) -> str:
    """`arn` if it can be a boundary; "" is none.

    Raises: NoSuchEntity, InvalidInput.
    """
    if not arn:
        return ""
    managed_policies.check_arn(arn)
    if await managed_policies.find(call.tx, call.account, arn) is None:
        raise NoSuchEntity(f"Scope ARN: {arn} does not exist or is not attachable.")
    return arn


async def _put(call: Call, kind: Kind, request: Document) -> Document:
    await access_changes.bump(call.tx)
    one = await identity.get(call.tx, kind, call.account, request[f"{kind.title}Name"])
    arn = await checked(call, request["PermissionsBoundary"])
    await records.update(call.tx, kind.table, (call.account, one.name), {"boundary": arn})
    call.changed(one.arn, {"PermissionsBoundary": one.boundary}, {"PermissionsBoundary": arn})
    return {}


async def _delete(call: Call, kind: Kind, request: Document) -> Document:
    await access_changes.bump(call.tx)
    one = await identity.get(call.tx, kind, call.account, request[f"{kind.title}Name"])
    if not one.boundary:
        raise NoSuchEntity(f"The {kind.word} {one.name} does not have a permissions boundary.")
    await records.update(call.tx, kind.table, (call.account, one.name), {"boundary": ""})
    call.changed(one.arn, {"PermissionsBoundary": one.boundary}, {"PermissionsBoundary": ""})
    return {}
