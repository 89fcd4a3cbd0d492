"""Model packages: create, describe, list, update, delete. Versioned ones are in a group.

The document of a package is what DescribeModelPackage answers; columns beside it are what lists
filter and sort by.
"""

from modelyard import call as calls
from modelyard import gate, tag_rules
from modelyard import model_package_names as names
from modelyard.call import Call, Document
from modelyard.errors import AccessDeniedException, Conflict, Refusal, ValidationException
from modelyard.gate import COMPLETED, Artifact
from modelyard.model_package_names import PackagePlace
from modelyard.registry import (
    announcing,
    approval,
    archive_files,
    custody,
    decisions,
    documents,
    inference_specification,
    metadata_rows,
    model_card,
    model_package_groups,
    model_package_metrics,
    package_updates,
    source_uri,
)
from modelyard.storage import tags

_TAKEN_AS_GIVEN = (
    "ModelPackageDescription",
    "ModelPackageRegistrationType",
    "CertifyForMarketplace",
    "MetadataProperties",
    "ModelMetrics",
    "Domain",
    "Task",
    "SamplePayloadUrl",
    "CustomerMetadataProperties",
    "DriftCheckBaselines",
    "SkipModelValidation",
    "SourceUri",
    "SecurityConfig",
    "ModelLifeCycle",
    "ManagedStorageType",
)


@calls.write
async def create_model_package(call: Call, request: Document) -> Document:
    request = documents.without_empty_structures(request)
    _refuse_contradictions(request)
    given_tags = tag_rules.read(request.get("Tags", []))
    name, group_created_us = await _new_name(call, request)
    arn = name.arn
    specifications, artifacts = await _specifications(call, request)
    package = _new(call, name, arn, request, specifications)
    await _insert(call, name, package)
    await custody.record(call, name, artifacts)
    await model_package_metrics.register(call, name, package)
    await metadata_rows.register(call, name, package)
    decision = approval.at_registration(request)
    if decision is not None:
        await decisions.record(call, name, decision, _stage(package))
    await tags.put(call.tx, *name.row, given_tags)
    await announcing.registered(call, name, package, artifacts, group_created_us)
    return {"ModelPackageArn": arn}


def _refuse_contradictions(request: Document) -> None:
    versioned = "ModelPackageGroupName" in request
    if versioned and "ModelPackageName" in request:
        raise ValidationException(
            "Both ModelPackageName and ModelPackageGroupName are provided in the input. Cannot"
            " determine which one to use."
        )
    if not versioned and "ModelPackageName" not in request:
        raise ValidationException("Missing ARN. Give ModelPackageGroupName or ModelPackageName.")
    if versioned and request.get("Tags"):
        raise ValidationException(
            "A versioned model package takes no Tags: it uses the tags of its model package group."
            " Use CustomerMetadataProperties for a version's own."
        )
    if "SourceAlgorithmSpecification" in request:
        algorithm = request["SourceAlgorithmSpecification"]["SourceAlgorithms"][0]["AlgorithmName"]
        raise ValidationException(
            f"Algorithm {algorithm} does not exist: Modelyard has no algorithm resources. Use"
            " InferenceSpecification."
        )
    if request.get("ValidationSpecification", {}).get("ValidationProfiles"):
        raise ValidationException(
            "ValidationSpecification is not offered yet: Modelyard runs no validation jobs. Leave"
            " it out."
        )


async def _new_name(call: Call, request: Document) -> tuple[PackagePlace, int]:
    """Where the package is to be, and when its group was made (0: it has none).

    A version belongs to the account of its group, whoever registers it.
    """
    if "ModelPackageGroupName" not in request:
        return PackagePlace("", request["ModelPackageName"], 0, call.account, call.region), 0
    group = names.find_group(call, request["ModelPackageGroupName"])
    version, created_us = await model_package_groups.next_version(call, group)
    return PackagePlace(group.name, "", version, group.account, group.region), created_us


async def _specifications(call: Call, request: Document) -> tuple[Document, list[Artifact]]:
    """The specification members of a new package, its own or its source's, and their bytes."""
    copied = source_uri.NOTHING
    if "InferenceSpecification" not in request and "SourceUri" in request:
        copied = await source_uri.copy(call, request["SourceUri"])
    members: Document = {
        member: request.get(member, copied.members.get(member))
        for member in ("InferenceSpecification", "AdditionalInferenceSpecifications")
        if member in request or member in copied.members
    }
    additional = members.get("AdditionalInferenceSpecifications", [])
    inference_specification.appended([], additional)
    wanted = custody.sources(inference_specification.named(members))
    named = {source.url for source in wanted}
    kept = [artifact for artifact in copied.artifacts if artifact.source in named]
    known = {artifact.source for artifact in kept}
    taken = await custody.take(call, [source for source in wanted if source.url not in known])
    return members, [*kept, *taken]


def _new(
    call: Call, name: PackagePlace, arn: str, request: Document, specifications: Document
) -> Document:
    status = approval.initial(request, versioned=name.version > 0)
    package: Document = {"ModelPackageName": name.name}
    if name.version:
        # AWS leaves ModelPackageName out for versions, although its model requires it.
        package = {"ModelPackageGroupName": name.group, "ModelPackageVersion": name.version}
    package |= {"ModelPackageArn": arn, "CreationTime": call.now_us, **specifications}
    package |= {"ModelPackageStatus": COMPLETED}
    package |= {"ModelPackageStatusDetails": {"ValidationStatuses": [], "ImageScanStatuses": []}}
    package |= {"CertifyForMarketplace": False}
    package |= {"ModelApprovalStatus": status} if status else {}
    package |= {"CreatedBy": call.principal.user_context}
    package |= {"LastModifiedTime": call.now_us}
    package |= {member: request[member] for member in _TAKEN_AS_GIVEN if member in request}
    if "ModelCard" in request:
        package["ModelCard"] = model_card.created(request["ModelCard"])
    return package


def _stage(package: Document) -> str:
    stage: str = package.get("ModelLifeCycle", {}).get("Stage", "")
    return stage


async def _insert(call: Call, name: PackagePlace, package: Document) -> None:
    try:
        await call.tx.run(
            "INSERT INTO model_package (account, region, group_name, name, version, arn,"
            " created_us, modified_us, approval, stage, document)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            name.account,
            name.region,
            name.group,
            name.name,
            name.version,
            package["ModelPackageArn"],
            call.now_us,
            call.now_us,
            package.get("ModelApprovalStatus", ""),
            _stage(package),
            documents.text(package),
        )
    except Conflict:
        raise ValidationException(
            f"ModelPackage already exists: {package['ModelPackageArn']}"
        ) from None


async def _find(call: Call, text: str) -> Document:
    """Raises: ValidationException: no such package."""
    name = names.find_package(call, text)
    row = await call.tx.one(
        "SELECT document FROM model_package"
        " WHERE account = ? AND region = ? AND group_name = ? AND name = ? AND version = ?",
        name.account,
        name.region,
        name.group,
        name.name,
        name.version,
    )
    if row is None:
        raise names.package_missing(name.account, name.region, text)
    return documents.read(row[0])


@calls.read
async def describe_model_package(call: Call, request: Document) -> Document:
    package = await _find(call, request["ModelPackageName"])
    if request.get("IncludedData") == "MetadataOnly" and "ModelCard" in package:
        package["ModelCard"] = model_card.sanitized(package["ModelCard"])
    return package


_IN_BATCHES = (
    "ModelPackageGroupName",
    "ModelPackageVersion",
    "ModelPackageArn",
    "ModelPackageDescription",
    "CreationTime",
    "InferenceSpecification",
    "ModelPackageStatus",
    "ModelApprovalStatus",
    "ModelPackageRegistrationType",
)


@calls.read
async def batch_describe_model_package(call: Call, request: Document) -> Document:
    summaries: Document = {}
    refused: Document = {}
    for number, arn in enumerate(request["ModelPackageArnList"]):
        if number in call.refused:
            code, sentence = AccessDeniedException.code, call.refused[number]
            refused[arn] = {"ErrorCode": code, "ErrorResponse": sentence}
            continue
        try:
            summaries[arn] = _batch_summary(await _find(call, arn))
        except Refusal as refusal:
            refused[arn] = {"ErrorCode": refusal.code, "ErrorResponse": refusal.message}
    answer = {"ModelPackageSummaries": summaries, "BatchDescribeModelPackageErrorMap": refused}
    return {member: entries for member, entries in answer.items() if entries}


def _batch_summary(package: Document) -> Document:
    """Raises: ValidationException: it lacks what AWS's summary always has."""
    for member in ("ModelPackageGroupName", "InferenceSpecification"):
        if member not in package:
            raise ValidationException(
                f"ModelPackage {package['ModelPackageArn']} has no {member}, which a summary needs."
                " Use DescribeModelPackage."
            )
    return {member: package[member] for member in _IN_BATCHES if member in package}


@calls.write
async def update_model_package(call: Call, request: Document) -> Document:
    request = documents.without_empty_structures(request)
    name = names.find_package(call, request["ModelPackageArn"])
    package = await _locked(call, name)
    decision = approval.of_update(package, request)
    updated = package_updates.updated(package, request)
    taken = await _extend_custody(call, name, package, updated)
    await model_package_metrics.follow(call, name, package, updated)
    await metadata_rows.follow(call, name, package, updated)
    updated["LastModifiedTime"] = call.now_us
    updated["LastModifiedBy"] = call.principal.user_context
    await call.tx.run(
        "UPDATE model_package SET approval = ?, stage = ?, document = ?"
        " WHERE account = ? AND region = ? AND arn = ?",
        updated.get("ModelApprovalStatus", ""),
        _stage(updated),
        documents.text(updated),
        *name.row,
    )
    if decision is not None:
        await decisions.record(call, name, decision, _stage(updated))
    await announcing.updated(call, name, package, updated, taken, decision)
    call.changed(name.arn, before=package, after=updated)
    return {"ModelPackageArn": name.arn}


async def _locked(call: Call, name: PackagePlace) -> Document:
    """The package as it is now; nobody else changes it until this transaction ends.

    Raises: ValidationException: no such package.
    """
    row = await call.tx.one(
        "UPDATE model_package SET modified_us = ?"
        " WHERE account = ? AND region = ? AND arn = ? RETURNING document",
        call.now_us,
        *name.row,
    )
    if row is None:
        raise names.package_missing(*name.row)
    return documents.read(row[0])


async def _extend_custody(
    call: Call, name: PackagePlace, before: Document, after: Document
) -> list[Artifact]:
    """Take into custody what an update names for the first time, and let go what it names no more.

    Answers what was taken. A package that names a URL again means the bytes it stands for already,
    not what lies there now.
    """
    known = {source.url for source in custody.sources(inference_specification.named(before))}
    wanted = custody.sources(inference_specification.named(after))
    if {source.url for source in wanted} == known:
        return []
    recorded = await gate.artifacts(call.tx, *name.row)
    named = {source.url for source in wanted}
    kept = [artifact for artifact in recorded if artifact.source in named]
    taken = await custody.take(call, [source for source in wanted if source.url not in known])
    await custody.forget(call, name)
    await custody.record(call, name, [*kept, *taken])
    return taken


@calls.write
async def delete_model_package(call: Call, request: Document) -> Document:
    """Remove the entry. Bytes in buckets, models, endpoints and the record of decisions stay."""
    name = names.find_package(call, request["ModelPackageName"])
    if name.version:
        await model_package_groups.forget_version(call, name)
    gone = await call.tx.one(
        "DELETE FROM model_package WHERE account = ? AND region = ? AND arn = ? RETURNING document",
        *name.row,
    )
    if gone is None:
        raise names.package_missing(*name.row)
    package = documents.read(gone[0])
    call.changed(name.arn, before=package)
    await archive_files.forget(call.tx, *name.row)
    await custody.forget(call, name)
    await model_package_metrics.forget(call, name, package)
    await metadata_rows.forget(call, name, package)
    await tags.drop(call.tx, *name.row)
    await announcing.deleted(call, name)
    return {}
