"""Lineage entities and associations, written in a transaction by operations and by what happens.

`put_artifact`, `put_action`, `put_context` and `associate` can be done again: what is there stays
as it is. Members of entities are AWS's, as the operations that describe them answer them.
"""

from collections.abc import Sequence
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


async def put_artifact(
    tx: Transaction,
    account: str,
    region: str,
    *,
    source_uri: str,
    artifact_type: str,
    now_us: int,
    source_types: Sequence[Document] = (),
    digest: str = "",
    **members: Any,
) -> str:
    """The ARN of the artifact with this source, which is made if it is not there yet.

    `digest` is the SHA-256 of the bytes at the source, in hex; one that is there already learns it
    if it had none. `members`: ArtifactName, Properties, MetadataProperties, CreatedBy.
    """
    source: Document = {"SourceUri": source_uri}
    if source_types:
        source["SourceTypes"] = list(source_types)
    arn = names.artifact_arn(account, region, source_uri, source_types)
    document = {"ArtifactArn": arn, "Source": source, "ArtifactType": artifact_type, **members}
    made = await insert(
        *(tx, account, region, arn, document, now_us),
        *(members.get("ArtifactName", ""), artifact_type, digest),
    )
    if digest and not made:
        await tx.run(
            "UPDATE lineage_entity SET digest = ?"
            " WHERE account = ? AND region = ? AND arn = ? AND digest = ''",
            *(digest, account, region, arn),
        )
    return arn


async def put_action(
    tx: Transaction,
    account: str,
    region: str,
    *,
    name: str,
    source: Document,
    action_type: str,
    now_us: int,
    **members: Any,
) -> str:
    """The ARN of the action of this name, which is made if it is not there yet.

    `source` is AWS's ActionSource. `members`: Description, Status, Properties, MetadataProperties,
    CreatedBy.
    """
    arn = names.named_arn(account, region, names.ACTION, name)
    document = {"ActionName": name, "ActionArn": arn, "Source": source, "ActionType": action_type}
    await insert(tx, account, region, arn, {**document, **members}, now_us, name, action_type)
    return arn


async def put_context(
    tx: Transaction,
    account: str,
    region: str,
    *,
    name: str,
    source: Document,
    context_type: str,
    now_us: int,
    **members: Any,
) -> str:
    """The ARN of the context of this name, which is made if it is not there yet.

    `source` is AWS's ContextSource. `members`: Description, Properties, CreatedBy.
    """
    arn = names.named_arn(account, region, names.CONTEXT, name)
    document = {
        "ContextName": name,
        "ContextArn": arn,
        "Source": source,
        "ContextType": context_type,
    }
    await insert(tx, account, region, arn, {**document, **members}, now_us, name, context_type)
    return arn


async def insert(
    tx: Transaction,
    account: str,
    region: str,
    arn: str,
    document: Document,
    now_us: int,
    name: str,
    entity_type: str,
    digest: str = "",
) -> bool:
    """Keep a new entity; answer whether it was new."""
    rows = await tx.run(
        "INSERT INTO lineage_entity (account, region, arn, kind, name, type, source_key, digest,"
        " created_us, modified_us, document) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (account, region, arn) DO NOTHING",
        *(account, region, arn, names.kind(arn), name, entity_type),
        *(names.source_key(document["Source"]["SourceUri"]), digest, now_us, now_us),
        text({**document, "CreationTime": now_us, "LastModifiedTime": now_us}),
    )
    return rows > 0


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
    edge = (source_arn, destination_arn, association_type)
    return await associate_all(tx, account, region, [edge], now_us=now_us) > 0


async def associate_all(
    tx: Transaction,
    account: str,
    region: str,
    edges: Sequence[tuple[str, str, str]],
    *,
    now_us: int,
) -> int:
    """As `associate`, for a few at once: (source, destination, type); how many were new."""
    folded = [(names.folded(one), names.folded(two), how) for one, two, how in edges]
    ends_of_all = list(dict.fromkeys(arn for edge in folded for arn in edge[:2]))
    found = await ends.find(tx, account, region, ends_of_all)
    for arn in ends_of_all:
        if arn not in found:
            raise NotFound(arn)
    values: list[str | int] = []
    for source, destination, how in folded:
        types = (found[source].type, found[destination].type)
        values += (account, region, source, destination, how, *types, now_us)
    rows = ", ".join(["(?, ?, ?, ?, ?, ?, ?, ?)"] * len(folded))
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
