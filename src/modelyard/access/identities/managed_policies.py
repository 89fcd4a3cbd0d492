"""Managed policies: what a stored one is, and the operations CreatePolicy to DeletePolicy.

AWS's own stand beside an account's; they can be read and attached, not changed.
"""

import re
from dataclasses import dataclass
from typing import Any

from modelyard import call as calls
from modelyard.access.identities import aws_managed, policy_uses, tag_lists, unique_ids
from modelyard.access.identities.listings import Listing, under
from modelyard.access.identities.refusals import (
    DeleteConflict,
    EntityAlreadyExists,
    InvalidInput,
    LimitExceeded,
    NoSuchEntity,
)
from modelyard.access.policy import documents
from modelyard.call import Call, Document
from modelyard.errors import AccessDeniedException
from modelyard.storage import access_changes, records
from modelyard.storage.transaction import Transaction

POLICIES_MAX = 5000  # PoliciesPerAccount, as far as AWS raises it; its default is 1,500
POLICY_CHARS_MAX = 6144  # AWS: white space not counted
ID_CHARS = 17  # behind ANPA
_ARN = re.compile(r"arn:aws:iam::(?:[0-9]{12}|aws):policy(?:/[\x21-\x7e]*/|/)[\w+=,.@-]{1,128}")

MANAGED_POLICY = records.Table(
    "managed_policy",
    ("account", "arn"),
    (
        "account",
        "arn",
        "name",
        "path",
        "id",
        "created_us",
        "updated_us",
        "default_version",
        "next_version",
        "document",
    ),
)
VERSION = records.Table(
    "managed_policy_version",
    ("account", "arn", "number"),
    ("account", "arn", "number", "created_us", "text"),
)


@dataclass(frozen=True, slots=True)
class ManagedPolicy:
    """`account` is "aws" for AWS's own. `document` has Description and Tags, if given."""

    account: str
    arn: str
    name: str
    path: str
    id: str
    created_us: int
    updated_us: int
    default_version: int
    next_version: int
    document: dict[str, Any]


@calls.write
async def create_policy(call: Call, request: Document) -> Document:
    """Raises: EntityAlreadyExists, LimitExceeded, MalformedPolicyDocument, InvalidInput."""
    await access_changes.bump(call.tx)
    name, path = request["PolicyName"], request.get("Path", "/")
    text = checked_text(request["PolicyDocument"])
    document = tag_lists.document(request.get("Tags", []))
    if request.get("Description"):
        document["Description"] = request["Description"]
    await _check_room(call, name)
    record = {
        "account": call.account,
        "arn": f"arn:aws:iam::{call.account}:policy{path}{name}",
        "name": name,
        "path": path,
        "id": unique_ids.new("ANPA", ID_CHARS),
        "created_us": call.now_us,
        "updated_us": call.now_us,
        "default_version": 1,
        "next_version": 2,
        "document": document,
    }
    await records.insert(call.tx, MANAGED_POLICY, record)
    await add_version(call, record["arn"], 1, text)
    policy = shown(ManagedPolicy(**record), policy_uses.NONE)
    return {"Policy": policy | tag_lists.shown(document)}


@calls.read
async def get_policy(call: Call, request: Document) -> Document:
    """Raises: NoSuchEntity, InvalidInput."""
    policy = await get(call.tx, call.account, request["PolicyArn"])
    use = await policy_uses.of_policy(call.tx, call.account, policy.arn)
    # Description and Tags, in AWS's words already.
    return {"Policy": shown(policy, use) | {k: v for k, v in policy.document.items() if v}}


@calls.scan
async def list_policies(call: Call, request: Document) -> Document:
    listing = Listing(call, request)
    scope, prefix = request.get("Scope", "All"), request.get("PathPrefix", "/")
    found: list[ManagedPolicy] = []
    if scope != "AWS":
        found += await _all_own(call, prefix)
    if scope != "Local":
        found += [policy for policy in all_of_aws() if policy.path.startswith(prefix)]
    uses = await policy_uses.of_account(call.tx, call.account)
    wanted = [
        policy
        for policy in found
        if policy_uses.wanted(
            uses.get(policy.arn, policy_uses.NONE),
            request.get("OnlyAttached", False),
            request.get("PolicyUsageFilter"),
        )
    ]
    page, last = listing.cut(wanted, lambda policy: place(policy.arn))
    listed = [shown(policy, uses.get(policy.arn, policy_uses.NONE)) for policy in page]
    return listing.answer({"Policies": listed}, last)


@calls.write
async def delete_policy(call: Call, request: Document) -> Document:
    """Raises: NoSuchEntity, InvalidInput, AccessDenied. DeleteConflict: it is attached, or has
    versions beside the default one."""
    await access_changes.bump(call.tx)
    policy = await own(call, request["PolicyArn"])
    if await policy_uses.of_policy(call.tx, call.account, policy.arn) != policy_uses.NONE:
        raise DeleteConflict("Cannot delete a policy attached to entities.")
    key = (call.account, policy.arn)
    row = await call.tx.one(
        "SELECT COUNT(*) FROM managed_policy_version WHERE account = ? AND arn = ?", *key
    )
    if row is not None and row[0] > 1:
        raise DeleteConflict(
            "This policy has more than one version. Before you delete a policy, you must delete"
            " the policy's versions. The default version is deleted with the policy."
        )
    await call.tx.run("DELETE FROM managed_policy_version WHERE account = ? AND arn = ?", *key)
    await records.delete(call.tx, MANAGED_POLICY, *key)
    call.changed(policy.arn, before=shown(policy, policy_uses.NONE) | policy.document)
    return {}


async def find(tx: Transaction, account: str, arn: str) -> ManagedPolicy | None:
    """An account's own policy, or one of AWS's."""
    if (aws := aws_managed.all_by_arn().get(arn)) is not None:
        return _of_aws(aws)
    record = await records.find(tx, MANAGED_POLICY, account, arn)
    return None if record is None else ManagedPolicy(**record)


async def get(tx: Transaction, account: str, arn: str) -> ManagedPolicy:
    """Raises: NoSuchEntity, InvalidInput: that is no ARN of a policy."""
    check_arn(arn)
    policy = await find(tx, account, arn)
    if policy is None:
        raise NoSuchEntity(f"Policy {arn} was not found.")
    return policy


async def attachable(call: Call, arn: str) -> None:
    """Raises: NoSuchEntity, InvalidInput."""
    check_arn(arn)
    if await find(call.tx, call.account, arn) is None:
        raise NoSuchEntity(f"Policy {arn} does not exist or is not attachable.")


async def own(call: Call, arn: str) -> ManagedPolicy:
    """One that the caller's account may change.

    Raises: NoSuchEntity, InvalidInput. AccessDeniedException: it is one of AWS's.
    """
    policy = await get(call.tx, call.account, arn)
    if policy.account != call.account:
        action = f"iam:{call.operation}"
        raise AccessDeniedException(
            f"User: {call.principal.arn} is not authorized to perform: {action}"
            f" on resource: policy {arn}"
        )
    return policy


async def rewrite(tx: Transaction, policy: ManagedPolicy, changed: dict[str, Any]) -> None:
    """Store `changed` to its document."""
    key = (policy.account, policy.arn)
    await records.update(tx, MANAGED_POLICY, key, {"document": policy.document | changed})


async def add_version(call: Call, arn: str, number: int, text: str) -> None:
    record = {
        "account": call.account,
        "arn": arn,
        "number": number,
        "created_us": call.now_us,
        "text": text,
    }
    await records.insert(call.tx, VERSION, record)


def checked_text(text: str) -> str:
    """Raises: MalformedPolicyDocument, LimitExceeded."""
    documents.read_identity(text)
    if len("".join(text.split())) > POLICY_CHARS_MAX:
        raise LimitExceeded(f"Cannot exceed quota for PolicySize: {POLICY_CHARS_MAX}")
    return text


def check_arn(arn: str) -> None:
    """Raises: InvalidInput."""
    if not _ARN.fullmatch(arn):
        raise InvalidInput(f"ARN {arn} is not valid.")


def place(arn: str) -> str:
    """Where a policy stands in a list: the account's own before AWS's, each by name.

    It fits into a Marker; an ARN, with a path of 512 characters, would not.
    """
    return f"{arn.split(':')[4]} {arn.rpartition('/')[2]}"


def all_of_aws() -> list[ManagedPolicy]:
    return [_of_aws(aws) for aws in aws_managed.all_by_arn().values()]


def _of_aws(aws: aws_managed.AwsManaged) -> ManagedPolicy:
    return ManagedPolicy(
        account="aws",
        arn=aws.arn,
        name=aws.policy_name,
        path=aws.path,
        id=aws.policy_id,
        created_us=aws.created_us,
        updated_us=aws.created_us,
        default_version=1,
        next_version=2,
        document={"Description": aws.description},
    )


def shown(policy: ManagedPolicy, use: policy_uses.Use) -> Document:
    """What every answer about a policy has; description and tags are GetPolicy's."""
    return {
        "PolicyName": policy.name,
        "PolicyId": policy.id,
        "Arn": policy.arn,
        "Path": policy.path,
        "DefaultVersionId": f"v{policy.default_version}",
        "AttachmentCount": use.attached,
        "PermissionsBoundaryUsageCount": use.boundaries,
        "IsAttachable": True,
        "CreateDate": policy.created_us,
        "UpdateDate": policy.updated_us,
    }


async def _all_own(call: Call, prefix: str) -> list[ManagedPolicy]:
    page = await records.page(
        call.tx,
        MANAGED_POLICY,
        equal={"account": call.account},
        order=("name",),
        limit=POLICIES_MAX,
        filters=under(prefix),
    )
    return [ManagedPolicy(**record) for record in page.records]


async def _check_room(call: Call, name: str) -> None:
    # As with users: names are not distinguished by case.
    row = await call.tx.one(
        "SELECT COUNT(*), SUM(CASE WHEN lower(name) = ? THEN 1 ELSE 0 END)"
        " FROM managed_policy WHERE account = ?",
        name.lower(),
        call.account,
    )
    count, same = row or (0, 0)
    if same:
        raise EntityAlreadyExists(
            f"A policy called {name} already exists. Duplicate names are not allowed."
        )
    if count >= POLICIES_MAX:
        raise LimitExceeded(f"Cannot exceed quota for PoliciesPerAccount: {POLICIES_MAX}")
