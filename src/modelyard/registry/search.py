"""Search over model package groups and model packages.

Every document of the kind is looked at, in batches, and only the page is kept, so the answer is
complete at any size and memory stays flat. A filter that names one group narrows what is looked at.
"""

import heapq
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from modelyard import call as calls
from modelyard import model_package_names as names
from modelyard import tag_rules
from modelyard.call import Call, Document
from modelyard.contract import arns, model
from modelyard.contract.page_tokens import Question
from modelyard.contract.shapes import Shape
from modelyard.errors import ValidationException
from modelyard.registry import documents, search_expressions, search_properties
from modelyard.storage import tags

RESULTS = 10  # Search, when MaxResults is not given
_ROWS_AT_ONCE = 500
_SORTED_BY = "LastModifiedTime"
_SORTED_CHARACTERS = 256  # of a text; the rest of the order is the ARN's. Keeps tokens short


# Resource -> table. Others come with their families.
_TABLES = {"ModelPackageGroup": "model_package_group", "ModelPackage": "model_package"}


@dataclass(frozen=True, slots=True)
class _Found:
    """A match. `key` orders it: whether it has the property, its value, its ARN."""

    key: tuple[Any, ...]
    document: Document


@calls.scan
async def search(call: Call, request: Document) -> Document:
    resource = request["Resource"]
    if resource not in _TABLES:
        offered = " and ".join(sorted(_TABLES))
        raise ValidationException(f"Search of {resource} is not offered yet; {offered} are.")
    shape = _shape(resource)
    expression = _expression(request)
    wanted = search_expressions.compiled(expression, shape, resource)
    key = _sort_key(request, shape, resource)
    question = Question(call.account, call.region, call.operation, request)
    after = None
    if request.get("NextToken"):
        after = tuple(call.page_tokens.open(question, request["NextToken"]))
    size = request.get("MaxResults", RESULTS)
    descending = request.get("SortOrder", "Descending") == "Descending"
    page = _Page(size + 1, descending, after)
    shared = request.get("CrossAccountFilterOption") == "CrossAccount"
    found = _shared_documents(call, resource) if shared else _documents(call, resource, expression)
    async for document, modified_us in found:
        sees = None if shared else call.sees
        if sees is not None and not await sees(document[f"{resource}Arn"]):
            continue
        seen = search_properties.searchable({**document, _SORTED_BY: modified_us})
        if wanted(seen):
            page.add(_Found(key(seen), document))
    return _answer(call, question, resource, shape, page, size)


class _Page:
    """The first `size` matches behind `after`, in order, and how many matches there are at all."""

    def __init__(self, size: int, descending: bool, after: tuple[Any, ...] | None) -> None:
        self._size = size
        self._descending = descending
        self._after = after
        self._kept: list[_Found] = []
        self.total = 0

    def add(self, found: _Found) -> None:
        self.total += 1
        if self._after is not None and not self._is_behind(found.key, self._after):
            return
        self._kept.append(found)
        if len(self._kept) >= 4 * self._size:
            self._kept = self.sorted()

    def sorted(self) -> list[_Found]:
        pick = heapq.nlargest if self._descending else heapq.nsmallest
        return pick(self._size, self._kept, key=lambda found: found.key)

    def _is_behind(self, key: tuple[Any, ...], other: tuple[Any, ...]) -> bool:
        return key < other if self._descending else key > other


def _answer(
    call: Call, question: Question, resource: str, shape: Shape, page: _Page, size: int
) -> Document:
    matches = page.sorted()
    results = [
        {resource: {m: value for m, value in found.document.items() if m in shape.members}}
        for found in matches[:size]
    ]
    answer: Document = {"Results": results}
    answer["TotalHits"] = {"Value": page.total, "Relation": "EqualTo"}
    if len(matches) > size:
        answer["NextToken"] = call.page_tokens.seal(question, list(matches[size - 1].key))
    return answer


def _shape(resource: str) -> Shape:
    output = model.load("sagemaker").operations["Search"].output
    assert output is not None  # in botocore's model since 2018
    return output.members["Results"].member.members[resource]


def _expression(request: Document) -> Document | None:
    """The expression with the visibility conditions, which are filters all of which must hold."""
    given: Document | None = request.get("SearchExpression")
    conditions = [
        {"Name": condition.get("Key", ""), "Value": condition.get("Value", "")}
        for condition in request.get("VisibilityConditions", [])
    ]
    if not conditions:
        return given
    visible: Document = {"Filters": conditions}
    return visible if given is None else {"SubExpressions": [given, visible]}


def _sort_key(request: Document, shape: Shape, resource: str) -> Any:
    """A function of a document that orders it. What lacks the property comes first, ascending."""
    name = request.get("SortBy", _SORTED_BY)
    if name == _SORTED_BY:  # groups have none in their shape; their rows do
        path: tuple[str, ...] = (_SORTED_BY,)
        found = search_properties.Property(name, path, "timestamp")
    else:
        found = search_properties.find(shape, resource, name)
    if found.kind == "structure":
        raise ValidationException(f"Results cannot be sorted by {name}, which holds properties.")
    arn_member = f"{resource}Arn"

    def key(document: Document) -> tuple[Any, ...]:
        arn = document[arn_member]
        value = next(iter(found.values(document)), None)
        if isinstance(value, str):
            value = value[:_SORTED_CHARACTERS]
        return (0, 0, arn) if value is None else (1, value, arn)

    return key


async def _documents(
    call: Call, resource: str, expression: Document | None
) -> AsyncIterator[tuple[Document, int]]:
    """Every document that `expression` might match, with its tags, and when it was changed."""
    first, last = _bounds(call, resource, expression)
    while True:
        rows = await call.tx.all(
            f"SELECT arn, modified_us, document FROM {_TABLES[resource]}"
            " WHERE account = ? AND region = ? AND arn >= ? AND arn <= ? ORDER BY arn LIMIT ?",
            call.account,
            call.region,
            first,
            last,
            _ROWS_AT_ONCE,
        )
        if not rows:
            return
        newest = rows[-1][0]
        tagged = await tags.between(call.tx, call.account, call.region, rows[0][0], newest)
        for arn, modified_us, encoded in rows:
            document = documents.read(encoded)
            if arn in tagged:
                document["Tags"] = tag_rules.written(tagged[arn])
            yield document, modified_us
        first = newest + "\x01"  # behind it, before every other ARN


async def _shared_documents(call: Call, resource: str) -> AsyncIterator[tuple[Document, int]]:
    """Every document of a group that other accounts make discoverable, and that the caller may
    describe. Tags are their owner's to list, and stay out.
    """
    groups = await call.tx.all(
        "SELECT account, arn, name, modified_us, document FROM model_package_group"
        " WHERE (account, region, arn) IN (SELECT account, region, arn FROM resource_policy_reader"
        " WHERE reader = ? AND region = ?) ORDER BY arn",
        call.account,
        call.region,
    )
    for account, arn, name, modified_us, encoded in groups:
        if not await call.may(call.tx, "sagemaker:DescribeModelPackageGroup", arn):
            continue
        if resource == "ModelPackageGroup":
            yield documents.read(encoded), modified_us
            continue
        async for one in _shared_packages(call, account, name):
            yield one


async def _shared_packages(
    call: Call, account: str, group: str
) -> AsyncIterator[tuple[Document, int]]:
    last = 0
    while True:
        rows = await call.tx.all(
            "SELECT version, arn, modified_us, document FROM model_package"
            " WHERE account = ? AND region = ? AND group_name = ? AND name = '' AND version > ?"
            " ORDER BY version LIMIT ?",
            account,
            call.region,
            group,
            last,
            _ROWS_AT_ONCE,
        )
        for _, arn, modified_us, encoded in rows:
            if await call.may(call.tx, "sagemaker:DescribeModelPackage", arn):
                yield documents.read(encoded), modified_us
        if len(rows) < _ROWS_AT_ONCE:
            return
        last = rows[-1][0]


def _bounds(call: Call, resource: str, expression: Document | None) -> tuple[str, str]:
    """The ARNs between which everything is that `expression` might match."""
    group = _one_group(expression, resource)
    if group is None:
        return "", "b"  # ARNs start with an a
    if resource == "ModelPackageGroup":
        arn = names.group_arn(call.account, call.region, group)
        return arn, arn
    versions = arns.build(call.region, call.account, names.PACKAGE, group) + "/"
    return versions, versions + "9" * 9


def _one_group(expression: Document | None, resource: str) -> str | None:
    """The group that an expression is limited to, if it says so at its top."""
    if expression is None or expression.get("Operator", "And") != "And":
        return None
    for given in expression.get("Filters", []):
        is_name = given["Name"].removeprefix(f"{resource}.") == "ModelPackageGroupName"
        if is_name and given.get("Operator", "Equals") == "Equals":
            name: str = given["Value"]
            return name
    return None
