"""What a database had from before anything was announced, told as it would have been announced.

The one module of lineage that reads the tables of the registry and of hosting.
"""

from dataclasses import replace

import msgspec

from modelyard import gate, model_package_names
from modelyard.announcements import (
    EndpointDeployed,
    ModelPackageDecided,
    ModelPackageRegistered,
    ModelPackageStaged,
    Stage,
)
from modelyard.call import Document
from modelyard.storage.outbox import Entry
from modelyard.storage.transaction import Transaction

PENDING = "PendingManualApproval"  # of a version that was registered without a decision

Told = tuple[Entry, ModelPackageRegistered | ModelPackageDecided | ModelPackageStaged]


async def package(tx: Transaction, entry: Entry) -> list[Told]:
    """The registration of a package, its decisions and its present stage; nothing if it is gone.

    Each with an entry of the time when it was.
    """
    place = model_package_names.place(entry.subject)
    row = await tx.one(
        "SELECT document FROM model_package WHERE account = ? AND region = ? AND arn = ?",
        *place.row,
    )
    if row is None:
        return []
    document = _read(row[0])
    decisions = await tx.all(
        "SELECT at_us, principal, approval, previous, note FROM model_package_decision"
        " WHERE account = ? AND region = ? AND arn = ? AND at_us >= ? ORDER BY number",
        *(*place.row, document["CreationTime"]),
    )
    first = next((approval for _, _, approval, previous, _ in decisions if not previous), "")
    registration = ModelPackageRegistered.of(
        document,
        await gate.artifacts(tx, *place.row),
        await _group_created_us(tx, place),
        first or (PENDING if place.version else ""),
    )
    told: list[Told] = [(entry, msgspec.structs.replace(registration, stage=None))]
    for at_us, by, approval, previous, note in decisions:
        if previous:
            decided = ModelPackageDecided(by=by, approval=approval, previous=previous, note=note)
            told.append((replace(entry, at_us=at_us), decided))
    stage = Stage.of(document)
    if stage is not None:
        changed = replace(entry, at_us=document["LastModifiedTime"])
        told.append((changed, ModelPackageStaged(by=registration.by, stage=stage)))
    return told


async def deployment(tx: Transaction, entry: Entry, number: int) -> EndpointDeployed | None:
    """A deployment that was in service; None if nothing new was deployed by it, or it is gone."""
    place = (entry.account, entry.region, entry.subject)
    endpoint = await tx.one(
        "SELECT created_us FROM endpoint WHERE account = ? AND region = ? AND arn = ?", *place
    )
    row = await tx.one(
        "SELECT config_name, principal, document, in_service_us FROM endpoint_deployment"
        " WHERE account = ? AND region = ? AND endpoint_arn = ? AND number = ?",
        *(*place, number),
    )
    if endpoint is None or row is None:
        return None
    config_name, principal, encoded, in_service_us = row
    document = _read(encoded)
    if "Scales" in document:
        return None
    before = await tx.one(
        "SELECT number, document FROM endpoint_deployment"
        " WHERE account = ? AND region = ? AND endpoint_arn = ? AND created_us >= ?"
        " AND in_service_us > 0 AND in_service_us < ? ORDER BY in_service_us DESC LIMIT 1",
        *(*place, endpoint[0], in_service_us),
    )
    record = {
        "number": number,
        "config_name": config_name,
        "principal": principal,
        "document": document,
    }
    replaced = 0 if before is None else int(_read(before[1]).get("Scales") or before[0])
    return EndpointDeployed.of(record, endpoint[0], replaced)


async def _group_created_us(tx: Transaction, place: model_package_names.PackagePlace) -> int:
    row = await tx.one(
        "SELECT created_us FROM model_package_group WHERE account = ? AND region = ? AND name = ?",
        *(place.account, place.region, place.group),
    )
    return 0 if row is None else int(row[0])


def _read(encoded: str) -> Document:
    found: Document = msgspec.json.decode(encoded)
    return found
