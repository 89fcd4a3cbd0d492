"""Whatever dies under an endpoint, it serves again by itself, and others are not harmed."""

import signal
import threading
import time
from collections.abc import Callable

import psutil
import pytest
import xgboost
from sklearn.datasets import load_breast_cancer

from tests.conftest import MakeServer
from tests.reliability.clients import Clients
from tests.reliability.conftest import Figure
from tests.reliability.endpoints import (
    XGBOOST,
    Callers,
    Hosting,
    packed,
    replicas,
    saying,
    scripted,
)
from tests.server_process import ServerProcess

HAPPENS_SECONDS_MAX = 120.0  # a guard against a hang; how long it took is noted as a figure

pytestmark = pytest.mark.slow

SLOW = """
import time
def model_fn(model_dir):
    return None
def transform_fn(model, data, content_type, accept):
    print("asleep", flush=True)
    time.sleep(float(data))
    return "slept", "text/csv"
"""


@pytest.fixture(scope="module")
def booster() -> tuple[bytes, str, float]:
    """A real model packed as SageMaker packs it, a row, and what it predicts for that."""
    features, labels = load_breast_cancer(return_X_y=True)
    model = xgboost.train(
        {"objective": "binary:logistic", "max_depth": 3, "nthread": 1},
        xgboost.DMatrix(features, label=labels),
        num_boost_round=10,
    )
    row = ",".join(map(repr, features[0].tolist()))
    expected = float(model.predict(xgboost.DMatrix(features[:1]))[0])
    return packed({"xgboost-model": bytes(model.save_raw("ubj"))}), row, expected


def test_no_request_fails_when_a_replica_is_killed_beside_a_healthy_one(
    server: ServerProcess, booster: tuple[bytes, str, float], figure: Figure
) -> None:
    archive, row, expected = booster
    hosting = Hosting(Clients(server))
    hosting.deployable("two", archive, image=XGBOOST, count=2)
    assert hosting.create("two")["EndpointStatus"] == "InService"
    seconds = []

    with Callers(hosting, body=row) as callers:
        for _ in range(3):
            callers.more(100)
            seconds.append(_kill_one(server))
        callers.more(100)

    figure("requests", len(callers.calls))
    figure("slowest_seconds", round(callers.slowest, 2))
    figure("replaced_seconds", [round(s, 2) for s in seconds])
    assert callers.failures == []
    answers = {float(call.answer or "nan") for call in callers.calls}
    assert list(answers) == pytest.approx([expected] * len(answers), abs=1e-6)
    assert hosting.settled()["EndpointStatus"] == "InService"


def test_requests_wait_while_the_only_replica_is_replaced(
    server: ServerProcess, figure: Figure
) -> None:
    hosting = Hosting(Clients(server))
    hosting.deployable("one", saying("one"))
    hosting.create("one")

    with Callers(hosting) as callers:
        callers.more(50)
        killed = time.monotonic()
        _kill_one(server)
        callers.more(100)

    answered = min(c.began + c.seconds for c in callers.calls if c.answer and c.began > killed)
    figure("answers_again_after_seconds", round(answered - killed, 2))
    figure("failed", len(callers.failures))
    figure("slowest_seconds", round(callers.slowest, 2))
    assert all(call.status == 503 for call in callers.failures)


def test_endpoints_serve_again_by_themselves_after_the_server_is_killed(
    server_on_each_database: ServerProcess,
    booster: tuple[bytes, str, float],
    figure: Figure,
) -> None:
    server = server_on_each_database
    archive, row, expected = booster
    hosting = Hosting(Clients(server))
    hosting.deployable("booster", archive, image=XGBOOST, count=2)
    hosting.create("booster")
    server.client("sagemaker").delete_endpoint_config(EndpointConfigName="booster")
    seconds = []

    for _ in range(3):
        before = server.children()
        server.kill()
        _, left = psutil.wait_procs(before, timeout=HAPPENS_SECONDS_MAX)
        assert left == [], "replicas outlived their server"
        began = time.monotonic()
        server.start()
        assert _first_answer(hosting, row) == pytest.approx(expected, abs=1e-6)
        seconds.append(round(time.monotonic() - began, 2))

    figure("first_inference_seconds", seconds)
    assert hosting.settled()["EndpointStatus"] == "InService"
    assert len(replicas(server)) >= 1


def test_a_killed_update_goes_on_after_the_restart(server: ServerProcess) -> None:
    hosting = Hosting(Clients(server))
    hosting.deployable("old", saying("old"))
    hosting.deployable("new", saying("new"))
    hosting.create("old")

    server.client("sagemaker").update_endpoint(EndpointName="reliable", EndpointConfigName="new")
    server.kill()
    server.start()

    after = hosting.settled()
    assert after["EndpointStatus"] == "InService"
    assert after["EndpointConfigName"] == "new"
    assert hosting.invoke() == "new"


def test_requests_in_flight_are_answered_when_the_server_is_told_to_stop(
    server: ServerProcess, figure: Figure
) -> None:
    hosting = Hosting(Clients(server))
    hosting.deployable("slow", scripted(SLOW), count=2)
    hosting.create("slow")
    answers: list[str] = []
    callers = [
        threading.Thread(target=lambda: answers.append(hosting.invoke("5"))) for _ in range(2)
    ]
    for caller in callers:
        caller.start()
    _until(lambda: _asleep(server) == 2)
    children = server.children()

    began = time.monotonic()
    status = server.stop()
    took = time.monotonic() - began

    for caller in callers:
        caller.join()
    figure("exit_seconds", round(took, 2))
    assert answers == ["slept", "slept"]
    assert status == 0
    assert psutil.wait_procs(children, timeout=HAPPENS_SECONDS_MAX)[1] == []
    assert "background_work_ended" not in server.log


@pytest.mark.parametrize("model_seconds", [0.0, 0.5])
def test_a_stop_under_load_is_in_order(
    make_server: MakeServer, model_seconds: float, figure: Figure
) -> None:
    server = make_server()
    hosting = Hosting(Clients(server))
    hosting.deployable("one", scripted(SLOW), count=2)
    hosting.create("one")

    with Callers(hosting, body=str(model_seconds)) as callers:
        callers.more(20)
        began = time.monotonic()
        status = server.stop()
        took = time.monotonic() - began

    answered_late = [c for c in callers.calls if c.answer is None and c.status not in (0, 503)]
    # Younger ones may be on their way: a server that stops closes connections without requests.
    in_flight = [c for c in callers.calls if c.began < began - 1 and c.began + c.seconds > began]
    figure("exit_seconds", round(took, 2))
    figure("in_flight", len(in_flight))
    assert status == 0
    assert answered_late == []
    assert in_flight or not model_seconds, "eight callers of two replicas wait for seconds"
    assert [c.error for c in in_flight if c.answer is None] == [], "requests in flight were cut"


def _kill_one(server: ServerProcess) -> float:
    """Kill a replica; the seconds until there are as many as before."""
    running = replicas(server)
    count = len(running)
    victim = max(running, key=psutil.Process.create_time)  # the older one has been ready for longer
    began = time.monotonic()
    victim.send_signal(signal.SIGKILL)
    while True:
        now = replicas(server)
        if victim.pid not in [one.pid for one in now] and len(now) >= count:
            return time.monotonic() - began
        assert time.monotonic() - began < HAPPENS_SECONDS_MAX, "it is not replaced"
        time.sleep(0.05)


def _asleep(server: ServerProcess) -> int:
    """How many invocations models have begun to sleep over, by what they printed."""
    logs = (server.data / "compute" / "replicas").glob("*/log*")
    return sum(log.read_text(errors="replace").count("asleep") for log in logs)


def _until(met: Callable[[], bool]) -> None:
    until = time.monotonic() + HAPPENS_SECONDS_MAX
    while not met():
        assert time.monotonic() < until, "it does not happen"
        time.sleep(0.02)


def _first_answer(hosting: Hosting, row: str) -> float:
    until = time.monotonic() + HAPPENS_SECONDS_MAX
    while True:
        try:
            return float(hosting.invoke(row))
        except hosting.refused:
            assert time.monotonic() < until
            time.sleep(0.05)
