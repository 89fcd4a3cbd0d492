"""UpdateEndpoint under load: a good version takes over without a failure, a bad one never does."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.reliability.clients import Clients
from tests.reliability.conftest import Figure
from tests.reliability.endpoints import (
    XGBOOST,
    Callers,
    Hosting,
    packed,
    saying,
    scripted,
)
from tests.server_process import ServerProcess

pytestmark = pytest.mark.slow

HANGS = """
import time
def model_fn(model_dir):
    time.sleep(3600)
"""
EXITS = """
import os
print("I do not want to")
os._exit(7)
"""
RAISES = """
def model_fn(model_dir):
    raise ValueError("the weights are of another model")
"""
SLOW_TO_LOAD = """
import time
def model_fn(model_dir):
    time.sleep(3)
def transform_fn(model, data, content_type, accept):
    return "slow", "text/csv"
"""

# What a start is given here. Wide enough for a model of three seconds on a machine that callers
# keep busy; the one that hangs costs a test this long.
START_SECONDS_MAX = 20

# Name -> image, archive, what FailureReason must say. A start is given 60 seconds at least by AWS's
# range, so the one that hangs is tested with a setting of the server's.
BAD: dict[str, tuple[dict[str, Any], bytes, str]] = {
    "no-archive": ({}, b"this is no gzip", "archive"),
    "cut-archive": ({}, saying("cut")[:-40], "archive"),
    "no-booster": ({"image": XGBOOST}, packed({"xgboost-model": b"nonsense"}), "XGBoost"),
    "no-model": ({"image": XGBOOST}, packed({"readme": b"nothing here"}), "model"),
    "raises": ({}, scripted(RAISES), "the weights are of another model"),
    "exits": ({}, scripted(EXITS), "exited with status 7"),
    "no-syntax": ({}, scripted("def model_fn(:"), "inference.py"),
    "hangs": ({}, scripted(HANGS), f"did not become ready within {START_SECONDS_MAX} seconds"),
}


@pytest.fixture(scope="module")
def hosting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosting]:
    """A server with an endpoint."""
    server = ServerProcess(
        tmp_path_factory.mktemp("updates"),
        environment={"MODELYARD_REPLICA_START_SECONDS_MAX": str(START_SECONDS_MAX)},
    )
    server.start()
    hosting = Hosting(Clients(server))
    hosting.deployable("good", saying("good"), count=2)
    hosting.create("good")
    yield hosting
    assert server.close() == []


@pytest.fixture
def serving(hosting: Hosting) -> Hosting:
    """The endpoint answers "good", whatever the test before did to it."""
    if hosting.settled()["EndpointConfigName"] != "good":
        assert hosting.update("good")["EndpointConfigName"] == "good"
    return hosting


def test_an_update_under_load_fails_no_request(serving: Hosting, figure: Figure) -> None:
    serving.deployable("better", saying("better"), count=2)
    serving.deployable("late", scripted(SLOW_TO_LOAD), count=1)

    with Callers(serving) as callers:
        for config in ("better", "late", "good"):
            callers.more(50)
            assert serving.update(config)["EndpointConfigName"] == config
        callers.more(50)

    figure("requests", len(callers.calls))
    figure("slowest_seconds", round(callers.slowest, 2))
    assert callers.failures == []
    assert {call.answer for call in callers.calls} == {"good", "better", "slow"}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_version_leaves_the_old_one_serving_and_says_why(
    serving: Hosting, name: str, figure: Figure
) -> None:
    options, archive, reason = BAD[name]
    serving.deployable(name, archive, **options)

    with Callers(serving, count=3) as callers:
        callers.more(10)
        after = serving.update(name)
        callers.more(10)

    figure("reason", after["FailureReason"])
    assert callers.failures == []
    assert {call.answer for call in callers.calls} == {"good"}
    assert after["EndpointStatus"] == "InService"
    assert after["EndpointConfigName"] == "good"
    assert reason in after["FailureReason"]
