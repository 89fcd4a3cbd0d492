"""Clients that work on one registry at once: they register, decide, tag, delete and put objects.

Each runs in a thread of its own with boto3 as it comes, does not repeat what failed, and notes
everything in a `History`.
"""

import itertools
import random
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Self

from tests.reliability.history import History, body_of

GROUPS = ["reliable-one", "reliable-two"]
BUCKET = "reliable-bytes"
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
PAUSE_SECONDS = 0.05  # after a failure: the server is away


class Load:
    """`workers` clients that go on until `stop`, whatever happens to the server."""

    def __init__(
        self, history: History, clients: Sequence[Callable[[str], Any]], *, workers: int, seed: int
    ) -> None:
        """`clients`: each makes boto3 clients of one server; workers are dealt out among them."""
        self._history = history
        self._stop = threading.Event()
        self._workers = [
            _Worker(history, clients[index % len(clients)], seed, index, self._stop)
            for index in range(workers)
        ]
        self._threads = [threading.Thread(target=worker.run) for worker in self._workers]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(180)
        assert not any(thread.is_alive() for thread in self._threads), "a client hangs"
        for worker in self._workers:
            if worker.mishap is not None:
                raise worker.mishap

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class _Worker:
    def __init__(
        self,
        history: History,
        client: Callable[[str], Any],
        seed: int,
        place: int,
        stop: threading.Event,
    ) -> None:
        self._history = history
        self._sagemaker = client("sagemaker")
        self._s3 = client("s3")
        self._name = f"{seed}-{place}"
        self._place = place  # its tags and objects are those of its predecessors at this place
        self._stop = stop
        self._numbers = itertools.count(1)
        self._random = random.Random(self._name)
        self._mine: list[str] = []  # versions that only this client touches
        self.mishap: BaseException | None = None

    def run(self) -> None:
        steps = [self._register] * 5 + [self._decide] * 3
        steps += [self._tag] * 2 + [self._put] * 2 + [self._delete]
        try:
            while not self._stop.is_set():
                if not self._random.choice(steps)():
                    time.sleep(PAUSE_SECONDS)
        except Exception as error:  # noqa: BLE001 - raised again by `Load.stop`
            self.mishap = error

    def _mark(self, kind: str) -> str:
        return f"{kind}-{self._name}-{next(self._numbers)}"

    def _register(self) -> bool:
        group = self._random.choice(GROUPS)
        mark = self._mark("version")
        key = f"models/{mark}"
        with self._history.asking("artifact", key, mark) as put:
            put.answer = self._s3.put_object(Bucket=BUCKET, Key=key, Body=mark.encode())
        if put.outcome != "acknowledged":
            return False
        with self._history.asking("register", group, mark) as call:
            call.answer = self._sagemaker.create_model_package(
                ModelPackageGroupName=group,
                ModelPackageDescription=mark,
                InferenceSpecification={
                    "Containers": [{"Image": IMAGE, "ModelDataUrl": f"s3://{BUCKET}/{key}"}],
                    "SupportedContentTypes": ["text/csv"],
                    "SupportedResponseMIMETypes": ["text/csv"],
                },
            )
            self._mine.append(call.answer["ModelPackageArn"])
        return call.outcome == "acknowledged"

    def _decide(self) -> bool:
        if not self._mine:
            return True
        arn = self._random.choice(self._mine)
        mark = self._mark("because")
        with self._history.asking("decide", arn, mark) as call:
            self._sagemaker.update_model_package(
                ModelPackageArn=arn,
                ModelApprovalStatus=self._random.choice(["Approved", "Rejected"]),
                ApprovalDescription=mark,
            )
        return call.outcome == "acknowledged"

    def _tag(self) -> bool:
        region = self._sagemaker.meta.region_name
        group = self._random.choice(GROUPS)
        arn = f"arn:aws:sagemaker:{region}:123456789012:model-package-group/{group}"
        key = f"of-{self._place}"
        mark = self._mark("tag")
        with self._history.asking("tag", f"{arn}|{key}", mark) as call:
            self._sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": key, "Value": mark}])
        return call.outcome == "acknowledged"

    def _put(self) -> bool:
        key = f"put/{self._place}/{self._random.randrange(3)}"
        mark = self._mark("put")
        with self._history.asking("put", f"{BUCKET}/{key}", mark) as call:
            self._s3.put_object(Bucket=BUCKET, Key=key, Body=body_of(mark), Metadata={"mark": mark})
        return call.outcome == "acknowledged"

    def _delete(self) -> bool:
        if len(self._mine) < 4:
            return True
        arn = self._mine.pop(self._random.randrange(len(self._mine)))
        with self._history.asking("delete", arn, arn) as call:
            self._sagemaker.delete_model_package(ModelPackageName=arn)
        return call.outcome == "acknowledged"


def prepare(client: Callable[[str], Any]) -> None:
    """The groups and the bucket that the clients work on."""
    client("s3").create_bucket(Bucket=BUCKET)
    for group in GROUPS:
        client("sagemaker").create_model_package_group(ModelPackageGroupName=group)
