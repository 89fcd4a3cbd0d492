"""Artifacts: something with a URI, such as a data set or a model. One source is one artifact."""

from modelyard import call as calls
from modelyard import lineage_names as names
from modelyard.call import Call, Document
from modelyard.errors import ValidationException
from modelyard.lineage import digests, entities, store

_WORD = "Artifact"
_KEPT = ("ArtifactName", "Source", "ArtifactType", "Properties", "MetadataProperties")


@calls.write
async def create_artifact(call: Call, request: Document) -> Document:
    source = _source(request["Source"])
    arn = names.artifact_arn(*names.place(call), source["SourceUri"], source.get("SourceTypes", ()))
    answer = await entities.create(call, _WORD, arn, {**request, "Source": source}, _KEPT)
    digest = await digests.at(call, source["SourceUri"])
    if digest:
        await store.learn(call.tx, *names.place(call), arn, digest)
        await digests.tie(call.tx, *names.place(call), arn, digest, call.now_us)
    return answer


@calls.read
async def describe_artifact(call: Call, request: Document) -> Document:
    return await entities.describe(call, _found(call, request["ArtifactArn"]))


@calls.write
async def update_artifact(call: Call, request: Document) -> Document:
    arn = _found(call, request["ArtifactArn"])
    return await entities.update(call, _WORD, arn, request, ("ArtifactName",))


@calls.write
async def delete_artifact(call: Call, request: Document) -> Document:
    """By ARN or by source.

    Raises: ValidationException: neither is given, or both and they differ.
    """
    given: list[str] = []
    if "ArtifactArn" in request:
        given.append(_found(call, request["ArtifactArn"]))
    if "Source" in request:
        source = _source(request["Source"])
        types = source.get("SourceTypes", ())
        given.append(names.artifact_arn(*names.place(call), source["SourceUri"], types))
    if len(set(given)) != 1:
        raise ValidationException(
            "DeleteArtifact takes an ArtifactArn or the Source of one artifact."
        )
    return await entities.delete(call, _WORD, given[0])


@calls.scan_unless(entities.few)
async def list_artifacts(call: Call, request: Document) -> Document:
    return await entities.listed(call, _WORD, names.ARTIFACT, request)


def _found(call: Call, text: str) -> str:
    return names.reached(call, text, (names.ARTIFACT,))


def _source(source: Document) -> Document:
    """Without the empty list of types that some clients send."""
    return {member: value for member, value in source.items() if value != []}
