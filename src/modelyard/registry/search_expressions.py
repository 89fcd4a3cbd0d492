"""Search expressions as predicates over documents. Pure; limits are those AWS documents."""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from modelyard.call import Document
from modelyard.contract.shapes import Shape
from modelyard.errors import ValidationException
from modelyard.registry import search_properties
from modelyard.registry.search_properties import Property, Value

Predicate = Callable[[Any], bool]

ELEMENTS_MAX = (
    50  # Search: "The maximum number of recursive SubExpressions, NestedFilters, Filters"
)
CONTAINS_MAX = 1  # Filter, Contains: for every property of the resources offered here

_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "GreaterThan": lambda a, b: a > b,
    "GreaterThanOrEqualTo": lambda a, b: a >= b,
    "LessThan": lambda a, b: a < b,
    "LessThanOrEqualTo": lambda a, b: a <= b,
}
_OF_TEXT = frozenset({"Contains", "In"})


def compiled(expression: Document | None, shape: Shape, resource: str) -> Predicate:
    """What an expression asks of a document (`search_properties.searchable`); none asks nothing.

    Raises: ValidationException: it is empty, too large, or asks what a property cannot answer.
    """
    if expression is None:
        return lambda _: True
    _limit(expression)
    return _expression(expression, shape, resource)


def filters(expression: Document) -> Iterator[Document]:
    """Every filter, at any depth."""
    yield from expression.get("Filters", [])
    for nested in expression.get("NestedFilters", []):
        yield from nested["Filters"]
    for sub in expression.get("SubExpressions", []):
        yield from filters(sub)


def _limit(expression: Document) -> None:
    count = _elements(expression)
    if count > ELEMENTS_MAX:
        raise ValidationException(
            f"A SearchExpression may hold {ELEMENTS_MAX} Filters, NestedFilters and SubExpressions"
            f" in total; this one holds {count}."
        )
    contains = Counter(f["Name"] for f in filters(expression) if f.get("Operator") == "Contains")
    if any(times > CONTAINS_MAX for times in contains.values()):
        raise ValidationException(f"'CONTAINS' operator usage limit of {CONTAINS_MAX} exceeded.")


def _elements(expression: Document) -> int:
    nested = expression.get("NestedFilters", [])
    subs = expression.get("SubExpressions", [])
    return (
        len(expression.get("Filters", []))
        + sum(1 + len(one["Filters"]) for one in nested)
        + sum(1 + _elements(sub) for sub in subs)
    )


def _expression(expression: Document, shape: Shape, resource: str) -> Predicate:
    parts = [_filter(f, shape, resource) for f in expression.get("Filters", [])]
    parts += [_nested(n, shape, resource) for n in expression.get("NestedFilters", [])]
    parts += [_expression(sub, shape, resource) for sub in expression.get("SubExpressions", [])]
    if not parts:
        raise ValidationException(
            "A SearchExpression needs at least one of Filters, NestedFilters, SubExpressions."
        )
    some = any if expression.get("Operator") == "Or" else all
    return lambda document: some(part(document) for part in parts)


def _filter(given: Document, shape: Shape, resource: str) -> Predicate:
    found = search_properties.find(shape, resource, given["Name"])
    test = _test(found, given)
    return lambda document: test(list(found.values(document)))


def _nested(nested: Document, shape: Shape, resource: str) -> Predicate:
    """A nested filter is true if one object of the list satisfies all of its filters."""
    outer = search_properties.find(shape, resource, nested["NestedPropertyName"])
    inner: list[tuple[Property, Callable[[list[Value]], bool]]] = []
    for given in nested["Filters"]:
        found = search_properties.find(shape, resource, given["Name"])
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
    if operator == "In":
        wanted = {part.strip() for part in given["Value"].split(",")}
        return lambda values: any(value in wanted for value in values)
    value = _value(found, given["Value"])
    if operator == "NotEquals":
        return lambda values: value not in values
    if operator == "Equals":
        return lambda values: value in values
    if operator == "Contains":
        return lambda values: any(given["Value"] in str(one) for one in values)
    compare = _COMPARISONS[operator]
    return lambda values: any(compare(one, value) for one in values)


def _refuse_meaningless(found: Property, operator: str) -> None:
    wrong = (
        found.kind == "structure"
        or (operator in _OF_TEXT and found.kind != "text")
        or (operator in _COMPARISONS and found.kind not in ("number", "timestamp"))
    )
    if wrong:
        raise ValidationException(
            f"The operator {operator} is not supported for the {found.kind} property {found.name}."
        )


def _value(found: Property, text: str) -> Value:
    """The filter's Value as the property's type. Times are microseconds."""
    try:
        if found.kind == "number":
            return float(text)
        if found.kind == "timestamp":
            return _microseconds(text)
    except (ValueError, OverflowError):
        wanted = "a number" if found.kind == "number" else "a time such as 2026-11-01T12:30:00Z"
        raise ValidationException(
            f"The Value of the filter on {found.name} must be {wanted}, not {text}."
        ) from None
    if found.kind == "boolean" and text.lower() in ("true", "false"):
        return text.lower() == "true"
    if found.kind == "boolean":
        raise ValidationException(f"The Value of the filter on {found.name} must be true or false.")
    return text


def _microseconds(text: str) -> int:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
