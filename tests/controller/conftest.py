"""A controller over a scripted backend, or a real one, on both databases."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from modelyard.access.policy import sharing
from modelyard.call import Document, OpenCall
from modelyard.compute.artifacts import Artifacts
from modelyard.compute.backend import Backend, Ended, Ready, ReplicaSpec, Starting, State
from modelyard.compute.controller import Controller
from modelyard.compute.keeper import Sizes
from modelyard.contract.page_tokens import PageTokens
from modelyard.errors import ValidationException
from modelyard.hosting.invocations import InvocationDoor
from modelyard.hosting.replicas import Answer, Invocation, ReplicaGone
from modelyard.hosting.routing import RoutingTable
from modelyard.objects.blobs import BlobFolder
from modelyard.objects.door import ObjectDoor
from modelyard.storage.database import Database
from tests.audit_entries import entry
from tests.hosting.conftest import ADA, REGION, Hosting

SECONDS_MAX = 120.0  # to wait for what must happen; a guard against a hang


class ScriptedReplica:
    """Answers with its image's name, until it is killed."""

    def __init__(self, image: str) -> None:
        self.image = image
        self.in_flight = 0
        self.alive = True

    async def invoke(self, invocation: Invocation) -> Answer:
        self.in_flight += 1
        try:
            await asyncio.sleep(0.001)
            if not self.alive:
                raise ReplicaGone("It was killed.", started=True)
            return Answer(200, self.image.encode(), "text/plain", {})
        finally:
            self.in_flight -= 1


class ScriptedBackend:
    """Replicas in memory. An image called `bad...` fails, `hangs...` never gets ready."""

    def __init__(self) -> None:
        self.started: list[ReplicaSpec] = []
        self._states: dict[str, State] = {}
        self._subscribers: list[Callable[[], None]] = []

    async def start(self, spec: ReplicaSpec) -> None:
        if spec.id in self._states:
            return
        self.started.append(spec)
        self._states[spec.id] = Starting()
        asyncio.get_running_loop().call_soon(self._load, spec)

    async def stop(self, id: str, grace_seconds: float) -> None:
        state = self._states.pop(id, None)
        if isinstance(state, Ready) and isinstance(state.replica, ScriptedReplica):
            assert state.replica.in_flight == 0 or not state.replica.alive, "stopped while busy"
        self._changed()

    def states(self) -> Mapping[str, State]:
        return dict(self._states)

    def subscribe(self, changed: Callable[[], None]) -> Callable[[], None]:
        self._subscribers.append(changed)
        return lambda: self._subscribers.remove(changed)

    async def close(self) -> None:
        self._states.clear()

    def kill(self, name: str) -> None:
        state = self._states[name]
        assert isinstance(state, Ready)
        assert isinstance(state.replica, ScriptedReplica)
        state.replica.alive = False
        self._states[name] = Ended("The replica was ended by SIGKILL.", "")
        self._changed()

    def ready(self, image: str) -> list[str]:
        return [
            spec.id
            for spec in self.started
            if spec.image == image and isinstance(self._states.get(spec.id), Ready)
        ]

    def _load(self, spec: ReplicaSpec) -> None:
        if spec.id not in self._states or spec.image.startswith("hangs"):
            return
        if spec.image.startswith("bad"):
            self._states[spec.id] = Ended("The model could not be loaded.", "KeyError: 'x'")
        else:
            self._states[spec.id] = Ready(ScriptedReplica(spec.image))
        self._changed()

    def _changed(self) -> None:
        for changed in list(self._subscribers):
            changed()


class Stand:
    """Hosting's operations with a controller that can be started, stopped and killed."""

    def __init__(self, opened: Database, folder: Path) -> None:
        self.hosting = Hosting(opened)
        self.routing = RoutingTable()
        self.door = InvocationDoor(self.routing)
        self.blobs = BlobFolder(folder / "blobs")
        self.objects = ObjectDoor(opened, self.blobs, sharing.read_bucket_policy)
        self.folder = folder
        self._database = opened
        self._call = OpenCall(
            operation="InvokeEndpoint",
            principal=ADA,
            region=REGION,
            request_id="r",
            now_us=1,
            page_tokens=PageTokens(b"secret"),
            audit=entry(ADA, "InvokeEndpoint"),
        )

    def controller(
        self,
        backend: Backend,
        sizes: Sizes | None = None,
        storage: Any = None,
        holder: str = "a-server",
    ) -> Controller:
        artifacts = Artifacts(self._database, self.objects, self.folder / "artifacts")
        return Controller(
            storage or self._database,
            backend,
            self.routing,
            artifacts,
            holder=holder,
            folder=self.folder / "compute",
            sizes=sizes,
        )

    @asynccontextmanager
    async def controlled(
        self, backend: Backend, sizes: Sizes | None = None, storage: Any = None
    ) -> AsyncIterator[Controller]:
        controller = self.controller(backend, sizes, storage)
        task = asyncio.create_task(controller.run())
        try:
            async with asyncio.timeout(SECONDS_MAX):
                await controller.loaded.wait()
            yield controller
        finally:
            task.cancel()
            await asyncio.wait([task])
            if not task.cancelled():
                raise task.exception() or AssertionError("the controller returned")

    async def invoke(self, name: str = "live", body: bytes = b"1", **members: Any) -> bytes:
        request = {"EndpointName": name, "Body": body, **members}
        answer = await self.door.invoke_endpoint(self._call, request)
        return bytes(answer["Body"])

    async def until(self, status: str, name: str = "live") -> Document:
        """The endpoint's description once it has this status."""

        async def look() -> Document | None:
            answer = await self.hosting.describe(name)
            return answer if answer["EndpointStatus"] == status else None

        return await eventually(look)


async def eventually(look: Callable[[], Any], seconds: float = SECONDS_MAX) -> Any:
    """What `look` answers once it is something."""
    async with asyncio.timeout(seconds):
        while True:
            found = look()
            if asyncio.iscoroutine(found):
                found = await found
            if found:
                return found
            await asyncio.sleep(0.005)


async def gone(stand: Stand) -> None:
    """Return when the endpoint is there no more."""

    async def look() -> bool:
        try:
            await stand.hosting.describe("live")
        except ValidationException:
            return True
        return False

    await eventually(look)


@pytest.fixture
async def stand(database: Database, tmp_path: Path) -> AsyncIterator[Stand]:
    made = Stand(database, tmp_path)
    yield made
    made.blobs.close()
