"""What of an expression a database can say: a condition on rows, and the ways to the rows. Pure.

A condition is exact, or it lets through more than the expression does; then the documents are asked
as well. Names of properties never become SQL text: they are looked up, or are parameters.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from modelyard.call import Document
from modelyard.search import expressions, properties
from modelyard.search.properties import TAGS, Property
from modelyard.search.resources import Column, Index, Link, Resource
from modelyard.storage import search_values

_SIGNS = {
    "GreaterThan": ">",
    "GreaterThanOrEqualTo": ">=",
    "LessThan": "<",
    "LessThanOrEqualTo": "<=",
}
_EQUALS = "Equals"
# A subquery that stays one: PostgreSQL would turn EXISTS into a join over all that has the value.
_COUNT = "(SELECT count(*) FROM"


@dataclass(frozen=True, slots=True)
class Condition:
    """`text` is about the row `t`; "" says nothing. Its `?` are `values`."""

    text: str = ""
    values: tuple[Any, ...] = ()
    is_exact: bool = True


UNKNOWN = Condition(is_exact=False)


@dataclass(frozen=True, slots=True)
class Place:
    """Where is searched. filled: whether search_value has all rows of the resource's kind."""

    account: str
    region: str
    filled: bool

    @property
    def key(self) -> tuple[str, str]:
        return self.account, self.region


@dataclass(frozen=True, slots=True)
class Way:
    """Rows of an index that lead to everything that an expression can match, in the index's order.

    table: is read where `prefixes` say so (each a condition and its values), which are merged.
    order: the columns behind these. key: the key of the resource's table among the columns, if it
    is another one's row. sorted_by: the path of the property that the first of `order` is.
    complete: False if a resource without that property is not among them. repeats: whether a
    resource can come more than once. fixed: what all of its rows fulfil, of what is asked for.
    """

    table: str
    prefixes: tuple[tuple[str, tuple[Any, ...]], ...]
    order: tuple[str, ...]
    key: Mapping[str, str] | None = None
    sorted_by: tuple[str, ...] = ()
    complete: bool = True
    repeats: bool = False
    fixed: frozenset[str] = frozenset()


@dataclass(slots=True)
class Asked:
    """What holds for everything that an expression can match: of columns and of properties."""

    equal: dict[str, Any] = field(default_factory=dict)  # by column
    ranges: dict[str, list[tuple[str, Any]]] = field(default_factory=dict)  # by column
    filters: list[tuple[Property, Document]] = field(default_factory=list)


def condition(expression: Document | None, resource: Resource, place: Place) -> Condition:
    """The expression was compiled before, so all of it is known to make sense."""
    if expression is None:
        return Condition()
    parts = [_filter(f, resource, place) for f in expression.get("Filters", [])]
    parts += [UNKNOWN for _ in expression.get("NestedFilters", [])]
    parts += [condition(sub, resource, place) for sub in expression.get("SubExpressions", [])]
    is_exact = all(part.is_exact for part in parts)
    if len(parts) == 1:
        return parts[0]
    if expression.get("Operator") == "Or":
        if any(not part.text for part in parts):
            return Condition(is_exact=is_exact)
        return _joined(" OR ", parts, is_exact)
    return _joined(" AND ", [part for part in parts if part.text], is_exact)


def _joined(word: str, parts: Iterable[Condition], is_exact: bool) -> Condition:
    some = list(parts)
    text = word.join(f"({part.text})" for part in some)
    return Condition(text, tuple(v for part in some for v in part.values), is_exact)


def _filter(given: Document, resource: Resource, place: Place) -> Condition:
    found = resource.names.find(given["Name"])
    column = resource.columns.get(found.path)
    if column is not None:
        return _of_column(column, found, given)
    if found.path[:1] == (TAGS,) and len(found.path) == 2:
        return _of_tag(found.path[1], found, given, place)
    if resource.kind and found.path[0] == resource.kept and len(found.path) == 2 and place.filled:
        return _of_value(resource, found, given, place)
    return UNKNOWN


def _of_column(column: Column, found: Property, given: Document) -> Condition:
    operator = given.get("Operator", _EQUALS)
    if not column.name:
        if operator != _EQUALS:
            return UNKNOWN
        return Condition(f"t.{column.folded} = ?", (given["Value"].lower(),), is_exact=False)
    return _compared(f"t.{column.name}", column.absent, found, given)


def _compared(name: str, absent: str | int | None, found: Property, given: Document) -> Condition:
    """What a filter asks of `name`, an SQL expression that is `absent` where there is none."""
    operator = given.get("Operator", _EQUALS)
    if operator in ("Exists", "NotExists"):
        if absent is None:
            return Condition("1 = 1" if operator == "Exists" else "1 = 0")
        return Condition(f"{name} {'<>' if operator == 'Exists' else '='} ?", (absent,))
    text = given["Value"]
    if operator == "In":
        wanted = sorted(expressions.members(found, text))
        return Condition(f"{name} IN ({', '.join('?' * len(wanted))})", tuple(wanted))
    if operator == "Contains":
        return Condition(f"replace({name}, ?, '') <> {name}", (text,))
    value = expressions.wanted_value(found, operator, text)
    there, beside = ("", ()) if absent is None else (f" AND {name} <> ?", (absent,))
    if operator == "NotEquals":
        if absent is None:
            return Condition(f"{name} <> ?", (value,))
        return Condition(f"({name} <> ? OR {name} = ?)", (value, absent))
    sign = _SIGNS.get(operator, "=")
    return Condition(f"{name} {sign} ?{there}", (value, *beside))


def _of_tag(key: str, found: Property, given: Document, place: Place) -> Condition:
    """A tag is a row, so what is asked of its value is asked of the row."""
    rows = f"{_COUNT} tag WHERE account = ? AND region = ? AND arn = t.arn AND key = ?"
    values = (*place.key, key)
    operator = given.get("Operator", _EQUALS)
    if operator in ("Exists", "NotExists"):
        return Condition(f"{rows}) {'>' if operator == 'Exists' else '='} 0", values)
    if operator == "NotEquals":
        return Condition(f"{rows} AND value = ?) = 0", (*values, given["Value"]))
    asked = _compared("value", None, found, given)
    return Condition(f"{rows} AND {asked.text}) > 0", values + asked.values)


def _of_value(resource: Resource, found: Property, given: Document, place: Place) -> Condition:
    """By the row's whole key, so that each resource costs one look."""
    operator = given.get("Operator", _EQUALS)
    if operator not in (_EQUALS, "NotEquals", "In"):
        return UNKNOWN
    texts = [given["Value"]]
    if operator == "In":
        texts = sorted(expressions.members(found, given["Value"]))
    numeric = any(search_values.number(text) is not None for text in texts)
    if (numeric and resource.kind == search_values.PARAMETER) or any(
        len(text) >= search_values.TEXT_MAX for text in texts
    ):
        return UNKNOWN  # a number is equal however it is written; a long text is cut
    of_package = resource.kind == search_values.METADATA
    within = "t.group_name" if of_package else "''"
    key = (
        f"v.within = {within} AND v.state = {'t.approval' if of_package else within}"
        " AND v.created_us = t.created_us"
        f" AND v.name = t.{'name' if of_package else 'name_key'}"
        f" AND v.version = {'t.version' if of_package else '0'}"
    )
    return Condition(
        f"{_COUNT} search_value AS v"
        " WHERE v.account = ? AND v.region = ? AND v.kind = ? AND v.property = ?"
        f" AND v.text IN ({', '.join('?' * len(texts))}) AND {key})"
        f" {'=' if operator == 'NotEquals' else '>'} 0",
        (*place.key, resource.kind, found.path[1], *texts),
    )


def asked(expression: Document | None, resource: Resource) -> Asked:
    """What every match has to fulfil."""
    found = Asked()
    for given in _needed(expression):
        one = resource.names.find(given["Name"])
        found.filters.append((one, given))
        column = resource.columns.get(one.path)
        operator = given.get("Operator", _EQUALS)
        if column is None or "Value" not in given:
            continue
        if operator == _EQUALS:
            value = expressions.wanted_value(one, operator, given["Value"])
            if column.name:
                found.equal.setdefault(column.name, value)
            if column.folded:
                found.equal.setdefault(column.folded, given["Value"].lower())
        elif operator in _SIGNS:
            value = expressions.wanted_value(one, operator, given["Value"])
            found.ranges.setdefault(column.name, []).append((_SIGNS[operator], value))
    return found


def _needed(expression: Document | None) -> Iterator[Document]:
    """The filters all of which must hold."""
    if expression is None:
        return
    filters = expression.get("Filters", [])
    nested, subs = expression.get("NestedFilters", []), expression.get("SubExpressions", [])
    if expression.get("Operator") == "Or" and len(filters) + len(nested) + len(subs) > 1:
        return
    yield from filters
    for sub in subs:
        yield from _needed(sub)


def ways(wanted: Asked, resource: Resource, place: Place, sorted_by: tuple[str, ...]) -> list[Way]:
    """Ways that lead to all matches, without those that are longer than another for certain."""
    found = [way for i in resource.indexes if (way := _by_index(i, wanted, resource, place))]
    for one, given in wanted.filters:
        link = resource.links.get(one.path)
        if link is not None and given.get("Operator", _EQUALS) == _EQUALS:
            found.append(_by_link(link, resource, place, given["Value"].lower()))
        elif len(one.path) == 2 and one.path[0] == TAGS:
            found += _by_tag(one.path[1], given, resource, place)
        elif place.filled and len(one.path) == 2 and one.path[0] == resource.kept:
            found += _by_value(one.path[1], one, given, wanted, resource, place)
    if resource.measured:
        found += _by_metric(wanted, place, sorted_by)
    return [
        way
        for at, way in enumerate(found)
        if not any(
            _is_longer(way, other, sorted_by)
            and (number < at or not _is_longer(other, way, sorted_by))
            for number, other in enumerate(found)
            if number != at
        )
    ]


def _is_longer(one: Way, other: Way, sorted_by: tuple[str, ...]) -> bool:
    """Whether all rows of `other` are among those of `one`, which has no better order."""
    if not other.complete or not one.fixed <= other.fixed:
        return False
    return one.sorted_by != sorted_by or other.sorted_by == sorted_by


def _by_index(index: Index, wanted: Asked, resource: Resource, place: Place) -> Way | None:
    choices: list[tuple[str, tuple[Any, ...]]] = [
        ("account = ? AND region = ?", (place.account, place.region))
    ]
    for column in index.equal:
        values = (wanted.equal[column],) if column in wanted.equal else index.values
        if not values:
            return None
        choices = [
            (f"{text} AND {column} = ?", (*before, value))
            for text, before in choices
            for value in values
        ]
    head = index.order[0]
    between = wanted.ranges.get(head, [])
    narrowing = "".join(f" AND {head} {sign} ?" for sign, _ in between)
    partial = f" AND {index.where}" if index.where else ""
    bounds = tuple(value for _, value in between)
    sorted_by = next((p for p, column in resource.columns.items() if column.name == head), ())
    return Way(
        resource.table,
        tuple((f"{text}{partial}{narrowing}", values + bounds) for text, values in choices),
        index.order,
        sorted_by=sorted_by,
        fixed=frozenset(
            [column for column in index.equal if column in wanted.equal]
            + [f"{head} {sign} {value}" for sign, value in between]
        ),
    )


def _by_link(link: Link, resource: Resource, place: Place, value: str) -> Way:
    return Way(
        link.table,
        ((f"account = ? AND region = ? AND {link.column} = ?", (*place.key, value)),),
        link.order,
        key=link.key,
        repeats=True,
        sorted_by=("CreationTime",),
        fixed=frozenset([f"{link.column} {value}"]),
    )


def _by_tag(key: str, given: Document, resource: Resource, place: Place) -> Iterator[Way]:
    operator = given.get("Operator", _EQUALS)
    if operator in ("NotExists", "NotEquals"):
        return
    fixed = frozenset([f"{TAGS} {key} {operator} {given.get('Value')}"])
    text = "account = ? AND region = ? AND key = ?"
    values: tuple[Any, ...] = (*place.key, key)
    if operator == _EQUALS:
        text, values = f"{text} AND value = ?", (*values, given["Value"])
        yield Way("tag", ((text, values),), ("arn",), key={"arn": "arn"}, fixed=fixed)
    else:
        order = ("value", "arn")
        yield Way("tag", ((text, values),), order, key={"arn": "arn"}, fixed=fixed)


def _by_value(
    name: str,
    found: Property,
    given: Document,
    wanted: Asked,
    resource: Resource,
    place: Place,
) -> Iterator[Way]:
    operator = given.get("Operator", _EQUALS)
    if operator in ("NotExists", "NotEquals"):
        return
    text = "account = ? AND region = ? AND kind = ? AND property = ?"
    values: tuple[Any, ...] = (*place.key, resource.kind, name)
    of_package = resource.kind == search_values.METADATA
    order: tuple[str, ...] = ("within", "state", "created_us", "name", "version")
    key = {"name_key": "name"}
    if of_package:
        key = {"group_name": "within", "name": "name", "version": "version"}
    fixed = frozenset([f"{resource.kept} {name} {operator} {given.get('Value')}"])
    number = None
    if operator == _EQUALS and not of_package:
        number = search_values.number(given["Value"])
    if operator in _SIGNS or number is not None:
        sign = _SIGNS.get(operator, "=")
        value = expressions.wanted_value(found, operator, given["Value"])
        limit = value if number is None else number
        text = f"{text} AND number IS NOT NULL AND number {sign} ?"
        yield Way(
            "search_value", ((text, (*values, limit)),), ("number", *order), key=key, fixed=fixed
        )
        return
    if operator != _EQUALS:
        yield Way("search_value", ((text, values),), ("text", *order), key=key, fixed=fixed)
        return
    text, values = f"{text} AND text = ?", (*values, given["Value"][: search_values.TEXT_MAX])
    for column, known in zip(order[:2], _known(wanted, of_package=of_package), strict=True):
        if known is None:
            break
        text, values, order = f"{text} AND {column} = ?", (*values, known), order[1:]
        fixed |= {"group_name" if column == "within" else "approval"} if of_package else set()
    sorted_by = ("CreationTime",) if order[0] == "created_us" else ()
    yield Way("search_value", ((text, values),), order, key=key, sorted_by=sorted_by, fixed=fixed)


def _known(wanted: Asked, *, of_package: bool) -> tuple[Any, Any]:
    """The values of `within` and `state`, None where any will do."""
    if not of_package:
        return "", ""
    return wanted.equal.get("group_name"), wanted.equal.get("approval")


def _by_metric(wanted: Asked, place: Place, sorted_by: tuple[str, ...]) -> Iterator[Way]:
    """Of one group, by the value of a metric: what is in a range, or all for their order."""
    group = wanted.equal.get("group_name")
    if group is None:
        return
    bounds: dict[str, list[tuple[str, Any]]] = {}
    for one, given in wanted.filters:
        operator = given.get("Operator", _EQUALS)
        if one.path[0] != properties.METRICS_BY_NAME or operator in ("NotExists", "NotEquals"):
            continue
        found = bounds.setdefault(one.path[1], [])
        if "Value" in given:
            value = expressions.wanted_value(one, operator, given["Value"])
            found.append((_SIGNS.get(operator, "="), value))
    ordering = sorted_by[1] if sorted_by[0] == properties.METRICS_BY_NAME else None
    for name in {*bounds, ordering} - {None}:
        narrowing = "".join(f" AND value {sign} ?" for sign, _ in bounds.get(name or "", []))
        limits = tuple(value for _, value in bounds.get(name or "", []))
        yield Way(
            "model_package_metric",
            (
                (
                    f"account = ? AND region = ? AND group_name = ? AND name = ?{narrowing}",
                    (*place.key, group, name, *limits),
                ),
            ),
            ("value", "version", "arn"),
            key={"arn": "arn"},
            sorted_by=sorted_by if name == ordering else (),
            complete=name in bounds,
            fixed=frozenset(["group_name", f"metric {name}"] if name in bounds else []),
        )
