"""What a trial component may hold, and what an update makes of it. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from modelyard.call import Document
from modelyard.contract import model
from modelyard.errors import ValidationException

# Answered even when there are none: the SDK's ExperimentAnalytics fails where they are left out
# (sagemaker.analytics, 2.257).
BY_KEY = ("Parameters", "InputArtifacts", "OutputArtifacts")
_REPLACED = ("DisplayName", "Status", "StartTime", "EndTime")


def check(request: Document) -> None:
    """Raises: ValidationException: a parameter has no value, or two."""
    for name, value in request.get("Parameters", {}).items():
        if len(value) != 1:
            raise ValidationException(
                f"Parameter {name} needs a StringValue or a NumberValue, and not both."
            )


def updated(request: Document, before: Document) -> Document:
    """The document after an update.

    Raises: ValidationException: too many would be left, or a contradiction.
    """
    after = {**before, **{m: request[m] for m in _REPLACED if m in request}}
    for member in BY_KEY:
        removed = request.get(f"{member}ToRemove", [])
        after[member] = _merged(member, before.get(member, {}), request.get(member, {}), removed)
    return after


def _merged(
    member: str, present: Mapping[str, Any], given: Mapping[str, Any], removed: Sequence[str]
) -> dict[str, Any]:
    contradiction = sorted(set(removed) & set(given))
    if contradiction:
        raise ValidationException(
            f"{member} and {member}ToRemove both name {contradiction[0]}; set it or remove it."
        )
    result = {key: value for key, value in {**present, **given}.items() if key not in removed}
    most = _most(member)
    if len(result) > most:
        raise ValidationException(
            f"A trial component may have {most} {member}; this update would make {len(result)}."
        )
    return result


def _most(member: str) -> int:
    """What AWS's model says of one request holds for the whole."""
    shape = model.load("sagemaker").operations["CreateTrialComponent"].input
    assert shape is not None
    most = shape.members[member].max
    assert most is not None
    return int(most)
