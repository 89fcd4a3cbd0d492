"""The documents of searched resources: what Describe answers of them, and what Search adds.

Reads other families' tables, as `resources` says.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec

from modelyard import tag_rules
from modelyard.call import Call, Document
from modelyard.search.properties import METRICS, METRICS_BY_NAME, TAGS
from modelyard.search.resources import MODIFIED, Resource
from modelyard.search.walks import Row
from modelyard.storage.transaction import Transaction

_PARENTS = "Parents"
_COMPONENTS = "TrialComponentSummaries"
_IN_SUMMARY = (
    *("TrialComponentName", "TrialComponentArn", "CreationTime", "CreatedBy"),
)  # of a trial's component
_ROWS_AT_ONCE = 500  # named in one statement

_decode = msgspec.json.Decoder(dict[str, Any]).decode

Describe = Callable[[Call, Document], Awaitable[Document]]
# The summaries of metrics by ARN; given are ARNs and times of creation.
Summaries = Callable[
    [Transaction, str, str, Sequence[tuple[str, int]]], Awaitable[dict[str, list[Document]]]
]


class Documents:
    """describe_endpoint and summaries are the families' own, which know what their rows mean."""

    def __init__(self, describe_endpoint: Describe, summaries: Summaries) -> None:
        self._describe_endpoint = describe_endpoint
        self._summaries = summaries

    async def read(
        self,
        call: Call,
        resource: Resource,
        rows: Sequence[Row],
        members: frozenset[str] | None = None,
    ) -> list[Document]:
        """One document a row. Of the members that Search adds those in `members`, or all."""
        found = [await self._document(call, resource, row) for row in rows]
        inner = [one["Model"] if resource.inner else one for one in found]

        def wants(member: str) -> bool:
            return members is None or member in members

        if wants(TAGS) or (resource.inner and wants(resource.inner)):
            tagged = await _tags(call, [row.columns["arn"] for row in rows])
            for row, one in zip(rows, inner, strict=True):
                if row.columns["arn"] in tagged:
                    one[TAGS] = tag_rules.written(tagged[row.columns["arn"]])
        if resource.word == "ExperimentTrialComponent":
            await self._add_to_components(call, rows, found, wants)
        if resource.word == "ExperimentTrial" and wants(_COMPONENTS):
            await _add_components(call, rows, found)
        if resource.measured and members is not None and wants(METRICS_BY_NAME):
            numbers = await _numbers(call, [row.columns["arn"] for row in rows])
            for row, one in zip(rows, found, strict=True):
                one[METRICS_BY_NAME] = numbers.get(row.columns["arn"], {})
        return found

    async def _document(self, call: Call, resource: Resource, row: Row) -> Document:
        if resource.word == "Endpoint":
            name = {"EndpointName": row.columns["name"]}
            return await self._describe_endpoint(call, name)
        document = _decode(row.document)
        if resource.word == "Model":
            arn, created_us = row.columns["arn"], row.columns["created_us"]
            return {"Model": {**document["Model"], "ModelArn": arn, "CreationTime": created_us}}
        document[MODIFIED] = row.columns["modified_us"]
        return document

    async def _add_to_components(
        self,
        call: Call,
        rows: Sequence[Row],
        found: Sequence[Document],
        wants: Callable[[str], bool],
    ) -> None:
        keys = [(row.columns["arn"], row.columns["created_us"]) for row in rows]
        if wants(METRICS) or wants(METRICS_BY_NAME):
            measured = await self._summaries(call.tx, call.account, call.region, keys)
            for (arn, _), one in zip(keys, found, strict=True):
                if arn in measured:
                    one[METRICS] = measured[arn]
        if wants(_PARENTS):
            parents = await _parents(call, [row.key[0] for row in rows])
            for row, one in zip(rows, found, strict=True):
                if row.key[0] in parents:
                    one[_PARENTS] = parents[row.key[0]]
        for one in found:
            if "SourceArn" in one.get("Source", {}):
                one["SourceDetail"] = {"SourceArn": one["Source"]["SourceArn"]}


async def fetched(call: Call, resource: Resource, rows: Sequence[Row]) -> list[Row]:
    """The rows with their documents, which they were read without."""
    texts = {
        arn: text
        for some in _some([row.columns["arn"] for row in rows])
        for arn, text in await call.tx.all(
            f"SELECT arn, document FROM {resource.table}"
            f" WHERE account = ? AND region = ? AND arn IN ({_marks(some)})",
            *(call.account, call.region, *some),
        )
    }
    return [Row(row.key, row.columns, texts[row.columns["arn"]]) for row in rows]


async def _tags(call: Call, names: Sequence[str]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for some in _some(names):
        rows = await call.tx.all(
            "SELECT arn, key, value FROM tag"
            f" WHERE account = ? AND region = ? AND arn IN ({_marks(some)}) ORDER BY arn, key",
            *(call.account, call.region, *some),
        )
        for arn, key, value in rows:
            found.setdefault(arn, {})[key] = value
    return found


async def _numbers(call: Call, names: Sequence[str]) -> dict[str, dict[str, float]]:
    """The metrics of packages by ARN and name."""
    found: dict[str, dict[str, float]] = {}
    for some in _some(names):
        rows = await call.tx.all(
            "SELECT m.arn, m.name, m.value FROM model_package AS p JOIN model_package_metric AS m"
            " ON m.account = p.account AND m.region = p.region AND m.group_name = p.group_name"
            " AND m.version = p.version AND m.arn = p.arn"
            f" WHERE p.account = ? AND p.region = ? AND p.arn IN ({_marks(some)})",
            *(call.account, call.region, *some),
        )
        for arn, name, value in rows:
            found.setdefault(arn, {})[name] = value
    return found


async def _parents(call: Call, keys: Sequence[str]) -> dict[str, list[Document]]:
    """The trials that components are in, by the component's key."""
    found: dict[str, list[Document]] = {}
    for some in _some(keys):
        rows = await call.tx.all(
            "SELECT l.component, t.name, e.name FROM trial_component_of_trial AS l"
            " JOIN trial AS t ON t.account = l.account AND t.region = l.region"
            " AND t.name_key = l.trial"
            " JOIN experiment AS e ON e.account = l.account AND e.region = l.region"
            " AND e.name_key = l.experiment"
            f" WHERE l.account = ? AND l.region = ? AND l.component IN ({_marks(some)})"
            " ORDER BY l.component, l.trial",
            *(call.account, call.region, *some),
        )
        for component, trial, experiment in rows:
            one = {"TrialName": trial, "ExperimentName": experiment}
            found.setdefault(component, []).append(one)
    return found


async def _add_components(call: Call, rows: Sequence[Row], found: Sequence[Document]) -> None:
    """What trials have in them."""
    documents = dict(zip([row.key[0] for row in rows], found, strict=True))
    for some in _some(list(documents)):
        listed = await call.tx.all(
            "SELECT l.trial, c.document FROM trial_component_of_trial AS l"
            " JOIN trial_component AS c ON c.account = l.account AND c.region = l.region"
            " AND c.name_key = l.component"
            f" WHERE l.account = ? AND l.region = ? AND l.trial IN ({_marks(some)})"
            " ORDER BY l.trial, l.component_created_us, l.component",
            *(call.account, call.region, *some),
        )
        for trial, text in listed:
            component = _decode(text)
            summary = {m: component[m] for m in _IN_SUMMARY if m in component}
            if "Source" in component:
                summary["TrialComponentSource"] = component["Source"]
            documents[trial].setdefault(_COMPONENTS, []).append(summary)


def _some(names: Sequence[str]) -> list[Sequence[str]]:
    return [names[at : at + _ROWS_AT_ONCE] for at in range(0, len(names), _ROWS_AT_ONCE)]


def _marks(some: Sequence[str]) -> str:
    return ", ".join("?" * len(some))
