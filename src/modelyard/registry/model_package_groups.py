"""Model package groups: create, describe, list, delete. A group also hands out version numbers."""

from functools import partial

from modelyard import call as calls
from modelyard import model_package_names as names
from modelyard import tag_rules
from modelyard.call import Call, Document
from modelyard.errors import Conflict, ConflictException, ResourceLimitExceeded, ValidationException
from modelyard.model_package_names import GroupPlace, PackagePlace
from modelyard.registry import documents, pages
from modelyard.storage import resource_policies, tags

VERSION_MAX = 999_999_999  # nine digits: DescribeModelPackage's pattern


@calls.write
async def create_model_package_group(call: Call, request: Document) -> Document:
    name = request["ModelPackageGroupName"]
    given = tag_rules.read(request.get("Tags", []))
    arn = names.group_arn(call.account, call.region, name)
    document = {
        "ModelPackageGroupName": name,
        "ModelPackageGroupArn": arn,
        **{m: request[m] for m in ("ModelPackageGroupDescription",) if m in request},
        "CreationTime": call.now_us,
        "CreatedBy": call.principal.user_context,
        "ModelPackageGroupStatus": "Completed",
        **{m: request[m] for m in ("ManagedConfiguration",) if request.get(m)},
    }
    try:
        await call.tx.run(
            "INSERT INTO model_package_group"
            " (account, region, name, arn, created_us, modified_us, document)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            call.account,
            call.region,
            name,
            arn,
            call.now_us,
            call.now_us,
            documents.text(document),
        )
    except Conflict:
        raise ValidationException(f"Model Package Group already exists: {arn}") from None
    await tags.put(call.tx, call.account, call.region, arn, given)
    return {"ModelPackageGroupArn": arn}


@calls.read
async def describe_model_package_group(call: Call, request: Document) -> Document:
    group = names.find_group(call, request["ModelPackageGroupName"])
    row = await call.tx.one(
        "SELECT document FROM model_package_group WHERE account = ? AND region = ? AND name = ?",
        *group.key,
    )
    if row is None:
        raise group.missing()
    return documents.read(row[0])


@calls.write
async def delete_model_package_group(call: Call, request: Document) -> Document:
    group = names.find_group(call, request["ModelPackageGroupName"])
    gone = await call.tx.one(
        "DELETE FROM model_package_group"
        " WHERE account = ? AND region = ? AND name = ? AND versions = 0 RETURNING document",
        *group.key,
    )
    if gone is None:
        raise await _still_there(call, group)
    call.changed(group.arn, before=documents.read(gone[0]))
    await tags.drop(call.tx, group.account, group.region, group.arn)
    await resource_policies.drop(call.tx, group.arn)
    return {}


async def _still_there(call: Call, group: GroupPlace) -> Exception:
    row = await call.tx.one(
        "SELECT arn, versions FROM model_package_group"
        " WHERE account = ? AND region = ? AND name = ?",
        *group.key,
    )
    if row is None:
        return group.missing()
    return ConflictException(
        f"Model Package Group {row[0]} is not empty: it has {row[1]} model package(s)."
        " Delete them first."
    )


async def next_version(call: Call, group: GroupPlace) -> tuple[int, int]:
    """Take the next number of a group; answers it, and when the group was made.

    The row stays locked until the end of the transaction. That makes numbers gapless: who comes
    next waits to learn whether this one was used.
    Raises: ValidationException: no such group. ResourceLimitExceeded: its numbers are used up.
    """
    row = await call.tx.one(
        "UPDATE model_package_group SET next_version = next_version + 1, versions = versions + 1"
        " WHERE account = ? AND region = ? AND name = ? RETURNING next_version - 1, created_us",
        *group.key,
    )
    if row is None:
        raise group.missing()
    if row[0] > VERSION_MAX:
        raise ResourceLimitExceeded(
            f"Model Package Group {group.name} has used all of its {VERSION_MAX} version numbers."
        )
    return int(row[0]), int(row[1])


async def forget_version(call: Call, package: PackagePlace) -> None:
    """Count one package less in a group. Its number is not given again."""
    await call.tx.run(
        "UPDATE model_package_group SET versions = versions - 1"
        " WHERE account = ? AND region = ? AND name = ?",
        package.account,
        package.region,
        package.group,
    )


_IN_SUMMARIES = (
    "ModelPackageGroupName",
    "ModelPackageGroupArn",
    "ModelPackageGroupDescription",
    "CreationTime",
    "ModelPackageGroupStatus",
    "ManagedConfiguration",
)


def _a_few_rows(request: Document) -> bool:
    """Whether an index leads straight to the page."""
    by_name = request.get("SortBy") == "Name"
    timed = "CreationTimeAfter" in request or "CreationTimeBefore" in request
    shared = request.get("CrossAccountFilterOption") == "CrossAccount"
    return not shared and not request.get("NameContains") and not (by_name and timed)


@calls.scan_unless(_a_few_rows)
async def list_model_package_groups(call: Call, request: Document) -> Document:
    shared = request.get("CrossAccountFilterOption") == "CrossAccount"
    by_name = request.get("SortBy") == "Name"
    order = ("name",) if by_name else ("created_us", "name")
    listing = pages.Listing(
        columns=("document",),
        table="model_package_group",
        order=(*order, "account") if shared else order,
        descending=request.get("SortOrder", pages.ASCENDING) != pages.ASCENDING,
    )
    if shared:
        listing.require(
            "(account, region, arn) IN (SELECT account, region, arn FROM resource_policy_reader"
            " WHERE reader = ? AND region = ?)",
            call.account,
            call.region,
        )
    else:
        listing.require("account = ? AND region = ?", call.account, call.region)
    listing.require_times(request, "created_us")
    if request.get("NameContains"):
        listing.require("replace(name, ?, '') <> name", request["NameContains"])
    sees = partial(call.may, call.tx, "sagemaker:DescribeModelPackageGroup") if shared else None
    rows, token = await pages.page(call, request, listing, pages.SIZE_DEFAULT, sees)
    groups = [documents.read(row[-1]) for row in rows]
    summaries = [{m: group[m] for m in _IN_SUMMARIES if m in group} for group in groups]
    return pages.answer("ModelPackageGroupSummaryList", summaries, token)
