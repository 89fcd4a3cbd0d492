"""The versions of a managed policy: CreatePolicyVersion to DeletePolicyVersion."""

from urllib.parse import quote

from modelyard import call as calls
from modelyard.access.identities import aws_managed, managed_policies
from modelyard.access.identities.listings import Listing
from modelyard.access.identities.managed_policies import MANAGED_POLICY, VERSION, ManagedPolicy
from modelyard.access.identities.refusals import DeleteConflict, LimitExceeded, NoSuchEntity
from modelyard.call import Call, Document
from modelyard.storage import access_changes, records

VERSIONS_MAX = 5  # AWS: VersionsPerPolicy


@calls.write
async def create_policy_version(call: Call, request: Document) -> Document:
    """Raises: NoSuchEntity, MalformedPolicyDocument, InvalidInput, LimitExceeded."""
    await access_changes.bump(call.tx)
    text = managed_policies.checked_text(request["PolicyDocument"])
    policy = await managed_policies.own(call, request["PolicyArn"])
    key = (call.account, policy.arn)
    row = await call.tx.one(
        "SELECT COUNT(*) FROM managed_policy_version WHERE account = ? AND arn = ?", *key
    )
    if row is not None and row[0] >= VERSIONS_MAX:
        raise LimitExceeded(
            f"A managed policy can have up to {VERSIONS_MAX} versions. Before you create a new"
            " version, you must delete an existing version."
        )
    number, as_default = policy.next_version, bool(request.get("SetAsDefault", False))
    await managed_policies.add_version(call, policy.arn, number, text)
    changed = {"next_version": number + 1, "updated_us": call.now_us}
    if as_default:
        changed["default_version"] = number
    await records.update(call.tx, MANAGED_POLICY, key, changed)
    version = {
        "VersionId": f"v{number}",
        "IsDefaultVersion": as_default,
        "CreateDate": call.now_us,
    }
    return {"PolicyVersion": version}


@calls.read
async def get_policy_version(call: Call, request: Document) -> Document:
    """Raises: NoSuchEntity, InvalidInput."""
    policy = await managed_policies.get(call.tx, call.account, request["PolicyArn"])
    for version in await _all(call, policy):
        if _id(version) == request["VersionId"]:
            return {"PolicyVersion": _with_document(policy, version)}
    raise _missing(policy, request["VersionId"])


@calls.read
async def list_policy_versions(call: Call, request: Document) -> Document:
    """The newest first. Raises: NoSuchEntity, InvalidInput."""
    policy = await managed_policies.get(call.tx, call.account, request["PolicyArn"])
    listing = Listing(call, request)
    versions = [one for one in await _all(call, policy) if _is_after(one, listing.after)]
    page = [_shown(policy, version) for version in versions[: listing.limit]]
    more = len(versions) > listing.limit
    last = [versions[listing.limit - 1]["number"]] if more else None
    return listing.answer({"Versions": page}, last)


@calls.write
async def set_default_policy_version(call: Call, request: Document) -> Document:
    """Raises: NoSuchEntity, InvalidInput."""
    await access_changes.bump(call.tx)
    policy = await managed_policies.own(call, request["PolicyArn"])
    number = int((await _version(call, policy, request["VersionId"]))["number"])
    changed = {"default_version": number, "updated_us": call.now_us}
    await records.update(call.tx, MANAGED_POLICY, (call.account, policy.arn), changed)
    before, after = f"v{policy.default_version}", f"v{number}"
    call.changed(policy.arn, {"DefaultVersionId": before}, {"DefaultVersionId": after})
    return {}


@calls.write
async def delete_policy_version(call: Call, request: Document) -> Document:
    """Raises: NoSuchEntity, InvalidInput, DeleteConflict: it is the default one."""
    await access_changes.bump(call.tx)
    policy = await managed_policies.own(call, request["PolicyArn"])
    version = await _version(call, policy, request["VersionId"])
    if version["number"] == policy.default_version:
        raise DeleteConflict("Cannot delete the default version of a policy.")
    await records.delete(call.tx, VERSION, call.account, policy.arn, version["number"])
    gone = _shown(policy, version) | {"Document": version["text"]}
    call.changed(policy.arn, before=gone)
    return {}


async def with_documents(call: Call, policy: ManagedPolicy) -> list[Document]:
    """Every version as GetPolicyVersion answers it, the newest first."""
    return [_with_document(policy, version) for version in await _all(call, policy)]


async def _all(call: Call, policy: ManagedPolicy) -> list[records.Record]:
    """Never more than VERSIONS_MAX, the newest first."""
    if (aws := aws_managed.all_by_arn().get(policy.arn)) is not None:
        return [{"number": 1, "created_us": aws.created_us, "text": aws.text}]
    page = await records.page(
        call.tx,
        VERSION,
        equal={"account": call.account, "arn": policy.arn},
        order=("number",),
        limit=VERSIONS_MAX,
        descending=True,
    )
    return page.records


async def _version(call: Call, policy: ManagedPolicy, version_id: str) -> records.Record:
    """Raises: NoSuchEntity."""
    for version in await _all(call, policy):
        if _id(version) == version_id:
            return version
    raise _missing(policy, version_id)


def _is_after(version: records.Record, after: list[int] | None) -> bool:
    return after is None or bool(version["number"] < after[0])


def _id(version: records.Record) -> str:
    return f"v{version['number']}"


def _with_document(policy: ManagedPolicy, version: records.Record) -> Document:
    return {"Document": quote(version["text"], safe=""), **_shown(policy, version)}


def _shown(policy: ManagedPolicy, version: records.Record) -> Document:
    return {
        "VersionId": _id(version),
        "IsDefaultVersion": version["number"] == policy.default_version,
        "CreateDate": version["created_us"],
    }


def _missing(policy: ManagedPolicy, version_id: str) -> NoSuchEntity:
    return NoSuchEntity(
        f"Policy {policy.arn} version {version_id} does not exist or is not attachable."
    )
