"""What a list of tags may be, for every family that takes one. Pure; knows no storage."""

from collections.abc import Iterable, Mapping, Sequence

from modelyard.errors import ValidationException

TAGS_MAX = 50  # a resource's tags: TagList, max
_RESERVED = "aws:"


def read(tags: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """A client's `[{"Key": ..., "Value": ...}]` by key.

    Raises: ValidationException: a key twice, or one that is AWS's own.
    """
    by_key = {tag["Key"]: tag["Value"] for tag in tags}
    if len(by_key) < len(tags):
        raise ValidationException("Duplicate tag keys found. Each tag key must be unique.")
    refuse_reserved(by_key)
    return by_key


def refuse_reserved(keys: Iterable[str]) -> None:
    """Raises: ValidationException: a key is AWS's own."""
    for key in keys:
        if key.lower().startswith(_RESERVED):
            raise ValidationException(
                f"Tag key {key} starts with aws:, which is reserved; choose another prefix."
            )


def written(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """As AWS answers tags, sorted by key."""
    return [{"Key": key, "Value": tags[key]} for key in sorted(tags)]
