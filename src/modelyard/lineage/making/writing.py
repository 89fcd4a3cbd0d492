"""Writes entities and edges, once, however often it is asked."""

from collections.abc import Sequence
from datetime import UTC, datetime

from modelyard.lineage import digests, ends, store
from modelyard.lineage.making.rules import Edge, Entity
from modelyard.lineage.store import New
from modelyard.lineage_names import ACTION, ARTIFACT
from modelyard.storage.outbox import Entry
from modelyard.storage.transaction import Transaction

_AT_ONCE = 50  # associations in one statement
DELETED = "DeletedTime"  # a property of what outlives its source


async def write(tx: Transaction, entry: Entry, edges: Sequence[Edge], by: str) -> None:
    """`by`: the ARN of who caused it; "" where that is not known.

    An artifact that says that it was deleted stops saying so when it is made new (`is_new`).
    """
    place = (entry.account, entry.region)
    for start in range(0, len(edges), _AT_ONCE):
        some = edges[start : start + _AT_ONCE]
        entities = dict.fromkeys(end for edge in some for end in (edge.source, edge.destination))
        new = {entity: _new(entry, entity, by) for entity in entities}
        await store.put_all(tx, *place, list(new.values()), now_us=entry.at_us)
        for entity in entities:
            if entity.digest:
                await digests.tie(tx, *place, new[entity].arn, entity.digest, entry.at_us)
        found = await ends.find(tx, *place, [one.arn for one in new.values()])
        told = [(new[edge.source].arn, new[edge.destination].arn, edge.type) for edge in some]
        await store.associate_all(tx, *place, told, found, now_us=entry.at_us)
        for entity in entities:
            if entity.is_new and DELETED in found[new[entity].arn].document:
                await _change(tx, entry, new[entity].arn, {DELETED: None})


async def mark_deleted(tx: Transaction, entry: Entry, entity: Entity) -> None:
    """Entities outlive what they stand for; they say when it was deleted."""
    new = _new(entry, entity, "")
    await store.put_all(tx, entry.account, entry.region, [new], now_us=entry.at_us)
    moment = datetime.fromtimestamp(entry.at_us / 1_000_000, UTC).isoformat(timespec="milliseconds")
    await _change(tx, entry, new.arn, {DELETED: moment})


async def _change(
    tx: Transaction, entry: Entry, arn: str, properties: dict[str, str | None]
) -> None:
    """Set properties of an entity that is there; None takes one away."""
    place = (entry.account, entry.region, arn)
    row = await tx.one(  # which also holds it until this transaction ends
        "UPDATE lineage_entity SET modified_us = ?"
        " WHERE account = ? AND region = ? AND arn = ? RETURNING document",
        *(entry.at_us, *place),
    )
    assert row is not None, "it is there"
    document = store.read(row[0])
    document["LastModifiedTime"] = entry.at_us
    merged = {**document.pop("Properties", {}), **properties}
    kept = {name: value for name, value in merged.items() if value is not None}
    if kept:
        document["Properties"] = kept
    await tx.run(
        "UPDATE lineage_entity SET document = ? WHERE account = ? AND region = ? AND arn = ?",
        *(store.text(document), *place),
    )


def _new(entry: Entry, entity: Entity, by: str) -> New:
    place = (entry.account, entry.region)
    members = dict(entity.members)
    if by:
        members["CreatedBy"] = {"IamIdentity": {"Arn": by}}
    if entity.kind == ARTIFACT:
        return store.new_artifact(
            *place,
            source_uri=entity.source_uri,
            artifact_type=entity.type,
            digest=entity.digest,
            **members,
        )
    source = {"SourceUri": entity.source_uri, "SourceType": "ARN"}
    if entity.source_id:
        source["SourceId"] = entity.source_id
    if entity.kind == ACTION:
        return store.new_action(
            *place, name=entity.name, source=source, action_type=entity.type, **members
        )
    return store.new_context(
        *place, name=entity.name, source=source, context_type=entity.type, **members
    )
