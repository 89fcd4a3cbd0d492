"""What experiments, trials and trial components have in common: a table each, and their names.

A document holds the members that the entity's Describe operation answers.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from modelyard import lineage_names as names
from modelyard import listings, tag_rules
from modelyard.call import Call, Document
from modelyard.errors import Conflict, ResourceNotFound, ValidationException
from modelyard.experiments import parameter_rows
from modelyard.listings import Listing
from modelyard.storage import tags

LIST_SIZE = 10  # AWS's default for every list of experiments

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(dict[str, Any]).decode


@dataclass(frozen=True, slots=True)
class Kind:
    """`word` begins the names of its members, `said` stands in sentences."""

    word: str
    said: str
    table: str
    of_arn: str
    kept: tuple[str, ...]  # members of its Create operation that are kept as they are given


EXPERIMENT = Kind("Experiment", "Experiment", "experiment", names.EXPERIMENT, ("Description",))
TRIAL = Kind("Trial", "Trial", "trial", "experiment-trial", ("MetadataProperties",))
TRIAL_COMPONENT = Kind(
    "TrialComponent",
    "Trial component",
    "trial_component",
    names.TRIAL_COMPONENT,
    ("Status", "StartTime", "EndTime", "MetadataProperties"),
)


@dataclass(frozen=True, slots=True)
class Entity:
    """One that is there. `key` is its name as it is compared."""

    key: str
    name: str
    arn: str
    document: Document


def text(document: Document) -> str:
    return _encode(document).decode()


def read(encoded: str) -> Document:
    return _decode(encoded)


def missing(kind: Kind, arn: str) -> ResourceNotFound:
    return ResourceNotFound(f"{kind.said} '{arn}' does not exist.")


async def create(
    call: Call,
    kind: Kind,
    request: Document,
    members: Mapping[str, Any],
    columns: Mapping[str, str],
) -> Document:
    """Keep a new entity: what the request says of it, `members` beside that, and its tags.

    `columns` are those that the kind's table has more than the others.

    Raises: ValidationException: the name is taken, in whatever case.
    """
    name = request[f"{kind.word}Name"]
    given = tag_rules.read(request.get("Tags", []))
    arn = names.named_arn(call.account, call.region, kind.of_arn, name)
    display_name = request.get("DisplayName", name)
    document = {
        f"{kind.word}Name": name,
        f"{kind.word}Arn": arn,
        "DisplayName": display_name,
        **members,
        **{m: request[m] for m in kind.kept if request.get(m) not in (None, {})},
        "CreationTime": call.now_us,
        "CreatedBy": call.principal.user_context,
        "LastModifiedTime": call.now_us,
    }
    row = {
        "account": call.account,
        "region": call.region,
        "name_key": name.lower(),
        "name": name,
        "arn": arn,
        "display_name": display_name,
        **columns,
        "created_us": call.now_us,
        "modified_us": call.now_us,
        "document": text(document),
    }
    try:
        await call.tx.run(
            f"INSERT INTO {kind.table} ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})",
            *row.values(),
        )
    except Conflict:
        raise ValidationException(
            f"{kind.said} names must be unique within an AWS account and region."
            f" {kind.said} with name ({name}) already exists."
        ) from None
    if kind is TRIAL_COMPONENT:
        await parameter_rows.register(call, document)
    await tags.put(call.tx, call.account, call.region, arn, given)
    return {f"{kind.word}Arn": arn}


async def find(call: Call, kind: Kind, name: str) -> Entity:
    """By name in any case, or by ARN where the operation takes one. Raises: ResourceNotFound."""
    return await _one(
        call,
        kind,
        name,
        f"SELECT name_key, name, arn, document FROM {kind.table}"
        " WHERE account = ? AND region = ? AND arn = ?",
    )


async def hold(call: Call, kind: Kind, name: str) -> Entity:
    """As `find`; until the end of the transaction nobody else changes or deletes it."""
    return await _one(
        call,
        kind,
        name,
        f"UPDATE {kind.table} SET modified_us = modified_us"
        " WHERE account = ? AND region = ? AND arn = ? RETURNING name_key, name, arn, document",
    )


async def take(call: Call, kind: Kind, name: str) -> Entity:
    """As `find`, and deleted with its tags. Who finds that it is needed still, refuses."""
    gone = await _one(
        call,
        kind,
        name,
        f"DELETE FROM {kind.table}"
        " WHERE account = ? AND region = ? AND arn = ? RETURNING name_key, name, arn, document",
    )
    if kind is TRIAL_COMPONENT:
        await parameter_rows.forget(call, gone.document)
    await tags.drop(call.tx, call.account, call.region, gone.arn)
    call.changed(gone.arn, before=gone.document)
    return gone


async def _one(call: Call, kind: Kind, name: str, sql: str) -> Entity:
    arn = names.find(call, kind.of_arn, name)
    row = await call.tx.one(sql, call.account, call.region, arn)
    if row is None:
        raise missing(kind, arn)
    return Entity(row[0], row[1], row[2], read(row[3]))


async def update(
    call: Call, kind: Kind, name: str, change: Callable[[Document], Document]
) -> Document:
    """Keep what `change` makes of the entity's document."""
    entity = await hold(call, kind, name)
    after = change(entity.document) | {
        "LastModifiedTime": call.now_us,
        "LastModifiedBy": call.principal.user_context,
    }
    columns = {
        "display_name": after["DisplayName"],
        "modified_us": call.now_us,
        "document": text(after),
    }
    if kind is TRIAL_COMPONENT:
        columns["status"] = after.get("Status", {}).get("PrimaryStatus", "")
        await parameter_rows.follow(call, entity.document, after)
    await call.tx.run(
        f"UPDATE {kind.table} SET {', '.join(f'{column} = ?' for column in columns)}"
        " WHERE account = ? AND region = ? AND arn = ?",
        *(*columns.values(), call.account, call.region, entity.arn),
    )
    call.changed(entity.arn, entity.document, after)
    return {f"{kind.word}Arn": entity.arn}


def listing(
    request: Document, table: str, created: str = "created_us", key: str = "name_key"
) -> Listing:
    """The newest first unless asked otherwise, within the times of the request.

    `created` and `key` are the columns that tell when an entity was created, and its name.
    """
    found = Listing(
        columns=("document",),
        table=table,
        order=(key,) if request.get("SortBy") == "Name" else (created, key),
        descending=request.get("SortOrder") != listings.ASCENDING,
    )
    for member, sign in (("CreatedAfter", ">"), ("CreatedBefore", "<")):
        if member in request:
            found.require(f"{created} {sign} ?", request[member])
    return found


def a_few_rows(request: Document) -> bool:
    """Whether an index leads straight to the page of a list."""
    timed = "CreatedAfter" in request or "CreatedBefore" in request
    return not (timed and request.get("SortBy") == "Name")


async def summaries(
    call: Call, kind: Kind, request: Document, found: Listing, members: Iterable[str]
) -> Document:
    """A page of a list. A summary calls the Source of an entity by the kind's word."""
    rows, token = await listings.page(
        call, request, found, LIST_SIZE, lambda row: str(read(row[-1])[f"{kind.word}Arn"])
    )
    shown = [f"{kind.word}Name", f"{kind.word}Arn", "DisplayName", *members]
    documents = [read(row[-1]) for row in rows]
    items = [{member: one[member] for member in shown if member in one} for one in documents]
    for item, one in zip(items, documents, strict=True):
        if "Source" in one:
            item[f"{kind.word}Source"] = one["Source"]
    return listings.answer(f"{kind.word}Summaries", items, token)
