"""Search expressions as predicates over documents. Pure; limits are those AWS documents."""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from modelyard.call import Document
from modelyard.errors import ValidationException
from modelyard.search.properties import (
    BOOLEAN,
    FREE,
    NUMBER,
    STRUCTURE,
    TEXT,
    TIMESTAMP,
    Names,
    Property,
    Value,
)
from modelyard.storage import search_values

Predicate = Callable[[Any], bool]

ELEMENTS_MAX = 50  # SearchExpression: filters, nested filters and sub-expressions, at any depth
CONTAINS_MAX = 1  # Filter, Contains: for every property but the names of experiments' entities

_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "GreaterThan": lambda a, b: a > b,
    "GreaterThanOrEqualTo": lambda a, b: a >= b,
    "LessThan": lambda a, b: a < b,
    "LessThanOrEqualTo": lambda a, b: a <= b,
}
_OF_TEXT = frozenset({"Contains", "In"})


def compiled(expression: Document | None, names: Names) -> Predicate:
    """What an expression asks of a searchable document; none asks nothing.

    Raises: ValidationException: it is empty, too large, or asks what a property cannot answer.
    """
    if expression is None:
        return lambda _: True
    _limit(expression, names)
    return _expression(expression, names)


def _limit(expression: Document, names: Names) -> None:
    count = 0
    contains: Counter[str] = Counter()
    waiting = [expression]
    while waiting:
        one = waiting.pop()
        subs, nested = one.get("SubExpressions", []), one.get("NestedFilters", [])
        filters = [*one.get("Filters", []), *(f for n in nested for f in n["Filters"])]
        count += len(filters) + len(nested) + len(subs)
        contains.update(f["Name"] for f in filters if f.get("Operator") == "Contains")
        waiting += subs
    if count > ELEMENTS_MAX:
        raise ValidationException(
            f"A SearchExpression may hold {ELEMENTS_MAX} Filters, NestedFilters and SubExpressions"
            f" in total; this one holds {count}."
        )
    for name, times in contains.items():
        if times > CONTAINS_MAX and names.find(name).path[0] not in names.contained_often:
            raise ValidationException(
                f"'CONTAINS' operator usage limit of {CONTAINS_MAX} exceeded."
            )


def _expression(expression: Document, names: Names) -> Predicate:
    parts = [_filter(f, names) for f in expression.get("Filters", [])]
    parts += [_nested(n, names) for n in expression.get("NestedFilters", [])]
    parts += [_expression(sub, names) for sub in expression.get("SubExpressions", [])]
    if not parts:
        raise ValidationException(
            "A SearchExpression needs at least one of Filters, NestedFilters, SubExpressions."
        )
    some = any if expression.get("Operator") == "Or" else all
    return lambda document: some(part(document) for part in parts)


def _filter(given: Document, names: Names) -> Predicate:
    found = names.find(given["Name"])
    test = _test(found, given)
    return lambda document: test(list(found.values(document)))


def _nested(nested: Document, names: Names) -> Predicate:
    """A nested filter is true if one object of the list satisfies all of its filters."""
    outer = names.find(nested["NestedPropertyName"])
    inner: list[tuple[Property, Callable[[list[Value]], bool]]] = []
    for given in nested["Filters"]:
        found = names.find(given["Name"])
        if found.path[: len(outer.path)] != outer.path or found.path == outer.path:
            raise ValidationException(
                f"A nested filter of {outer.name} must name a property of it, not {found.name}."
            )
        rest = Property(found.name, found.path[len(outer.path) :], found.kind)
        inner.append((rest, _test(found, given)))
    return lambda document: any(
        all(test(list(found.values(item))) for found, test in inner)
        for item in outer.values(document)
    )


def _test(found: Property, given: Document) -> Callable[[list[Value]], bool]:
    """What a filter asks of the values of its property."""
    operator = given.get("Operator", "Equals")
    if operator in ("Exists", "NotExists"):
        if "Value" in given:
            raise ValidationException(f"The operator {operator} takes no Value ({found.name}).")
        wants_some = operator == "Exists"
        return lambda values: bool(values) == wants_some
    if "Value" not in given:
        raise ValidationException(f"The operator {operator} needs a Value ({found.name}).")
    _refuse_meaningless(found, operator)
    text = given["Value"]
    if operator == "In":
        wanted = members(found, text)
        return lambda values: any(value in wanted for value in values)
    if operator == "Contains":
        return lambda values: any(text in str(one) for one in values)
    value = wanted_value(found, operator, text)
    if operator in _COMPARISONS:
        compare = _COMPARISONS[operator]
        if found.kind == FREE:
            return lambda values: any(compare(one, value) for one in _numbers(values))
        return lambda values: any(compare(one, value) for one in values)
    equal = {value}
    if found.kind == FREE:  # a parameter that is a number is equal to it however it is written
        number = search_values.number(text)
        equal |= set() if number is None else {number}
    if operator == "NotEquals":
        return lambda values: not any(one in equal for one in values)
    return lambda values: any(one in equal for one in values)


def members(found: Property, text: str) -> frozenset[str]:
    """What an In lists, parted by commas. Raises: ValidationException: nothing."""
    parts = frozenset(part.strip() for part in text.split(",")) - {""}
    if not parts:
        raise ValidationException(f"The operator In needs values between commas ({found.name}).")
    return parts


def _numbers(values: list[Value]) -> Iterator[float]:
    """Those that are numbers, or text that is one."""
    for value in values:
        number = search_values.number(value) if isinstance(value, str) else value
        if isinstance(number, (int, float)):
            yield number


def _refuse_meaningless(found: Property, operator: str) -> None:
    wrong = (
        found.kind == STRUCTURE
        or (operator in _OF_TEXT and found.kind not in (TEXT, FREE))
        or (operator in _COMPARISONS and found.kind not in (NUMBER, TIMESTAMP, FREE))
    )
    if wrong:
        raise ValidationException(
            f"The operator {operator} is not supported for the {found.kind} property {found.name}."
        )


def wanted_value(found: Property, operator: str, text: str) -> Value:
    """A filter's Value as what its property is compared with. Times are microseconds.

    Raises: ValidationException: it is no such value.
    """
    kind = NUMBER if found.kind == FREE and operator in _COMPARISONS else found.kind
    try:
        if kind == NUMBER:
            return _number(text)
        if kind == TIMESTAMP:
            return _microseconds(text)
    except (ValueError, OverflowError):
        wanted = "a number" if kind == NUMBER else "a time such as 2026-11-01T12:30:00Z"
        raise ValidationException(
            f"The Value of the filter on {found.name} must be {wanted}, not {text}."
        ) from None
    if kind == BOOLEAN and text.lower() in ("true", "false"):
        return text.lower() == "true"
    if kind == BOOLEAN:
        raise ValidationException(f"The Value of the filter on {found.name} must be true or false.")
    return text


def _number(text: str) -> float:
    found = search_values.number(text.strip())
    if found is None:
        raise ValueError(text)
    return found


def _microseconds(text: str) -> int:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
