"""Actions: something that was done, such as an approval or a deployment, by name."""

from modelyard import call as calls
from modelyard import lineage_names as names
from modelyard.call import Call, Document
from modelyard.lineage import entities

_WORD = "Action"
_KEPT = (
    "ActionName",
    "Source",
    "ActionType",
    "Description",
    "Status",
    "Properties",
    "MetadataProperties",
)


@calls.write
async def create_action(call: Call, request: Document) -> Document:
    arn = names.named_arn(*names.place(call), names.ACTION, request["ActionName"])
    return await entities.create(call, _WORD, arn, request, _KEPT)


@calls.read
async def describe_action(call: Call, request: Document) -> Document:
    """By name or ARN, in any case."""
    return await entities.describe(call, names.find(call, names.ACTION, request["ActionName"]))


@calls.write
async def update_action(call: Call, request: Document) -> Document:
    arn = names.find(call, names.ACTION, request["ActionName"])
    return await entities.update(call, _WORD, arn, request, ("Description", "Status"))


@calls.write
async def delete_action(call: Call, request: Document) -> Document:
    arn = names.find(call, names.ACTION, request["ActionName"])
    return await entities.delete(call, _WORD, arn)


@calls.scan_unless(entities.few)
async def list_actions(call: Call, request: Document) -> Document:
    return await entities.listed(call, _WORD, names.ACTION, request)
