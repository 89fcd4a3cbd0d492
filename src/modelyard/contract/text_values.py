"""Scalars as text: in headers, query strings, form bodies and XML. Knows no carrier."""

import base64
import re
from collections.abc import Callable
from typing import Any

from modelyard.contract import timestamps
from modelyard.contract.shapes import Shape

_INTEGER = re.compile(r"[+-]?[0-9]{1,20}")
_FLOAT = re.compile(r"[+-]?(?:[0-9]{1,40}(?:\.[0-9]{0,40})?|\.[0-9]{1,40})(?:[eE][+-]?[0-9]{1,3})?")


class NotConvertible(ValueError):
    """The text is not a value of the shape's type."""


def read(shape: Shape, text: str) -> Any:
    """The value `text` spells. Raises: NotConvertible."""
    return _READERS[shape.type](text)


def written(shape: Shape, value: Any, timestamp_form: str) -> str:
    """The text of a scalar; `timestamp_form` is the carrier's own, unless the model has one."""
    kind = shape.type
    if kind == "timestamp":
        return str(timestamps.written(value, shape.timestamp_format or timestamp_form))
    if kind == "blob":
        return base64.b64encode(value).decode()
    if kind == "boolean":
        return "true" if value else "false"
    return str(value)


def _integer(text: str) -> int:
    if _INTEGER.fullmatch(text) is None:
        raise NotConvertible
    return int(text)


def _float(text: str) -> float:
    if _FLOAT.fullmatch(text) is None:
        raise NotConvertible
    return float(text)


def _boolean(text: str) -> bool:
    lower = text.lower()
    if lower not in ("true", "false"):
        raise NotConvertible
    return lower == "true"


def _timestamp(text: str) -> int:
    try:
        return timestamps.read(text)
    except timestamps.NotAMoment:
        raise NotConvertible from None


def _blob(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise NotConvertible from None


def _string(text: str) -> str:
    return text


_READERS: dict[str, Callable[[str], Any]] = {
    "string": _string,
    "character": _string,
    "integer": _integer,
    "long": _integer,
    "float": _float,
    "double": _float,
    "boolean": _boolean,
    "timestamp": _timestamp,
    "blob": _blob,
}
