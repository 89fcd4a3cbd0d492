"""What bytes a model package stands for.

At registration every URL of model data in a bucket of this server must be there; its digest is
recorded as Verified. A URL in a store that this server cannot see is recorded as Unverified. A
record is not changed afterwards: whatever is written over the object later, the package stands for
the bytes that were registered.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from modelyard.call import Call, Document
from modelyard.contract import s3_locations
from modelyard.contract.s3_locations import Location
from modelyard.errors import ValidationException
from modelyard.gate import UNVERIFIED, VERIFIED, Artifact
from modelyard.model_package_names import PackagePlace
from modelyard.storage import stored_objects
from modelyard.storage.stored_objects import StoredObject

ARTIFACTS_MAX = 1000  # of one package: what one answer and one transaction carry with ease
_ROWS_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Source:
    """Model data as a specification names it. `etag` is "" unless the client vouched for one."""

    url: str
    is_prefix: bool
    etag: str


def sources(specifications: Iterable[Document]) -> list[Source]:
    """All model data that inference specifications name, each URL once, in their order."""
    found = {
        source.url: source
        for specification in specifications
        for container in specification["Containers"]
        for source in _of_container(container)
    }
    return list(found.values())


def _of_container(container: Document) -> Iterator[Source]:
    if container.get("ModelDataUrl"):
        yield Source(container["ModelDataUrl"], False, container.get("ModelDataETag", ""))
    yield from _of_data_source(container.get("ModelDataSource", {}).get("S3DataSource"))
    for additional in container.get("AdditionalModelDataSources", []):
        yield from _of_data_source(additional["S3DataSource"])
    yield from _of_data_source(container.get("AdditionalS3DataSource"))


def _of_data_source(source: Document | None) -> Iterator[Source]:
    if source and source.get("S3Uri"):
        yield Source(source["S3Uri"], source["S3DataType"] == "S3Prefix", source.get("ETag", ""))


async def take(call: Call, wanted: Iterable[Source]) -> list[Artifact]:
    """Look at the bytes behind `wanted`.

    Raises: ValidationException: some should be on this server and are not, or are others than the
        client vouched for.
    """
    taken: list[Artifact] = []
    for source in wanted:
        taken.extend(await _look(call, source))
        if len(taken) > ARTIFACTS_MAX:
            raise ValidationException(
                f"The model data of one model package may be {ARTIFACTS_MAX} objects at most;"
                f" counted up to {source.url}."
            )
    return taken


async def _look(call: Call, source: Source) -> list[Artifact]:
    location = s3_locations.parse(source.url)
    if location is None:
        return [_unverified(source)]
    if not source.is_prefix:  # what nearly all name: one object, of one's own
        own = await stored_objects.hold_own(call.tx, call.account, location.bucket, location.key)
        if own is not None:
            _compare_etags(source, own)
            return [_verified(source, own)]
    owner = await stored_objects.owner(call.tx, location.bucket)
    if owner is None:
        return [_unverified(source)]
    if not await _readable(call, owner, location, source):
        raise ValidationException(
            f"Could not access model data at {source.url}: bucket {location.bucket} belongs to"
            " another account, and its policy and yours do not both let you read there."
        )
    if source.is_prefix:
        await stored_objects.hold(call.tx, location.bucket, location.key)
        found = await stored_objects.under(
            call.tx, location.bucket, location.key, ARTIFACTS_MAX + 1
        )
        missing = f"bucket {location.bucket} holds no object under {location.key!r}"
    else:
        one = await stored_objects.hold_one(call.tx, location.bucket, location.key)
        found = [] if one is None else [one]
        missing = f"bucket {location.bucket} holds no object {location.key!r}"
    if not found:
        raise ValidationException(f"Could not find model data at {source.url}: {missing}.")
    if not source.is_prefix:
        _compare_etags(source, found[0])
    return [_verified(source, stored) for stored in found]


async def _readable(call: Call, owner: str, location: Location, source: Source) -> bool:
    """Whether the caller may read the bytes; of a prefix, everything under it."""
    if owner == call.account:
        return True
    arn = f"arn:aws:s3:::{location.bucket}/{location.key}{'*' if source.is_prefix else ''}"
    return await call.may(call.tx, "s3:GetObject", arn)


def _compare_etags(source: Source, stored: StoredObject) -> None:
    if source.etag and source.etag.strip('"') != stored.etag.strip('"'):
        raise ValidationException(
            f"The model data at {source.url} has the ETag {stored.etag}, not {source.etag}."
        )


def _unverified(source: Source) -> Artifact:
    return Artifact(source.url, source.url, UNVERIFIED, "", 0, "", "")


def _verified(source: Source, stored: StoredObject) -> Artifact:
    url = f"s3://{stored.bucket}/{stored.key}" if source.is_prefix else source.url
    return Artifact(
        source.url, url, VERIFIED, stored.sha256, stored.bytes, stored.etag, stored.blob
    )


async def record(
    call: Call, package: PackagePlace, taken: Sequence[Artifact], position: int = 0
) -> None:
    """Write down what was taken, from the place `position` on."""
    for start in range(0, len(taken), _ROWS_AT_ONCE):
        some = taken[start : start + _ROWS_AT_ONCE]
        values: list[str | int] = []
        for place, artifact in enumerate(some, position + start):
            values += (*package.row, place, artifact.source, artifact.url)
            values += (artifact.state, artifact.sha256, artifact.bytes)
            values += (artifact.etag, artifact.blob)
        rows = ", ".join(["(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"] * len(some))
        await call.tx.run(
            "INSERT INTO model_package_artifact (account, region, arn, position, source, url,"
            f" state, sha256, bytes, etag, blob) VALUES {rows}",
            *values,
        )


async def forget(call: Call, package: PackagePlace) -> None:
    await call.tx.run(
        "DELETE FROM model_package_artifact WHERE account = ? AND region = ? AND arn = ?",
        *package.row,
    )
