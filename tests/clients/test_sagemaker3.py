"""The story with the SageMaker Python SDK of the version 3 line, unmodified."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.clients.conftest import Tell
from tests.clients.story import Boosters, shell
from tests.server_process import ServerProcess


# The SDK looks at an endpoint every 30 seconds only: most of this test is waiting.
@pytest.mark.slow
def test_sagemaker_sdk_3_tells_the_whole_story(
    tell: Tell, boosters: Boosters, close_to: Callable[[list[float]], Any]
) -> None:
    told = tell("sagemaker3_story.py", "sagemaker3")

    assert told["model"] == ["credit-risk-v1", "s3://credit-artifacts/models/v1/model.tar.gz"]
    assert [arn.rsplit("/", 2)[1:] for arn in told["packages"]] == [
        ["credit-risk", "1"],
        ["credit-risk", "2"],
    ]
    assert told["approved"] == ["Approved", "Better on every measure", {"accuracy": "0.97"}]
    first, second = boosters.answers
    assert told["predictions"]["deployed"] == close_to(first)
    assert told["predictions"]["updated"] == close_to(second)
    assert told["left"] == 0


@pytest.mark.slow
def test_sagemaker_sdk_3s_resources_and_scripts_work_one_by_one(
    tell: Tell,
    server: ServerProcess,
    boosters: Boosters,
    close_to: Callable[[list[float]], Any],
    tmp_path: Path,
) -> None:
    told = tell(
        "sagemaker3_resources.py",
        "sagemaker3",
        environment=shell(server),
        folder=str(tmp_path),
    )

    assert told["group"] == ["resources", "Made by classes"]
    assert told["packages"] == ["1"]
    assert told["package"] == ["Approved", "By the class", {"owner": "risk"}]
    assert told["model"].endswith(":model-package/resources/1")
    assert told["served"] == close_to(boosters.answers[0])
    assert told["listed"] == ["resources"]
    assert told["packed again"]
    assert told["scripted"] == close_to(boosters.answers[0])
    assert told["gone"] == ["ValidationException"] * 5
