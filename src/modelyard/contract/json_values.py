"""Values between JSON and operations: only timestamps, blobs and JSON-in-JSON change.

A shape without any of them costs nothing: its conversion is None.
"""

import base64
from collections.abc import Callable
from typing import Any

import msgspec

from modelyard.contract import timestamps
from modelyard.contract.shapes import Shape
from modelyard.errors import SerializationException

Convert = Callable[[Any], Any]


class Conversions:
    """One direction: conversions of leaves, carried to the shapes that hold such leaves."""

    def __init__(self, leaves: Callable[[Shape], Convert | None]) -> None:
        self._leaves = leaves
        self._found: dict[Shape, Convert | None] = {}

    def of(self, shape: Shape) -> Convert | None:
        """What `shape` needs, or None. A recursive shape is assumed to need nothing of itself."""
        leaf = self._leaves(shape)
        if leaf is not None:
            return leaf
        base = shape.base
        if base not in self._found:
            self._found[base] = None
            self._found[base] = self._compiled(base)
        return self._found[base]

    def _compiled(self, shape: Shape) -> Convert | None:
        if shape.type == "structure":
            needed = {name: self.of(member) for name, member in shape.members.items()}
            return _structure({name: c for name, c in needed.items() if c is not None})
        if shape.type == "list":
            return _list(self.of(shape.member))
        if shape.type == "map":
            return _map(self.of(shape.value))
        return None


def _structure(needed: dict[str, Convert]) -> Convert | None:
    if not needed:
        return None

    def convert(value: Any) -> Any:
        if type(value) is not dict:
            return value  # the check says what is wrong with it
        changed = dict(value)
        for name, inner in needed.items():
            item = changed.get(name)
            if item is not None:
                changed[name] = inner(item)
        return changed

    return convert


def _list(inner: Convert | None) -> Convert | None:
    if inner is None:
        return None
    return lambda value: (
        [None if item is None else inner(item) for item in value] if type(value) is list else value
    )


def _map(inner: Convert | None) -> Convert | None:
    if inner is None:
        return None
    return lambda value: (
        {key: None if item is None else inner(item) for key, item in value.items()}
        if type(value) is dict
        else value
    )


def read_timestamp(value: Any) -> int:
    try:
        return timestamps.read(value)
    except timestamps.NotAMoment:
        raise SerializationException("A value cannot be converted to Timestamp.") from None


def read_blob(value: Any) -> bytes:
    if type(value) is not str:
        raise SerializationException("A value cannot be converted to Blob.")
    try:
        return base64.b64decode(value, validate=True)
    except ValueError:
        raise SerializationException("A blob is not valid base64.") from None


def _reader(shape: Shape) -> Convert | None:
    if shape.type == "timestamp":
        return read_timestamp
    if shape.type == "blob":
        return read_blob
    return None


def _writer(shape: Shape) -> Convert | None:
    if shape.type == "timestamp":
        form = shape.timestamp_format or "unixTimestamp"
        return lambda value: timestamps.written(value, form)
    if shape.type == "blob":
        return lambda value: base64.b64encode(value).decode()
    if shape.is_json_value:
        return lambda value: value if type(value) is str else msgspec.json.encode(value).decode()
    return None


reading = Conversions(_reader)
writing = Conversions(_writer)

_encode = msgspec.json.Encoder().encode


def written(shape: Shape | None, value: dict[str, Any]) -> bytes:
    """JSON of an answer. A member whose value is None is left out; nothing is invented."""
    convert = None if shape is None else writing.of(shape)
    if convert is not None:
        value = convert(value)
    body = _encode(value)
    # Looking for the word costs less than walking; a string that holds it only costs a walk.
    return _encode(_without_nulls(value)) if b"null" in body else body


def _without_nulls(value: Any) -> Any:
    if type(value) is dict:
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    if type(value) is list:
        return [_without_nulls(item) for item in value]
    return value
