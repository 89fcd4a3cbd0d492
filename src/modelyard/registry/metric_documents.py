"""Documents with metrics: which of them a model package names, and the numbers in them. Pure.

What SageMaker's model-quality jobs, Clarify and AWS's examples of evaluation.json write becomes
flat names with numbers. Whatever cannot be read is told in sentences; nothing is raised.
"""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from modelyard.call import Document

# Model-quality reports of several hundred thresholds stay well below.
BYTES_MAX = 1 << 20
DEPTH_MAX = 12  # Clarify nests seven levels
METRICS_MAX = 500  # of one document
NAME_LENGTH_MAX = 200
PROBLEMS_MAX = 10  # told of one document; more of them tell nothing new
VALUE = "value"
DEVIATION = "standard_deviation"

# The documents that hold metrics, as ModelMetrics names them, and what stands before their names.
# Where two documents have the same name the first counts. Constraints are limits, not metrics.
_KINDS = (
    ("ModelQuality", "Statistics", ""),
    ("ModelDataQuality", "Statistics", "ModelDataQuality."),
    ("Bias", "Report", "Bias."),
    ("Bias", "PreTrainingReport", "Bias."),
    ("Bias", "PostTrainingReport", "Bias."),
    ("Explainability", "Report", "Explainability."),
)
_PREFIXES = {f"{group}.{member}": prefix for group, member, prefix in _KINDS}

# Groups that say what is measured, not which number it is: `accuracy` is asked for by its name.
_GROUPS = frozenset(
    {
        "metrics",
        "binary_classification_metrics",
        "multiclass_classification_metrics",
        "classification_metrics",
        "regression_metrics",
    }
)
_FORMAT = "version"  # of the document, at its top
_MATRIX = "confusion_matrix"
_CURVE = "_curve"


@dataclass(frozen=True, slots=True)
class Named:
    """A document as a model package names it. `sha256` is "" unless the client vouched for one."""

    kind: str
    url: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Content:
    """What was read of a document. `is_readable` is False if it is no document of metrics."""

    numbers: Mapping[str, float]
    problems: tuple[str, ...]
    is_readable: bool


def named(model_metrics: Document) -> list[Named]:
    """The documents that ModelMetrics names, in the order in which their numbers count."""
    found = []
    for group, member, _ in _KINDS:
        source = model_metrics.get(group, {}).get(member)
        if source:
            digest = source.get("ContentDigest", "").lower().removeprefix("sha256:")
            found.append(Named(f"{group}.{member}", source["S3Uri"], digest))
    return found


def read(kind: str, data: bytes) -> Content:
    """The numbers of a document of `kind`, by their flat names."""
    try:
        # As Python writes it, NaN and Infinity included; a number of 5,000 digits is refused.
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        return _unreadable(f"The document is not JSON: {str(error)[:200]}.")
    if not isinstance(document, dict):
        return _unreadable("The document is not a JSON object.")
    reader = _Reader()
    for name, value in document.items():
        if name in _GROUPS and isinstance(value, dict):
            reader.members(value, "", 2)
        elif name != _FORMAT:
            reader.member(name, value, "", 1)
    prefix = _PREFIXES[kind]
    numbers = {prefix + name: value for name, value in reader.numbers.items()}
    if not numbers and not reader.problems:
        reader.problems.append("The document has no numbers.")
    return Content(numbers, tuple(reader.problems), True)


def _unreadable(problem: str) -> Content:
    return Content({}, (problem,), False)


class _Reader:
    """Walks one document and gathers its numbers under their paths."""

    def __init__(self) -> None:
        self.numbers: dict[str, float] = {}
        self.problems: list[str] = []

    def members(self, values: Mapping[str, Any], path: str, depth: int) -> None:
        for name, value in values.items():
            self.member(name, value, path, depth)

    def member(self, name: str, value: Any, path: str, depth: int) -> None:
        """`depth` is how deep `value` stands."""
        if name == _MATRIX or name.endswith(_CURVE):
            return  # a picture, not a number
        path = f"{path}.{name}" if path else name
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            self.number(path, value)
        elif isinstance(value, (dict, list)):
            if depth >= DEPTH_MAX:
                self.problem(f"{_shown(path)} is nested deeper than {DEPTH_MAX}; left out.")
            elif isinstance(value, dict):
                self.structure(value, path, depth + 1)
            else:
                for item_name, item in _named_items(value):
                    self.structure(item, f"{path}.{item_name}", depth + 1)

    def structure(self, value: Mapping[str, Any], path: str, depth: int) -> None:
        """A metric in SageMaker's form, or members of their own."""
        measured = value.get(VALUE)
        if isinstance(measured, (int, float)) and not isinstance(measured, bool):
            self.number(path, measured)
            value = {name: one for name, one in value.items() if name != VALUE}
        self.members(value, path, depth)

    def number(self, path: str, value: float) -> None:
        try:
            exact = float(value)
        except OverflowError:
            exact = math.inf
        if not math.isfinite(exact):
            self.problem(f"{_shown(path)} is not a finite number; left out.")
        elif not 0 < len(path) <= NAME_LENGTH_MAX or not path.isprintable():
            self.problem(
                f"{_shown(path)} is no name of 1 to {NAME_LENGTH_MAX} printable characters;"
                " left out."
            )
        elif len(self.numbers) >= METRICS_MAX and path not in self.numbers:
            self.problem(f"There are more than {METRICS_MAX} numbers; the first are kept.")
        else:
            self.numbers.setdefault(path, exact)

    def problem(self, text: str) -> None:
        if len(self.problems) < PROBLEMS_MAX and text not in self.problems:
            self.problems.append(text)


def _named_items(items: list[Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Items that say what they are called, as Clarify's metrics, facets and Deequ's features do."""
    for item in items:
        if not isinstance(item, dict):
            continue
        name = item.get("name", item.get("value_or_threshold"))
        if isinstance(name, str) and name:
            rest = ("name", "value_or_threshold")
            yield name, {member: value for member, value in item.items() if member not in rest}


def _shown(path: str) -> str:
    return path[:80].encode("ascii", "backslashreplace").decode()
