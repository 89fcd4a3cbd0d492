"""Properties of a searched resource: which names there are, of which type, and their values. Pure.

The names are the members of the shape that Search answers, joined by dots; lists are passed
through. What stands behind a map's name (`Tags.team`) is a key as it is.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from modelyard.call import Document
from modelyard.contract.shapes import Shape
from modelyard.errors import ValidationException

Value = str | int | float | bool

_TAGS = "Tags"
_NUMBERS = frozenset({"integer", "long", "float", "double"})


@dataclass(frozen=True, slots=True)
class Property:
    """`kind` is text, number, timestamp, boolean, or structure (which only exists or does not)."""

    name: str
    path: tuple[str, ...]
    kind: str

    def values(self, document: Any) -> Iterator[Value]:
        """Every value of the property; several where a list is on the way."""
        yield from _values(document, self.path)


def find(shape: Shape, resource: str, name: str) -> Property:
    """The property called `name`. `Resource.name` is the same as `name`.

    Raises: ValidationException: the resource has none of this name.
    """
    segments = name.removeprefix(f"{resource}.").split(".")
    path: list[str] = []
    while segments:
        if shape.type == "list":
            shape = shape.member
        if _is_map(shape, path):
            path.append(".".join(segments))
            return Property(name, tuple(path), "text")
        if shape.type != "structure" or segments[0] not in shape.members:
            raise ValidationException(f"Unknown property name {name} of {resource}.")
        shape = shape.members[segments[0]]
        path.append(segments.pop(0))
    return Property(name, tuple(path), _kind(shape))


def _is_map(shape: Shape, path: Sequence[str]) -> bool:
    return shape.type == "map" or list(path) == [_TAGS]


def _kind(shape: Shape) -> str:
    if shape.type == "list":
        shape = shape.member
    if shape.type in _NUMBERS:
        return "number"
    return {"string": "text", "timestamp": "timestamp", "boolean": "boolean"}.get(
        shape.type, "structure"
    )


def searchable(document: Document) -> Document:
    """The document with its tags as a map, which is how they are named."""
    if _TAGS not in document:
        return document
    return {**document, _TAGS: {tag["Key"]: tag["Value"] for tag in document[_TAGS]}}


def _values(value: Any, path: tuple[str, ...]) -> Iterator[Any]:
    if isinstance(value, list):
        for item in value:
            yield from _values(item, path)
    elif not path:
        yield value
    elif isinstance(value, dict) and path[0] in value:
        yield from _values(value[path[0]], path[1:])
