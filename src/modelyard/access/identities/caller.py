"""The user that an operation means when no name is given: the one whose key signed."""

from modelyard.access.identities import identity
from modelyard.access.identities.identity import Identity
from modelyard.call import Call, Document
from modelyard.errors import ValidationException


def is_root(call: Call) -> bool:
    return call.principal.arn == f"arn:aws:iam::{call.account}:root"


async def user(call: Call, request: Document) -> Identity:
    """The user named in a request, or the caller.

    Raises: NoSuchEntity. ValidationException: no name, and the caller is no user.
    """
    name = request.get("UserName")
    if name is not None:
        return await identity.get(call.tx, identity.USER, call.account, name)
    # A session of a user, made before the user got another name, still has its id.
    found = await identity.by_id(call.tx, identity.USER, call.account, call.principal.id)
    if found is None:
        raise ValidationException("Must specify userName when calling with non-User credentials")
    return found
