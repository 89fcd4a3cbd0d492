"""The rules of comparing model packages."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from modelyard.call import Document
from modelyard.gate import UNVERIFIED, VERIFIED, Artifact
from modelyard.registry import comparison
from modelyard.registry.archive_files import ArchivedFile
from modelyard.registry.comparison import Compared

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text('ab.[]0"', max_size=3), inner)
    ),
    max_leaves=12,
)


def archive(content: str, url: str = "s3://b/model.tar.gz", source: str = "") -> Artifact:
    return Artifact(source or url, url, VERIFIED, content.rjust(64, "0"), 9, "e", "blob")


def compared(document: Document | None = None, **facts: Any) -> Compared:
    facts = {"metrics": {}, "artifacts": [], **facts}
    return Compared(document or {}, **facts)


def differing(*packages: Compared) -> dict[tuple[str, str], list[Any]]:
    """What differs: by section and name, the values (None: it has none)."""
    return {
        (item["Section"], item["Name"]): [value.get("Value") for value in item["Values"]]
        for item in comparison.items(packages)
        if not item["Same"]
    }


@given(JSON, JSON)
def test_values_are_the_same_exactly_if_all_their_scalars_are(first: Any, second: Any) -> None:
    same = dict(comparison.flat(first)) == dict(comparison.flat(second))

    assert same == (json.dumps(first, sort_keys=True) == json.dumps(second, sort_keys=True))


@given(JSON)
def test_every_scalar_has_a_path_of_its_own(value: Any) -> None:
    found = list(comparison.flat(value))

    assert len({path for path, _ in found}) == len(found)


@given(st.dictionaries(st.sampled_from(["Domain", "Task", "SkipModelValidation"]), JSON))
def test_a_package_is_the_same_as_itself(document: Document) -> None:
    one = compared(document, metrics={"a": 0.5}, artifacts=[archive("1")])

    assert differing(one, one, one) == {}


@given(
    st.lists(st.dictionaries(st.sampled_from("abc"), st.floats(-1e6, 1e6)), min_size=2, max_size=5)
)
def test_metrics_have_their_difference_to_the_first(metrics: list[dict[str, float]]) -> None:
    items = comparison.items([compared(metrics=one) for one in metrics])

    assert [item["Name"] for item in items] == sorted({name for one in metrics for name in one})
    for item in items:
        for place, value in enumerate(item["Values"]):
            assert value.get("Number") == metrics[place].get(item["Name"])
            if place and value["Present"] and item["Name"] in metrics[0]:
                assert value["Delta"] == value["Number"] - metrics[0][item["Name"]]
            else:
                assert "Delta" not in value
    assert all(item["Same"] for item in items) == all(one == metrics[0] for one in metrics)


def test_members_go_to_the_section_where_people_look_for_them() -> None:
    first = {
        "ModelPackageArn": "arn:1",
        "CreationTime": 1,
        "ModelApprovalStatus": "Approved",
        "ModelLifeCycle": {"Stage": "QA", "StageStatus": "InProgress"},
        "InferenceSpecification": {"Containers": [{"Image": "i:1", "Environment": {"A": "1"}}]},
        "CustomerMetadataProperties": {"owner": "ada", "param.depth": "4"},
        "MetadataProperties": {"CommitId": "c1"},
    }
    second = json.loads(
        json.dumps(first)
        .replace("arn:1", "arn:2")
        .replace("Approved", "Rejected")
        .replace("QA", "Production")
        .replace("i:1", "i:2")
        .replace('"ada"', '"bob"')
        .replace('"4"', '"6"')
        .replace("c1", "c2")
    )

    assert differing(compared(first), compared(second)) == {
        ("Approval", "ModelApprovalStatus"): ["Approved", "Rejected"],
        ("Approval", "ModelLifeCycle.Stage"): ["QA", "Production"],
        ("Specification", "InferenceSpecification.Containers[0].Image"): ["i:1", "i:2"],
        ("Metadata", 'CustomerMetadataProperties["owner"]'): ["ada", "bob"],
        ("Metadata", "MetadataProperties.CommitId"): ["c1", "c2"],
        ("Parameters", 'CustomerMetadataProperties["param.depth"]'): ["4", "6"],
    }


def card(depth: Any, risk: str = "Low") -> Document:
    content = {
        "intended_uses": {"risk_rating": risk},
        "training_details": {
            "training_job_details": {"hyper_parameters": [{"name": "max_depth", "value": depth}]}
        },
    }
    return {"ModelCard": {"ModelCardStatus": "Draft", "ModelCardContent": json.dumps(content)}}


def test_hyperparameters_of_the_card_are_parameters_and_the_rest_is_the_card() -> None:
    assert differing(compared(card("4", "Low")), compared(card("6", "High"))) == {
        ("Parameters", 'hyper_parameters["max_depth"]'): ["4", "6"],
        ("ModelCard", "ModelCardContent.intended_uses.risk_rating"): ["Low", "High"],
    }


def test_what_is_no_list_of_parameters_stays_in_the_card() -> None:
    text = card("4")["ModelCard"]["ModelCardContent"].replace('"name"', '"Name"')
    document = {"ModelCard": {"ModelCardStatus": "Draft", "ModelCardContent": text}}

    sections = {item["Section"] for item in comparison.items([compared(document)] * 2)}

    assert sections == {"ModelCard"}


def test_files_are_compared_by_what_is_in_them() -> None:
    old = [ArchivedFile("a", 1, "1" * 64), ArchivedFile("gone", 2, "2" * 64)]
    new = [ArchivedFile("a", 1, "3" * 64), ArchivedFile("new", 2, "2" * 64)]
    first = archive("1")
    second = archive("2", "s3://b/other.tar.gz")

    found = differing(
        compared(artifacts=[first], files={first.sha256: old}),
        compared(artifacts=[second], files={second.sha256: new}),
    )

    assert {name: values for (section, name), values in found.items() if section == "Files"} == {
        "a": ["1" * 64, "3" * 64],
        "gone": ["2" * 64, None],
        "new": [None, "2" * 64],
    }
    assert ("Artifacts", "ModelData[0]") in found


def test_objects_under_a_prefix_are_files_by_their_path_under_it() -> None:
    one = compared(artifacts=[archive("1", "s3://b/v1/code/x.py", "s3://b/v1/")])
    two = compared(artifacts=[archive("1", "s3://b/v2/code/x.py", "s3://b/v2/")])

    assert differing(one, two) == {}
    assert [item["Name"] for item in comparison.items([one, two])] == ["code/x.py"]


def test_bytes_that_nobody_saw_are_compared_by_their_url() -> None:
    def unverified(url: str) -> Compared:
        return compared(artifacts=[Artifact(url, url, UNVERIFIED, "", 0, "", "")])

    assert differing(unverified("s3://x/1.tar.gz"), unverified("s3://x/1.tar.gz")) == {}
    assert differing(unverified("s3://x/1.tar.gz"), unverified("s3://x/2.tar.gz"))


def test_of_too_many_items_those_that_differ_are_kept() -> None:
    same = {f"m{number:05}": 1.0 for number in range(comparison.ITEMS_MAX)}
    items = comparison.items(
        [compared(metrics={**same, "z": 1}), compared(metrics={**same, "z": 2})]
    )

    kept, left_out = comparison.limited(items)

    assert (len(kept), left_out) == (comparison.ITEMS_MAX, 1)
    assert [item["Name"] for item in kept if not item["Same"]] == ["z"]
