"""Values between XML and operations, by shape. Shared by Query answers and REST-XML."""

from collections.abc import Callable
from functools import cache
from typing import Any

from modelyard.contract import text_values
from modelyard.contract.shapes import Shape
from modelyard.contract.xml_text import Element, escaped
from modelyard.errors import SerializationException

Write = Callable[[Any, list[str]], None]


# Reading.


def read(shape: Shape, element: Element) -> Any:
    """The value in `element`; elements the shape does not know are skipped.

    Raises: SerializationException: a text is not a value of its type.
    """
    if shape.type == "structure":
        return _read_structure(shape, element)
    if shape.type == "list":
        return [read(shape.member, child) for child in element.children]
    if shape.type == "map":
        return dict(_read_entry(shape, entry) for entry in element.children)
    return _read_text(shape, element.text)


def _read_structure(shape: Shape, element: Element) -> dict[str, Any]:
    children: dict[str, list[Element]] = {}
    for child in element.children:
        children.setdefault(child.name, []).append(child)
    found: dict[str, Any] = {}
    for name, member in shape.members.items():
        if member.location is not None:
            continue
        if member.is_xml_attribute:
            text = element.attributes.get(member.location_name or name)
            if text is not None:
                found[name] = _read_text(member, text)
            continue
        same = children.get(element_name(name, member))
        if not same:
            continue
        if member.is_flattened and member.type == "list":
            found[name] = [read(member.member, child) for child in same]
        elif member.is_flattened and member.type == "map":
            found[name] = dict(_read_entry(member, child) for child in same)
        else:
            found[name] = read(member, same[-1])
    return found


def _read_entry(shape: Shape, entry: Element) -> tuple[Any, Any]:
    parts = {child.name: child for child in entry.children}
    key = parts.get(shape.key.location_name or "key")
    value = parts.get(shape.value.location_name or "value")
    if key is None or value is None:
        raise SerializationException("A map entry lacks its key or its value.")
    return read(shape.key, key), read(shape.value, value)


def _read_text(shape: Shape, text: str) -> Any:
    try:
        return text_values.read(shape, text if shape.type == "string" else text.strip())
    except text_values.NotConvertible:
        raise SerializationException(f"An element is not a valid {shape.type}.") from None


def element_name(name: str, shape: Shape) -> str:
    """The element a member is in; of a flattened list, the element of each item."""
    if shape.is_flattened and shape.type == "list" and shape.member.location_name:
        return shape.member.location_name
    return shape.location_name or name


# Writing.


@cache
def member_writers(shape: Shape) -> dict[str, Write]:
    """What writes each body member of a structure, in the model's order."""
    return {
        name: _member_writer(name, member)
        for name, member in shape.members.items()
        if member.location is None and not member.is_xml_attribute
    }


def write_members(shape: Shape, value: dict[str, Any], out: list[str]) -> None:
    """Appends the members of `value`; absent ones and Nones are left out."""
    for name, write in member_writers(shape.base).items():
        item = value.get(name)
        if item is not None:
            write(item, out)


def _member_writer(name: str, shape: Shape) -> Write:
    tag = element_name(name, shape)
    if shape.type == "list":
        return _list_writer(tag, shape)
    if shape.type == "map":
        return _map_writer(tag, shape)
    return element_writer(tag, shape)


def element_writer(tag: str, shape: Shape) -> Write:
    """Writes one value as one element."""
    if shape.type == "structure":
        return _structure_writer(tag, shape)
    if shape.type in ("list", "map"):
        return _member_writer(tag, shape)

    def write(value: Any, out: list[str]) -> None:
        out.append(f"<{tag}>{escaped(text_values.written(shape, value, 'iso8601'))}</{tag}>")

    return write


def _structure_writer(tag: str, shape: Shape) -> Write:
    attributes = {n: m for n, m in shape.members.items() if m.is_xml_attribute}
    namespace = shape.xml_namespace or {}
    prefix = namespace.get("prefix")
    declared = f' xmlns:{prefix}="{namespace["uri"]}"' if prefix else ""

    def write(value: Any, out: list[str]) -> None:
        extra = "".join(
            f' {member.location_name or name}="{escaped(str(value[name]))}"'
            for name, member in attributes.items()
            if value.get(name) is not None
        )
        out.append(f"<{tag}{declared}{extra}>")
        write_members(shape, value, out)
        out.append(f"</{tag}>")

    return write


def _list_writer(tag: str, shape: Shape) -> Write:
    flattened = shape.is_flattened
    item_tag = tag if flattened else shape.member.location_name or "member"
    write_item = _late(item_tag, shape.member)

    def write(value: Any, out: list[str]) -> None:
        if not flattened:
            out.append(f"<{tag}>")
        for item in value:
            write_item(item, out)
        if not flattened:
            out.append(f"</{tag}>")

    return write


def _map_writer(tag: str, shape: Shape) -> Write:
    flattened = shape.is_flattened
    entry = tag if flattened else "entry"
    write_key = _late(shape.key.location_name or "key", shape.key)
    write_value = _late(shape.value.location_name or "value", shape.value)

    def write(value: Any, out: list[str]) -> None:
        if not flattened:
            out.append(f"<{tag}>")
        for key, item in value.items():
            out.append(f"<{entry}>")
            write_key(key, out)
            write_value(item, out)
            out.append(f"</{entry}>")
        if not flattened:
            out.append(f"</{tag}>")

    return write


def _late(tag: str, shape: Shape) -> Write:
    """A writer made when first used, so that recursive shapes end."""
    made: list[Write] = []

    def write(value: Any, out: list[str]) -> None:
        if not made:
            made.append(element_writer(tag, shape))
        made[0](value, out)

    return write
