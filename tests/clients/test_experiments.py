"""Experiments by the SDKs' own classes, unmodified: runs, lists of them, and the table of all."""

from pathlib import Path
from typing import Any

import pytest

from tests.clients.conftest import Tell


@pytest.mark.slow
@pytest.mark.parametrize("sdk", ["sagemaker2", "sagemaker3"])
def test_runs_keep_all_that_is_logged(tell: Tell, tmp_path: Path, sdk: str) -> None:
    told: dict[str, Any] = tell("sagemaker_runs.py", sdk, folder=str(tmp_path))

    assert told["in progress"]["PrimaryStatus"] == "InProgress"
    assert told["status"] == "Completed"
    assert told["times"]
    assert told["the same run"]
    parameters = {"learning_rate": 0.01, "booster": "gbtree", "depth": 6, "nested": "yes"}
    assert told["parameters"] == parameters
    assert told["loaded"] == {**parameters, "late": "yes"}
    assert told["inputs"] == {"data": "s3://bucket/data.csv"}
    assert told["outputs"]["model"] == "s3://bucket/model.tar.gz"
    assert told["file"] == '{"rows": 569}'
    # How often, the least, the greatest, the last.
    assert told["metrics"] == {
        "accuracy": [1, 0.95, 0.95, 0.95],
        "loss": [3, 0.125, 0.5, 0.125],
    }
    assert told["plots"] == [
        ["ContributedTo", "ConfusionMatrix"],
        ["Produced", "PrecisionRecallCurve"],
        ["Produced", "ROCCurve"],
    ]
    assert told["experiment"] == ["churn-experiment", "Churn"]
    assert told["tags"] == [{"Key": "team", "Value": "risk"}]
    assert told["failed"] == {"PrimaryStatus": "Failed", "Message": "out of memory"}
    assert told["runs"] == {
        "newest first": ["run-3", "run-2", "run-1"],
        "by name": ["run-1", "run-2", "run-3"],
        "oldest first": ["run-1", "run-2", "run-3"],
    }
    components = [f"churn-experiment-run-{number}" for number in (1, 2, 3)]
    assert told["components"] == components
    assert told["table"]["runs"] == components  # by accuracy, the best first
    assert told["table"]["rates"] == [0.01, 0.1]
    assert told["table"]["experiments"] == ["churn-experiment"]
    statistics = {f"loss - {one}" for one in ("Avg", "Count", "Last", "Max", "Min", "StdDev")}
    assert statistics | {"notes - Value", "data - Value"} <= set(told["table"]["columns"])
    assert told["description"] == "About churn"
    assert told["left"] == [[], [], [], []]


@pytest.mark.slow
def test_sagemaker_sdk_3_s_resources_are_experiments_too(tell: Tell) -> None:
    told = tell("sagemaker3_experiments.py", "sagemaker3")

    assert told == {
        "experiment": ["churn", "Churn", "First"],
        "updated": ["Better", "Second"],
        "trial": ["one", "churn"],
        "component": ["run", "Completed", 0.5, "gbtree", "s3://bucket/model.tar.gz"],
        "merged": {"booster": "dart", "depth": 6.0},
        "again": "ValidationException",
        "listed": {"experiments": ["churn"], "trials": ["one"], "components": ["run"]},
        "left": [0, 0, 0],
        "gone": "ResourceNotFound",
    }
