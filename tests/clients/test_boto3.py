"""The story with unmodified boto3, in an environment that has nothing else."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.clients.conftest import Tell
from tests.clients.story import Boosters


@pytest.mark.slow
def test_boto3_tells_the_whole_story(
    tell: Tell, boosters: Boosters, close_to: Callable[[list[float]], Any]
) -> None:
    told = tell("boto3_story.py", "boto3")

    assert [arn.rsplit("/", 2)[1:] for arn in told["packages"]] == [
        ["customer-churn-models", "1"],
        ["customer-churn-models", "2"],
    ]
    assert told["listed"] == [[2, "PendingManualApproval"], [1, "PendingManualApproval"]]
    assert told["described"] == {
        "ModelApprovalStatus": "Approved",
        "ApprovalDescription": "Better on every measure",
        "CustomerMetadataProperties": {"max_depth": "4", "framework": "xgboost"},
    }
    refused = told["refused"]
    assert refused["duplicate group"][0] == "ValidationException"
    assert "already exists" in refused["duplicate group"][1]
    assert refused["missing artifact"][0] == "ValidationException"
    assert refused["not approved"][0] == "ValidationException"
    assert "pproved" in refused["not approved"][1]
    assert refused["group with versions"][0] == "ConflictException"
    first, second = boosters.answers
    assert told["predictions"]["deployed"] == close_to(first)
    assert told["config after update"] == "churn-v2"
    assert told["predictions"]["updated"] == close_to(second)
    assert told["config after roll back"] == "churn-v1"
    assert told["predictions"]["rolled back"] == close_to(first)
    assert told["left"] == {"groups": 0, "models": 0, "configs": 0, "endpoints": 0}
