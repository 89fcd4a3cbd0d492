"""Writes entities and edges, once, however often it is asked."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from modelyard import lineage_names
from modelyard.call import Document
from modelyard.lineage import digests, store
from modelyard.lineage.making.rules import Edge, Entity
from modelyard.lineage_names import ACTION, ARTIFACT
from modelyard.storage.outbox import Entry
from modelyard.storage.transaction import Transaction

_AT_ONCE = 50  # associations in one statement
DELETED = "DeletedTime"  # a property of what outlives its source


async def write(tx: Transaction, entry: Entry, edges: Sequence[Edge], by: str) -> None:
    """`by`: the ARN of who caused it; "" where that is not known."""
    written: dict[Entity, str] = {}
    for edge in edges:
        for end in (edge.source, edge.destination):
            if end not in written:
                written[end] = await _put(tx, entry, end, by)
    told = [(written[edge.source], written[edge.destination], edge.type) for edge in edges]
    for start in range(0, len(told), _AT_ONCE):
        some = told[start : start + _AT_ONCE]
        await store.associate_all(tx, entry.account, entry.region, some, now_us=entry.at_us)


async def mark_deleted(tx: Transaction, entry: Entry, entity: Entity) -> None:
    """Entities outlive what they stand for; they say when it was deleted."""
    arn = await _put(tx, entry, entity, "")
    moment = datetime.fromtimestamp(entry.at_us / 1_000_000, UTC).isoformat(timespec="milliseconds")
    await _change(tx, entry, arn, {DELETED: moment})


async def mark_present(tx: Transaction, entry: Entry, artifact: Entity) -> None:
    """What an artifact stands for is there again, under the same ARN."""
    arn = lineage_names.artifact_arn(entry.account, entry.region, artifact.source_uri)
    row = await tx.one(
        "SELECT document FROM lineage_entity WHERE account = ? AND region = ? AND arn = ?",
        *(entry.account, entry.region, arn),
    )
    if row is not None and DELETED in row[0]:
        await _change(tx, entry, arn, {DELETED: None})


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


async def _put(tx: Transaction, entry: Entry, entity: Entity, by: str) -> str:
    place = (entry.account, entry.region)
    common: dict[str, Any] = {"now_us": entry.at_us, **entity.members}
    if by:
        common["CreatedBy"] = {"IamIdentity": {"Arn": by}}
    if entity.kind == ARTIFACT:
        return await _put_artifact(tx, entry, entity, common)
    if entity.kind == ACTION:
        return await store.put_action(
            tx,
            *place,
            name=entity.name,
            source=_source(entity),
            action_type=entity.type,
            **common,
        )
    return await store.put_context(
        tx,
        *place,
        name=entity.name,
        source=_source(entity),
        context_type=entity.type,
        **common,
    )


def _source(entity: Entity) -> Document:
    source = {"SourceUri": entity.source_uri, "SourceType": "ARN"}
    return source | ({"SourceId": entity.source_id} if entity.source_id else {})


async def _put_artifact(
    tx: Transaction, entry: Entry, entity: Entity, common: dict[str, Any]
) -> str:
    place = (entry.account, entry.region)
    arn = await store.put_artifact(
        tx,
        *place,
        source_uri=entity.source_uri,
        artifact_type=entity.type,
        digest=entity.digest,
        **common,
    )
    if entity.digest:
        await digests.tie(tx, *place, arn, entity.digest, entry.at_us)
    return arn
