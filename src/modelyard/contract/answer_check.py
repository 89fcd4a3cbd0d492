"""Whether an operation's answer is one AWS could have given. For tests only."""

from typing import Any

from modelyard.contract.model import Operation
from modelyard.contract.shapes import Shape

_NUMBERS = {"integer": int, "long": int, "float": (int, float), "double": (int, float)}
_TYPES: dict[str, Any] = {
    **_NUMBERS,
    "string": str,
    "character": str,
    "boolean": bool,
    "timestamp": int,
    "blob": bytes,
    "list": list,
    "map": dict,
    "structure": dict,
}


def output_failures(operation: Operation, result: Any) -> list[str]:
    """What is wrong with `result`: types, required members, enums, members nobody knows, Nones,
    and structures sent empty where the model requires members of them."""
    if operation.output is None:
        return [] if not result else [f"{operation.name} answers nothing, not {sorted(result)}"]
    out: list[str] = []
    _look(operation.output, result, operation.name, out)
    return out


def _look(shape: Shape, value: Any, path: str, out: list[str]) -> None:
    if shape.is_streaming or shape.is_event_stream:
        return
    wanted = _TYPES[shape.type]
    if not isinstance(value, wanted) or (isinstance(value, bool) and shape.type != "boolean"):
        if not (shape.is_json_value and isinstance(value, dict | list)):
            out.append(f"{path}: {value!r:.80} is not a {shape.type}")
        return
    if shape.type == "structure":
        _look_at_members(shape, value, path, out)
    elif shape.type == "list":
        for index, item in enumerate(value):
            _look(shape.member, item, f"{path}[{index}]", out)
    elif shape.type == "map":
        for key, item in value.items():
            _look(shape.key, key, f"{path} key", out)
            _look(shape.value, item, f"{path}.{key}", out)
    elif shape.enum is not None and value not in shape.enum:
        out.append(f"{path}: {value!r:.80} is not one of {', '.join(shape.enum)}")


def _look_at_members(shape: Shape, value: dict[str, Any], path: str, out: list[str]) -> None:
    missing = [name for name in shape.required if value.get(name) is None]
    out += [f"{path}.{name}: missing" for name in missing]
    if shape.is_union and len(value) != 1:
        out.append(f"{path}: exactly one member is needed, not {sorted(value)}")
    for name, item in value.items():
        member = shape.members.get(name)
        if member is None:
            out.append(f"{path}.{name}: the model has no such member")
        elif item is None:
            out.append(f"{path}.{name}: None; an absent member is left out")
        else:
            _look(member, item, f"{path}.{name}", out)
