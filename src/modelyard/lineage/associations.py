"""Associations: one entity contributed to another, or produced it. None closes a circle."""

from modelyard import call as calls
from modelyard import lineage_names as names
from modelyard import listings
from modelyard.call import Call, Document
from modelyard.contract import arns
from modelyard.errors import ValidationException
from modelyard.lineage import ends, entities, store, walk
from modelyard.listings import Listing

_OF_EXPERIMENTS = (names.EXPERIMENT, names.TRIAL_COMPONENT)
# What SDKs ask for where an association tells the type of an end: the kind of the entity.
_KINDS = {word: kind for kind, word in names.LINEAGE_TYPES.items()}

_COLUMNS = (
    *("source_arn", "destination_arn", "association_type"),
    *("source_type", "destination_type", "created_us"),
)
_ORDERS = {
    "CreationTime": ("created_us", "source_arn", "destination_arn"),
    "SourceArn": ("source_arn", "destination_arn"),
    "DestinationArn": ("destination_arn", "source_arn"),
    "SourceType": ("source_type", "source_arn", "destination_arn"),
    "DestinationType": ("destination_type", "source_arn", "destination_arn"),
}


@calls.write
async def add_association(call: Call, request: Document) -> Document:
    """Join two entities that are there.

    Raises: ResourceNotFound: one is not. ValidationException: they may not be joined, are joined
    already, or a circle would close.
    """
    source = names.reached(call, request["SourceArn"])
    destination = names.reached(call, request["DestinationArn"])
    _refuse_what_may_not_be_joined(source, destination)
    # Until the end of the transaction nobody else closes a circle or deletes one of the two.
    await call.tx.run(
        "INSERT INTO lineage_group (account, region, created_us) VALUES (?, ?, ?)"
        " ON CONFLICT (account, region) DO UPDATE SET created_us = lineage_group.created_us",
        *(*names.place(call), call.now_us),
    )
    for arn in sorted((source, destination)):
        await call.tx.run(
            "UPDATE lineage_entity SET modified_us = modified_us"
            " WHERE account = ? AND region = ? AND arn = ?",
            *(*names.place(call), arn),
        )
    found = await ends.find(call.tx, *names.place(call), (source, destination))
    for arn in (source, destination):
        if arn not in found:
            raise names.missing(arn)
    association_type = request.get("AssociationType", "")
    joined = await store.associate(
        *(call.tx, *names.place(call), source, destination, association_type), now_us=call.now_us
    )
    if not joined:
        raise ValidationException(f"Association already exists: {source} with {destination}")
    if await walk.leads(call.tx, *names.place(call), destination, source):
        raise ValidationException(
            f"{destination} leads to {source} already: an association back would close a circle."
        )
    return {"SourceArn": source, "DestinationArn": destination}


def _refuse_what_may_not_be_joined(source: str, destination: str) -> None:
    if source == destination:
        raise ValidationException(f"{source} cannot be associated with itself.")
    if {names.kind(source), names.kind(destination)} <= set(_OF_EXPERIMENTS):
        raise ValidationException(
            f"{source} and {destination} are both entities of experiments, which associations do"
            " not join. Use AssociateTrialComponent."
        )


@calls.write
async def delete_association(call: Call, request: Document) -> Document:
    source = names.reached(call, request["SourceArn"])
    destination = names.reached(call, request["DestinationArn"])
    row = await call.tx.one(
        "DELETE FROM lineage_association WHERE account = ? AND region = ?"
        " AND source_arn = ? AND destination_arn = ? RETURNING association_type",
        *(*names.place(call), source, destination),
    )
    if row is None:
        raise names.missing(f"Association of {source} with {destination}")
    association = {"SourceArn": source, "DestinationArn": destination}
    typed = {"AssociationType": row[0]} if row[0] else {}
    call.changed(source, before={**association, **typed})
    call.changed(destination)
    return association


def _few(request: Document) -> bool:
    """Whether an index leads straight to the page."""
    filters = ("SourceArn", "DestinationArn", "SourceType", "DestinationType", "AssociationType")
    return request.get("SortBy", "CreationTime") == "CreationTime" and not any(
        member in request for member in filters
    )


@calls.scan_unless(_few)
async def list_associations(call: Call, request: Document) -> Document:
    listing = Listing(
        columns=_COLUMNS,
        table="lineage_association",
        order=_ORDERS[request.get("SortBy", "CreationTime")],
        descending=request.get("SortOrder") != listings.ASCENDING,
    )
    listing.require("account = ? AND region = ?", *names.place(call))
    for end in ("Source", "Destination"):
        if f"{end}Arn" in request:
            arn = names.reached(call, request[f"{end}Arn"])
            listing.require(f"{end.lower()}_arn = ?", arn)
        if f"{end}Type" in request:
            _require_type(call, listing, end.lower(), request[f"{end}Type"])
    if "AssociationType" in request:
        listing.require("association_type = ?", request["AssociationType"])
    listing.require_times(request, "created_us")
    rows, token = await listings.page(call, request, listing, entities.LIST_SIZE, lambda row: "")
    told = [row[-len(_COLUMNS) :] for row in rows]
    found = await ends.find(call.tx, *names.place(call), [arn for row in told for arn in row[:2]])
    summaries = []
    for source, destination, association_type, source_type, destination_type, created in told:
        members = {
            "SourceArn": source,
            "DestinationArn": destination,
            "SourceType": source_type,
            "DestinationType": destination_type,
            "AssociationType": association_type,
            "SourceName": found[source].name if source in found else "",
            "DestinationName": found[destination].name if destination in found else "",
            "CreationTime": created,
        }
        summaries.append({name: value for name, value in members.items() if value != ""})
    return listings.answer("AssociationSummaries", summaries, token)


def _require_type(call: Call, listing: Listing, end: str, wanted: str) -> None:
    """An end of this type, or of this kind: SDKs ask for `Action`, and for `ModelDeployment`."""
    if wanted not in _KINDS:
        listing.require(f"{end}_type = ?", wanted)
        return
    first = arns.build(call.region, call.account, _KINDS[wanted], "")
    listing.require(
        f"({end}_type = ? OR ({end}_arn > ? AND {end}_arn < ?))", wanted, first, first[:-1] + "0"
    )
