"""What artifacts, actions and contexts have in common: one table, and members by AWS's word."""

from collections.abc import Iterable, Sequence
from typing import Any

from modelyard import lineage_names as names
from modelyard import listings, tag_rules
from modelyard.call import Call, Document
from modelyard.contract import arns
from modelyard.errors import ValidationException
from modelyard.lineage import store
from modelyard.listings import Listing
from modelyard.storage import tags

PROPERTIES_MAX = 30  # ArtifactProperties, LineageEntityParameters: max; it holds for the whole
LIST_SIZE = 10  # AWS's default for every list of lineage


async def create(
    call: Call, word: str, arn: str, request: Document, kept: Iterable[str]
) -> Document:
    """Keep a new entity with the members `kept` of the request, and its tags.

    Raises: ValidationException: there is such a one.
    """
    given = tag_rules.read(request.get("Tags", []))
    document = {
        f"{word}Arn": arn,
        **{m: request[m] for m in kept if request.get(m) not in (None, {})},
        "CreatedBy": call.principal.user_context,
    }
    made = await store.insert(
        *(call.tx, *names.place(call), arn, document, call.now_us),
        *(request.get(f"{word}Name", ""), request[f"{word}Type"]),
    )
    if not made:
        raise ValidationException(f"{word} already exists: {arn}")
    await tags.put(call.tx, *names.place(call), arn, given)
    return {f"{word}Arn": arn}


async def describe(call: Call, arn: str) -> Document:
    row = await call.tx.one(
        "SELECT document FROM lineage_entity WHERE account = ? AND region = ? AND arn = ?",
        *(*names.place(call), arn),
    )
    if row is None:
        raise names.missing(arn)
    return {**store.read(row[0]), "LineageGroupArn": names.group_arn(*names.place(call))}


async def update(
    call: Call, word: str, arn: str, request: Document, kept: Sequence[str]
) -> Document:
    """Take over the members `kept`, merge Properties by key, and take PropertiesToRemove away."""
    row = await call.tx.one(
        "UPDATE lineage_entity SET modified_us = ?"
        " WHERE account = ? AND region = ? AND arn = ? RETURNING document",
        *(call.now_us, *names.place(call), arn),
    )
    if row is None:
        raise names.missing(arn)
    before = store.read(row[0])
    after = {**before, **{m: request[m] for m in kept if m in request}}
    properties = merged(
        before.get("Properties", {}),
        request.get("Properties", {}),
        request.get("PropertiesToRemove", []),
    )
    after.pop("Properties", None)
    if properties:
        after["Properties"] = properties
    after |= {"LastModifiedTime": call.now_us, "LastModifiedBy": call.principal.user_context}
    await call.tx.run(
        "UPDATE lineage_entity SET name = ?, document = ?"
        " WHERE account = ? AND region = ? AND arn = ?",
        *(after.get(f"{word}Name", ""), store.text(after), *names.place(call), arn),
    )
    call.changed(arn, before, after)
    return {f"{word}Arn": arn}


def merged(
    present: dict[str, Any], given: dict[str, Any], removed: Sequence[str]
) -> dict[str, Any]:
    """What is left after setting `given` by key and removing `removed`. Pure.

    Raises: ValidationException: too many, or a contradiction.
    """
    contradiction = sorted(set(removed) & set(given))
    if contradiction:
        raise ValidationException(
            f"Properties and PropertiesToRemove both name {contradiction[0]}; set it or remove it."
        )
    result = {key: value for key, value in {**present, **given}.items() if key not in removed}
    if len(result) > PROPERTIES_MAX:
        raise ValidationException(
            f"A lineage entity may have {PROPERTIES_MAX} Properties; this update would make"
            f" {len(result)}."
        )
    return result


async def delete(call: Call, word: str, arn: str) -> Document:
    """Remove an entity that is at the end of no association.

    Raises: ResourceNotFound. ValidationException: it is at the end of some.
    """
    # The row is locked first: whoever associates it locks it too.
    row = await call.tx.one(
        "DELETE FROM lineage_entity WHERE account = ? AND region = ? AND arn = ?"
        " RETURNING document",
        *(*names.place(call), arn),
    )
    if row is None:
        raise names.missing(arn)
    for end in ("source_arn", "destination_arn"):
        held = await call.tx.one(
            "SELECT source_arn, destination_arn FROM lineage_association"
            f" WHERE account = ? AND region = ? AND {end} = ? LIMIT 1",
            *(*names.place(call), arn),
        )
        if held is not None:
            raise ValidationException(
                f"{word} {arn} cannot be deleted while it has associations, such as that of"
                f" {held[0]} with {held[1]}. Delete them first (DeleteAssociation)."
            )
    await tags.drop(call.tx, *names.place(call), arn)
    call.changed(arn, before=store.read(row[0]))
    return {f"{word}Arn": arn}


def few(request: Document) -> bool:
    """Whether an index leads straight to the page."""
    by_name = request.get("SortBy") == "Name"
    filtered = [m for m in request if m in ("SourceUri", "CreatedAfter", "CreatedBefore")]
    typed = any(member.endswith("Type") for member in request)
    return not (by_name and (filtered or typed)) and not ("SourceUri" in request and typed)


async def listed(call: Call, word: str, kind: str, request: Document) -> Document:
    """Entities of a kind by SourceUri, type and time, newest first unless asked otherwise."""
    listing = Listing(
        columns=("document",),
        table="lineage_entity",
        order=("arn",) if request.get("SortBy") == "Name" else ("created_us", "arn"),
        descending=request.get("SortOrder") != listings.ASCENDING,
    )
    listing.require("account = ? AND region = ? AND kind = ?", *names.place(call), kind)
    if "arn" in listing.order[:1]:  # which is how the index by ARN knows where the kind is
        first, behind = arns.build(call.region, call.account, kind, ""), "0"
        listing.require("arn > ? AND arn < ?", first, first[:-1] + behind)
    if "SourceUri" in request:
        listing.require("source_key = ?", names.source_key(request["SourceUri"]))
    if f"{word}Type" in request:
        listing.require("type = ?", request[f"{word}Type"])
    for member, sign in (("CreatedAfter", ">"), ("CreatedBefore", "<")):
        if member in request:
            listing.require(f"created_us {sign} ?", request[member])
    rows, token = await listings.page(
        call, request, listing, LIST_SIZE, lambda row: str(store.read(row[-1])[f"{word}Arn"])
    )
    members = [
        *(f"{word}Arn", f"{word}Name", "Source", f"{word}Type", "Status"),
        *("CreationTime", "LastModifiedTime"),
    ]
    documents = [store.read(row[-1]) for row in rows]
    summaries = [{m: one[m] for m in members if m in one} for one in documents]
    return listings.answer(f"{word}Summaries", summaries, token)
