"""REST members that travel outside of the body: path labels, query string, headers.

The path is split while it is percent-encoded and a label is decoded exactly once, so that an
encoded slash never moves a boundary.
"""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any
from urllib.parse import unquote_to_bytes

import msgspec

from modelyard.contract import text_values
from modelyard.contract.http import Headers, HttpRequest
from modelyard.contract.model import Operation
from modelyard.contract.shapes import Shape
from modelyard.errors import SerializationException, ValidationException

_LABEL = re.compile(r"\{(\w+)(\+?)\}")
_NOT_IN_HEADERS = re.compile(rb"[\x00-\x1f\x7f]")
_PARAMETERS_MAX = 1000


def percent_decoded(raw: bytes) -> str:
    """Raises: SerializationException: what was encoded is not UTF-8."""
    try:
        return unquote_to_bytes(raw).decode()
    except UnicodeDecodeError:
        raise SerializationException("The URI is not valid UTF-8.") from None


def parameters(query: bytes) -> list[tuple[str, str]]:
    """The query string's pairs, decoded, in order. A key without `=` has the value ``.

    Raises: SerializationException: too many, or not UTF-8.
    """
    if not query:
        return []
    pieces = query.split(b"&", _PARAMETERS_MAX)
    if len(pieces) > _PARAMETERS_MAX:
        raise SerializationException("The query string has too many parameters.")
    pairs = (piece.replace(b"+", b" ").partition(b"=") for piece in pieces if piece)
    return [(percent_decoded(key), percent_decoded(value)) for key, _, value in pairs]


@cache
def path_pattern(uri: str) -> re.Pattern[bytes]:
    """Matches a raw path; groups are labels, still encoded. A trailing slash means nothing."""
    path = uri.partition("?")[0]
    out, position, greedy = "", 0, False
    for label in _LABEL.finditer(path):
        greedy = bool(label[2])
        out += re.escape(path[position : label.start()])
        out += f"(?P<{label[1]}>{'.+' if greedy else '[^/]+'})"
        position = label.end()
    out += re.escape(path[position:])
    return re.compile((out if greedy or path == "/" else out + "/?").encode(), re.DOTALL)


def literal_query(uri: str) -> dict[str, str]:
    """The constant parameters of a URI, such as `uploads` and `list-type=2`."""
    query = uri.partition("?")[2]
    return {key: value for key, _, value in (p.partition("=") for p in query.split("&") if p)}


def labels(operation: Operation, raw_path: bytes) -> dict[str, str]:
    """Path labels by label name, decoded once."""
    match = path_pattern(operation.uri).fullmatch(raw_path)
    if match is None:
        return {}
    return {name: percent_decoded(raw) for name, raw in match.groupdict().items()}


def members(operation: Operation, http: HttpRequest) -> dict[str, Any]:
    """Every input member that is not in the body.

    Raises: SerializationException, ValidationException: a value is not of its type.
    """
    shape = operation.input
    if shape is None:
        return {}
    found_labels = labels(operation, http.raw_path)
    pairs = parameters(http.query)
    first = dict(reversed(pairs))
    found: dict[str, Any] = {}
    for name, member, location, wire in _located(shape):
        value: Any = None
        if location == "uri":
            value = _scalar(name, member, found_labels.get(wire))
        elif location == "querystring":
            value = _from_query(name, member, wire, pairs, first)
        elif location == "header":
            value = _from_header(name, member, http.headers.get(wire.lower()))
        elif location == "headers":
            value = _prefixed(wire.lower(), http.headers)
        if value is not None:
            found[name] = value
    return found


@cache
def _located(shape: Shape) -> tuple[tuple[str, Shape, str, str], ...]:
    return tuple(
        (name, member, member.location, member.location_name or name)
        for name, member in shape.members.items()
        if member.location is not None
    )


def _scalar(name: str, shape: Shape, text: str | None) -> Any:
    if text is None:
        return None
    try:
        return text_values.read(shape, text)
    except text_values.NotConvertible:
        shown = text[:100]
        raise ValidationException(
            f"Value '{shown}' at '{name[:1].lower() + name[1:]}' is not a valid {shape.type}."
        ) from None


def _from_query(
    name: str, shape: Shape, wire: str, pairs: list[tuple[str, str]], first: Mapping[str, str]
) -> Any:
    if shape.type == "list":
        values = [_scalar(name, shape.member, value) for key, value in pairs if key == wire]
        return values or None
    if shape.type == "map":
        return dict(pairs) or None
    return _scalar(name, shape, first.get(wire))


def _from_header(name: str, shape: Shape, text: str | None) -> Any:
    if text is None:
        return None
    if shape.type == "list":
        items = [item.strip() for item in text.split(",")]
        return [_scalar(name, shape.member, item) for item in items if item]
    return _scalar(name, shape, text.strip())


def _prefixed(prefix: str, headers: Mapping[str, str]) -> dict[str, str] | None:
    found = {
        name[len(prefix) :]: value for name, value in headers.items() if name.startswith(prefix)
    }
    return found or None


# Answers.


def header_members(shape: Shape | None, result: Mapping[str, Any]) -> Headers:
    """The answer's members that are headers."""
    if shape is None:
        return []
    return [
        (name.lower().encode(), header_value(text))
        for member_name, member, location, wire in _located(shape)
        if location in ("header", "headers") and (value := result.get(member_name)) is not None
        for name, text in _header_texts(member, location, wire, value)
    ]


def _header_texts(shape: Shape, location: str, wire: str, value: Any) -> Iterator[tuple[str, str]]:
    if location == "headers":
        yield from ((wire + key, text) for key, text in value.items())
    elif shape.is_json_value:
        yield wire, msgspec.json.encode(value).decode()
    elif shape.type == "list":
        texts = (text_values.written(shape.member, item, "rfc822") for item in value)
        yield wire, ",".join(texts)
    else:
        yield wire, text_values.written(shape, value, "rfc822")


def header_value(text: str) -> bytes:
    """Bytes that cannot end a header early."""
    try:
        raw = text.encode("latin-1")
    except UnicodeEncodeError:
        raw = text.encode("utf-8", "replace")
    return _NOT_IN_HEADERS.sub(b" ", raw)


def status_of(operation: Operation, result: Mapping[str, Any]) -> int:
    """The answer's status: a member of it, or the model's."""
    shape = operation.output
    for name, _, location, _ in () if shape is None else _located(shape):
        if location == "statusCode" and isinstance(result.get(name), int):
            return int(result[name])
    return operation.status


def body_members(shape: Shape) -> frozenset[str]:
    """The members that share the body, when there is no payload member."""
    return frozenset(name for name, member in shape.members.items() if member.location is None)
