"""A full disk: writes are refused in words that SDKs repeat, reads go on, and nothing is lost."""

import os
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from tests.loud_skip import require
from tests.reliability.clients import Clients
from tests.reliability.conftest import Figure
from tests.reliability.history import ACKNOWLEDGED, REFUSED, UNKNOWN, History, Oracle
from tests.reliability.load import BUCKET, GROUPS, Load, prepare
from tests.server_process import ServerProcess

DISK_BYTES = 48 << 20
HAPPENS_SECONDS_MAX = 120.0  # a guard against a hang
RETRIED = {500, 502, 503, 504}  # by every SDK, in every mode

pytestmark = pytest.mark.slow


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 48 MB of its own."""
    disk = tmp_path / "server" / "data"
    disk.mkdir(parents=True)
    size = f"size={DISK_BYTES},mode=0700"
    mount = ["mount", "-t", "tmpfs", "-o", size, "modelyard-test", str(disk)]
    done = subprocess.run(mount, capture_output=True, check=False)
    require(done.returncode == 0, "the right to mount a tmpfs (run as root)")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


@pytest.fixture
def server(small_disk: Path) -> Iterator[ServerProcess]:
    started = ServerProcess(small_disk.parent)
    started.start()
    yield started
    assert started.close() == []


def test_a_full_disk_refuses_writes_serves_reads_and_recovers(
    server: ServerProcess, small_disk: Path, figure: Figure
) -> None:
    clients = Clients(server)
    prepare(clients)
    history = History()
    oracle = Oracle(history, clients, GROUPS)
    with Load(history, [clients], workers=4, seed=1):
        _until(lambda: len(history.of("register", ACKNOWLEDGED)) >= 20)
    some = clients("sagemaker").list_model_packages(ModelPackageGroupName=GROUPS[0])
    arn = some["ModelPackageSummaryList"][0]["ModelPackageArn"]
    known = history.of("artifact", ACKNOWLEDGED)[0]

    with Load(history, [clients], workers=4, seed=2):
        ballast = small_disk / "ballast"
        _fill(ballast)
        before = len(history.calls)
        _until(lambda: _failed(history, before, "decide", "tag") >= 5)
        _until(lambda: _failed(history, before, "artifact", "put") >= 5)
        _fill(ballast)
        for _ in range(10):
            clients("sagemaker").describe_model_package(ModelPackageName=arn)
            clients("sagemaker").list_model_packages(ModelPackageGroupName=GROUPS[0])
            clients("sagemaker").list_model_package_groups(NameContains="reliable")
            clients("s3").list_objects_v2(Bucket=BUCKET)
            got = clients("s3").get_object(Bucket=BUCKET, Key=known.subject)
            assert got["Body"].read() == known.value.encode()
        patient = _patient_client(server)
        ballast.unlink()
        freed, at = time.monotonic(), len(history.calls)
        _until(
            lambda: any(
                c.kind == "register" and c.outcome == ACKNOWLEDGED for c in history.calls[at:]
            )
        )
        again = time.monotonic() - freed
        patient.join(HAPPENS_SECONDS_MAX)

    failed = [c for c in history.calls if c.outcome in (REFUSED, UNKNOWN) and c.error]
    figure("serves_again_seconds", round(again, 2))
    figure("errors", sorted({c.error[:100] for c in failed}))
    figure("calls", history.counts())
    assert {int(c.error.split()[0]) for c in failed} <= RETRIED
    assert patient.answered, f"a client that repeats did not get through: {patient.error}"
    assert oracle.complaints() == []
    assert '"event":"request_failed"' not in server.log


def test_a_server_on_a_full_disk_restarts_once_there_is_room(
    server: ServerProcess, small_disk: Path
) -> None:
    clients = Clients(server)
    prepare(clients)
    history = History()
    with Load(history, [clients], workers=4, seed=3):
        _until(lambda: len(history.of("register", ACKNOWLEDGED)) >= 10)
        _fill(small_disk / "ballast")
        _until(lambda: _failed(history, 0, "decide", "tag") >= 3)
        server.kill()
    (small_disk / "ballast").unlink()

    server.start()

    assert Oracle(history, clients, GROUPS).complaints() == []


class _Patient(threading.Thread):
    """One registration by a client with retries, begun while the disk is full."""

    def __init__(self, server: ServerProcess) -> None:
        super().__init__()
        self._client = Clients(server, attempts=8)("sagemaker")
        self.answered = False
        self.error = ""

    def run(self) -> None:
        try:
            self._client.create_model_package_group(ModelPackageGroupName="patience")
            self.answered = True
        except ClientError as error:
            self.error = str(error)


def _patient_client(server: ServerProcess) -> _Patient:
    patient = _Patient(server)
    patient.start()
    time.sleep(0.3)  # its first attempts find the disk full
    return patient


def _failed(history: History, since: int, *kinds: str) -> int:
    return sum(1 for c in history.calls[since:] if c.kind in kinds and c.error)


def _fill(path: Path) -> None:
    """Take every byte that is left."""
    with path.open("ab", buffering=0) as file:
        for size in (1 << 20, 4096, 1):
            try:
                while True:
                    file.write(os.urandom(size))
            except OSError:
                continue


def _until(met: object) -> None:
    assert callable(met)
    until = time.monotonic() + HAPPENS_SECONDS_MAX
    while not met():
        assert time.monotonic() < until, "it does not happen"
        time.sleep(0.02)
