"""IAM roles: the operations CreateRole to DeleteRole, and what a stored role is.

Knows no sessions; STS reads roles through `find`.
"""

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from modelyard import call as calls
from modelyard.access.identities import unique_ids
from modelyard.access.identities.refusals import (
    DeleteConflict,
    EntityAlreadyExists,
    InvalidInput,
    LimitExceeded,
    NoSuchEntity,
)
from modelyard.access.policy import documents
from modelyard.call import Call, Document
from modelyard.contract.page_tokens import Question
from modelyard.errors import Conflict
from modelyard.storage import records
from modelyard.storage.transaction import Transaction

ROLES_MAX = 1000  # AWS's default quota RolesPerAccount
TRUST_POLICY_CHARS_MAX = 2048  # AWS's default quota ACLSizePerRole
SESSION_SECONDS_DEFAULT = 3600  # MaxSessionDuration unless it is said
PAGE_DEFAULT = 100  # MaxItems unless it is said, as the model's documentation says
ROLE_ID_CHARS = 17  # behind AROA

ROLE = records.Table(
    "role", ("account", "name"), ("account", "name", "path", "id", "arn", "created_us", "document")
)
ROLE_POLICY = records.Table(
    "role_policy", ("account", "role", "name"), ("account", "role", "name", "document")
)


@dataclass(frozen=True, slots=True)
class Role:
    """A stored role. `document` has the members of AWS's Role that are not columns."""

    name: str
    path: str
    id: str
    arn: str
    created_us: int
    document: dict[str, Any]

    @property
    def trust_policy(self) -> str:
        return str(self.document["AssumeRolePolicyDocument"])

    @property
    def session_seconds_max(self) -> int:
        return int(self.document["MaxSessionDuration"])


async def find(tx: Transaction, account: str, name: str) -> Role | None:
    record = await records.find(tx, ROLE, account, name)
    return None if record is None else _role(record)


async def get(tx: Transaction, account: str, name: str) -> Role:
    """Raises: NoSuchEntity."""
    role = await find(tx, account, name)
    if role is None:
        raise _no_such_role(name)
    return role


async def hold(tx: Transaction, account: str, name: str) -> Role:
    """The role, locked until the end of the transaction, so that nobody deletes it meanwhile.

    Raises: NoSuchEntity.
    """
    await tx.run("UPDATE role SET path = path WHERE account = ? AND name = ?", account, name)
    return await get(tx, account, name)


async def rewrite(tx: Transaction, account: str, role: Role, changes: dict[str, Any]) -> None:
    """Store a role that is held with `changes` to its document."""
    document = role.document | changes
    await records.update(tx, ROLE, (account, role.name), {"document": document})


@calls.write
async def create_role(call: Call, request: Document) -> Document:
    """Raises: EntityAlreadyExists, LimitExceeded, MalformedPolicyDocument, InvalidInput."""
    name, path = request["RoleName"], request.get("Path", "/")
    if "PermissionsBoundary" in request:
        raise InvalidInput("Permissions boundaries are not offered by this server yet.")
    _check_tags(request.get("Tags", []))
    document = {
        "AssumeRolePolicyDocument": _checked_trust(request["AssumeRolePolicyDocument"]),
        "MaxSessionDuration": request.get("MaxSessionDuration", SESSION_SECONDS_DEFAULT),
        **{key: request[key] for key in ("Description", "Tags") if request.get(key)},
    }
    await _check_room(call, name)
    record = {
        "account": call.account,
        "name": name,
        "path": path,
        "id": unique_ids.new("AROA", ROLE_ID_CHARS),
        "arn": f"arn:aws:iam::{call.account}:role{path}{name}",
        "created_us": call.now_us,
        "document": document,
    }
    try:
        await records.insert(call.tx, ROLE, record)
    except Conflict:
        raise _exists(name) from None
    return {"Role": _shown(_role(record))}


@calls.read
async def get_role(call: Call, request: Document) -> Document:
    """Raises: NoSuchEntity."""
    return {"Role": _shown(await get(call.tx, call.account, request["RoleName"]))}


@calls.scan
async def list_roles(call: Call, request: Document) -> Document:
    prefix = request.get("PathPrefix", "/")
    question = Question(call.account, "", call.operation, request)
    marker = request.get("Marker")
    page = await records.page(
        call.tx,
        ROLE,
        equal={"account": call.account},
        order=("name",),
        limit=request.get("MaxItems", PAGE_DEFAULT),
        # A path is printable ASCII, so DEL closes the range of everything that starts with prefix.
        filters=[
            records.Filter("path", ">=", prefix),
            records.Filter("path", "<", prefix + "\x7f"),
        ],
        after=None if marker is None else call.page_tokens.open(question, marker),
    )
    # ListRoles leaves out what GetRole adds (the model's note on ListRoles).
    listed = [_shown(_role(record)) for record in page.records]
    for role in listed:
        role.pop("Tags", None)
    answer: Document = {"Roles": listed, "IsTruncated": page.last is not None}
    if page.last is not None:
        answer["Marker"] = call.page_tokens.seal(question, page.last)
    return answer


@calls.write
async def update_role(call: Call, request: Document) -> Document:
    """Raises: NoSuchEntity."""
    role = await hold(call.tx, call.account, request["RoleName"])
    changes = {k: v for k, v in request.items() if k != "RoleName"}
    await rewrite(call.tx, call.account, role, changes)
    return {}


@calls.write
async def update_assume_role_policy(call: Call, request: Document) -> Document:
    """Raises: NoSuchEntity, MalformedPolicyDocument, LimitExceeded."""
    trust = _checked_trust(request["PolicyDocument"])
    role = await hold(call.tx, call.account, request["RoleName"])
    await rewrite(call.tx, call.account, role, {"AssumeRolePolicyDocument": trust})
    return {}


@calls.write
async def delete_role(call: Call, request: Document) -> Document:
    """Raises: NoSuchEntity, DeleteConflict: it still has policies."""
    role = await hold(call.tx, call.account, request["RoleName"])
    if role.document.get("AttachedPolicies"):
        raise DeleteConflict("Cannot delete entity, must detach all policies first.")
    sql = "SELECT 1 FROM role_policy WHERE account = ? AND role = ? LIMIT 1"
    if await call.tx.one(sql, call.account, role.name):
        raise DeleteConflict("Cannot delete entity, must delete policies first.")
    await records.delete(call.tx, ROLE, call.account, role.name)
    return {}


async def _check_room(call: Call, name: str) -> None:
    # IAM's names are not distinguished by case; they are ASCII, so lower() means the same anywhere.
    sql = (
        "SELECT COUNT(*), SUM(CASE WHEN lower(name) = ? THEN 1 ELSE 0 END) "
        "FROM role WHERE account = ?"
    )
    row = await call.tx.one(sql, name.lower(), call.account)
    count, same = row or (0, 0)
    if same:
        raise _exists(name)
    if count >= ROLES_MAX:
        raise LimitExceeded(f"Cannot exceed quota for RolesPerAccount: {ROLES_MAX}")


def _checked_trust(text: str) -> str:
    documents.read_trust(text)
    if len("".join(text.split())) > TRUST_POLICY_CHARS_MAX:
        raise LimitExceeded(f"Cannot exceed quota for ACLSizePerRole: {TRUST_POLICY_CHARS_MAX}")
    return text


def _check_tags(tags: list[dict[str, str]]) -> None:
    keys = [tag["Key"].lower() for tag in tags]
    if len(set(keys)) != len(keys):
        raise InvalidInput(
            "Duplicate tag keys found. Please note that Tag keys are case insensitive."
        )


def _role(record: records.Record) -> Role:
    return Role(**{key: value for key, value in record.items() if key != "account"})


def _shown(role: Role) -> Document:
    """A role as IAM answers it: the trust policy is URL-encoded."""
    document = {key: value for key, value in role.document.items() if key != "AttachedPolicies"}
    return {
        "Path": role.path,
        "RoleName": role.name,
        "RoleId": role.id,
        "Arn": role.arn,
        "CreateDate": role.created_us,
        **document,
        "AssumeRolePolicyDocument": quote(role.trust_policy, safe=""),
    }


def _exists(name: str) -> EntityAlreadyExists:
    return EntityAlreadyExists(f"Role with name {name} already exists.")


def _no_such_role(name: str) -> NoSuchEntity:
    return NoSuchEntity(f"The role with name {name} cannot be found.")
