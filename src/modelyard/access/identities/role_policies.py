"""A role's policies: inline ones, and the managed ones attached to it. IAM operations.

Stores and returns; deciding by them is policy.py's.
"""

import re
from urllib.parse import quote

from modelyard import call as calls
from modelyard.access.identities import roles
from modelyard.access.identities.refusals import InvalidInput, LimitExceeded, NoSuchEntity
from modelyard.access.policy import documents
from modelyard.call import Call, Document
from modelyard.contract.page_tokens import Question
from modelyard.storage import records

INLINE_CHARS_MAX = 10_240  # AWS: all inline policies of a role, white space not counted
ATTACHED_MAX = 10  # AWS's default quota of managed policies per role
# AWS's own policies can be attached. Nothing lists them offline, so their names are taken as given.
_AWS_MANAGED = re.compile(r"arn:aws:iam::aws:policy((?:/[A-Za-z0-9.,+@=_-]+)*/)([\w+=,.@-]{1,128})")


@calls.write
async def put_role_policy(call: Call, request: Document) -> Document:
    """Raises: NoSuchEntity, MalformedPolicyDocument, LimitExceeded."""
    name, text = request["PolicyName"], request["PolicyDocument"]
    documents.read_identity(text)
    role = await roles.hold(call.tx, call.account, request["RoleName"])
    others = await records.page(
        call.tx,
        roles.ROLE_POLICY,
        equal={"account": call.account, "role": role.name},
        order=("name",),
        limit=INLINE_CHARS_MAX,
        filters=[records.Filter("name", "<>", name)],
    )
    size = sum(_size(record["document"]) for record in others.records) + _size(text)
    if size > INLINE_CHARS_MAX:
        raise LimitExceeded(
            f"Maximum policy size of {INLINE_CHARS_MAX} bytes exceeded for role {role.name}"
        )
    await records.delete(call.tx, roles.ROLE_POLICY, call.account, role.name, name)
    record = {"account": call.account, "role": role.name, "name": name, "document": text}
    await records.insert(call.tx, roles.ROLE_POLICY, record)
    return {}


@calls.read
async def get_role_policy(call: Call, request: Document) -> Document:
    """Raises: NoSuchEntity."""
    role, name = request["RoleName"], request["PolicyName"]
    await roles.get(call.tx, call.account, role)
    record = await records.find(call.tx, roles.ROLE_POLICY, call.account, role, name)
    if record is None:
        raise _no_such_policy(name)
    document = quote(record["document"], safe="")
    return {"RoleName": role, "PolicyName": name, "PolicyDocument": document}


@calls.write
async def delete_role_policy(call: Call, request: Document) -> Document:
    """Raises: NoSuchEntity."""
    role = await roles.hold(call.tx, call.account, request["RoleName"])
    name = request["PolicyName"]
    if not await records.delete(call.tx, roles.ROLE_POLICY, call.account, role.name, name):
        raise _no_such_policy(name)
    return {}


@calls.read
async def list_role_policies(call: Call, request: Document) -> Document:
    """Raises: NoSuchEntity."""
    role = await roles.get(call.tx, call.account, request["RoleName"])
    question = Question(call.account, "", call.operation, request)
    marker = request.get("Marker")
    page = await records.page(
        call.tx,
        roles.ROLE_POLICY,
        equal={"account": call.account, "role": role.name},
        order=("name",),
        limit=request.get("MaxItems", roles.PAGE_DEFAULT),
        after=None if marker is None else call.page_tokens.open(question, marker),
    )
    names = [record["name"] for record in page.records]
    answer: Document = {"PolicyNames": names, "IsTruncated": page.last is not None}
    if page.last is not None:
        answer["Marker"] = call.page_tokens.seal(question, page.last)
    return answer


@calls.write
async def attach_role_policy(call: Call, request: Document) -> Document:
    """Raises: NoSuchEntity, InvalidInput, LimitExceeded. Attaching twice is no error."""
    arn = _checked_arn(request["PolicyArn"])
    role = await roles.hold(call.tx, call.account, request["RoleName"])
    attached = role.document.get("AttachedPolicies", [])
    if arn in attached:
        return {}
    if len(attached) >= ATTACHED_MAX:
        raise LimitExceeded(f"Cannot exceed quota for PoliciesPerRole: {ATTACHED_MAX}")
    await roles.rewrite(call.tx, call.account, role, {"AttachedPolicies": sorted([*attached, arn])})
    return {}


@calls.write
async def detach_role_policy(call: Call, request: Document) -> Document:
    """Raises: NoSuchEntity."""
    arn = request["PolicyArn"]
    role = await roles.hold(call.tx, call.account, request["RoleName"])
    attached = role.document.get("AttachedPolicies", [])
    if arn not in attached:
        raise NoSuchEntity(f"Policy {arn} was not found.")
    left = [one for one in attached if one != arn]
    await roles.rewrite(call.tx, call.account, role, {"AttachedPolicies": left})
    return {}


@calls.read
async def list_attached_role_policies(call: Call, request: Document) -> Document:
    """Raises: NoSuchEntity. Never more than ATTACHED_MAX, in pages if it is asked for."""
    role = await roles.get(call.tx, call.account, request["RoleName"])
    question = Question(call.account, "", call.operation, request)
    after = call.page_tokens.open(question, request["Marker"])[0] if "Marker" in request else ""
    prefix = request.get("PathPrefix", "/")
    limit = request.get("MaxItems", roles.PAGE_DEFAULT)
    matching = [
        (arn, match[2])
        for arn in role.document.get("AttachedPolicies", [])
        if (match := _AWS_MANAGED.fullmatch(arn)) and match[1].startswith(prefix) and arn > after
    ]
    page = [{"PolicyName": name, "PolicyArn": arn} for arn, name in matching[:limit]]
    answer: Document = {"AttachedPolicies": page, "IsTruncated": len(matching) > limit}
    if len(matching) > limit:
        answer["Marker"] = call.page_tokens.seal(question, [page[-1]["PolicyArn"]])
    return answer


def _checked_arn(arn: str) -> str:
    if _AWS_MANAGED.fullmatch(arn):
        return arn
    if re.fullmatch(r"arn:aws:iam::[0-9]{12}:policy/\S+", arn):
        raise NoSuchEntity(f"Policy {arn} does not exist or is not attachable.")
    raise InvalidInput(f"ARN {arn} is not valid.")


def _size(text: str) -> int:
    return len("".join(text.split()))


def _no_such_policy(name: str) -> NoSuchEntity:
    return NoSuchEntity(f"The role policy with name {name} cannot be found.")
