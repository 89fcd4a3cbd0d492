"""Endpoints as clients make them, and callers that invoke one without a pause."""

import io
import tarfile
import threading
import time
from dataclasses import dataclass, field
from typing import Any, Self

import psutil
from botocore.exceptions import ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as NotConnected

from tests.reliability.clients import Clients
from tests.server_process import ServerProcess

XGBOOST = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
SKLEARN = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
ROLE = "arn:aws:iam::123456789012:role/reliable"
GROUP = "reliable-endpoints"
BUCKET = "reliable-models"
ENDPOINT = "reliable"
SERVED_SECONDS_MAX = 240.0  # a guard against a hang, as are those below
ANSWERS_SECONDS_MAX = 240.0
CALL_SECONDS_MAX = 120.0


def packed(files: dict[str, bytes]) -> bytes:
    """A model.tar.gz of these files."""
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w:gz") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return whole.getvalue()


def scripted(source: str) -> bytes:
    return packed({"code/inference.py": source.encode()})


ANSWERS = """
def model_fn(model_dir):
    return None
def transform_fn(model, data, content_type, accept):
    return {word!r}, "text/csv"
"""


def saying(word: str) -> bytes:
    """A model that answers everything with `word`."""
    return scripted(ANSWERS.format(word=word))


class Hosting:
    """What a client does to have a model served."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._sagemaker = clients("sagemaker")
        self.refused = clients("sagemaker-runtime").exceptions.ClientError
        clients("s3").create_bucket(Bucket=BUCKET)
        self._sagemaker.create_model_package_group(ModelPackageGroupName=GROUP)

    def deployable(
        self, name: str, archive: bytes, *, image: str = SKLEARN, count: int = 1, **variant: Any
    ) -> None:
        """An approved version of these bytes, and a model and a configuration called `name`."""
        self._clients("s3").put_object(Bucket=BUCKET, Key=f"{name}.tar.gz", Body=archive)
        package = self._sagemaker.create_model_package(
            ModelPackageGroupName=GROUP,
            ModelApprovalStatus="Approved",
            InferenceSpecification={
                "Containers": [{"Image": image, "ModelDataUrl": f"s3://{BUCKET}/{name}.tar.gz"}],
                "SupportedContentTypes": ["text/csv"],
                "SupportedResponseMIMETypes": ["text/csv"],
            },
        )["ModelPackageArn"]
        self._sagemaker.create_model(
            ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer={"ModelPackageName": package}
        )
        self._sagemaker.create_endpoint_config(
            EndpointConfigName=name,
            ProductionVariants=[
                {
                    "VariantName": "AllTraffic",
                    "ModelName": name,
                    "InitialInstanceCount": count,
                    "InstanceType": "ml.m5.large",
                    **variant,
                }
            ],
        )

    def begin(self, config: str, name: str = ENDPOINT) -> None:
        self._sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config)

    def create(self, config: str, name: str = ENDPOINT) -> dict[str, Any]:
        self.begin(config, name)
        return self.settled(name)

    def update(self, config: str, name: str = ENDPOINT) -> dict[str, Any]:
        self._sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=config)
        return self.settled(name)

    def settled(self, name: str = ENDPOINT) -> dict[str, Any]:
        """Its description, once it is neither being created nor updated."""
        until = time.monotonic() + SERVED_SECONDS_MAX
        while True:
            found: dict[str, Any] = self._sagemaker.describe_endpoint(EndpointName=name)
            if found["EndpointStatus"] not in ("Creating", "Updating"):
                return found
            assert time.monotonic() < until, f"{name} stays {found['EndpointStatus']}"
            time.sleep(0.05)

    def invoke(self, body: str = "1", name: str = ENDPOINT) -> str:
        answer = self._clients("sagemaker-runtime").invoke_endpoint(
            EndpointName=name, ContentType="text/csv", Accept="text/csv", Body=body
        )
        return str(answer["Body"].read().decode().strip())


@dataclass(frozen=True, slots=True)
class Called:
    began: float  # monotonic
    seconds: float
    answer: str | None
    error: str = ""
    status: int = 0  # 0: no answer, the connection broke


@dataclass(slots=True)
class Callers:
    """`count` clients that invoke one after the other; nothing is repeated behind their backs."""

    hosting: Hosting
    count: int = 8
    body: str = "1"
    calls: list[Called] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._threads = [threading.Thread(target=self._run) for _ in range(self.count)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(CALL_SECONDS_MAX)
        assert not any(thread.is_alive() for thread in self._threads), "a caller hangs"

    @property
    def failures(self) -> list[Called]:
        return [call for call in self.calls if call.answer is None]

    @property
    def slowest(self) -> float:
        return max(call.seconds for call in self.calls)

    def more(self, number: int) -> None:
        """Wait until so many more calls have ended."""
        wanted, until = len(self.calls) + number, time.monotonic() + ANSWERS_SECONDS_MAX
        while len(self.calls) < wanted:
            assert time.monotonic() < until, "the callers get no answers"
            time.sleep(0.01)

    def _run(self) -> None:
        while not self._stop.is_set():
            began = time.monotonic()
            answer, error, status = None, "", 0
            try:
                answer = self.hosting.invoke(self.body)
            except ClientError as refusal:
                status = refusal.response["ResponseMetadata"]["HTTPStatusCode"]
                error = f"{status} {refusal}"
            except (HTTPClientError, NotConnected) as broken:
                error = repr(broken)
                time.sleep(0.02)
            self.calls.append(Called(began, time.monotonic() - began, answer, error, status))


def replicas(server: ServerProcess) -> list[psutil.Process]:
    """The processes of models, without what stands around them."""
    found = []
    for child in server.children():
        try:
            command = " ".join(child.cmdline())
        except psutil.NoSuchProcess:
            continue
        if "replica" in command and "environment" not in command:
            found.append(child)
    return found
