"""Documents with metrics: what SageMaker and its examples write, and whatever else may come."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.registry import metric_documents
from modelyard.registry.metric_documents import DEPTH_MAX, METRICS_MAX, NAME_LENGTH_MAX
from modelyard.storage import search_values

QUALITY = "ModelQuality.Statistics"

# As a model-quality job writes it (docs.aws.amazon.com, model-monitor-model-quality-metrics).
MODEL_QUALITY = {
    "version": 0.0,
    "dataset": {"item_count": 9383, "evaluation_time": "2026-11-01T00:00:00.000Z"},
    "binary_classification_metrics": {
        "confusion_matrix": {"0": {"0": 51, "1": 2}, "1": {"0": 3, "1": 49}},
        "recall": {"value": 0.94, "standard_deviation": 0.01},
        "auc": {"value": 0.98, "standard_deviation": "NaN"},
        "receiver_operating_characteristic_curve": {
            "false_positive_rates": [0.0, 1.0],
            "true_positive_rates": [0.0, 1.0],
        },
    },
}
CLARIFY = {
    "version": "1.0",
    "post_training_bias_metrics": {
        "label": "income",
        "facets": {
            "Sex": [
                {
                    "value_or_threshold": "0",
                    "metrics": [
                        {"name": "AD", "description": "Accuracy Difference", "value": -0.14},
                        {"name": "DI", "description": "Disparate Impact", "value": None},
                    ],
                }
            ]
        },
    },
}


def read(document: Any, kind: str = QUALITY) -> metric_documents.Content:
    return metric_documents.read(kind, json.dumps(document).encode())


def test_a_model_quality_report_gives_its_metrics_by_their_own_names() -> None:
    content = read(MODEL_QUALITY)

    assert content.is_readable
    assert content.problems == ()
    assert content.numbers == {
        "dataset.item_count": 9383.0,
        "recall": 0.94,
        "recall.standard_deviation": 0.01,
        "auc": 0.98,
    }


@pytest.mark.parametrize(
    "document",
    [
        {"regression_metrics": {"mse": {"value": 4.5, "standard_deviation": 2.1}}},
        {"metrics": {"mse": {"value": 4.5, "standard_deviation": 2.1}}},
        {"mse": {"value": 4.5, "standard_deviation": 2.1}},
        {"mse": 4.5, "mse.standard_deviation": 2.1},
    ],
)
def test_every_form_of_the_examples_means_the_same(document: Any) -> None:
    assert read(document).numbers == {"mse": 4.5, "mse.standard_deviation": 2.1}


def test_members_of_clarify_are_found_by_what_they_are_called() -> None:
    content = read(CLARIFY, "Bias.Report")

    assert content.numbers == {"Bias.post_training_bias_metrics.facets.Sex.0.metrics.AD": -0.14}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"accuracy,0.9\n",
        b"[0.9]",
        b"0.9",
        b'"0.9"',
        b"\xff\xfe\x00",
        b"\x1f\x8b" + bytes(100),
        b'{"a": ' + b"9" * 5000 + b"}",
        b'{"a": ' * 100_000,
        b"[" * 200_000 + b"]" * 200_000,
    ],
)
def test_what_is_no_document_is_told_and_has_no_numbers(data: bytes) -> None:
    content = metric_documents.read(QUALITY, data)

    assert not content.is_readable
    assert content.numbers == {}
    assert len(content.problems) == 1
    assert len(content.problems[0]) < 400


def test_what_is_no_number_is_told_and_the_rest_is_kept() -> None:
    data = b'{"a": NaN, "b": Infinity, "c": 1e400, "d": 0.5, "e": true, "f": "0.9", "g": null}'

    content = metric_documents.read(QUALITY, data)

    assert content.is_readable
    assert content.numbers == {"d": 0.5}
    assert [problem.split()[0] for problem in content.problems] == ["a", "b", "c"]


def test_what_is_over_a_limit_is_told_and_the_rest_is_kept() -> None:
    deep: Any = 1.0
    for _ in range(DEPTH_MAX + 2):
        deep = {"x": deep}
    many = {f"m{number}": number for number in range(METRICS_MAX)}

    content = read({"deep": deep, "n" * (NAME_LENGTH_MAX + 1): 1, "a\nb": 1, **many, "last": 1})

    assert content.numbers == {name: float(value) for name, value in many.items()}
    assert len(content.problems) == 4


def test_a_document_without_numbers_says_so() -> None:
    assert read({"title": "Evaluation"}).problems == ("The document has no numbers.",)


@pytest.mark.parametrize(
    ("text", "value"),
    [("0.91", 0.91), ("-1e-3", -0.001), ("+7", 7.0), (".5", 0.5), ("3.", 3.0)],
)
def test_a_property_that_is_a_number_is_one(text: str, value: float) -> None:
    assert search_values.number(text) == value


@pytest.mark.parametrize(
    "text", ["", "nan", "inf", "-Infinity", "1e999", "1_000", "0x1f", "1,5", " 1", "1 ", "٣", "v2"]
)
def test_a_property_that_is_none_is_none(text: str) -> None:
    assert search_values.number(text) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=40,
)


@given(
    st.dictionaries(st.text(max_size=8), JSON), st.sampled_from(sorted(metric_documents._PREFIXES))
)
def test_any_document_gives_finite_numbers_with_names_that_can_be_kept(
    document: dict[str, Any], kind: str
) -> None:
    content = read(document, kind)

    assert content.is_readable
    assert len(content.problems) <= metric_documents.PROBLEMS_MAX
    for name, value in content.numbers.items():
        assert math.isfinite(value)
        assert name and name.isprintable() and name.encode()


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_told(data: bytes) -> None:
    content = metric_documents.read(QUALITY, data)

    assert content.is_readable or content.problems


NAME = st.text(st.characters(categories=("L", "N")), min_size=1, max_size=8).filter(
    lambda name: name not in ("value", "name", "version", *metric_documents._GROUPS)
)


@given(st.dictionaries(NAME, st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_flat_numbers_come_back_as_they_are_in_whatever_form(numbers: dict[str, float]) -> None:
    as_values = {name: {"value": value} for name, value in numbers.items()}

    assert read(numbers).numbers == numbers
    assert read({"regression_metrics": as_values}).numbers == numbers
