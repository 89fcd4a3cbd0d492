"""Decisions about approval: every one is kept, with its note. DescribeModelPackage shows the last.

The record outlives its package. An ARN may come again (an unversioned name, a group made anew), and
a list about the new one leaves out what was decided about the old.
"""

from modelyard import call as calls
from modelyard import gate
from modelyard import model_package_names as names
from modelyard.call import Call, Document
from modelyard.errors import ResourceNotFound
from modelyard.model_package_names import PackagePlace
from modelyard.registry import pages
from modelyard.registry.approval import Decision

LIST_SIZE = 10


async def record(call: Call, package: PackagePlace, decision: Decision, stage: str) -> None:
    """Write down a decision under the next number of its package, whose row is locked."""
    await call.tx.run(
        "INSERT INTO model_package_decision"
        " (account, region, arn, number, at_us, principal, approval, previous, note, stage)"
        " SELECT ?, ?, ?, COALESCE(MAX(number), 0) + 1, ?, ?, ?, ?, ?, ?"
        " FROM model_package_decision WHERE account = ? AND region = ? AND arn = ?",
        *package.row,
        call.now_us,
        call.principal.arn,
        decision.approval,
        decision.previous,
        decision.note,
        stage,
        *package.row,
    )


@calls.read
async def list_model_package_decisions(call: Call, request: Document) -> Document:
    package, since_us = await _package(call, request)
    listing = pages.Listing(
        columns=("approval", "previous", "note", "at_us", "principal"),
        table="model_package_decision",
        order=("number",),
        descending=True,
    )
    listing.require("account = ? AND region = ? AND arn = ?", *package.row)
    listing.require("at_us >= ?", since_us)
    rows, token = await pages.page(call, request, listing, LIST_SIZE)
    return pages.answer("Decisions", [_answered(package.arn, *row) for row in rows], token)


@calls.read
async def describe_model_package_artifacts(call: Call, request: Document) -> Document:
    package, _ = await _package(call, request)
    found = await gate.artifacts(call.tx, *package.row)
    return {"ModelPackageArn": package.arn, "Artifacts": [_artifact(one) for one in found]}


async def _package(call: Call, request: Document) -> tuple[PackagePlace, int]:
    """The package, and when it was registered.

    Raises: ResourceNotFound.
    """
    package = names.find_package(call, request["ModelPackageName"])
    row = await call.tx.one(
        "SELECT created_us FROM model_package WHERE account = ? AND region = ? AND arn = ?",
        *package.row,
    )
    if row is None:
        raise ResourceNotFound(names.package_missing(*package.row).message)
    return package, row[0]


def _answered(
    arn: str, number: int, approval: str, previous: str, note: str, at_us: int, principal: str
) -> Document:
    return {
        "ModelPackageArn": arn,
        "DecisionNumber": number,
        **({"PreviousModelApprovalStatus": previous} if previous else {}),
        "ModelApprovalStatus": approval,
        **({"ApprovalDescription": note} if note else {}),
        "DecidedTime": at_us,
        "DecidedBy": principal,
    }


def _artifact(artifact: gate.Artifact) -> Document:
    answer: Document = {"Url": artifact.url, "State": artifact.state}
    if artifact.state == gate.VERIFIED:
        answer["Sha256"] = artifact.sha256
        answer["Bytes"] = artifact.bytes
        answer["ETag"] = artifact.etag
    return answer
