"""The rows by which Search finds packages by their CustomerMetadataProperties."""

from modelyard.call import Call, Document
from modelyard.model_package_names import PackagePlace
from modelyard.storage import search_values
from modelyard.storage.search_values import Subject

_MEMBER = "CustomerMetadataProperties"


async def register(call: Call, place: PackagePlace, package: Document) -> None:
    if _MEMBER in package:
        await search_values.put(call.tx, _subject(place, package), package[_MEMBER])


async def follow(call: Call, place: PackagePlace, before: Document, after: Document) -> None:
    """Keep up with an update, of the metadata or of the approval."""
    known, wanted = before.get(_MEMBER, {}), after.get(_MEMBER, {})
    if known or wanted:
        subjects = _subject(place, before), _subject(place, after)
        await search_values.replace(call.tx, subjects[0], known, subjects[1], wanted)


async def forget(call: Call, place: PackagePlace, package: Document) -> None:
    await search_values.drop(call.tx, _subject(place, package), package.get(_MEMBER, {}))


def _subject(place: PackagePlace, package: Document) -> Subject:
    return Subject(
        search_values.METADATA,
        place.account,
        place.region,
        place.group,
        package.get("ModelApprovalStatus", ""),
        package["CreationTime"],
        place.name,
        place.version,
    )
