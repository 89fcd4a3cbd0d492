"""One row of 30 features through an endpoint, beside the same booster in a bare ASGI app."""

import os
import subprocess
import sys
from pathlib import Path

from bench import load, machine
from bench.results import Figures, Target, Wrong, measure
from bench.servers import ACCOUNT, HOST, Modelyard, stop, wait_for
from bench.signing import REGION
from modelyard.quickstart import models

INVOKE = "InvokeEndpoint"
BARE_APP = "bare ASGI app"
ENDPOINT = "bench"
BUCKET = "bench-endpoints"
_ROUNDS = "100"
_NEAR = 1e-4


class Endpoint:
    """One endpoint with one replica, deployed the way a client deploys it."""

    def __init__(self, server: Modelyard, model: models.TrainedModel) -> None:
        self.server = server
        self._rows = [row.encode() for row in model.rows]
        self._expected = model.predictions
        self._archive = model.archive

    def deploy(self) -> None:
        sagemaker = self.server.client("sagemaker")
        objects = self.server.client("s3")
        objects.create_bucket(Bucket=BUCKET)
        objects.put_object(Bucket=BUCKET, Key="model.tar.gz", Body=self._archive)
        sagemaker.create_model(
            ModelName=ENDPOINT,
            ExecutionRoleArn=f"arn:aws:iam::{ACCOUNT}:role/bench",
            PrimaryContainer={
                "Image": f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/sagemaker-xgboost:1.7-1",
                "ModelDataUrl": f"s3://{BUCKET}/model.tar.gz",
            },
        )
        sagemaker.create_endpoint_config(
            EndpointConfigName=ENDPOINT,
            ProductionVariants=[
                {
                    "VariantName": "all",
                    "ModelName": ENDPOINT,
                    "InitialInstanceCount": 1,
                    "InstanceType": "ml.m5.large",
                }
            ],
        )
        sagemaker.create_endpoint(EndpointName=ENDPOINT, EndpointConfigName=ENDPOINT)
        waiter = sagemaker.get_waiter("endpoint_in_service")
        waiter.wait(EndpointName=ENDPOINT, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
        self.check()

    def check(self) -> None:
        """Raises: Wrong: an answer differs from the booster's own."""
        for number, expected in enumerate(self._expected):
            _compare(self.server.name, self.server.port, self.build(number), expected)

    def build(self, number: int) -> bytes:
        row = self._rows[number % len(self._rows)]
        return self.server.signer.invocation(ENDPOINT, row, number)

    def run(self, figures: Figures, clients: int, seconds: float) -> None:
        measure(figures, INVOKE, self.server.target, self.build, clients=clients, seconds=seconds)


class BareApp:
    """bench.bare_app on uvicorn in one process: no signature, no second process, no limits."""

    def __init__(self, folder: Path, model: models.TrainedModel) -> None:
        self.port = machine.free_port()
        self._model = model
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        archive = self._folder / "bare-model.tar.gz"
        archive.write_bytes(self._model.archive)
        command = [sys.executable, "-m", "uvicorn", "--log-level", "error", "--no-access-log"]
        command += ["--port", str(self.port), "bench.bare_app:app"]
        self._process = subprocess.Popen(
            command,
            env={**os.environ, "BENCH_MODEL": str(archive)},
            cwd=Path(__file__).parent.parent,
        )
        wait_for(self._process, HOST, self.port, self.build(0))
        for number, expected in enumerate(self._model.predictions):
            _compare(BARE_APP, self.port, self.build(number), expected)

    def stop(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            stop(process)

    def build(self, number: int) -> bytes:
        row = self._model.rows[number % len(self._model.rows)].encode()
        head = "POST / HTTP/1.1\r\nhost: bench\r\ncontent-type: text/csv\r\ncontent-length: "
        return f"{head}{len(row)}\r\n\r\n".encode() + row

    @property
    def target(self) -> Target:
        process = self._process
        return Target(
            BARE_APP, HOST, self.port, lambda: machine.tree(process.pid) if process else []
        )

    def run(self, figures: Figures, clients: int, seconds: float) -> None:
        measure(figures, INVOKE, self.target, self.build, clients=clients, seconds=seconds)


def trained() -> models.TrainedModel:
    """100 trees of depth 6 on the breast-cancer data."""
    return models.train({"num_round": _ROUNDS, "max_depth": "6", "nthread": "1"})


def _compare(name: str, port: int, request: bytes, expected: float) -> None:
    status, body = load.ask(HOST, port, request)
    if status != 200 or abs(float(body) - expected) > _NEAR:
        raise Wrong(f"{name} answers {status} {body[:100]!r} where the booster says {expected}")
