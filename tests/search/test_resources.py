"""Every resource type is found as its family describes it, and names are suggested."""

from typing import Any

import pytest

from modelyard.errors import Refusal, ValidationException
from modelyard.search import filling
from modelyard.storage.transaction import Transaction
from tests.experiments.in_process import measure
from tests.search.in_process import Searched

HOSTILE = (
    "CustomerMetadataProperties.x' OR '1'='1",
    'CustomerMetadataProperties.x"; DROP TABLE model_package; --',
    "Tags.k) UNION SELECT document, 1 FROM role --",
    "Tags.?",
    "CustomerMetadataProperties.%s{0}%(a)s\\",
)


def by(name: str, value: str | None = None, operator: str = "Equals") -> dict[str, str]:
    given = {"Name": name, "Operator": operator}
    return given if value is None else {**given, "Value": value}


async def suggested(yard: Searched, resource: str, hint: str) -> list[str]:
    query = {"PropertyNameQuery": {"PropertyNameHint": hint}}
    answer = await yard("GetSearchSuggestions", Resource=resource, SuggestionQuery=query)
    return [one["PropertyName"] for one in answer["PropertyNameSuggestions"]]


async def test_an_experiment_and_its_trials_are_found_with_their_tags(yard: Searched) -> None:
    tags = [{"Key": "team", "Value": "red"}]
    experiment = await yard.experiment("One", Tags=tags)
    await yard.experiment("two")
    trial = await yard.trial("t1", "One")
    component = await yard.component("run-1", "t1", DisplayName="first")

    (found,), total = await yard.search(
        "Experiment", SearchExpression={"Filters": [by("Tags.team", "red")]}
    )
    assert (found["ExperimentArn"], found["Tags"], total["Value"]) == (experiment, tags, 1)
    (found,), _ = await yard.search(
        "ExperimentTrial", SearchExpression={"Filters": [by("ExperimentName", "One")]}
    )
    assert found["TrialArn"] == trial
    (summary,) = found["TrialComponentSummaries"]
    assert summary["TrialComponentArn"] == component
    assert await yard.found("ExperimentTrial", SortBy="TrialName") == [trial]


async def test_a_run_is_found_as_the_sdk_looks_for_it(yard: Searched) -> None:
    """sagemaker.experiments.Run, load_run and ExperimentAnalytics ask these."""
    await yard.experiment("one")
    await yard.trial("t1", "one")
    tags = [{"Key": "sagemaker:trial-component-source", "Value": "run"}]
    arn = await yard.component("one-run", "t1", Tags=tags, Parameters={"lr": {"NumberValue": 0.1}})
    better = await yard.component("one-better", "t1")
    await measure(yard, "one-run", "test:accuracy", 0.5, 0.7)
    await measure(yard, "one-better", "test:accuracy", 0.9, 0.6)

    of_run = {"Filters": [by("TrialComponentName", "one-run"), by("Parents.TrialName", "t1")]}
    (found,), _ = await yard.search("ExperimentTrialComponent", SearchExpression=of_run)
    assert found["Tags"] == tags
    assert found["Parents"] == [{"TrialName": "t1", "ExperimentName": "one"}]
    assert found["Parameters"] == {"lr": {"NumberValue": 0.1}}
    (metric,) = found["Metrics"]
    assert (metric["MetricName"], metric["Max"], metric["Count"]) == ("test:accuracy", 0.7, 2)

    of_experiment = {"Filters": [by("Parents.ExperimentName", "one")]}
    for sort_by, first in (("metrics.test:accuracy.max", better), ("parameters.lr", arn)):
        ordered = await yard.found(
            "ExperimentTrialComponent", SearchExpression=of_experiment, SortBy=sort_by, MaxResults=1
        )
        assert ordered == [first, better if first == arn else arn]
    lr = {"Filters": [by("Parameters.lr", "0.2", "LessThan")]}
    assert await yard.found("ExperimentTrialComponent", SearchExpression=lr) == [arn]
    assert await suggested(yard, "ExperimentTrialComponent", "parameters.l") == ["Parameters.lr"]
    assert await suggested(yard, "ExperimentTrialComponent", "Metrics.test") == [
        "Metrics.test:accuracy"
    ]


async def test_a_model_is_found_by_what_it_runs(yard: Searched) -> None:
    role = "arn:aws:iam::123456789012:role/r"
    for name in ("one", "two"):
        await yard(
            "CreateModel",
            ModelName=name,
            ExecutionRoleArn=role,
            PrimaryContainer={"Image": f"{name}:1"},
        )

    for filters in ([by("ModelName", "two")], [by("Model.PrimaryContainer.Image", "two:1")]):
        (found,), _ = await yard.search("Model", SearchExpression={"Filters": filters})
        assert found["Model"]["ModelName"] == "two"
    newest_first = [one["Model"]["ModelName"] for one in (await yard.search("Model"))[0]]
    assert newest_first == ["two", "one"]


async def test_training_jobs_are_none(yard: Searched) -> None:
    given = by("ModelArtifacts.S3ModelArtifacts", "s3://b/model.tar.gz")

    answer = await yard("Search", Resource="TrainingJob", SearchExpression={"Filters": [given]})

    assert answer == {"Results": [], "TotalHits": {"Value": 0, "Relation": "EqualTo"}}


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_name_is_a_name_whatever_it_says(yard: Searched, name: str) -> None:
    await yard.group("g")
    key = name.partition(".")[2]
    members: dict[str, Any] = {}
    if name.startswith("Custom") and not set(key) & set("'\";%{}()\\"):
        members["CustomerMetadataProperties"] = {key: "1"}
    arn = await yard.package("g", **members)

    for operator in ("Equals", "NotEquals", "Contains", "In"):
        found = await yard.found(
            "ModelPackage", SearchExpression={"Filters": [by(name, "1' --", operator)]}
        )
        assert found == ([arn] if operator == "NotEquals" else [])
    exists = {"Filters": [by(name, None, "NotExists")]}
    assert await yard.found("ModelPackage", SearchExpression=exists, SortBy=name) == [arn]
    assert await suggested(yard, "ModelPackage", name[:100]) == []


@pytest.mark.parametrize(
    "name", ["arn", "document", "t.approval", "1=1", "ModelPackageArn;", "model_package.arn", "'"]
)
async def test_a_column_is_no_property(yard: Searched, name: str) -> None:
    with pytest.raises(ValidationException, match="Unknown property name"):
        await yard("Search", Resource="ModelPackage", SortBy=name)
    with pytest.raises(ValidationException, match="Unknown property name"):
        expression = {"Filters": [by(name, "x")]}
        await yard("Search", Resource="ModelPackage", SearchExpression=expression)


@pytest.mark.parametrize("depth", [60, 150])
async def test_an_expression_that_is_nested_without_end_is_refused(
    yard: Searched, depth: int
) -> None:
    expression: dict[str, Any] = {"Filters": [by("ModelPackageArn", "x")]}
    for _ in range(depth):
        expression = {"SubExpressions": [expression]}

    with pytest.raises(Refusal):
        await yard("Search", Resource="ModelPackage", SearchExpression=expression)


async def test_names_that_people_chose_are_suggested(yard: Searched) -> None:
    await yard.group("g", Tags=[{"Key": "team", "Value": "red"}])
    await yard.package("g", CustomerMetadataProperties={"accuracy": "0.9", "area": "x", "b": "1"})

    assert await suggested(yard, "ModelPackage", "customermetadataproperties.a") == [
        "CustomerMetadataProperties.accuracy",
        "CustomerMetadataProperties.area",
    ]
    assert await suggested(yard, "ModelPackage", "ModelApp") == ["ModelApprovalStatus"]
    assert await suggested(yard, "ModelPackage", "Metrics.acc") == ["Metrics.accuracy"]
    assert await suggested(yard, "ModelPackageGroup", "Tags.") == ["Tags.team"]
    assert await suggested(yard, "ModelPackage", "Nothing") == []


async def test_what_was_registered_before_there_were_rows_is_found_before_and_after_they_are(
    yard: Searched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filling, "_ROWS_AT_ONCE", 2)
    await yard.group("g")
    arns = [
        await yard.package("g", CustomerMetadataProperties={"x": "yz"[number % 2]})
        for number in range(5)
    ]
    await yard.package("g")

    async def forget(tx: Transaction) -> None:
        await tx.run("DELETE FROM search_value")
        await tx.run(
            "INSERT INTO search_filling (kind, account, region, arn)"
            " VALUES ('metadata', '', '', '')"
        )

    async def rows(tx: Transaction) -> int:
        return len(await tx.all("SELECT 1 FROM search_value"))

    await yard.database.write(forget)
    wanted = {"Filters": [by("CustomerMetadataProperties.x", "y")]}
    assert await yard.found("ModelPackage", SearchExpression=wanted) == arns[::-2]
    change = {"ModelPackageArn": arns[0], "CustomerMetadataProperties": {"x": "z"}}
    await yard("UpdateModelPackage", **change)
    await filling.fill(yard.database)
    assert await yard.database.read(rows) == 5
    assert await yard.found("ModelPackage", SearchExpression=wanted) == [arns[4], arns[2]]


async def test_rows_go_with_what_they_are_about(yard: Searched) -> None:
    await yard.group("g")
    arn = await yard.package("g", CustomerMetadataProperties={"x": "y", "n": "0.5"})
    await yard.component("run", Parameters={"lr": {"NumberValue": 0.1}})
    await yard("UpdateModelPackage", ModelPackageArn=arn, ModelApprovalStatus="Approved")
    await yard("DeleteModelPackage", ModelPackageName=arn)
    await yard("DeleteTrialComponent", TrialComponentName="run")

    async def rows(tx: Transaction) -> Any:
        return await tx.all("SELECT property FROM search_value")

    assert list(await yard.database.read(rows)) == []
