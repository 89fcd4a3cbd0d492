"""Lineage entities and associations, written in a transaction by operations and by what happens.

`put_artifact`, `put_action`, `put_context` and `associate` can be done again: what is there stays
as it is. Members of entities are AWS's, as the operations that describe them answer them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from modelyard import lineage_names as names
from modelyard.call import Document
from modelyard.errors import NotFound
from modelyard.lineage import ends
from modelyard.storage.transaction import Transaction

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(dict[str, Any]).decode


def text(document: Document) -> str:
    return _encode(document).decode()


def read(encoded: str) -> Document:
    return _decode(encoded)


@dataclass(frozen=True, slots=True)
class New:
    """An entity to be kept, if it is not there yet. `digest`: as in `new_artifact`."""

    arn: str
    name: str
    type: str
    document: Document
    digest: str = ""


def new_artifact(
    account: str,
    region: str,
    *,
    source_uri: str,
    artifact_type: str,
    source_types: Sequence[Document] = (),
    digest: str = "",
    **members: Any,
) -> New:
    """`digest` is the SHA-256 of the bytes at the source, in hex; one that is there already learns
    it if it had none. `members`: ArtifactName, Properties, MetadataProperties, CreatedBy.
    """
    source: Document = {"SourceUri": source_uri}
    if source_types:
        source["SourceTypes"] = list(source_types)
    arn = names.artifact_arn(account, region, source_uri, source_types)
    document = {"ArtifactArn": arn, "Source": source, "ArtifactType": artifact_type, **members}
    return New(arn, members.get("ArtifactName", ""), artifact_type, document, digest)


def new_action(
    account: str, region: str, *, name: str, source: Document, action_type: str, **members: Any
) -> New:
    """`source` is AWS's ActionSource. `members`: Description, Status, Properties,
    MetadataProperties, CreatedBy.
    """
    arn = names.named_arn(account, region, names.ACTION, name)
    document = {"ActionName": name, "ActionArn": arn, "Source": source, "ActionType": action_type}
    return New(arn, name, action_type, {**document, **members})


def new_context(
    account: str, region: str, *, name: str, source: Document, context_type: str, **members: Any
) -> New:
    """`source` is AWS's ContextSource. `members`: Description, Properties, CreatedBy."""
    arn = names.named_arn(account, region, names.CONTEXT, name)
    document = {
        "ContextName": name,
        "ContextArn": arn,
        "Source": source,
        "ContextType": context_type,
    }
    return New(arn, name, context_type, {**document, **members})


async def put_artifact(
    tx: Transaction, account: str, region: str, *, now_us: int, **members: Any
) -> str:
    """The ARN of the artifact with this source, which is made if it is not there yet.

    `members`: as of `new_artifact`.
    """
    return await _put(tx, account, region, new_artifact(account, region, **members), now_us)


async def put_action(
    tx: Transaction, account: str, region: str, *, now_us: int, **members: Any
) -> str:
    """The ARN of the action of this name, which is made if it is not there yet."""
    return await _put(tx, account, region, new_action(account, region, **members), now_us)


async def put_context(
    tx: Transaction, account: str, region: str, *, now_us: int, **members: Any
) -> str:
    """The ARN of the context of this name, which is made if it is not there yet."""
    return await _put(tx, account, region, new_context(account, region, **members), now_us)


async def _put(tx: Transaction, account: str, region: str, new: New, now_us: int) -> str:
    await put_all(tx, account, region, [new], now_us=now_us)
    return new.arn


async def insert(
    tx: Transaction,
    account: str,
    region: str,
    arn: str,
    document: Document,
    now_us: int,
    name: str,
    entity_type: str,
) -> bool:
    """Keep a new entity; answer whether it was new."""
    new = New(arn, name, entity_type, document)
    return bool(await put_all(tx, account, region, [new], now_us=now_us))


async def put_all(
    tx: Transaction, account: str, region: str, entities: Sequence[New], *, now_us: int
) -> set[str]:
    """Keep a few entities at once, each once; the ARNs of those that were not there."""
    values: list[str | int] = []
    for new in entities:
        values += (account, region, new.arn, names.kind(new.arn), new.name, new.type)
        values += (names.source_key(new.document["Source"]["SourceUri"]), new.digest)
        values += (now_us, now_us)
        values.append(text({**new.document, "CreationTime": now_us, "LastModifiedTime": now_us}))
    rows = ", ".join(["(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"] * len(entities))
    made = await tx.all(
        "INSERT INTO lineage_entity (account, region, arn, kind, name, type, source_key, digest,"
        f" created_us, modified_us, document) VALUES {rows}"
        " ON CONFLICT (account, region, arn) DO NOTHING RETURNING arn",
        *values,
    )
    arns = {str(row[0]) for row in made}
    for new in entities:
        if new.digest and new.arn not in arns:
            await learn(tx, account, region, new.arn, new.digest)
    return arns


async def learn(tx: Transaction, account: str, region: str, arn: str, digest: str) -> None:
    """Keep the digest of an artifact's bytes; the first that is told counts."""
    await tx.run(
        "UPDATE lineage_entity SET digest = ?"
        " WHERE account = ? AND region = ? AND arn = ? AND digest = ''",
        *(digest, account, region, arn),
    )


async def associate(
    tx: Transaction,
    account: str,
    region: str,
    source_arn: str,
    destination_arn: str,
    association_type: str,
    *,
    now_us: int,
) -> bool:
    """Join two entities that are there; answer whether they were not joined in this direction.

    `association_type` is one of AWS's, or "". Circles are not looked for: a job that reads and
    writes the same data is one.

    Raises: NotFound: an end is not there; its ARN is the argument.
    """
    edge = (names.folded(source_arn), names.folded(destination_arn), association_type)
    found = await ends.find(tx, account, region, edge[:2])
    return await associate_all(tx, account, region, [edge], found, now_us=now_us) > 0


async def associate_all(
    tx: Transaction,
    account: str,
    region: str,
    edges: Sequence[tuple[str, str, str]],
    found: Mapping[str, ends.End],
    *,
    now_us: int,
) -> int:
    """As `associate`, for a few at once: (source, destination, type); how many were new.

    `found`: what of their ends is there, by ARN as it is kept.
    """
    values: list[str | int] = []
    for source, destination, how in edges:
        for arn in (source, destination):
            if arn not in found:
                raise NotFound(arn)
        types = (found[source].type, found[destination].type)
        values += (account, region, source, destination, how, *types, now_us)
    rows = ", ".join(["(?, ?, ?, ?, ?, ?, ?, ?)"] * len(edges))
    return await tx.run(
        "INSERT INTO lineage_association (account, region, source_arn, destination_arn,"
        f" association_type, source_type, destination_type, created_us) VALUES {rows}"
        " ON CONFLICT (account, region, source_arn, destination_arn) DO NOTHING",
        *values,
    )


async def with_source(
    tx: Transaction, account: str, region: str, kind: str, source_uri: str
) -> list[str]:
    """ARNs of the entities of this kind whose source has this URI, oldest first."""
    rows = await tx.all(
        "SELECT arn FROM lineage_entity"
        " WHERE account = ? AND region = ? AND kind = ? AND source_key = ?"
        " ORDER BY created_us, arn",
        *(account, region, kind, names.source_key(source_uri)),
    )
    return [str(row[0]) for row in rows]


async def with_digest(tx: Transaction, account: str, region: str, digest: str) -> list[str]:
    """ARNs of the artifacts whose bytes have this SHA-256, oldest first."""
    rows = await tx.all(
        "SELECT arn FROM lineage_entity"
        " WHERE account = ? AND region = ? AND digest = ? AND digest <> ''"
        " ORDER BY created_us, arn",
        *(account, region, digest),
    )
    return [str(row[0]) for row in rows]
