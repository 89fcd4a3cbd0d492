"""Every write is on the disk before it is answered: the kernel's own record of both, in order."""

import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.loud_skip import require
from tests.reliability.clients import Clients
from tests.reliability.conftest import Figure
from tests.server_process import ServerProcess

CALLS = "fsync,fdatasync,write,writev,pwrite64,sendto,sendmsg,rename,renameat,renameat2,link,linkat"
# PID name(FD<path or socket>, ... = result, whole; or its beginning; or its end
LINE = re.compile(r"(?P<pid>\d+) +(?P<name>\w+)\((?P<text>.*?)(?P<open> <unfinished \.\.\.>)?$")
RESUMED = re.compile(r"(?P<pid>\d+) +<\.\.\. (?P<name>\w+) resumed>(?P<text>.*)$")
SYNCS = {"fsync", "fdatasync"}
RENAMES = {"rename", "renameat", "renameat2", "link", "linkat"}

pytestmark = pytest.mark.slow


class Event(NamedTuple):
    """A call's beginning or its end, in the kernel's order."""

    name: str
    text: str
    ended: bool


class Trace:
    """What one request made the server do."""

    def __init__(self, events: list[Event]) -> None:
        answers = [i for i, e in enumerate(events) if "HTTP/1.1 2" in e.text and not e.ended]
        assert answers, "the trace holds no answer"
        self.before_answer = events[: answers[0]]

    def last(self, wanted: Callable[[Event], bool]) -> int:
        """The place of the last such event before the answer, or -1."""
        found = [i for i, event in enumerate(self.before_answer) if wanted(event)]
        return found[-1] if found else -1


@pytest.fixture
def traced(server: ServerProcess) -> Callable[[Callable[[], object]], Trace]:
    """`traced(call)`: the trace of the server while `call` runs."""
    strace = shutil.which("strace")
    require(strace, "strace")
    output = server.folder / "strace"

    def run(call: Callable[[], object]) -> Trace:
        with _tracing(str(strace), server, output):
            call()
        return Trace(_events(output))

    return run


def test_a_registry_write_is_synced_before_its_answer(
    server: ServerProcess, traced: Callable[[Callable[[], object]], Trace], figure: Figure
) -> None:
    sagemaker = Clients(server)("sagemaker")
    sagemaker.create_model_package_group(ModelPackageGroupName="durable")
    group = "arn:aws:sagemaker:us-east-1:123456789012:model-package-group/durable"
    arn = sagemaker.create_model_package(ModelPackageGroupName="durable")["ModelPackageArn"]
    writes: dict[str, Callable[[], object]] = {
        "group": lambda: sagemaker.create_model_package_group(ModelPackageGroupName="another"),
        "register": lambda: sagemaker.create_model_package(ModelPackageGroupName="durable"),
        "decide": lambda: sagemaker.update_model_package(
            ModelPackageArn=arn, ModelApprovalStatus="Approved", ApprovalDescription="why"
        ),
        "tag": lambda: sagemaker.add_tags(ResourceArn=group, Tags=[{"Key": "a", "Value": "b"}]),
        "delete": lambda: sagemaker.delete_model_package(ModelPackageName=arn),
    }

    for name, call in writes.items():
        trace = traced(call)
        written = trace.last(lambda e: e.name in ("pwrite64", "write") and "db-wal>" in e.text)
        synced = trace.last(_synced("db-wal>"))
        assert written >= 0, f"{name}: nothing was written before its answer"
        assert synced > written, f"{name}: was answered before the log was synced"
    figure("writes", list(writes))


def test_an_object_is_synced_named_and_recorded_before_its_answer(
    server: ServerProcess, traced: Callable[[Callable[[], object]], Trace]
) -> None:
    s3 = Clients(server)("s3")
    s3.create_bucket(Bucket="durable")
    s3.put_object(Bucket="durable", Key="first", Body=b"warm")

    for size in (10, 3 << 20):
        trace = traced(partial(s3.put_object, Bucket="durable", Key="k", Body=b"x" * size))
        bytes_synced = trace.last(_synced("/blobs/tmp/"))
        named = trace.last(lambda e: e.name in RENAMES and "/blobs/" in e.text and e.ended)
        folder_synced = trace.last(
            lambda e: _is_sync(e) and re.search(r"/blobs/[0-9a-f]{2}>", e.text) is not None
        )
        row_synced = trace.last(_synced("db-wal>"))
        assert 0 <= bytes_synced < named < folder_synced < row_synced, (
            f"{size} bytes: synced {bytes_synced}, named {named}, folder {folder_synced},"
            f" row {row_synced}"
        )


def _synced(path: str) -> Callable[[Event], bool]:
    return lambda event: _is_sync(event) and path in event.text


def _is_sync(event: Event) -> bool:
    return event.name in SYNCS and event.ended and event.text.rstrip().endswith("= 0")


@contextmanager
def _tracing(strace: str, server: ServerProcess, output: Path) -> Iterator[None]:
    output.unlink(missing_ok=True)
    command = [strace, "-f", "-yy", "-s", "200", "-e", f"trace={CALLS}", "-o", str(output)]
    process = subprocess.Popen([*command, "-p", str(server.pid)], stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        first = process.stderr.readline()
        require("attached" in first, f"the right to trace processes ({first.strip()})")
        time.sleep(0.2)  # for its other threads
        yield
        time.sleep(0.1)
    finally:
        process.terminate()
        process.wait()
        process.stderr.close()


def _events(output: Path) -> list[Event]:
    """Beginnings and ends; a call that was not interrupted is both at once."""
    events: list[Event] = []
    begun: dict[str, str] = {}
    for line in output.read_text(errors="replace").splitlines():
        if (resumed := RESUMED.match(line)) is not None:
            text = begun.pop(resumed["pid"], "") + resumed["text"]
            events.append(Event(resumed["name"], text, ended=True))
        elif (match := LINE.match(line)) is not None:
            events.append(Event(match["name"], match["text"], ended=False))
            if match["open"]:
                begun[match["pid"]] = match["text"]
            else:
                events.append(Event(match["name"], match["text"], ended=True))
    return events
