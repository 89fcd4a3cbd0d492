"""What Search finds is what a plain filter over the same documents finds, on both databases."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelyard.call import Document
from modelyard.search import walks
from tests.experiments.in_process import measure
from tests.registry.in_process import START_US, specification
from tests.search import plain
from tests.search.in_process import Searched

EXAMPLES = 400
_ANY = ["Equals", "NotEquals", "Exists", "NotExists"]
_TEXT = [*_ANY, "Contains", "In"]
_ORDER = ["GreaterThan", "GreaterThanOrEqualTo", "LessThan", "LessThanOrEqualTo"]
_OPERATORS = {
    "text": _TEXT,
    "free": _TEXT + _ORDER,
    "number": _ANY + _ORDER,
    "time": _ANY + _ORDER,
    "boolean": _ANY,
}

Property = tuple[str, list[str]]  # kind, and values that some have and some have not

PACKAGES: dict[str, Property] = {
    "ModelPackageGroupName": ("text", ["alpha", "beta", "none", "alpha, beta"]),
    "ModelPackageName": ("text", ["solo-1", "solo"]),
    "ModelApprovalStatus": ("text", ["Approved", "Rejected", "PendingManualApproval"]),
    "ModelLifeCycle.Stage": ("text", ["Production", "QA", "Archived"]),
    "ModelPackageVersion": ("number", ["1", "2.5", "7"]),
    "CertifyForMarketplace": ("boolean", ["true", "false"]),
    "CustomerMetadataProperties.x": ("free", ["y", "z", "y,z"]),
    "CustomerMetadataProperties.acc": ("free", ["0.5", "0.9", "0.90", "7"]),
    "CustomerMetadataProperties.a.b": ("free", ["1", "one"]),
    "Metrics.acc": ("number", ["0.5", "0.9"]),
    "Tags.team": ("text", ["red", "blue"]),
    "CreationTime": ("time", ["5000", "20000", "60000"]),
    "LastModifiedTime": ("time", ["20000", "90000"]),
}
COMPONENTS: dict[str, Property] = {
    "TrialComponentName": ("text", ["Run-1", "run-1", "Run"]),
    "DisplayName": ("text", ["shown", "Run-2", "sh"]),
    "Status.PrimaryStatus": ("text", ["Completed", "Failed"]),
    "Parameters.lr": ("free", ["0.1", "0.10", "high", "1e-1, high"]),
    "Parameters.depth": ("free", ["3", "4"]),
    "Metrics.loss.Min": ("number", ["0.5", "1"]),
    "Metrics.a.b.Last": ("number", ["2"]),
    "Parents.ExperimentName": ("text", ["One", "one", "two"]),
    "Parents.TrialName": ("text", ["t1", "t2", "T2"]),
    "InputArtifacts.data": ("text", ["s3://b/a", "s3://b"]),
    "Tags.team": ("text", ["red", "blue"]),
    "CreationTime": ("time", ["5000", "20000"]),
    "LastModifiedTime": ("time", ["20000", "90000"]),
}
NESTED = {
    "ModelPackage": (
        "InferenceSpecification.Containers",
        {"Image": ["one:1", "two:2"], "ModelDataUrl": ["s3://e/1", "s3://e/2"]},
    ),
    "ExperimentTrialComponent": (
        "Parents",
        {"ExperimentName": ["One", "two"], "TrialName": ["t1", "t2"]},
    ),
}


def _iso(text: str) -> str:
    """A time that is so many microseconds after the start."""
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=START_US + int(text))
    return moment.isoformat()


def _filters(properties: dict[str, Property]) -> st.SearchStrategy[Document]:
    def one(name: str) -> st.SearchStrategy[Document]:
        kind, values = properties[name]

        def valued(operator: str) -> st.SearchStrategy[Document]:
            if operator in ("Exists", "NotExists"):
                return st.just({"Name": name, "Operator": operator})
            usable = values
            if operator in _ORDER and kind == "free":
                usable = [text for text in values if plain.number(text) is not None] or ["1"]
            return st.sampled_from(usable).map(
                lambda text: {"Name": name, "Operator": operator, "Value": text}
            )

        return st.sampled_from(_OPERATORS[kind]).flatmap(valued)

    return st.sampled_from(sorted(properties)).flatmap(one)


def _nested(resource: str) -> st.SearchStrategy[Document]:
    outer, inner = NESTED[resource]
    items = st.sampled_from(
        [
            {"Name": f"{outer}.{name}", "Value": value}
            for name, values in inner.items()
            for value in values
        ]
    )
    return st.lists(items, min_size=1, max_size=2).map(
        lambda filters: {"NestedPropertyName": outer, "Filters": filters}
    )


def _expressions(resource: str, properties: dict[str, Property]) -> st.SearchStrategy[Document]:
    def level(below: st.SearchStrategy[Document] | None) -> st.SearchStrategy[Document]:
        subs = {} if below is None else {"SubExpressions": st.lists(below, min_size=1, max_size=2)}
        return st.fixed_dictionaries(
            {"Filters": st.lists(_filters(properties), min_size=1, max_size=3)},
            optional={
                "Operator": st.sampled_from(["And", "Or"]),
                "NestedFilters": st.lists(_nested(resource), min_size=1, max_size=1),
                **subs,
            },
        )

    return level(level(level(None))).filter(_contains_once)


def _contains_once(expression: Document) -> bool:
    def names(one: Document) -> list[str]:
        own = [f["Name"] for f in one["Filters"] if f.get("Operator") == "Contains"]
        return own + [name for sub in one.get("SubExpressions", []) for name in names(sub)]

    found = names(expression)
    return len(found) == len(set(found))


def _asked(expression: Document, properties: dict[str, Property]) -> Document:
    """The expression as a client writes it: times as such."""
    asked = dict(expression)
    asked["Filters"] = [
        {**one, "Value": _iso(one["Value"])}
        if "Value" in one and properties[one["Name"]][0] == "time"
        else one
        for one in expression["Filters"]
    ]
    if "SubExpressions" in expression:
        subs = expression["SubExpressions"]
        asked["SubExpressions"] = [_asked(sub, properties) for sub in subs]
    return asked


def _compared(expression: Document, properties: dict[str, Property]) -> Document:
    """The same with times as documents have them."""
    compared = dict(expression)
    compared["Filters"] = [
        {**one, "Value": str(START_US + int(one["Value"]))}
        if "Value" in one and properties[one["Name"]][0] == "time"
        else one
        for one in expression["Filters"]
    ]
    if "SubExpressions" in expression:
        subs = expression["SubExpressions"]
        compared["SubExpressions"] = [_compared(sub, properties) for sub in subs]
    return compared


async def _packages(yard: Searched) -> list[Document]:
    """Packages of all sorts, as Describe answers them, with tags and metrics."""
    for name in ("alpha", "beta", "gamma"):
        await yard.group(name)
    arns = []
    for number in range(45):
        members: Document = {}
        if number % 2:
            members["ModelApprovalStatus"] = ("Approved", "Rejected")[number % 3 == 0]
        if number % 4 == 0:
            members["ModelLifeCycle"] = {"Stage": ("QA", "Production")[number % 8 == 0],
                                         "StageStatus": "Set"}  # fmt: skip
        metadata = {}
        if number % 3:
            metadata["x"] = "yz"[number % 2]
        if number % 5 < 3:
            metadata["acc"] = ("0.5", "0.9", "high")[number % 5]
        if number % 7 == 0:
            metadata["a.b"] = "1"
        if metadata:
            members["CustomerMetadataProperties"] = metadata
        containers = [{"Image": f"{('one:1', 'two:2')[number % 2]}", "ModelDataUrl": "s3://e/1"}]
        if number % 6 == 0:
            containers.append({"Image": "two:2", "ModelDataUrl": "s3://e/2"})
        members["InferenceSpecification"] = specification(Containers=containers)
        members["CertifyForMarketplace"] = number % 10 == 1
        if number % 9 == 8:
            tags = [{"Key": "team", "Value": ("red", "blue")[number % 2]}]
            members.pop("ModelLifeCycle", None)
            name = f"solo-{number // 9}"
            arns.append(await yard.package("", ModelPackageName=name, Tags=tags, **members))
        else:
            arns.append(await yard.package(("alpha", "beta", "gamma")[number % 3], **members))
    for arn in arns[3:40:5]:  # what is changed is found by what it is now
        await yard(
            "UpdateModelPackage",
            ModelPackageArn=arn,
            ModelApprovalStatus="Approved",
            CustomerMetadataProperties={"x": "z", "new": "1"},
            CustomerMetadataPropertiesToRemove=["acc"],
        )
    gone = arns.pop(10)
    await yard("DeleteModelPackage", ModelPackageName=gone)
    return [await _package(yard, arn) for arn in arns]


async def _package(yard: Searched, arn: str) -> Document:
    found = await yard("DescribeModelPackage", ModelPackageName=arn)
    if "ModelPackageVersion" not in found:
        found["Tags"] = (await yard("ListTags", ResourceArn=arn))["Tags"]
    metrics = await yard.own("DescribeModelPackageMetrics", ModelPackageName=arn)
    found["Metrics"] = {one["MetricName"]: one["Value"] for one in metrics["Metrics"]}
    return found


async def _components(yard: Searched) -> list[Document]:
    for experiment in ("One", "two"):
        await yard.experiment(experiment)
    parents = {"t1": "One", "t2": "two", "t3": "One"}
    for trial, experiment in parents.items():
        await yard.trial(trial, experiment)
    found = []
    for number in range(24):
        name = f"Run-{number}"
        members: Document = {"DisplayName": "shown"} if number % 3 == 0 else {}
        if number % 2:
            members["Status"] = {"PrimaryStatus": ("Completed", "Failed")[number % 3 == 0]}
        parameters: Document = {}
        if number % 4:
            lr = {"NumberValue": 0.1}, {"StringValue": "high"}, {"StringValue": "0.10"}
            parameters["lr"] = lr[number % 3]
        if number % 5 == 0:
            parameters["depth"] = {"NumberValue": 3.0}
        if parameters:
            members["Parameters"] = parameters
        if number % 6 == 1:
            members["InputArtifacts"] = {"data": {"Value": "s3://b/a"}}
        tags = [{"Key": "team", "Value": "red"}] if number % 3 == 1 else []
        in_trials = [trial for at, trial in enumerate(parents) if number % (at + 2) == 0]
        await yard.component(name, *in_trials, Tags=tags, **members)
        if number % 4 == 2:
            await measure(yard, name.lower(), "loss", 1.0, 0.5 * (number % 3))
        if number == 7:
            await measure(yard, name.lower(), "a.b", 2.0)
        if number % 7 == 3:
            change = {"depth": {"StringValue": "4"}}
            await yard("UpdateTrialComponent", TrialComponentName=name, Parameters=change,
                       ParametersToRemove=["lr"] if "lr" in parameters else [])  # fmt: skip
        one = await yard("DescribeTrialComponent", TrialComponentName=name)
        one["Tags"] = tags
        one["Parents"] = [
            {"TrialName": trial, "ExperimentName": parents[trial]} for trial in in_trials
        ]
        found.append(one)
    return found


@pytest.mark.parametrize(
    ("resource", "properties", "make"),
    [
        ("ModelPackage", PACKAGES, _packages),
        ("ExperimentTrialComponent", COMPONENTS, _components),
    ],
    ids=["packages", "components"],
)
async def test_a_search_finds_what_a_plain_filter_finds(
    yard: Searched,
    monkeypatch: pytest.MonkeyPatch,
    resource: str,
    properties: dict[str, Property],
    make: Any,
) -> None:
    monkeypatch.setattr(walks, "_ROWS_FIRST", 2)  # so that walks have many turns
    monkeypatch.setattr(walks, "_ROWS_MAX", 8)
    documents = await make(yard)
    kinds = {name: kind for name, (kind, _) in properties.items()}
    arn = f"{resource.removeprefix('Experiment')}Arn"
    loop = asyncio.get_running_loop()
    sorts = [name for name in sorted(properties) if name != "Parents.TrialName"]

    async def compare(expression: Document, request: Document) -> None:
        records, total = await yard.search(
            resource, SearchExpression=_asked(expression, properties), **request
        )
        compared = _compared(expression, properties)
        wanted = [one for one in documents if plain.matches(one, compared, kinds)]
        wanted = plain.ordered(
            wanted,
            arn,
            request.get("SortBy", "LastModifiedTime"),
            descending=request.get("SortOrder") != "Ascending",
        )
        assert [one[arn] for one in records] == [one[arn] for one in wanted]
        assert total == {"Value": len(wanted), "Relation": "EqualTo"}

    @settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
    @given(
        expression=_expressions(resource, properties),
        request=st.fixed_dictionaries(
            {"MaxResults": st.sampled_from([1, 3, 100])},
            optional={
                "SortBy": st.sampled_from(sorts),
                "SortOrder": st.sampled_from(["Ascending", "Descending"]),
            },
        ),
    )
    def holds_for(expression: Document, request: Document) -> None:
        asyncio.run_coroutine_threadsafe(compare(expression, request), loop).result()

    await asyncio.to_thread(holds_for)
