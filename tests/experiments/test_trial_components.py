"""Trial components: what they hold, what an update makes of it, and what is refused."""

from typing import Any

import pytest

from modelyard.errors import Refusal, SerializationException, ValidationException
from tests.experiments.in_process import Experiments, measure

ARTIFACT = {"Value": "s3://bucket/model.tar.gz", "MediaType": "application/gzip"}


def numbers(*names: str) -> dict[str, Any]:
    return {name: {"NumberValue": 1.5} for name in names}


def many(count: int) -> dict[str, Any]:
    return numbers(*[f"p{number}" for number in range(count)])


async def described(yard: Experiments, name: str = "run") -> dict[str, Any]:
    return await yard("DescribeTrialComponent", TrialComponentName=name)


async def update(yard: Experiments, **members: Any) -> None:
    await yard("UpdateTrialComponent", TrialComponentName="run", **members)


async def test_every_member_is_kept_as_it_was_given(yard: Experiments) -> None:
    given = {
        "Status": {"PrimaryStatus": "InProgress", "Message": "epoch 1"},
        "StartTime": 1_700_000_000_123_000,
        "EndTime": 1_700_000_100_000_000,
        "Parameters": {"rate": {"NumberValue": 0.1}, "booster": {"StringValue": "gbtree"}},
        "InputArtifacts": {"data": {"Value": "s3://bucket/data.csv"}},
        "OutputArtifacts": {"model": ARTIFACT},
        "MetadataProperties": {"CommitId": "abc"},
    }

    await yard.component("run", **given)

    assert (await described(yard)).items() >= given.items()


async def test_without_parameters_and_artifacts_there_are_none_and_the_rest_is_left_out(
    yard: Experiments,
) -> None:
    await yard.component("run", Parameters={}, InputArtifacts={}, MetadataProperties={})

    seen = await described(yard)
    assert set(seen) == {
        *("TrialComponentName", "TrialComponentArn", "DisplayName", "LineageGroupArn"),
        *("CreationTime", "CreatedBy", "LastModifiedTime"),
        *("Parameters", "InputArtifacts", "OutputArtifacts"),
    }
    assert [seen[m] for m in ("Parameters", "InputArtifacts", "OutputArtifacts")] == [{}, {}, {}]


@pytest.mark.parametrize("member", ["Parameters", "InputArtifacts", "OutputArtifacts"])
async def test_an_update_sets_and_removes_by_key(yard: Experiments, member: str) -> None:
    def value(text: str) -> dict[str, str]:
        return {"StringValue" if member == "Parameters" else "Value": text}

    await yard.component("run", **{member: {"a": value("1"), "b": value("1"), "c": value("1")}})

    await update(
        yard,
        **{member: {"b": value("2"), "d": value("2")}, f"{member}ToRemove": ["a", "nothing", "a"]},
    )

    assert (await described(yard))[member] == {"b": value("2"), "c": value("1"), "d": value("2")}
    await update(yard, **{f"{member}ToRemove": ["b", "c", "d"]})
    assert (await described(yard))[member] == {}


async def test_an_update_replaces_status_and_times(yard: Experiments) -> None:
    await yard.component("run", Status={"PrimaryStatus": "InProgress", "Message": "m"}, StartTime=1)

    await update(yard, Status={"PrimaryStatus": "Completed"}, EndTime=2_000_000)

    seen = await described(yard)
    assert seen["Status"] == {"PrimaryStatus": "Completed"}
    assert (seen["StartTime"], seen["EndTime"]) == (1, 2_000_000)


async def test_as_many_as_aws_allows_are_kept(yard: Experiments) -> None:
    artifacts = {f"a{number}": ARTIFACT for number in range(60)}

    await yard.component(
        "run", Parameters=many(300), InputArtifacts=artifacts, OutputArtifacts=artifacts
    )

    seen = await described(yard)
    sizes = [len(seen[m]) for m in ("Parameters", "InputArtifacts", "OutputArtifacts")]
    assert sizes == [300, 60, 60]


async def test_an_update_cannot_go_beyond_the_limit_step_by_step(yard: Experiments) -> None:
    await yard.component("run", Parameters=many(300))

    with pytest.raises(ValidationException, match="may have 300 Parameters; .* make 301"):
        await update(yard, Parameters=numbers("one-more"))

    await update(yard, Parameters=numbers("one-more"), ParametersToRemove=["p0"])
    assert len((await described(yard))["Parameters"]) == 300


async def test_what_is_set_and_removed_at_once_is_refused(yard: Experiments) -> None:
    await yard.component("run")

    with pytest.raises(ValidationException, match="Parameters and ParametersToRemove both name a"):
        await update(yard, Parameters=numbers("a"), ParametersToRemove=["a"])


@pytest.mark.parametrize(
    "members",
    [
        {"Parameters": many(301)},
        {"Parameters": {"": {"StringValue": "x" * 2501}}},
        {"Parameters": {"x" * 321: {"NumberValue": 1}}},
        {"Parameters": {"empty": {}}},
        {"Parameters": {"both": {"NumberValue": 1, "StringValue": "1"}}},
        {"InputArtifacts": {f"a{number}": ARTIFACT for number in range(61)}},
        {"OutputArtifacts": {"a": {}}},
        {"OutputArtifacts": {"a": {"Value": "x", "MediaType": "no type"}}},
        {"Status": {"PrimaryStatus": "Happy"}},
        {"DisplayName": "not a name"},
        {"Tags": [{"Key": "k", "Value": "1"}, {"Key": "k", "Value": "2"}]},
    ],
)
async def test_what_aws_s_model_does_not_allow_is_refused(
    yard: Experiments, members: dict[str, Any]
) -> None:
    with pytest.raises(ValidationException):
        await yard.component("run", **members)

    assert await yard.names("TrialComponent") == []


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
async def test_a_parameter_that_is_no_finite_number_is_refused(
    yard: Experiments, value: float
) -> None:
    await yard.component("run", Parameters=numbers("rate"))

    with pytest.raises((ValidationException, SerializationException)):
        await update(yard, Parameters={"rate": {"NumberValue": value}})

    assert (await described(yard))["Parameters"] == numbers("rate")


@pytest.mark.parametrize("name", ["", "-a", "a-", "a_b", "a b", "x" * 121, "ä", "a/b"])
async def test_names_are_those_of_aws_s_pattern(yard: Experiments, name: str) -> None:
    with pytest.raises(Refusal):
        await yard.component(name)


async def test_a_name_may_have_120_characters(yard: Experiments) -> None:
    await yard.component("x" * 120)

    assert await yard.names("TrialComponent") == ["x" * 120]


async def test_a_description_tells_the_statistics_of_metrics(yard: Experiments) -> None:
    one = await yard.component("run")
    await measure(yard, "run", "loss", 0.5, 0.25)

    (metric,) = (await described(yard))["Metrics"]

    assert metric == {
        "MetricName": "loss",
        "SourceArn": one,
        "TimeStamp": 1,
        "Count": 2,
        "Last": 0.25,
        "Min": 0.25,
        "Max": 0.5,
        "Avg": 0.375,
        "StdDev": 0.125,
    }
