"""Trial components side by side: what is compared, what is the same, how far numbers are apart."""

from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from modelyard.call import Document
from modelyard.errors import AccessDeniedException, ResourceNotFound, ValidationException
from modelyard.experiments import comparison
from tests.experiments.in_process import Experiments, measure
from tests.registry.in_process import principal


async def compare(yard: Experiments, *names: str) -> Document:
    return await yard.own("CompareTrialComponents", TrialComponentNames=list(names))


def by_name(answer: Document) -> dict[tuple[str, str], Document]:
    return {(item["Section"], item["Name"]): item for item in answer["Items"]}


def texts(item: Document) -> list[str | None]:
    return [one.get("Value") for one in item["Values"]]


async def test_runs_are_compared_in_every_section(yard: Experiments) -> None:
    first = await yard.component(
        "first",
        DisplayName="shown",
        Status={"PrimaryStatus": "Completed"},
        StartTime=1_000_000,
        EndTime=61_500_000,
        Parameters={"rate": {"NumberValue": 0.5}, "booster": {"StringValue": "gbtree"}},
        OutputArtifacts={"model": {"Value": "s3://b/1.tar.gz"}},
        MetadataProperties={"CommitId": "abc"},
    )
    second = await yard.component(
        "second",
        Status={"PrimaryStatus": "Failed", "Message": "no memory"},
        StartTime=1_000_000,
        Parameters={"rate": {"NumberValue": 0.75}, "booster": {"StringValue": "gbtree"}},
        InputArtifacts={"data": {"Value": "s3://b/data.csv"}},
        MetadataProperties={"CommitId": "abc"},
    )
    await measure(yard, "first", "loss", 0.5, 0.25)
    await measure(yard, "second", "loss", 0.75)

    answer = await compare(yard, "FIRST", second)

    assert answer["TrialComponents"] == [
        {"TrialComponentName": "first", "TrialComponentArn": first, "DisplayName": "shown"},
        {"TrialComponentName": "second", "TrialComponentArn": second, "DisplayName": "second"},
    ]
    assert not answer["Same"]
    assert [(*key, item["Same"], texts(item)) for key, item in by_name(answer).items()] == [
        ("Status", "Message", False, [None, "no memory"]),
        ("Status", "PrimaryStatus", False, ["Completed", "Failed"]),
        ("Duration", "Seconds", False, ["60.5", None]),
        ("Parameters", "booster", True, ["gbtree", "gbtree"]),
        ("Parameters", "rate", False, ["0.5", "0.75"]),
        ("Metrics", "loss - Last", False, ["0.25", "0.75"]),
        ("Metrics", "loss - Max", False, ["0.5", "0.75"]),
        ("Metrics", "loss - Min", False, ["0.25", "0.75"]),
        ("Artifacts", 'InputArtifacts["data"]', False, [None, "s3://b/data.csv"]),
        ("Artifacts", 'OutputArtifacts["model"]', False, ["s3://b/1.tar.gz", None]),
        ("Metadata", "CommitId", True, ["abc", "abc"]),
    ]
    assert by_name(answer)["Parameters", "rate"]["Values"] == [
        {"Present": True, "Value": "0.5", "Number": 0.5},
        {"Present": True, "Value": "0.75", "Number": 0.75, "Delta": 0.25},
    ]


async def test_a_number_and_the_text_of_it_differ(yard: Experiments) -> None:
    await yard.component("number", Parameters={"depth": {"NumberValue": 6.0}})
    await yard.component("text", Parameters={"depth": {"StringValue": "6.0"}})

    (item,) = (await compare(yard, "number", "text"))["Items"]

    assert not item["Same"]
    assert item["Values"] == [
        {"Present": True, "Value": "6.0", "Number": 6.0},
        {"Present": True, "Value": "6.0"},
    ]


async def test_a_run_is_the_same_as_itself(yard: Experiments) -> None:
    await yard.component("run", Parameters={"rate": {"NumberValue": 0.1}})

    answer = await compare(yard, *["run"] * 100)

    assert answer["Same"]
    assert len(answer["Items"][0]["Values"]) == 100


async def test_an_end_before_the_start_makes_no_duration(yard: Experiments) -> None:
    await yard.component("run", StartTime=2_000_000, EndTime=1_000_000)

    assert (await compare(yard, "run", "run"))["Items"] == []


@pytest.mark.parametrize("names", [["run"], ["run"] * 101])
async def test_two_to_a_hundred_are_compared(yard: Experiments, names: list[str]) -> None:
    await yard.component("run")

    with pytest.raises(ValidationException):
        await compare(yard, *names)


async def test_one_that_is_not_there_is_not_found(yard: Experiments) -> None:
    one = await yard.component("run")

    with pytest.raises(ResourceNotFound, match="nothing' does not exist"):
        await compare(yard, "run", "nothing")
    yard.principal = principal("999999999999", "eve")
    with pytest.raises(AccessDeniedException):
        await compare(yard, one, one)


NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.builds(lambda n: {"NumberValue": n}, NUMBERS) | st.builds(
    lambda t: {"StringValue": t}, st.text(max_size=3)
)
COMPONENTS = st.lists(st.dictionaries(st.sampled_from("abc"), VALUES), min_size=2, max_size=4)


@given(COMPONENTS)
def test_every_parameter_is_shown_once_as_it_is_in_each(
    components: list[dict[str, dict[str, Any]]],
) -> None:
    items = comparison.items([{"Parameters": parameters} for parameters in components])

    assert [item["Name"] for item in items] == sorted({n for c in components for n in c})
    for item in items:
        given_values = [parameters.get(item["Name"]) for parameters in components]
        assert item["Same"] == all(value == given_values[0] for value in given_values)
        for value, shown in zip(given_values, item["Values"], strict=True):
            assert shown["Present"] == (value is not None)
            if value is not None and "NumberValue" in value:
                assert shown["Number"] == float(shown["Value"]) == value["NumberValue"]
            elif value is not None:
                assert shown["Value"] == value["StringValue"]


def test_what_is_the_same_is_left_out_first() -> None:
    def component(last: str) -> Document:
        same = {f"s{number:03}": {"StringValue": "1"} for number in range(700)}
        different = {f"d{number:03}": {"StringValue": last} for number in range(400)}
        return {"Parameters": {**same, **different}}

    items = comparison.items([component(str(number)) for number in range(100)])

    shown, left_out = comparison.limited(items)

    assert (len(items), len(shown), left_out) == (1100, 1000, 100)
    assert [item["Name"] for item in shown] == sorted(item["Name"] for item in shown)
    assert len([item for item in shown if not item["Same"]]) == 400
