"""kill -9 of a replica and of the whole server: the endpoint serves again by itself."""

import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.clients.story import XGBOOST_IMAGE, train
from tests.conftest import MakeServer
from tests.server_process import ServerProcess

HAPPENS_SECONDS_MAX = 120.0  # a guard against a hang
ROLE = "arn:aws:iam::123456789012:role/hosting"


@pytest.mark.slow
def test_an_endpoint_serves_again_after_its_replica_and_its_server_were_killed(
    make_server: MakeServer, tmp_path: Path
):
    server = make_server()
    boosters = train(tmp_path)
    _deploy(server, boosters.archives[0])

    def predict() -> list[float]:
        answer = server.client("sagemaker-runtime").invoke_endpoint(
            EndpointName="live", Body=boosters.rows, ContentType="text/csv"
        )
        return [float(number) for number in answer["Body"].read().split()]

    expected = pytest.approx(boosters.answers[0], abs=1e-6)
    assert predict() == expected

    youngest = max(_replicas(server), key=psutil.Process.create_time)
    youngest.send_signal(signal.SIGKILL)
    assert predict() == expected

    orphans = _replicas(server)
    server.kill()
    server.start()
    assert predict() == expected
    assert psutil.wait_procs(orphans, timeout=HAPPENS_SECONDS_MAX)[1] == []
    assert _status(server)["EndpointStatus"] == "InService"


def _deploy(server: ServerProcess, archive: Path) -> None:
    server.client("s3").create_bucket(Bucket="models")
    server.client("s3").upload_file(str(archive), "models", "model.tar.gz")
    sagemaker = server.client("sagemaker")
    sagemaker.create_model(
        ModelName="one",
        PrimaryContainer={"Image": XGBOOST_IMAGE, "ModelDataUrl": "s3://models/model.tar.gz"},
        ExecutionRoleArn=ROLE,
    )
    sagemaker.create_endpoint_config(
        EndpointConfigName="one",
        ProductionVariants=[
            {
                "VariantName": "AllTraffic",
                "ModelName": "one",
                "InstanceType": "ml.m5.large",
                "InitialInstanceCount": 1,
            }
        ],
    )
    sagemaker.create_endpoint(EndpointName="live", EndpointConfigName="one")
    _until(lambda: _status(server)["EndpointStatus"] == "InService")


def _status(server: ServerProcess) -> dict[str, Any]:
    answer: dict[str, Any] = server.client("sagemaker").describe_endpoint(EndpointName="live")
    assert "FailureReason" not in answer, answer
    return answer


def _replicas(server: ServerProcess) -> list[psutil.Process]:
    """Replicas, and the process they are forked from if there is one."""
    return [one for one in server.children() if "replica" in " ".join(one.cmdline())]


def _until(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + HAPPENS_SECONDS_MAX
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.1)
