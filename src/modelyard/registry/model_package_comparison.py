"""CompareModelPackages: gathers what is compared, and has archives read that nobody read before."""

import asyncio
from dataclasses import dataclass
from typing import Any

from modelyard import call as calls
from modelyard import gate
from modelyard import model_package_names as names
from modelyard.call import Document, OpenCall
from modelyard.contract import s3_locations
from modelyard.errors import ResourceNotFound
from modelyard.gate import VERIFIED, Artifact
from modelyard.model_package_names import PackagePlace
from modelyard.registry import archive_files, comparison, documents, model_package_metrics
from modelyard.registry.archive_files import ArchiveFiles, Listing, Place
from modelyard.registry.comparison import Compared
from modelyard.storage.database import Database
from modelyard.storage.stored_objects import StoredObject
from modelyard.storage.transaction import Transaction

ARCHIVES_MAX = 20  # of one package, whose files are compared; of further ones the digests are
LISTED, READING, UNREADABLE = "Listed", "Reading", "Unreadable"
DENIED = "Denied"


@dataclass(frozen=True, slots=True)
class _Found:
    """A package's rows. `readable` has the archives whose files the caller may see."""

    place: PackagePlace
    document: Document
    metrics: dict[str, float]
    artifacts: tuple[Artifact, ...]
    readable: frozenset[str]  # URLs

    def archive(self, artifact: Artifact) -> Place:
        return Place(self.place.account, self.place.region, artifact.sha256)

    def archives(self) -> list[Artifact]:
        return [one for one in self.artifacts if comparison.is_archive(one)][:ARCHIVES_MAX]


class Comparisons:
    """`files` reads archives beside the requests."""

    def __init__(self, database: Database, files: ArchiveFiles) -> None:
        self._database = database
        self._files = files

    @calls.open_ended
    async def compare_model_packages(self, call: OpenCall, request: Document) -> Document:
        places = [names.find_package(call, text) for text in request["ModelPackageNames"]]

        async def look(tx: Transaction) -> tuple[list[_Found], dict[Place, Listing]]:
            found = [await _find(tx, call, place) for place in places]
            return found, await _kept(tx, found)

        found, listings = await self._database.read(look)
        listings |= await self._files.read(_unread(found, listings))
        return await asyncio.to_thread(_answer, found, listings)


async def _find(tx: Transaction, call: OpenCall, place: PackagePlace) -> _Found:
    """Raises: ResourceNotFound."""
    row = await tx.one(
        "SELECT document FROM model_package WHERE account = ? AND region = ? AND arn = ?",
        *place.row,
    )
    if row is None:
        raise ResourceNotFound(names.package_missing(*place.row).message)
    artifacts = await gate.artifacts(tx, *place.row)
    readable = {
        one.url
        for one in artifacts
        if one.state == VERIFIED
        and comparison.is_archive(one)
        and await call.may(tx, "s3:GetObject", _object_arn(one.url))
    }
    metrics = await model_package_metrics.of_package(tx, place)
    numbers = {one["MetricName"]: one["Value"] for one in metrics}
    return _Found(place, documents.read(row[0]), numbers, artifacts, frozenset(readable))


def _object_arn(url: str) -> str:
    location = s3_locations.parse(url)
    assert location is not None, "only objects of this server's buckets are verified"
    return f"arn:aws:s3:::{location.bucket}/{location.key}"


async def _kept(tx: Transaction, found: list[_Found]) -> dict[Place, Listing]:
    listings: dict[Place, Listing] = {}
    for one in found:
        for artifact in one.archives():
            place = one.archive(artifact)
            if artifact.url in one.readable and place not in listings:
                listing = await archive_files.kept(tx, place)
                if listing is not None:
                    listings[place] = listing
    return listings


def _unread(found: list[_Found], listings: dict[Place, Listing]) -> dict[Place, StoredObject]:
    return {
        one.archive(a): StoredObject("", "", a.bytes, a.etag, a.sha256, a.blob, 0)
        for one in found
        for a in one.archives()
        if a.url in one.readable and one.archive(a) not in listings
    }


def _answer(found: list[_Found], listings: dict[Place, Listing]) -> Document:
    compared = [
        Compared(
            one.document,
            one.metrics,
            one.artifacts,
            {
                artifact.sha256: listings[one.archive(artifact)].files
                for artifact in one.archives()
                if artifact.url in one.readable and one.archive(artifact) in listings
            },
        )
        for one in found
    ]
    items = comparison.items(compared)
    kept, left_out = comparison.limited(items)
    answer: Document = {
        "ModelPackageArns": [one.place.arn for one in found],
        "Same": all(item["Same"] for item in items),
        "Items": kept,
        "Archives": [
            {
                "ModelPackageArn": one.place.arn,
                "Url": artifact.url,
                **_state(one, artifact, listings),
            }
            for one in found
            for artifact in one.archives()
        ],
    }
    return answer | ({"LeftOut": left_out} if left_out else {})


def _state(one: _Found, artifact: Artifact, listings: dict[Place, Listing]) -> dict[str, Any]:
    if artifact.state != VERIFIED:
        return {"State": artifact.state}
    if artifact.url not in one.readable:
        return {"State": DENIED}
    listing = listings.get(one.archive(artifact))
    if listing is None:
        return {"State": READING}
    if listing.problem:
        return {"State": UNREADABLE, "Problem": listing.problem}
    return {"State": LISTED}
