"""Metrics of model packages, as numbers: what holds them at registration, and what shows them.

A registration reads no file: it holds the bytes of the documents that ModelMetrics names and puts
work on the list; `metric_reader` does it after the commit. Numbers in CustomerMetadataProperties
are kept with them at once, and follow updates. Where both have a name, the document's counts.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from modelyard import call as calls
from modelyard import model_package_names as names
from modelyard.call import Call, Document
from modelyard.contract import s3_locations
from modelyard.errors import ResourceNotFound, ValidationException
from modelyard.model_package_names import PackagePlace
from modelyard.registry import documents, metric_documents, pages
from modelyard.registry.metric_documents import Content, Named
from modelyard.storage import search_values, stored_objects, work
from modelyard.storage.stored_objects import StoredObject
from modelyard.storage.transaction import Transaction

WORK = "model-package-metrics"  # the kind of a work item; its subject is the package's ARN
KEPT = "kept"  # the document of a work item about a package from before there was this work
METADATA = "CustomerMetadataProperties"  # the source of a number that no document holds
PENDING, READ, UNREADABLE = "Pending", "Read", "Unreadable"
LIST_SIZE = 100
_ROWS_AT_ONCE = 50


async def register(call: Call, package: PackagePlace, document: Document) -> None:
    """Keep the numbers of a new package's metadata; hold its documents, and wish them read."""
    if METADATA in document:
        await put(call.tx, package, METADATA, _numbers(document[METADATA]))
    if "ModelMetrics" not in document:
        return
    waits = False
    for position, one in enumerate(metric_documents.named(document["ModelMetrics"])):
        held, problem = await _held(call, one)
        state = PENDING if held else UNREADABLE
        waits = waits or held is not None
        await call.tx.run(
            "INSERT INTO model_package_document"
            " (account, region, arn, position, kind, url, state, sha256, bytes, blob, problems)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            *(*package.row, position, one.kind, one.url, state),
            *((held.sha256, held.bytes, held.blob) if held else ("", 0, "")),
            msgspec.json.encode([problem] if problem else []).decode(),
        )
    if waits:
        await work.enqueue(call.tx, WORK, package.arn, due_us=call.now_us)


async def _held(call: Call, named: Named) -> tuple[StoredObject | None, str]:
    """The object behind a document, held in this transaction; or why it cannot be read.

    The caller has to be allowed to read it: its numbers are shown to all who may describe the
    package. A caller who is not is told the same as one who names nothing.
    """
    location = s3_locations.parse(named.url)
    if location is None:
        return None, "This is no S3 location."
    if await stored_objects.owner(call.tx, location.bucket) is None:
        return None, "Its bucket is not on this server."
    nothing = "There is no object that whoever registered may read (s3:GetObject)."
    arn = f"arn:aws:s3:::{location.bucket}/{location.key}"
    if not await call.may(call.tx, "s3:GetObject", arn):
        return None, nothing
    stored = await stored_objects.hold_one(call.tx, location.bucket, location.key)
    if stored is None:
        return None, nothing
    if stored.bytes > metric_documents.BYTES_MAX:
        limit = metric_documents.BYTES_MAX
        return None, f"It has {stored.bytes} bytes; up to {limit} are read."
    if named.sha256 and named.sha256 != stored.sha256:
        return None, f"Its SHA-256 is {stored.sha256}, not that of ContentDigest."
    return stored, ""


async def follow(call: Call, package: PackagePlace, before: Document, after: Document) -> None:
    """Keep up with an update of CustomerMetadataProperties."""
    known, wanted = _numbers(before.get(METADATA, {})), _numbers(after.get(METADATA, {}))
    if known == wanted:
        return
    for name in known.keys() - wanted.keys():
        await call.tx.run(
            f"DELETE FROM model_package_metric WHERE {_OF_ONE} AND name = ? AND source = ?",
            *_key(package),
            name,
            METADATA,
        )
    changed = {name: value for name, value in wanted.items() if known.get(name) != value}
    await put(call.tx, package, METADATA, changed)


async def forget(call: Call, package: PackagePlace, document: Document) -> None:
    """Drop what was kept of a package that is deleted, whose last document this is."""
    if METADATA in document or "ModelMetrics" in document:
        await call.tx.run(f"DELETE FROM model_package_metric WHERE {_OF_ONE}", *_key(package))
    if "ModelMetrics" in document:
        await call.tx.run(
            "DELETE FROM model_package_document WHERE account = ? AND region = ? AND arn = ?",
            *package.row,
        )


async def put(
    tx: Transaction, package: PackagePlace, source: str, numbers: Mapping[str, float]
) -> None:
    """Keep numbers of one source; a name that a document gave before keeps its value."""
    items = list(numbers.items())
    for start in range(0, len(items), _ROWS_AT_ONCE):
        some = items[start : start + _ROWS_AT_ONCE]
        values: list[str | float] = []
        for name, value in some:
            values += (*_key(package), name, value, source)
        await tx.run(
            "INSERT INTO model_package_metric"
            " (account, region, group_name, version, arn, name, value, source) VALUES "
            + ", ".join(["(?, ?, ?, ?, ?, ?, ?, ?)"] * len(some))
            + " ON CONFLICT (account, region, group_name, version, arn, name) DO UPDATE SET"
            " value = excluded.value, source = excluded.source"
            f" WHERE model_package_metric.source = '{METADATA}'",
            *values,
        )


_OF_ONE = "account = ? AND region = ? AND group_name = ? AND version = ? AND arn = ?"


def _key(package: PackagePlace) -> tuple[str, str, str, int, str]:
    return package.account, package.region, package.group, package.version, package.arn


def _numbers(metadata: Mapping[str, str]) -> dict[str, float]:
    found = ((name, search_values.number(text)) for name, text in metadata.items())
    return {name: value for name, value in found if value is not None}


async def put_kept(tx: Transaction, package: PackagePlace) -> None:
    """Keep the numbers of the metadata of a package that was registered before they were kept."""
    row = await tx.one(
        "SELECT document FROM model_package WHERE account = ? AND region = ? AND arn = ?",
        *package.row,
    )
    if row is not None:
        await put(tx, package, METADATA, _numbers(documents.read(row[0]).get(METADATA, {})))


async def of_package(tx: Transaction, package: PackagePlace) -> list[Document]:
    """The package's metrics, by name."""
    rows = await tx.all(
        f"SELECT name, value, source FROM model_package_metric WHERE {_OF_ONE} ORDER BY name",
        *_key(package),
    )
    return [{"MetricName": row[0], "Value": row[1], "Source": row[2]} for row in rows]


@calls.read
async def describe_model_package_metrics(call: Call, request: Document) -> Document:
    package = names.find_package(call, request["ModelPackageName"])
    row = await call.tx.one(
        "SELECT created_us FROM model_package WHERE account = ? AND region = ? AND arn = ?",
        *package.row,
    )
    if row is None:
        raise ResourceNotFound(names.package_missing(*package.row).message)
    found = await call.tx.all(
        "SELECT kind, url, state, sha256, bytes, problems FROM model_package_document"
        " WHERE account = ? AND region = ? AND arn = ? ORDER BY position",
        *package.row,
    )
    return {
        "ModelPackageArn": package.arn,
        "Metrics": await of_package(call.tx, package),
        "Documents": [_document(*one) for one in found],
    }


def _document(kind: str, url: str, state: str, sha256: str, length: int, problems: str) -> Document:
    answer: Document = {"Kind": kind, "S3Uri": url, "State": state}
    if sha256:
        answer |= {"Sha256": sha256, "Bytes": length}
    found = msgspec.json.decode(problems, type=list[str])
    return answer | ({"Problems": found} if found else {})


@calls.read
async def list_model_package_metrics(call: Call, request: Document) -> Document:
    group = names.find_group(call, request["ModelPackageGroupName"])
    await _check_group(call, group)
    listing = pages.Listing(
        columns=("m.name", "m.value", "m.source", "m.version", "m.arn", *_OF_PACKAGE),
        table="model_package_metric m JOIN model_package p ON p.account = m.account"
        " AND p.region = m.region AND p.arn = m.arn",
        order=_order(request),
        descending=request.get("SortOrder", pages.ASCENDING) != pages.ASCENDING,
    )
    listing.require("m.account = ? AND m.region = ? AND m.group_name = ?", *group.key)
    if "MetricName" in request:
        listing.require("m.name = ?", request["MetricName"])
    if "ModelApprovalStatus" in request:
        listing.require("p.approval = ?", request["ModelApprovalStatus"])
    rows, token = await pages.page(call, request, listing, LIST_SIZE)
    items = [_item(*row[len(listing.order) :]) for row in rows]
    return pages.answer("Metrics", items, token)


def _order(request: Document) -> tuple[str, ...]:
    """An index has each of them.

    Raises: ValidationException: by the values of different metrics.
    """
    by_value = request.get("SortBy") == "Value"
    if "MetricName" in request:
        return ("m.value", "m.version") if by_value else ("m.version",)
    if by_value:
        raise ValidationException(
            "SortBy Value needs a MetricName: one metric's values are sorted."
        )
    return ("m.version", "m.arn", "m.name")


_OF_PACKAGE = ("p.approval", "p.stage", "p.created_us")


async def _check_group(call: Call, group: names.GroupPlace) -> None:
    """Raises: ResourceNotFound."""
    found = await call.tx.one(
        "SELECT 1 FROM model_package_group WHERE account = ? AND region = ? AND name = ?",
        *group.key,
    )
    if found is None:
        raise ResourceNotFound(group.missing().message)


def _item(
    name: str,
    value: float,
    source: str,
    version: int,
    arn: str,
    approval: str,
    stage: str,
    created_us: int,
) -> Document:
    return {
        "ModelPackageArn": arn,
        "ModelPackageVersion": version,
        "MetricName": name,
        "Value": value,
        "Source": source,
        "CreationTime": created_us,
        **({"ModelApprovalStatus": approval} if approval else {}),
        **({"ModelLifeCycleStage": stage} if stage else {}),
    }


@dataclass(frozen=True, slots=True)
class Waiting:
    """A document that was not read yet; `stored` names the bytes that were registered."""

    position: int
    kind: str
    stored: StoredObject


async def waiting(tx: Transaction, package: PackagePlace) -> list[Waiting]:
    rows = await tx.all(
        "SELECT position, kind, bytes, sha256, blob FROM model_package_document"
        " WHERE account = ? AND region = ? AND arn = ? AND state = ? ORDER BY position",
        *package.row,
        PENDING,
    )
    return [
        Waiting(position, kind, StoredObject("", "", length, "", sha256, blob, 0))
        for position, kind, length, sha256, blob in rows
    ]


async def keep(tx: Transaction, package: PackagePlace, document: Waiting, content: Content) -> None:
    """Write down what was read of a document, unless it is gone or was read by now."""
    changed = await tx.run(
        "UPDATE model_package_document SET state = ?, problems = ?"
        " WHERE account = ? AND region = ? AND arn = ? AND position = ? AND blob = ? AND state = ?",
        READ if content.is_readable else UNREADABLE,
        msgspec.json.encode(content.problems).decode(),
        *package.row,
        document.position,
        document.stored.blob,
        PENDING,
    )
    if changed:
        await put(tx, package, document.kind, content.numbers)
