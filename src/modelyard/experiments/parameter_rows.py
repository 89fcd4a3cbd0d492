"""The rows by which Search finds trial components by their Parameters."""

from modelyard.call import Call, Document
from modelyard.storage import search_values
from modelyard.storage.search_values import Subject, Value


async def register(call: Call, component: Document) -> None:
    await search_values.put(call.tx, _subject(call, component), _values(component))


async def follow(call: Call, before: Document, after: Document) -> None:
    subject = _subject(call, before)  # what it is made of never changes
    await search_values.replace(call.tx, subject, _values(before), subject, _values(after))


async def forget(call: Call, component: Document) -> None:
    await search_values.drop(call.tx, _subject(call, component), _values(component))


def _subject(call: Call, component: Document) -> Subject:
    name = component["TrialComponentName"].lower()
    created_us = component["CreationTime"]
    kind = search_values.PARAMETER
    return Subject(kind, call.account, call.region, "", "", created_us, name, 0)


def _values(component: Document) -> dict[str, Value]:
    given: Document = component.get("Parameters", {})
    return {name: next(iter(value.values())) for name, value in given.items()}
