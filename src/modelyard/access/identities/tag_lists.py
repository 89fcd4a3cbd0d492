"""What the tags of users, roles and managed policies may be. Pure.

They are kept in the document of what they are on. IAM does not distinguish their keys by case.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from modelyard.access.identities.refusals import InvalidInput, LimitExceeded

TAGS_MAX = 50  # AWS's quota

Tag = Mapping[str, str]


def document(tags: Sequence[Tag]) -> dict[str, Any]:
    """The member Tags of something new, if it has any.

    Raises: InvalidInput, LimitExceeded.
    """
    return {"Tags": added([], tags)} if tags else {}


def added(present: Sequence[Tag], tags: Sequence[Tag]) -> list[Tag]:
    """`present` with `tags`, which replace those of the same key.

    Raises: InvalidInput: a key twice, or one that is AWS's own. LimitExceeded.
    """
    keys = {tag["Key"].lower() for tag in tags}
    if len(keys) != len(tags):
        raise InvalidInput(
            "Duplicate tag keys found. Please note that Tag keys are case insensitive."
        )
    if any(key.startswith("aws:") for key in keys):
        raise InvalidInput("Tag keys that start with aws: are reserved for AWS.")
    left = [tag for tag in present if tag["Key"].lower() not in keys]
    if len(left) + len(tags) > TAGS_MAX:
        raise LimitExceeded(f"The number of tags has reached the maximum limit of {TAGS_MAX}.")
    return [*left, *tags]


def without(present: Sequence[Tag], keys: Sequence[str]) -> list[Tag]:
    gone = {key.lower() for key in keys}
    return [tag for tag in present if tag["Key"].lower() not in gone]


def shown(document: Mapping[str, Any]) -> dict[str, Any]:
    """What Get answers beside, if there are tags."""
    tags = document.get("Tags")
    return {"Tags": tags} if tags else {}
