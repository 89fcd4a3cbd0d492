"""Contexts: what others belong to, such as an endpoint or a model package group, by name."""

from modelyard import call as calls
from modelyard import lineage_names as names
from modelyard.call import Call, Document
from modelyard.lineage import entities

_WORD = "Context"
_KEPT = ("ContextName", "Source", "ContextType", "Description", "Properties")


@calls.write
async def create_context(call: Call, request: Document) -> Document:
    arn = names.named_arn(*names.place(call), names.CONTEXT, request["ContextName"])
    return await entities.create(call, _WORD, arn, request, _KEPT)


@calls.read
async def describe_context(call: Call, request: Document) -> Document:
    """By name or ARN, in any case."""
    return await entities.describe(call, names.find(call, names.CONTEXT, request["ContextName"]))


@calls.write
async def update_context(call: Call, request: Document) -> Document:
    arn = names.find(call, names.CONTEXT, request["ContextName"])
    return await entities.update(call, _WORD, arn, request, ("Description",))


@calls.write
async def delete_context(call: Call, request: Document) -> Document:
    return await entities.delete(
        call, _WORD, names.find(call, names.CONTEXT, request["ContextName"])
    )


@calls.scan_unless(entities.few)
async def list_contexts(call: Call, request: Document) -> Document:
    return await entities.listed(call, _WORD, names.CONTEXT, request)
