"""Lists of experiments, trials and trial components: order, filters, pages."""

from typing import Any

import pytest

from modelyard.errors import ResourceNotFound, ValidationException
from modelyard.storage.transaction import Transaction
from tests.experiments.in_process import Experiments, arn


@pytest.fixture
async def full(yard: Experiments) -> Experiments:
    """Two experiments; a component that is in two trials of one, and one that is in none."""
    for experiment in ("Beta", "alpha"):
        await yard.experiment(experiment)
    for trial, experiment in (("b-1", "beta"), ("b-2", "beta"), ("a-1", "alpha")):
        await yard.trial(trial, experiment)
    await yard.component("zoo", "b-1", "b-2")
    await yard.component("Ant", "b-2")
    await yard.component("bee", "a-1", "b-1")
    await yard.component("cow")
    return yard


async def test_the_newest_come_first_unless_asked_otherwise(full: Experiments) -> None:
    newest = ["cow", "bee", "Ant", "zoo"]

    assert await full.names("TrialComponent") == newest
    assert await full.names("TrialComponent", SortBy="CreationTime") == newest
    assert await full.names("TrialComponent", SortOrder="Ascending") == newest[::-1]


async def test_names_are_sorted_whatever_the_case_of_their_letters(full: Experiments) -> None:
    ascending = {"SortBy": "Name", "SortOrder": "Ascending"}

    assert await full.names("TrialComponent", **ascending) == ["Ant", "bee", "cow", "zoo"]
    assert await full.names("Experiment", **ascending) == ["alpha", "Beta"]
    assert await full.names("Trial", SortBy="Name") == ["b-2", "b-1", "a-1"]


@pytest.mark.parametrize("size", [1, 2, 100])
@pytest.mark.parametrize("by", ["Name", "CreationTime"])
@pytest.mark.parametrize("order", ["Ascending", "Descending"])
async def test_a_component_in_several_trials_of_an_experiment_is_listed_once(
    full: Experiments, size: int, by: str, order: str
) -> None:
    expected = ["Ant", "bee", "zoo"] if by == "Name" else ["zoo", "Ant", "bee"]

    seen = await full.names(
        "TrialComponent", ExperimentName="beta", MaxResults=size, SortBy=by, SortOrder=order
    )

    assert seen == (expected if order == "Ascending" else expected[::-1])


async def test_components_are_listed_by_trial_and_trials_by_component(full: Experiments) -> None:
    assert await full.names("TrialComponent", TrialName="B-1", MaxResults=1) == ["bee", "zoo"]
    assert await full.names("Trial", TrialComponentName="Bee", MaxResults=1) == ["a-1", "b-1"]
    assert await full.names("Trial", ExperimentName="BETA", MaxResults=1) == ["b-2", "b-1"]
    both = {"TrialComponentName": "bee", "ExperimentName": "beta"}
    assert await full.names("Trial", **both) == ["b-1"]
    assert await full.names("Trial", TrialComponentName="cow") == []


async def test_components_are_listed_by_the_job_that_made_them(full: Experiments) -> None:
    job = arn("training-job", "job-1")

    async def made(tx: Transaction) -> None:
        await tx.run("UPDATE trial_component SET source_arn = ? WHERE name_key = 'cow'", job)

    await full.database.write(made)

    assert await full.names("TrialComponent", SourceArn=job) == ["cow"]
    assert await full.names("TrialComponent", SourceArn=job + "0") == []
    assert await full.names("TrialComponent", SourceArn="") == []


async def test_one_filter_at_a_time_is_taken(full: Experiments) -> None:
    with pytest.raises(ValidationException, match="one of ExperimentName, TrialName and SourceArn"):
        await full("ListTrialComponents", ExperimentName="beta", TrialName="b-1")


@pytest.mark.parametrize(
    ("word", "request_"),
    [
        ("TrialComponent", {"ExperimentName": "nothing"}),
        ("TrialComponent", {"TrialName": "nothing"}),
        ("Trial", {"ExperimentName": "nothing"}),
        ("Trial", {"TrialComponentName": "nothing"}),
    ],
)
async def test_lists_of_what_is_not_there_are_refused(
    full: Experiments, word: str, request_: dict[str, Any]
) -> None:
    with pytest.raises(ResourceNotFound, match="nothing' does not exist"):
        await full(f"List{word}s", **request_)


async def test_times_of_creation_bound_a_list(full: Experiments) -> None:
    summaries = (await full("ListTrialComponents"))["TrialComponentSummaries"]
    created = {one["TrialComponentName"]: one["CreationTime"] for one in summaries}
    between = {"CreatedAfter": created["zoo"], "CreatedBefore": created["cow"]}

    assert await full.names("TrialComponent", **between) == ["bee", "Ant"]
    assert await full.names("TrialComponent", TrialName="b-1", **between) == ["bee"]
    assert await full.names("TrialComponent", SortBy="Name", **between) == ["bee", "Ant"]


async def test_a_page_has_ten_unless_asked_otherwise(yard: Experiments) -> None:
    for number in range(11):
        await yard.experiment(f"e{number}")

    page = await yard("ListExperiments")

    assert len(page["ExperimentSummaries"]) == 10
    rest = await yard("ListExperiments", NextToken=page["NextToken"])
    assert [one["ExperimentName"] for one in rest["ExperimentSummaries"]] == ["e0"]
    assert "NextToken" not in rest


async def test_a_summary_tells_what_aws_s_does(yard: Experiments) -> None:
    status = {"PrimaryStatus": "Completed"}
    one = await yard.component("run", Status=status, StartTime=1, EndTime=2)

    (summary,) = (await yard("ListTrialComponents"))["TrialComponentSummaries"]

    created = summary["CreationTime"]
    assert summary == {
        "TrialComponentName": "run",
        "TrialComponentArn": one,
        "DisplayName": "run",
        "Status": status,
        "StartTime": 1,
        "EndTime": 2,
        "CreationTime": created,
        "LastModifiedTime": created,
        "CreatedBy": yard.principal.user_context,
    }
