"""Conditional requests: If-Match and its relatives, for reads, writes and copies. Pure."""

from dataclasses import dataclass

from modelyard.call import Document
from modelyard.objects import refusals
from modelyard.storage.stored_objects import StoredObject

_SECOND_US = 1_000_000


@dataclass(frozen=True, slots=True)
class Conditions:
    """What the caller demands. Entity tags as sent; times in microseconds."""

    match: str | None = None
    none_match: str | None = None
    modified_since_us: int | None = None
    unmodified_since_us: int | None = None

    @classmethod
    def of(cls, request: Document, prefix: str = "") -> "Conditions":
        """From a request's members, which CopyObject calls `CopySourceIf...`."""
        return cls(
            request.get(f"{prefix}IfMatch"),
            request.get(f"{prefix}IfNoneMatch"),
            request.get(f"{prefix}IfModifiedSince"),
            request.get(f"{prefix}IfUnmodifiedSince"),
        )


def check_read(conditions: Conditions, stored: StoredObject) -> None:
    """An entity tag outweighs a time (RFC 9110, 13.2.2).

    Raises: PreconditionFailed, NotModified.
    """
    modified_us = _whole_seconds(stored.modified_us)
    since_us, unmodified_us = conditions.modified_since_us, conditions.unmodified_since_us
    if conditions.match is not None:
        if not _matches(conditions.match, stored.etag):
            raise _failed("If-Match")
    elif unmodified_us is not None and modified_us > _whole_seconds(unmodified_us):
        raise _failed("If-Unmodified-Since")
    if conditions.none_match is not None:
        if _matches(conditions.none_match, stored.etag):
            raise refusals.NotModified("Not Modified")
    elif since_us is not None and modified_us <= _whole_seconds(since_us):
        raise refusals.NotModified("Not Modified")


def check_copy_source(conditions: Conditions, stored: StoredObject) -> None:
    """A copy is never "not modified": whatever does not hold is a failed precondition.

    Raises: PreconditionFailed.
    """
    try:
        check_read(conditions, stored)
    except refusals.NotModified:
        raise _failed("x-amz-copy-source-If-None-Match") from None


def check_write(conditions: Conditions, stored: StoredObject | None) -> None:
    """Raises: PreconditionFailed, NoSuchKey, NotImplementedHere."""
    if conditions.none_match is not None:
        if conditions.none_match.strip() != "*":
            raise refusals.NotImplementedHere(
                "A header you provided implies functionality that is not implemented",
                Header="If-None-Match",
            )
        if stored is not None:
            raise _failed("If-None-Match")
    if conditions.match is not None:
        if stored is None:
            raise refusals.NoSuchKey("The specified key does not exist.")
        if not _matches(conditions.match, stored.etag):
            raise _failed("If-Match")


def _matches(header: str, etag: str) -> bool:
    tags = [tag.strip().removeprefix("W/").strip('"') for tag in header.split(",")]
    return "*" in tags or etag in tags


def _whole_seconds(us: int) -> int:
    return us // _SECOND_US  # HTTP's dates know no fractions


def _failed(condition: str) -> refusals.PreconditionFailed:
    return refusals.PreconditionFailed(
        "At least one of the pre-conditions you specified did not hold", Condition=condition
    )
