"""The story with the SageMaker Python SDK of the version 2 line, unmodified."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.clients.conftest import Tell
from tests.clients.story import XGBOOST_IMAGE, Boosters, shell
from tests.server_process import ServerProcess


# The SDK looks at an endpoint every 30 seconds only: most of this test is waiting.
@pytest.mark.slow
def test_sagemaker_sdk_2_tells_the_whole_story(
    tell: Tell, boosters: Boosters, close_to: Callable[[list[float]], Any]
) -> None:
    told = tell("sagemaker2_story.py", "sagemaker2")

    assert told["image"] == XGBOOST_IMAGE
    assert [arn.rsplit("/", 2)[1:] for arn in told["packages"]] == [
        ["fraud-detection", "1"],
        ["fraud-detection", "2"],
    ]
    assert told["described"] == {
        "approval": "Approved",
        "note": "Good enough to start with",
        "properties": {"owner": "risk"},
        "additional": ["alternative"],
    }
    first, second = boosters.answers
    assert told["predictions"]["deployed"] == close_to(first)
    assert told["predictions"]["updated"] == close_to(second)
    assert told["update made a config of its own"]
    assert told["left"] == []
    assert told["gone"] == ["Could", "Could"]


@pytest.mark.slow
def test_sagemaker_sdk_2_finds_role_and_bucket_and_deploys_scripts(
    tell: Tell,
    server: ServerProcess,
    boosters: Boosters,
    close_to: Callable[[list[float]], Any],
    tmp_path: Path,
) -> None:
    told = tell(
        "sagemaker2_sessions.py",
        "sagemaker2",
        environment=shell(server),
        folder=str(tmp_path),
    )

    bucket = "sagemaker-us-east-1-123456789012"
    assert told["role"]
    assert told["bucket"] == bucket
    assert told["uploaded"] == f"s3://{bucket}/churn/train"
    assert told["listed"] == [f"s3://{bucket}/churn/train/rows.csv"]
    assert told["downloaded"]
    assert told["back"]
    assert told["packed again"]
    assert told["direct"] == close_to(boosters.answers[0])
    assert told["xgboost"] == close_to(boosters.answers[0])
    served, local = told["sklearn"]
    assert served == close_to(local)
    assert told["repacked"] == served
    for refused in ("pipeline", "multi-model"):
        code, words = told["refused"][refused]
        assert code == "ValidationException"
        assert "not offered" in words
    assert told["left"] == [1, 1]  # the pipeline's: a model may have it, an endpoint may not


@pytest.mark.slow
def test_sagemaker_sdk_2_reads_the_lineage_that_made_itself(tell: Tell) -> None:
    told = tell("sagemaker2_lineage_made.py", "sagemaker2")

    assert told["contexts"] == 1
    assert told["endpoints of the model"] == [["ModelDeployment", "Endpoint", True]]
    assert told["endpoint contexts"] == [True]
    assert told["data sets of the model"] == ["s3://lineage-artifacts/train.csv"]
    assert told["data sets of the endpoint"] == ["s3://lineage-artifacts/train.csv"]
    assert told["endpoints of the data"] == [True]
    assert told["models"] == [0, 0]
    assert told["models upstream"] == [False, True]  # its data, and the package
    assert told["approvals"] == [
        ["Approved", True, "Completed"],
        ["PendingManualApproval", True, "Completed"],
    ]
    assert told["notes"] == ["as good as it gets"]
    assert told["endpoints of an approval"] == [True]
    assert told["group"][0] == "Lineage-Models"
    # As AWS's visualiser shows a registered version.
    assert told["table"] == [
        ["Input", "Approval", "ContributedTo", "action"],
        ["Input", "Approval", "ContributedTo", "action"],
        ["Input", "Image", "ContributedTo", "artifact"],
        ["Input", "Model", "ContributedTo", "artifact"],
        ["Output", "ModelDeployment", "ContributedTo", "action"],
        ["Output", "ModelGroup", "AssociatedWith", "context"],
    ]
