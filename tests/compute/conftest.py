"""A backend, models to start on it, and a check that nothing of them is left behind."""

import asyncio
import contextlib
import io
import tarfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from modelyard.compute import sandbox
from modelyard.compute.backend import Ended, Ready, ReplicaSpec, State
from modelyard.compute.processes import ProcessBackend
from tests.compute.execution_yard import Yard
from tests.loud_skip import require
from tests.server_process import ServerProcess

XGBOOST = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
SKLEARN = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"

Start = Callable[..., Awaitable[State]]


def pack(path: Path, files: dict[str, bytes | str]) -> Path:
    """A model.tar.gz of these files."""
    with tarfile.open(path, "w:gz") as tar:
        for name, content in files.items():
            data = content.encode() if isinstance(content, str) else content
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def children() -> set[str]:
    """Processes that this one has started and not collected."""
    found: set[str] = set()
    for task in Path("/proc/self/task").iterdir():
        with contextlib.suppress(FileNotFoundError):  # a thread that ends meanwhile
            found |= set((task / "children").read_text().split())
    return found


def _descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.fixture(scope="session")
def cancer() -> Any:
    """Breast-cancer data, a booster of it and its predictions."""
    xgboost = pytest.importorskip("xgboost")
    datasets = pytest.importorskip("sklearn.datasets")
    rows, labels = datasets.load_breast_cancer(return_X_y=True)
    matrix = xgboost.DMatrix(rows, labels)
    parameters = {"objective": "binary:logistic", "max_depth": 6, "nthread": 1}
    booster = xgboost.train(parameters, matrix, 50)
    lines = [",".join(map(repr, row)).encode() for row in rows.tolist()]
    return booster, lines, booster.predict(matrix).tolist()


@pytest.fixture
def xgboost_archive(tmp_path: Path, cancer: Any) -> Path:
    return pack(tmp_path / "xgboost.tar.gz", {"xgboost-model": bytes(cancer[0].save_raw("ubj"))})


@pytest_asyncio.fixture
async def backend(tmp_path: Path) -> AsyncIterator[ProcessBackend]:
    """Closed after the test, which fails if a process or a descriptor stays."""
    before, descriptors = children(), _descriptors()
    made = ProcessBackend(environments=tmp_path / "environments", private=(tmp_path,))
    yield made
    await made.close()
    assert children() <= before
    assert _descriptors() <= descriptors + 1


async def settled(backend: ProcessBackend, replica_id: str) -> State:
    """Its state as soon as that is not Starting."""
    changed = asyncio.Event()
    unsubscribe = backend.subscribe(changed.set)
    try:
        async with asyncio.timeout(120):
            while not isinstance(state := backend.states()[replica_id], (Ready, Ended)):
                await changed.wait()
                changed.clear()
            return state
    finally:
        unsubscribe()


async def ended(backend: ProcessBackend, replica_id: str) -> Ended:
    changed = asyncio.Event()
    unsubscribe = backend.subscribe(changed.set)
    try:
        async with asyncio.timeout(60):
            while not isinstance(state := backend.states()[replica_id], Ended):
                await changed.wait()
                changed.clear()
            return state
    finally:
        unsubscribe()


@pytest.fixture
def start(backend: ProcessBackend, tmp_path: Path) -> Start:
    """Start a replica of an archive; answers its first settled state."""

    async def start_one(archive: Path | None, image: str = XGBOOST, **fields: Any) -> State:
        replica_id = fields.pop("id", f"r{len(backend.states())}")
        spec = ReplicaSpec(
            id=replica_id, image=image, archive=archive, folder=tmp_path / "replicas" / replica_id
        )
        await backend.start(replace(spec, **fields))
        return await settled(backend, replica_id)

    return start_one


@pytest.fixture
def script(tmp_path: Path) -> Callable[..., Path]:
    """An archive with code/inference.py."""

    def make(source: str, **files: str | bytes) -> Path:
        number = len(list(tmp_path.glob("script-*")))
        content = {"code/inference.py": source, **files}
        return pack(tmp_path / f"script-{number}.tar.gz", content)

    return make


@pytest.fixture(scope="module")
def yard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yard]:
    require("door to" in sandbox.level(), "a network namespace for each replica")
    server = ServerProcess(tmp_path_factory.mktemp("execution-roles"))
    server.start()
    try:
        yield Yard(server)
    finally:
        complaints = server.close()
    assert not complaints
