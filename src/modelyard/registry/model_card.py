"""Rules of the model card that is part of a model package. Pure."""

from typing import Any

import msgspec

from modelyard.call import Document
from modelyard.errors import ValidationException

ARCHIVED = "Archived"
DRAFT = "Draft"
# What DescribeModelPackage documents as left of the content under MetadataOnly.
_NOT_CONFIDENTIAL = (
    ("model_overview", "model_id"),
    ("model_overview", "model_name"),
    ("intended_uses", "risk_rating"),
    ("model_package_details", "model_package_group_name"),
    ("model_package_details", "model_package_arn"),
)


def created(card: Document) -> Document:
    """Raises: ValidationException: the content is no JSON object."""
    if "ModelCardContent" in card:
        _read(card["ModelCardContent"])
    return {"ModelCardStatus": DRAFT, **card}


def updated(present: Document, given: Document) -> Document:
    """The card after an update; members that are not given stay.

    Raises: ValidationException: the card is archived, or the content is no JSON object.
    """
    if present.get("ModelCardStatus") == ARCHIVED:
        raise ValidationException("Model Card is in Archived state.")
    return {**present, **created({**present, **given})}


def sanitized(card: Document) -> Document:
    """The card as MetadataOnly shows it."""
    if "ModelCardContent" not in card:
        return card
    content = _read(card["ModelCardContent"])
    kept: dict[str, dict[str, Any]] = {}
    for part, member in _NOT_CONFIDENTIAL:
        section = content.get(part)
        if isinstance(section, dict) and member in section:
            kept.setdefault(part, {})[member] = section[member]
    return {**card, "ModelCardContent": msgspec.json.encode(kept).decode()}


def _read(content: str) -> dict[str, Any]:
    try:
        return msgspec.json.decode(content, type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValidationException(f"ModelCardContent must be a JSON object: {error}") from None
