"""Whether a name in a document may be that of a secret, for documents of one shape. Pure.

Members are named by the contract, which is looked through once. Names that callers choose (keys of
maps, of tags) are few, and the shape says where they are.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from modelyard.audit import redaction
from modelyard.contract.model import Operation
from modelyard.contract.shapes import Shape

Doubt = Callable[[Any], bool]
_SCALARS = frozenset(
    {"string", "boolean", "integer", "long", "float", "double", "timestamp", "character"}
)


@lru_cache(None)
def doubts(operation: Operation) -> tuple[Doubt | None, Doubt | None]:
    """Of the operation's request and its answer: whether one may hold what has to be blanked.

    None where none ever does. Texts are judged by how they look, which is not asked here.
    """
    return _doubt(operation.input), _doubt(operation.output)


def _doubt(shape: Shape | None, above: frozenset[str] = frozenset()) -> Doubt | None:
    if shape is None:
        return bool  # an empty answer
    if shape.type in _SCALARS:
        return None
    if shape.name in above:
        return _always
    above |= {shape.name}
    if shape.type == "structure":
        return _of_structure(shape, above)
    if shape.type == "list":
        return _of_list(_doubt(shape.member, above))
    if shape.type == "map":
        return _of_map(_doubt(shape.value, above))
    return _always


def _always(value: Any) -> bool:
    """Of what nests in itself, and of bytes."""
    return True


def _of_structure(shape: Shape, above: frozenset[str]) -> Doubt:
    inner = {name: _doubt(member, above) for name, member in shape.members.items()}
    harmless = frozenset(name for name in inner if not redaction.is_telling(name))
    looked_into = [(name, doubt) for name, doubt in inner.items() if doubt and name in harmless]
    is_pair = "Value" in inner and ("Key" in inner or "Name" in inner)

    def doubt_structure(value: Any) -> bool:
        if type(value) is not dict or not value.keys() <= harmless:
            return True
        if is_pair and redaction.is_telling(value.get("Key", value.get("Name", ""))):
            return True
        return any(name in value and doubt(value[name]) for name, doubt in looked_into)

    return doubt_structure


def _of_list(doubt: Doubt | None) -> Doubt | None:
    if doubt is None:
        return None
    return lambda value: type(value) is not list or any(map(doubt, value))


def _of_map(doubt: Doubt | None) -> Doubt:
    def doubt_map(value: Any) -> bool:
        if type(value) is not dict or "Value" in value or any(map(redaction.is_telling, value)):
            return True
        return doubt is not None and any(map(doubt, value.values()))

    return doubt_map
