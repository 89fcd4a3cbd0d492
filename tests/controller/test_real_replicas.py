"""Endpoints made of real processes that serve a real booster."""

import contextlib
import io
import signal
import tarfile
from collections.abc import AsyncIterator

import numpy as np
import psutil
import pytest
import xgboost

from modelyard.compute.processes import ProcessBackend
from modelyard.storage.transaction import Transaction
from tests.controller.conftest import Stand, eventually
from tests.controller.test_controller import Callers

pytestmark = [pytest.mark.slow, pytest.mark.parametrize("engine", ["sqlite"], indirect=True)]

ROW = b"0.1,0.7,0.3"


@pytest.fixture(scope="module")
def boosters() -> dict[str, xgboost.Booster]:
    """Two that answer differently."""
    rows = np.random.default_rng(7).random((64, 3))
    made = {}
    for name, column in (("one", 0), ("two", 1)):
        data = xgboost.DMatrix(rows, label=rows[:, column])
        made[name] = xgboost.train({"max_depth": 2, "nthread": 1}, data, num_boost_round=4)
    return made


@pytest.fixture
async def backend(stand: Stand) -> AsyncIterator[ProcessBackend]:
    made = ProcessBackend(private=(stand.folder,), environments=stand.folder / "environments")
    yield made
    await made.close()


def archive(content: bytes) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        member = tarfile.TarInfo("xgboost-model")
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def expected(booster: xgboost.Booster) -> float:
    row = np.array([[float(x) for x in ROW.split(b",")]])
    return float(booster.inplace_predict(row)[0])


async def deployable(stand: Stand, name: str, content: bytes, count: int = 1) -> None:
    """A version of a group, from an object with these bytes, and its model and configuration."""
    url = await stand.hosting.object(f"{name}.tar.gz", name)
    async with stand.blobs.writer() as writer:
        await writer.write(content)
        await writer.finish()
        blob = await writer.commit()

    async def work(tx: Transaction) -> None:
        await tx.run(
            "UPDATE object SET blob = ?, sha256 = ?, bytes = ? WHERE key = ?",
            blob.id,
            blob.sha256,
            blob.bytes,
            f"{name}.tar.gz",
        )

    await stand.hosting.database.write(work)
    package = await stand.hosting.version(url)
    await stand.hosting.deployable(name, count=count, ModelPackageName=package)


async def test_a_real_endpoint_through_its_whole_life(
    stand: Stand, backend: ProcessBackend, boosters: dict[str, xgboost.Booster]
):
    """Deploy, kill -9 under load, update under load, a bad version, a restart, and the end."""
    for name, booster in boosters.items():
        await deployable(stand, name, archive(bytes(booster.save_raw("ubj"))), count=2)
    await deployable(stand, "bad", archive(b"this is no booster"))

    async with stand.controlled(backend):
        await stand.hosting("CreateEndpoint", EndpointName="live", EndpointConfigName="one")
        created = await stand.until("InService")
        assert "FailureReason" not in created
        assert await _predict(stand) == pytest.approx(expected(boosters["one"]))

        callers = Callers(stand, body=ROW, ContentType="text/csv")
        await callers.more(50)
        victim = max(_replica_processes(), key=psutil.Process.create_time)
        victim.send_signal(signal.SIGKILL)
        await eventually(lambda: not victim.is_running())
        await callers.more(50)
        await eventually(lambda: _ready(backend) == 2)

        await stand.hosting("UpdateEndpoint", EndpointName="live", EndpointConfigName="two")
        updated = await stand.until("InService")
        await callers.more(50)
        assert updated["EndpointConfigName"] == "two"
        assert await _predict(stand) == pytest.approx(expected(boosters["two"]))

        await stand.hosting("UpdateEndpoint", EndpointName="live", EndpointConfigName="bad")
        kept = await stand.until("InService")
        await callers.stop()
        assert kept["EndpointConfigName"] == "two"
        assert "XGBoost model cannot be loaded" in kept["FailureReason"]
        assert callers.failures == []

    again = ProcessBackend(private=(stand.folder,), environments=stand.folder / "environments")
    try:
        async with stand.controlled(again):
            assert await _predict(stand) == pytest.approx(expected(boosters["two"]))
            await stand.hosting("DeleteEndpoint", EndpointName="live")
            await eventually(lambda: not _replica_processes())
    finally:
        await again.close()
    assert list((stand.folder / "compute" / "replicas").iterdir()) == []


def _replica_processes() -> list[psutil.Process]:
    """Those that run. A process that ends while it is looked at does not."""
    found = []
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):  # a zombie is one too
            if "replica" in " ".join(child.cmdline()):
                found.append(child)
    return found


def _ready(backend: ProcessBackend) -> int:
    return sum(type(state).__name__ == "Ready" for state in backend.states().values())


async def _predict(stand: Stand) -> float:
    return float(await stand.invoke(body=ROW, ContentType="text/csv"))
