"""Checks a request against its input shape and names every failure, in AWS's wording.

Each shape becomes a closure once. A closure answers None for a good value, so that a good request
builds no path and no message. A check also removes what AWS ignores: unknown members and nulls of
structures. Knows no protocol: timestamps are integers already, blobs bytes.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from modelyard.contract.model import Operation
from modelyard.contract.patterns import matcher
from modelyard.contract.shapes import Shape
from modelyard.errors import SerializationException, ValidationException

MESSAGES_MAX = 50  # written out; the count names all
_SHOWN_MAX = 256  # characters of a value in a message
_PATTERN_EFFORT_MAX = 4096  # characters of a string that is refused already

_NUMBER_RANGES = {"integer": (-(2**31), 2**31 - 1), "long": (-(2**63), 2**63 - 1)}
_NO_NUMBERS = frozenset({"NaN", "Infinity", "-Infinity"})  # as JSON of AWS spells them
_NUMBER_NAMES = {"integer": "Integer", "long": "Long", "float": "Float", "double": "Double"}


@dataclass(frozen=True, slots=True)
class Failure:
    """One failed constraint. `shown` is the value as AWS prints it, with its quotes."""

    path: str
    shown: str
    constraint: str
    is_type: bool = False  # the value cannot even be read as its shape

    def inside(self, segment: str) -> "Failure":
        path = f"{segment}.{self.path}" if self.path else segment
        return Failure(path, self.shown, self.constraint, self.is_type)

    def __str__(self) -> str:
        value = f"Value {self.shown}" if self.shown else "Value"
        return f"{value} at '{self.path}' failed to satisfy constraint: {self.constraint}"


Failures = list[Failure]
Check = Callable[[Any], Failures | None]


def check(operation: Operation, request: dict[str, Any]) -> None:
    """Accept `request`, dropping what AWS ignores, or name everything that is wrong with it.

    Raises:
        SerializationException: a value is of another type than its shape.
        ValidationException: constraints failed.
    """
    if operation.input is None:
        request.clear()
        return
    found = _checker(operation.input)(request)
    if found is None:
        return
    types = [failure for failure in found if failure.is_type]
    if types:
        raise SerializationException("; ".join(map(_type_sentence, types[:MESSAGES_MAX])))
    raise ValidationException(sentence(found))


def failures(shape: Shape, value: Any) -> list[str]:
    """Every failure of `value`, as sentences. Also removes what AWS ignores."""
    return [str(failure) for failure in _checker(shape)(value) or ()]


def sentence(found: Failures) -> str:
    """`2 validation errors detected: ...`"""
    plural = "" if len(found) == 1 else "s"
    listed = "; ".join(map(str, found[:MESSAGES_MAX]))
    return f"{len(found)} validation error{plural} detected: {listed}"


def _type_sentence(failure: Failure) -> str:
    return f"{failure.constraint} at '{failure.path}'" if failure.path else failure.constraint


# Closures, one a shape.


_checkers: dict[Shape, Check] = {}


def _checker(shape: Shape) -> Check:
    base = shape.base
    found = _checkers.get(base)
    if found is None:

        def later(value: Any) -> Failures | None:
            return _checkers[base](value)

        _checkers[base] = later  # what a recursive shape meets of itself while it is compiled
        try:
            found = _checkers[base] = _COMPILERS[base.type](base)
        except BaseException:  # nobody retries: the model is at fault, and must say so every time
            del _checkers[base]
            raise
    return found


def _structure(shape: Shape) -> Check:
    lower = {name: _lower(name) for name in shape.members}
    checks = {name: _member_check(member) for name, member in shape.members.items()}
    required = shape.required
    union = shape.is_union

    def check_structure(value: Any) -> Failures | None:
        if type(value) is not dict:
            return _wrong_type(value, "a structure")
        found: Failures | None = None
        ignored: list[str] | None = None
        for name, item in value.items():
            if item is None or name not in checks:
                if ignored is None:
                    ignored = []
                ignored.append(name)
                continue
            inner = checks[name](item)
            if inner is not None:
                found = found or []
                found += [failure.inside(lower[name]) for failure in inner]
        if ignored is not None:
            for name in ignored:
                del value[name]
        for name in required:
            if name not in value:
                found = found or []
                found.append(Failure(lower[name], "null", "Member must not be null"))
        if union and len(value) != 1:
            found = found or []
            found.append(_union_failure(shape, value))
        return found

    return check_structure


def _member_check(member: Shape) -> Check:
    # A stream is not looked at: it may not even have arrived.
    return _accept if member.is_streaming or member.is_event_stream else _checker(member)


def _union_failure(shape: Shape, value: Any) -> Failure:
    names = ", ".join(shape.members)
    return Failure("", _shown(value), f"Member must have exactly one of these set: [{names}]")


def _list(shape: Shape) -> Check:
    element = _checker(shape.member)
    limits = _length_check(shape)
    scalar = _is_scalar(shape.member)
    all_constraints = ", ".join(_constraints(shape.member))

    def check_list(value: Any) -> Failures | None:
        if type(value) is not list:
            return _wrong_type(value, "a list")
        found = limits(value)
        if found is not None:
            return found
        wrong = False
        for index, item in enumerate(value, 1):
            if item is None:
                found = found or []
                found.append(Failure(f"{index}.member", "null", "Member must not be null"))
                continue
            inner = element(item)
            if inner is None:
                continue
            if scalar and not inner[0].is_type:
                wrong = True
                continue
            found = found or []
            found += [failure.inside(f"{index}.member") for failure in inner]
        if wrong:
            found = found or []
            constraint = f"Member must satisfy constraint: [{all_constraints}]"
            found.append(Failure("", _shown(value), constraint))
        return found

    return check_list


def _map(shape: Shape) -> Check:
    key_check, value_check = _checker(shape.key), _checker(shape.value)
    limits = _length_check(shape)
    scalar = _is_scalar(shape.value)
    key_rule = f"Map keys must satisfy constraint: [{', '.join(_constraints(shape.key))}]"
    value_rule = f"Map value must satisfy constraint: [{', '.join(_constraints(shape.value))}]"

    def check_map(value: Any) -> Failures | None:
        if type(value) is not dict:
            return _wrong_type(value, "a map")
        found = limits(value) or []
        if found:
            return found
        wrong_key = wrong_value = False
        for key, item in value.items():
            if key_check(key) is not None:
                wrong_key = True
            if item is None:
                found.append(Failure(f"{_short(key)}.member", "null", "Member must not be null"))
                continue
            inner = value_check(item)
            if inner is None:
                continue
            if scalar and not inner[0].is_type:
                wrong_value = True
                continue
            found += [failure.inside(f"{_short(key)}.member") for failure in inner]
        if wrong_key:
            found.append(Failure("", _shown(value), key_rule))
        if wrong_value:
            found.append(Failure("", _shown(value), value_rule))
        return found or None

    return check_map


def _string(shape: Shape) -> Check:
    low, high = shape.min or 0, shape.max
    pattern = None if shape.pattern is None else matcher(shape.pattern)
    allowed = None if shape.enum is None else frozenset(shape.enum)
    sensitive = shape.is_sensitive

    def check_string(value: Any) -> Failures | None:
        if type(value) is not str:
            return _wrong_type(value, "String")
        if allowed is not None and value in allowed:
            return None
        if (
            allowed is None
            and low <= len(value)
            and (high is None or len(value) <= high)
            and "\0" not in value
            and (value.isascii() or _is_unicode(value))
            and (pattern is None or pattern(value))
        ):
            return None
        return explain(value)

    def explain(value: str) -> Failures | None:
        shown = "" if sensitive else _shown(value)
        if not _is_unicode(value):
            return [Failure("", shown, "Member must not contain unpaired surrogates")]
        rules = []
        if "\0" in value:
            rules.append("Member must not contain the character NUL")
        if high is not None and len(value) > high:
            rules.append(_longest(high))
        if len(value) < low:
            rules.append(_shortest(low))
        effort_is_bounded = not rules or len(value) <= _PATTERN_EFFORT_MAX
        if pattern is not None and effort_is_bounded and not pattern(value):
            rules.append(f"Member must satisfy regular expression pattern: {shape.pattern}")
        if allowed is not None and value not in allowed:
            rules.append(_enum_rule(shape))
        return [Failure("", shown, rule) for rule in rules] or None

    return check_string


def _number(shape: Shape) -> Check:
    low, high = shape.min, shape.max
    bounds = _NUMBER_RANGES.get(shape.type)
    type_name = _NUMBER_NAMES[shape.type]

    def check_number(value: Any) -> Failures | None:
        kind = type(value)
        if bounds is not None:
            if kind is not int or not bounds[0] <= value <= bounds[1]:
                return _wrong_type(value, type_name)
        elif kind is str and value in _NO_NUMBERS:
            return [Failure("", _shown(value), "Member must be a finite number")]
        elif (kind is not float and kind is not int) or not _is_finite(value):
            return _wrong_type(value, type_name)
        if (low is None or low <= value) and (high is None or value <= high):
            return None
        over = high is not None and value > high
        word, limit = ("less", high) if over else ("greater", low)
        rule = f"Member must have value {word} than or equal to {limit}"
        return [Failure("", _shown(value), rule)]

    return check_number


def _is_finite(value: float) -> bool:
    return -1.7976931348623157e308 <= value <= 1.7976931348623157e308


def _boolean(shape: Shape) -> Check:
    return lambda value: None if type(value) is bool else _wrong_type(value, "Boolean")


def _timestamp(shape: Shape) -> Check:
    return lambda value: None if type(value) is int else _wrong_type(value, "Timestamp")


def _blob(shape: Shape) -> Check:
    limits = _length_check(shape)

    def check_blob(value: Any) -> Failures | None:
        return limits(value) if type(value) is bytes else _wrong_type(value, "Blob")

    return check_blob


def _accept(value: Any) -> Failures | None:
    return None


_COMPILERS: dict[str, Callable[[Shape], Check]] = {
    "structure": _structure,
    "list": _list,
    "map": _map,
    "string": _string,
    "character": _string,
    "integer": _number,
    "long": _number,
    "float": _number,
    "double": _number,
    "boolean": _boolean,
    "timestamp": _timestamp,
    "blob": _blob,
}


def _length_check(shape: Shape) -> Check:
    """Of a list, map or blob. One that is too long is not looked into."""
    low, high = shape.min or 0, shape.max

    def check_length(value: Any) -> Failures | None:
        if high is not None and len(value) > high:
            return [Failure("", _shown(value), _longest(high))]
        if len(value) < low:
            return [Failure("", _shown(value), _shortest(low))]
        return None

    return check_length


# Words.


def _longest(limit: float) -> str:
    return f"Member must have length less than or equal to {limit}"


def _shortest(limit: float) -> str:
    return f"Member must have length greater than or equal to {limit}"


def _enum_rule(shape: Shape) -> str:
    return f"Member must satisfy enum value set: [{', '.join(shape.enum or ())}]"


def _is_scalar(shape: Shape) -> bool:
    return shape.type not in ("structure", "list", "map")


def _constraints(shape: Shape) -> Iterable[str]:
    """All rules of an element: AWS lists every one when any element fails."""
    noun = "value" if shape.type in _NUMBER_NAMES else "length"
    if shape.max is not None:
        yield f"Member must have {noun} less than or equal to {shape.max}"
    if shape.min is not None:
        yield f"Member must have {noun} greater than or equal to {shape.min}"
    if shape.pattern is not None:
        yield f"Member must satisfy regular expression pattern: {shape.pattern}"
    if shape.enum is not None:
        yield _enum_rule(shape)


def _wrong_type(value: Any, wanted: str) -> Failures:
    if type(value) in (int, float) and wanted in _NUMBER_NAMES.values():
        constraint = f"The number is out of range for {wanted} or not one"
    else:
        constraint = f"{_type_name(value)} cannot be converted to {wanted}"
    return [Failure("", _shown(value), constraint, is_type=True)]


def _type_name(value: Any) -> str:
    names = {str: "STRING_VALUE", bool: "BOOLEAN_VALUE", int: "NUMBER_VALUE", float: "NUMBER_VALUE"}
    return names.get(type(value), "A list" if type(value) is list else "A structure or map")


def _is_unicode(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _lower(name: str) -> str:
    return name[:1].lower() + name[1:]


def _short(text: str) -> str:
    return text if len(text) <= _SHOWN_MAX else text[: _SHOWN_MAX - 3] + "..."


def _shown(value: Any) -> str:
    """As Java prints it: [a, b], {k=v}; shortened, and safe to encode."""
    text = _short("".join(_printed(value, _SHOWN_MAX)))
    return f"'{text.encode('utf-8', 'replace').decode().replace(chr(0), '?')}'"


def _printed(value: Any, room: int) -> Iterable[str]:
    """The print of `value`, in pieces; stops soon after `room` characters."""
    if isinstance(value, dict):
        pairs = [
            f"{_short(str(key))}={''.join(_printed(item, room // 2))}"
            for key, item in list(value.items())[: room // 2]
        ]
        yield "{" + ", ".join(pairs) + "}"
    elif isinstance(value, list):
        items = ["".join(_printed(item, room // 2)) for item in value[: room // 2]]
        yield "[" + ", ".join(items) + "]"
    elif isinstance(value, bool):
        yield "true" if value else "false"
    elif isinstance(value, bytes):
        yield f"blob of {len(value)} bytes"
    elif isinstance(value, int) and value.bit_length() > 256:
        yield "a huge number"
    else:
        yield str(value)[: _SHOWN_MAX + 1]
