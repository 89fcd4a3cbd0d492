"""Selectable inference of the XGBoost container: SAGEMAKER_INFERENCE_OUTPUT names what to answer.

Keys and meanings as the container's documentation lists them; what an objective does not have is
NaN.
"""

import math
from collections.abc import Sequence
from typing import Any

_BINARY_KEYS = ("predicted_label", "labels", "raw_score", "raw_scores")
_PROBABLE_KEYS = (*_BINARY_KEYS, "probability", "probabilities")
_SCORE_KEYS = ("predicted_score",)
_KEYS_BY_OBJECTIVE = {
    "reg:squarederror": _SCORE_KEYS,
    "reg:linear": _SCORE_KEYS,
    "reg:logistic": _SCORE_KEYS,
    "reg:gamma": _SCORE_KEYS,
    "reg:tweedie": _SCORE_KEYS,
    "reg:absoluteerror": _SCORE_KEYS,
    "reg:squaredlogerror": _SCORE_KEYS,
    "reg:pseudohubererror": _SCORE_KEYS,
    "count:poisson": _SCORE_KEYS,
    "binary:logistic": _PROBABLE_KEYS,
    "binary:logitraw": _BINARY_KEYS,
    "binary:hinge": _BINARY_KEYS,
    "multi:softmax": _BINARY_KEYS,
    "multi:softprob": _PROBABLE_KEYS,
}


class NotSelectable(Exception):
    """The model's objective has no selectable contents."""


def keys(setting: str | None) -> list[str]:
    """The keys that the variable names, in order."""
    return [key for key in (setting or "").replace(" ", "").lower().split(",") if key]


def select(
    rows: Sequence[float | list[float]], wanted: Sequence[str], objective: str, classes: int
) -> list[dict[str, Any]]:
    """One object a row with the wanted keys. Raises NotSelectable."""
    offered = _KEYS_BY_OBJECTIVE.get(objective)
    if offered is None:
        raise NotSelectable(
            f"Objective {objective} is not supported for selectable inference predictions."
        )
    return [
        {
            key: _content(key, row, objective, classes) if key in offered else math.nan
            for key in wanted
        }
        for row in rows
    ]


def to_csv(chosen: Sequence[dict[str, Any]]) -> str:
    """One line a row; a list is quoted."""
    return "\n".join(
        ",".join(f'"{value}"' if isinstance(value, list) else str(value) for value in row.values())
        for row in chosen
    )


def _content(key: str, row: float | list[float], objective: str, classes: int) -> Any:
    scores = row if isinstance(row, list) else [row]
    if key == "predicted_score":
        return scores[0]
    if key == "labels":
        return list(range(classes)) if objective.startswith("multi:") else [0, 1]
    if key == "predicted_label":
        return _label(scores, objective)
    if key in ("probability", "raw_score"):
        return max(scores)
    return scores if len(scores) > 1 else [1.0 - scores[0], scores[0]]


def _label(scores: list[float], objective: str) -> float:
    if objective == "multi:softprob":
        return scores.index(max(scores))
    if objective == "binary:logistic":
        return int(scores[0] > 0.5)
    return int(scores[0] > 0) if objective == "binary:logitraw" else scores[0]
