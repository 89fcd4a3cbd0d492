"""Properties of a searched resource: which names there are, of which type, and their values. Pure.

The names are the members of the shape that Search answers, joined by dots; lists are passed
through. What stands behind a map's name (`Tags.team`) is a key as it is. Members may be written in
any case, as SageMaker's own examples do (`metrics.accuracy.max`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from modelyard.call import Document
from modelyard.contract.shapes import Shape
from modelyard.errors import ValidationException

Value = str | int | float | bool

TEXT, NUMBER, TIMESTAMP, BOOLEAN = "text", "number", "timestamp", "boolean"
FREE = "free"  # a value under a chosen name: text, which may be a number, or a number
STRUCTURE = "structure"  # only exists or does not

TAGS = "Tags"
METRICS = "Metrics"
METRICS_BY_NAME = "#Metrics"  # in a searchable document
_PARAMETERS = "Parameters"
_ARTIFACTS = ("InputArtifacts", "OutputArtifacts")
_METRIC_NAME = "MetricName"
_DEFAULT_STATISTIC = "Last"
_NUMBERS = frozenset({"integer", "long", "float", "double"})


@dataclass(frozen=True, slots=True)
class Property:
    """`name` is as the client wrote it, `path` leads through a searchable document."""

    name: str
    path: tuple[str, ...]
    kind: str

    def values(self, document: Any) -> Iterator[Value]:
        """Every value of the property; several where a list is on the way."""
        yield from _values(document, self.path)


@dataclass(frozen=True, slots=True)
class Names:
    """What may be asked of one resource.

    prefixes: words that may stand before a name. inner: the structure within which most members
    are (a Model's). measured: whether `Metrics.NAME` is a number of its own, beyond AWS.
    contained_often: members that more than one Contains may be about.
    """

    resource: str
    shape: Shape
    prefixes: tuple[str, ...]
    inner: str = ""
    measured: bool = False
    contained_often: frozenset[str] = frozenset()

    def find(self, name: str) -> Property:
        """Raises: ValidationException: the resource has no property of this name."""
        stripped = name
        for prefix in self.prefixes:
            stripped = stripped.removeprefix(f"{prefix}.")
        tries = [stripped, name, f"{self.inner}.{stripped}"] if self.inner else [stripped]
        for text in tries:
            found = self._metric(name, text) or _member(self.shape, name, text.split("."))
            if found is not None:
                return found
        raise ValidationException(f"Unknown property name {name} of {self.resource}.")

    def _metric(self, name: str, text: str) -> Property | None:
        """`Metrics.NAME`, of trial components `Metrics.NAME.STATISTIC`; names may have dots."""
        head, dot, rest = text.partition(".")
        if not dot or not rest or head.lower() != METRICS.lower():
            return None
        if self.measured:
            return Property(name, (METRICS_BY_NAME, rest), NUMBER)
        if METRICS not in self.shape.members:
            return None
        summary = self.shape.members[METRICS].member
        if _named(summary, rest):
            return None  # a member of every item of the list
        metric, dot, last = rest.rpartition(".")
        statistic = _named(summary, last) if metric else ""
        if statistic and _kind(summary.members[statistic]) == NUMBER:
            return Property(name, (METRICS_BY_NAME, metric, statistic), NUMBER)
        return Property(name, (METRICS_BY_NAME, rest, _DEFAULT_STATISTIC), NUMBER)

    def all(self) -> Iterator[str]:
        """The names of all members, at any depth; of maps their own name."""
        prefix = f"{self.inner}." if self.inner else ""
        yield from (one.removeprefix(prefix) for one in _all(self.shape, (), ()))


def _member(shape: Shape, name: str, segments: list[str]) -> Property | None:
    path: list[str] = []
    while segments:
        if shape.type == "list":
            shape = shape.member
        if path == [TAGS] or path[1:] == [TAGS]:
            return Property(name, (*path, ".".join(segments)), TEXT)
        if shape.type == "map":
            return Property(name, (*path, ".".join(segments)), FREE)
        member = _named(shape, segments.pop(0)) if shape.type == "structure" else ""
        if not member:
            return None
        shape = shape.members[member]
        path.append(member)
    return Property(name, tuple(path), _kind(shape))


def _named(shape: Shape, text: str) -> str:
    """The member of this name, in whatever case; "" if there is none."""
    if text in shape.members:
        return text
    lower = text.lower()
    return next((member for member in shape.members if member.lower() == lower), "")


def _kind(shape: Shape) -> str:
    if shape.type == "list":
        shape = shape.member
    if shape.type in _NUMBERS:
        return NUMBER
    kinds = {"string": TEXT, "timestamp": TIMESTAMP, "boolean": BOOLEAN}
    return kinds.get(shape.type, STRUCTURE)


def _all(shape: Shape, path: tuple[str, ...], above: tuple[str, ...]) -> Iterator[str]:
    while shape.type == "list":
        shape = shape.member
    if shape.type != "structure" or shape.name in above or path[-1:] == (TAGS,):
        if path:
            yield ".".join(path)
        return
    for member, one in shape.members.items():
        yield from _all(one, (*path, member), (*above, shape.name))


def searchable(document: Document) -> Document:
    """The document with what has chosen names as maps of their values."""
    seen = dict(document)
    if isinstance(seen.get("Model"), dict):
        seen["Model"] = searchable(seen["Model"])
    if TAGS in seen:
        seen[TAGS] = {tag["Key"]: tag["Value"] for tag in seen[TAGS]}
    if METRICS in seen:
        seen[METRICS_BY_NAME] = {one[_METRIC_NAME]: one for one in seen[METRICS]}
    if _PARAMETERS in seen:
        seen[_PARAMETERS] = {
            name: next(iter(value.values()), None) for name, value in seen[_PARAMETERS].items()
        }
    for member in _ARTIFACTS:
        if member in seen:
            seen[member] = {name: value["Value"] for name, value in seen[member].items()}
    return seen


def _values(value: Any, path: tuple[str, ...]) -> Iterator[Any]:
    if isinstance(value, list):
        for item in value:
            yield from _values(item, path)
    elif not path:
        yield value
    elif isinstance(value, Mapping) and path[0] in value:
        yield from _values(value[path[0]], path[1:])
