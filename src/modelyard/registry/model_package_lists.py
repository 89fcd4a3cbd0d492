"""ListModelPackages: which packages a request means, in which order.

A page of one group by creation costs the same at any size of the group: its order is an index.
"""

from modelyard import call as calls
from modelyard import model_package_names as names
from modelyard.call import Call, Document
from modelyard.model_package_names import GroupPlace
from modelyard.registry import documents, pages

_SUMMARY = documents.Members(
    "ModelPackageName",
    "ModelPackageGroupName",
    "ModelPackageVersion",
    "ModelPackageArn",
    "ModelPackageDescription",
    "CreationTime",
    "ModelPackageStatus",
    "ModelApprovalStatus",
    "ModelLifeCycle",
    "ModelPackageRegistrationType",
)


def _a_few_rows(request: Document) -> bool:
    """Whether an index leads straight to the page: one group (or the unversioned), by its order."""
    if "ModelPackageGroupName" not in request:
        if request.get("ModelPackageType", "Unversioned") != "Unversioned":
            return False
        if request.get("NameContains"):
            return False
    if request.get("SortBy") != "Name":
        return True
    return not {"ModelApprovalStatus", "CreationTimeAfter", "CreationTimeBefore"} & set(request)


@calls.scan_unless(_a_few_rows)
async def list_model_packages(call: Call, request: Document) -> Document:
    place, kind = _group_and_type(call, request)
    group = place.name
    contains = request.get("NameContains", "")
    if group and (contains not in group or kind == "Unversioned"):
        return pages.answer("ModelPackageSummaryList", [], None)
    listing = pages.Listing(
        columns=("document",),
        table="model_package",
        order=_order(request, group, kind),
        descending=request.get("SortOrder", pages.ASCENDING) != pages.ASCENDING,
    )
    listing.require("account = ? AND region = ?", place.account, place.region)
    if group or kind == "Unversioned":
        listing.require("group_name = ?", group)
    elif kind == "Versioned":
        listing.require("group_name > ''")
    if "ModelApprovalStatus" in request:
        listing.require("approval = ?", request["ModelApprovalStatus"])
    listing.require_times(request, "created_us")
    if contains and not group:
        # A versioned package is called by its group; one of the two names is always empty.
        listing.require("replace(group_name || name, ?, '') <> group_name || name", contains)
    rows, token = await pages.page(call, request, listing, pages.SIZE_DEFAULT)
    summaries = [_SUMMARY.read(row[-1]) for row in rows]
    return pages.answer("ModelPackageSummaryList", summaries, token)


def _group_and_type(call: Call, request: Document) -> tuple[GroupPlace, str]:
    """The group asked for, and the type: Versioned if there is one, else Unversioned.

    The name is "" for none. An unknown group is an empty list, not an error.
    """
    if "ModelPackageGroupName" not in request:
        return GroupPlace("", call.account, call.region), request.get(
            "ModelPackageType", "Unversioned"
        )
    group = names.find_group(call, request["ModelPackageGroupName"])
    return group, request.get("ModelPackageType", "Versioned")


def _order(request: Document, group: str, kind: str) -> tuple[str, ...]:
    """The columns that put the packages in order; each an index with what is equal before it."""
    by_name = request.get("SortBy") == "Name"
    if group:
        return ("name", "version") if by_name else ("created_us", "version")
    if kind == "Unversioned":
        return ("name", "version") if by_name else ("created_us", "version", "name")
    if by_name:
        return ("group_name", "name", "version")
    return ("created_us", "group_name", "name", "version")
