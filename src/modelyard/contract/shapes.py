"""Shapes of a service model, resolved when first looked at. Knows no wire, checks nothing."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import msgspec


class RawReference(msgspec.Struct, gc=False, rename="camel"):
    """A use of a shape. Fields nobody asks for (documentation above all) are never decoded."""

    shape: str
    location: str | None = None
    location_name: str | None = None
    flattened: bool = False
    streaming: bool = False
    timestamp_format: str | None = None
    xml_namespace: Any = None
    xml_attribute: bool = False
    jsonvalue: bool = False
    idempotency_token: bool = False

    @property
    def is_plain(self) -> bool:
        return self == RawReference(self.shape)


class RawError(msgspec.Struct, gc=False, rename="camel"):
    code: str | None = None
    http_status_code: int | None = None


class RawShape(msgspec.Struct, gc=False, rename="camel"):
    type: str
    members: dict[str, RawReference] = {}
    required: list[str] = []
    member: RawReference | None = None
    key: RawReference | None = None
    value: RawReference | None = None
    enum: list[str] | None = None
    min: int | float | None = None
    max: int | float | None = None
    pattern: str | None = None
    union: bool = False
    flattened: bool = False
    sensitive: bool = False
    streaming: bool = False
    payload: str | None = None
    location_name: str | None = None
    timestamp_format: str | None = None
    xml_namespace: Any = None
    eventstream: bool = False
    exception: bool = False
    fault: bool = False
    error: RawError | None = None


class Shape:
    """One shape where it is used. Two uses share `base`, the shape without the use's traits."""

    def __init__(
        self, table: "ShapeTable", name: str, raw: RawShape, use: RawReference | None
    ) -> None:
        self._table = table
        self._raw = raw
        self._use = use
        self.name = name
        self.type = raw.type

    def __repr__(self) -> str:
        return f"Shape({self.name}: {self.type})"

    @property
    def base(self) -> "Shape":
        return self if self._use is None else self._table.shape(self.name)

    @cached_property
    def members(self) -> Mapping[str, "Shape"]:
        """Of a structure, by AWS's names, in the model's order."""
        if self._use is not None:
            return self.base.members
        return {name: self._table.used(use) for name, use in self._raw.members.items()}

    @property
    def required(self) -> tuple[str, ...]:
        return tuple(self._raw.required)

    @cached_property
    def member(self) -> "Shape":
        """Of a list."""
        assert self._raw.member is not None
        return self._table.used(self._raw.member)

    @cached_property
    def key(self) -> "Shape":
        assert self._raw.key is not None
        return self._table.used(self._raw.key)

    @cached_property
    def value(self) -> "Shape":
        assert self._raw.value is not None
        return self._table.used(self._raw.value)

    @property
    def enum(self) -> tuple[str, ...] | None:
        return None if self._raw.enum is None else tuple(self._raw.enum)

    @property
    def min(self) -> int | float | None:
        return self._raw.min

    @property
    def max(self) -> int | float | None:
        return self._raw.max

    @property
    def pattern(self) -> str | None:
        return self._raw.pattern

    @property
    def is_union(self) -> bool:
        return self._raw.union

    @property
    def is_sensitive(self) -> bool:
        return self._raw.sensitive

    @property
    def is_fault(self) -> bool:
        return self._raw.fault

    @property
    def error_code(self) -> str:
        """What a client reads as the code of this error shape."""
        error = self._raw.error
        return (error.code if error is not None else None) or self.name

    @property
    def error_status(self) -> int | None:
        return None if self._raw.error is None else self._raw.error.http_status_code

    @property
    def payload(self) -> str | None:
        """The member that is the whole HTTP body."""
        return self._raw.payload

    @property
    def is_event_stream(self) -> bool:
        return self._raw.eventstream

    # Traits of this use.

    @property
    def location(self) -> str | None:
        """header, headers, querystring, uri, statusCode; None: in the body."""
        return None if self._use is None else self._use.location

    @property
    def location_name(self) -> str | None:
        own = None if self._use is None else self._use.location_name
        return own or self._raw.location_name

    @property
    def is_flattened(self) -> bool:
        return self._raw.flattened or (self._use is not None and self._use.flattened)

    @property
    def is_streaming(self) -> bool:
        return self._raw.streaming or (self._use is not None and self._use.streaming)

    @property
    def is_xml_attribute(self) -> bool:
        return self._use is not None and self._use.xml_attribute

    @property
    def is_json_value(self) -> bool:
        return self._use is not None and self._use.jsonvalue

    @property
    def is_idempotency_token(self) -> bool:
        return self._use is not None and self._use.idempotency_token

    @property
    def timestamp_format(self) -> str | None:
        own = None if self._use is None else self._use.timestamp_format
        return own or self._raw.timestamp_format

    @property
    def xml_namespace(self) -> Mapping[str, str] | None:
        own = None if self._use is None else self._use.xml_namespace
        found = own or self._raw.xml_namespace
        return {"uri": found} if isinstance(found, str) else found


class ShapeTable:
    """The shapes of one service."""

    def __init__(self, raw: Mapping[str, RawShape]) -> None:
        self._raw = raw
        self._shapes: dict[str, Shape] = {}

    def __iter__(self) -> Any:
        return iter(self._raw)

    def shape(self, name: str) -> Shape:
        found = self._shapes.get(name)
        if found is None:
            found = self._shapes[name] = Shape(self, name, self._raw[name], None)
        return found

    def used(self, use: RawReference) -> Shape:
        if use.is_plain:
            return self.shape(use.shape)
        return Shape(self, use.shape, self._raw[use.shape], use)

    def errors(self) -> dict[str, Shape]:
        """Every error shape, by the code a client reads."""
        shapes = [self.shape(name) for name, raw in self._raw.items() if raw.exception]
        return {shape.error_code: shape for shape in shapes}
