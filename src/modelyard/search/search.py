"""Search: which documents match, in which order, a page at a time.

Rows are found by indexes where an expression allows that (`conditions`), by several ways at once
(`walks`). What a database cannot say exactly is asked of the documents (`expressions`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from modelyard import call as calls
from modelyard.call import Call, Document
from modelyard.contract.page_tokens import Question
from modelyard.errors import ValidationException
from modelyard.search import (
    conditions,
    documents,
    expressions,
    properties,
    resources,
    shared,
    suggestions,
    walks,
)
from modelyard.search.conditions import Condition, Place
from modelyard.search.documents import Describe, Documents, Summaries
from modelyard.search.expressions import Predicate
from modelyard.search.properties import STRUCTURE, TIMESTAMP, Property
from modelyard.search.resources import MODIFIED, Column, Resource
from modelyard.search.walks import Found, Key, Match, Row, Wish

RESULTS = 10  # Search, when MaxResults is not given
_SORTED_CHARACTERS = 256  # of a text; the rest of the order is the ARN's. Keeps tokens short
_ALL, _SOME = "EqualTo", "GreaterThanOrEqualTo"  # how TotalHits is to be read
_NONE_YET = "TrainingJob"  # clients ask for them; there are none here


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request, understood. `sorted_by` is None for the order by change of what shows no such."""

    resource: Resource
    expression: Document | None
    wanted: Predicate
    sorted_by: Property
    column: Column | None  # of sorted_by
    mentioned: frozenset[str]  # members that have to be read to decide


class Searches:
    def __init__(self, describe_endpoint: Describe, summaries: Summaries) -> None:
        self._documents = Documents(describe_endpoint, summaries)

    @calls.scan
    async def search(self, call: Call, request: Document) -> Document:
        if request["Resource"] == _NONE_YET:
            return {"Results": [], "TotalHits": {"Value": 0, "Relation": _ALL}}
        asked = _asked(request)
        question = Question(call.account, call.region, call.operation, request)
        total, after = None, None
        if request.get("NextToken"):
            value, relation, *key = call.page_tokens.open(question, request["NextToken"])
            total, after = {"Value": value, "Relation": relation}, tuple(key)
        size = request.get("MaxResults", RESULTS)
        descending = request.get("SortOrder", "Descending") == "Descending"
        if request.get("CrossAccountFilterOption") == "CrossAccount":
            wish = Wish(size + 1, descending, after, True)
            found = await _shared(call, asked, wish)
        else:
            found = await self._own(call, asked, size + 1, descending, after)
        matches = found.matches[:size]
        if total is None:
            total = {"Value": found.total, "Relation": _ALL if found.is_all else _SOME}
        answer = {"Results": await self._results(call, asked.resource, matches), "TotalHits": total}
        if len(found.matches) > size:
            token = [total["Value"], total["Relation"], *matches[-1].key]
            answer["NextToken"] = call.page_tokens.seal(question, token)
        return answer

    @calls.scan
    async def get_search_suggestions(self, call: Call, request: Document) -> Document:
        return await suggestions.suggested(call, request)

    async def _own(
        self, call: Call, asked: _Asked, size: int, descending: bool, after: Key | None
    ) -> Found:
        resource = asked.resource
        place = Place(call.account, call.region, await _is_filled(call, resource))
        condition = conditions.condition(asked.expression, resource, place)
        by_rows = condition.is_exact and asked.column is not None
        wish = Wish(size, descending, after, not by_rows)
        path = asked.sorted_by.path
        wanted = conditions.asked(asked.expression, resource)
        found = conditions.ways(wanted, resource, place, path)

        async def judge(rows: Sequence[Row]) -> list[Match]:
            return await self._judged(call, asked, condition, by_rows, rows)

        return await walks.race(call.tx, resource, place, condition, found, wish, path, judge)

    async def _judged(
        self, call: Call, asked: _Asked, condition: Condition, by_rows: bool, rows: Sequence[Row]
    ) -> list[Match]:
        if call.sees is not None:
            rows = [row for row in rows if await call.sees(row.columns["arn"])]
        if by_rows:
            return [Match(_key(asked, row, {}), row) for row in rows]
        found = await self._documents.read(call, asked.resource, rows, asked.mentioned)
        seen = map(properties.searchable, found)
        return [
            Match(_key(asked, row, document), row)
            for row, document in zip(rows, seen, strict=True)
            if condition.is_exact or asked.wanted(document)
        ]

    async def _results(
        self, call: Call, resource: Resource, matches: Sequence[Match]
    ) -> list[Document]:
        rows = [match.row for match in matches]
        if any(row.shared is not None for row in rows):
            found = [row.shared or {} for row in rows]
        else:
            if any(not row.document for row in rows):
                rows = await documents.fetched(call, resource, rows)
            found = await self._documents.read(call, resource, rows)
        shown = resource.names.shape.members
        return [
            {resource.member: {m: value for m, value in one.items() if m in shown}} for one in found
        ]


def _asked(request: Document) -> _Asked:
    """Raises: ValidationException: it is no search of what there is."""
    resource = resources.find(request["Resource"])
    if resource is None:
        offered = ", ".join(resources.words())
        raise ValidationException(
            f"Search of {request['Resource']} is not offered yet; offered are {offered}."
        )
    expression = _expression(request)
    wanted = expressions.compiled(expression, resource.names)
    sorted_by = _sorted_by(request, resource)
    mentioned = {sorted_by.path[0]}
    mentioned |= {found.path[0] for found in _mentioned(expression, resource)}
    column = resource.columns.get(sorted_by.path)
    if column is not None and not column.name:
        column = None
    return _Asked(resource, expression, wanted, sorted_by, column, frozenset(mentioned))


def _expression(request: Document) -> Document | None:
    """The expression with the visibility conditions, which are filters all of which must hold."""
    given: Document | None = request.get("SearchExpression")
    filters = [
        {"Name": condition.get("Key", ""), "Value": condition.get("Value", "")}
        for condition in request.get("VisibilityConditions", [])
    ]
    if not filters:
        return given
    visible: Document = {"Filters": filters}
    return visible if given is None else {"SubExpressions": [given, visible]}


def _mentioned(expression: Document | None, resource: Resource) -> list[Property]:
    if expression is None:
        return []
    filters = [*expression.get("Filters", [])]
    for nested in expression.get("NestedFilters", []):
        filters += nested["Filters"]
    found = [resource.names.find(given["Name"]) for given in filters]
    for sub in expression.get("SubExpressions", []):
        found += _mentioned(sub, resource)
    return found


def _sorted_by(request: Document, resource: Resource) -> Property:
    name = request.get("SortBy", MODIFIED)
    if name == MODIFIED:  # some have none in their shape; all rows do
        paths = (p for p, column in resource.columns.items() if column.name == "modified_us")
        return Property(name, next(paths), TIMESTAMP)
    found = resource.names.find(name)
    if found.kind == STRUCTURE:
        raise ValidationException(f"Results cannot be sorted by {name}, which holds properties.")
    return found


def _key(asked: _Asked, row: Row, document: Document) -> Key:
    """What orders a match: first those that lack the property, then numbers, then texts."""
    value: Any = None
    if asked.column is not None:
        value = row.columns[asked.column.name]
        value = None if value == asked.column.absent else value
    else:
        value = next(iter(asked.sorted_by.values(document)), None)
    if value is None or isinstance(value, (dict, list)):
        return (0, 0, row.columns["arn"])
    if isinstance(value, str):
        return (2, value[:_SORTED_CHARACTERS], row.columns["arn"])
    return (1, value, row.columns["arn"])


async def _shared(call: Call, asked: _Asked, wish: Wish) -> Found:
    """Over what other accounts make discoverable. Only model packages and groups can be."""
    page = walks.Page(wish)
    async for row in shared.rows(call, asked.resource):
        document = properties.searchable(row.shared or {})
        if asked.wanted(document):
            page.add(Match(_key(asked, row, document), row))
    return Found(page.matches(), page.total, True)


async def _is_filled(call: Call, resource: Resource) -> bool:
    """Whether the rows of everything that there was before are in search_value."""
    sql = "SELECT 1 FROM search_filling WHERE kind = ?"
    return not resource.kind or await call.tx.one(sql, resource.kind) is None
