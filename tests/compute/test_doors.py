"""The server's side of a replica's door, spoken to by the letter, without a replica."""

import asyncio
import json
import os
import shutil
import socket
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from modelyard.access.sessions.execution_roles import ExecutionRoles, HandedOut
from modelyard.access.sessions.session_tokens import SessionTokens
from modelyard.compute import doors as doors_module
from modelyard.compute.backend import Execution, Ready, ReplicaSpec
from modelyard.compute.doors import Doors
from modelyard.compute.processes import ProcessBackend
from modelyard.hosting.replicas import Invocation
from modelyard.replica import door
from modelyard.storage import database as databases
from modelyard.storage.transaction import Transaction
from tests.compute.conftest import SKLEARN, settled
from tests.loud_skip import require

SECONDS_MAX = 60.0
EXECUTION = Execution(
    "arn:aws:iam::123456789012:role/none",
    "123456789012",
    "us-east-1",
    "arn:aws:sagemaker:us-east-1:123456789012:endpoint/e",
)


class Echoes:
    """Serves a stream by sending back what comes; counts those that are not over."""

    def __init__(self) -> None:
        self.open = 0

    async def serve(self, stream: socket.socket, ended: Callable[[], None]) -> Callable[[], None]:
        loop = asyncio.get_running_loop()
        self.open += 1

        async def echo() -> None:
            try:
                while data := await loop.sock_recv(stream, 4096):
                    await loop.sock_sendall(stream, data)
            except ConnectionError:
                """The other side has gone."""
            finally:
                stream.close()
                self.open -= 1
                ended()

        task = asyncio.create_task(echo())
        return lambda: void(task.cancel())


def void(_: object) -> None:
    """A lambda's answer that nobody wants."""


class Channel:
    """The replica's end."""

    def __init__(self, ours: socket.socket) -> None:
        self.socket = ours
        ours.settimeout(SECONDS_MAX)

    async def ask(self, line: bytes) -> tuple[bytes, list[socket.socket]]:
        self.socket.send(line)
        return await self.answer()

    async def answer(self) -> tuple[bytes, list[socket.socket]]:
        data, descriptors, _, _ = await asyncio.to_thread(
            socket.recv_fds, self.socket, door.ANSWER_BYTES_MAX, 4
        )
        return data, [socket.socket(fileno=one) for one in descriptors]


@pytest.fixture
def echoes() -> Echoes:
    return Echoes()


async def _unheard(tx: Transaction, given: HandedOut) -> None:
    """Nobody listens to which sessions are handed out."""


@pytest_asyncio.fixture
async def doors(tmp_path: Path, echoes: Echoes) -> AsyncIterator[Doors]:
    database = await databases.connect(f"sqlite:///{tmp_path}/doors.db")
    yield Doors(
        echoes.serve, ExecutionRoles(database, SessionTokens(b"secret of a test"), _unheard)
    )
    await database.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has a right to make namespaces to lose")
async def test_without_a_network_namespace_a_model_serves_and_has_no_door(
    doors: Doors, script: Callable[..., Path], tmp_path: Path
) -> None:
    require(shutil.which("setpriv"), "setpriv")
    weak = tmp_path / "python-without-rights"
    command = f'exec setpriv --bounding-set=-sys_admin {sys.executable} "$@"'
    weak.write_text(f"#!/bin/sh\n{command}\n")
    weak.chmod(0o755)
    source = """
import os, socket
def model_fn(model_dir): return model_dir
def transform_fn(model_dir, data, content_type, accept):
    try:
        socket.socket()
    except PermissionError:
        return str([name for name in os.environ if "CONTAINER" in name]), "text/csv"
"""
    backend = ProcessBackend(environments=tmp_path / "e", python=str(weak), doors=doors)
    try:
        spec = ReplicaSpec(
            id="weak",
            image=SKLEARN,
            archive=script(source),
            folder=tmp_path / "weak",
            execution=EXECUTION,
        )
        await backend.start(spec)
        state = await settled(backend, "weak")
        assert isinstance(state, Ready), state
        answer = await state.replica.invoke(Invocation(b"1", "text/csv"))
        told = (tmp_path / "weak" / "log").read_bytes()
    finally:
        await backend.close()

    assert answer.body.strip() == b"[]"
    assert b"no network of its own" in told


@pytest_asyncio.fixture
async def open_door(doors: Doors) -> AsyncIterator[Callable[[], Channel]]:
    opened = []

    def make() -> Channel:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        opened.append((ours, doors.open("r1", EXECUTION, theirs)))
        return Channel(ours)

    before = len(list(Path("/proc/self/fd").iterdir()))
    yield make
    for ours, one in opened:
        await one.close()
        ours.close()
    await until(lambda: doors.connections == 0)
    assert len(list(Path("/proc/self/fd").iterdir())) <= before + 1


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(SECONDS_MAX):
        while not holds():
            await asyncio.sleep(0.01)


OpenDoor = Callable[[], Channel]


async def test_a_stream_leads_to_whoever_serves(open_door: OpenDoor) -> None:
    data, (stream,) = await open_door().ask(b"connect 7")

    with stream:
        stream.sendall(b"hello")
        assert data == b"7"
        assert await asyncio.to_thread(stream.recv, 100) == b"hello"


async def test_an_unusable_role_is_answered_as_the_credentials_endpoint_would(
    open_door: OpenDoor,
) -> None:
    data, descriptors = await open_door().ask(b"credentials 12")

    number, status, body = data.split(b" ", 2)
    assert (number, status, descriptors) == (b"12", b"400", [])
    assert json.loads(body)["code"] == "AccessDenied"
    assert EXECUTION.role_arn in json.loads(body)["message"]


async def test_a_reason_for_no_credentials_is_logged_once(
    open_door: OpenDoor, caplog: pytest.LogCaptureFixture
) -> None:
    channel = open_door()

    for number in range(20):
        await channel.ask(b"credentials %d" % number)

    assert [record.message for record in caplog.records] == ["execution_role_not_usable"]


async def test_there_is_a_limit_to_the_streams_of_a_replica(
    open_door: OpenDoor, echoes: Echoes
) -> None:
    channel, other = open_door(), open_door()
    streams = []
    for number in range(door.CONNECTIONS_MAX):
        streams += (await channel.ask(b"connect %d" % number))[1]
    assert len(streams) == door.CONNECTIONS_MAX

    assert await channel.ask(b"connect 99") == (b"99", [])
    _, (others,) = await other.ask(b"connect 1")
    others.close()
    streams.pop().close()
    await until(lambda: echoes.open == door.CONNECTIONS_MAX - 1)
    _, (again,) = await channel.ask(b"connect 100")

    for stream in (*streams, again):
        stream.close()


async def test_there_is_a_limit_to_the_streams_of_all_replicas(
    open_door: OpenDoor, doors: Doors, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doors_module, "CONNECTIONS_OF_ALL_MAX", 1)
    _, (stream,) = await open_door().ask(b"connect 1")

    assert await open_door().ask(b"connect 1") == (b"1", [])

    stream.close()
    await until(lambda: doors.connections == 0)
    _, (after,) = await open_door().ask(b"connect 1")
    after.close()


async def test_questions_beyond_the_rate_wait(
    open_door: OpenDoor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doors_module, "QUESTIONS_AT_ONCE", 3)
    monkeypatch.setattr(doors_module, "QUESTIONS_A_SECOND", 20)
    channel = open_door()
    loop = asyncio.get_running_loop()

    began = loop.time()
    for number in range(13):
        await channel.ask(b"credentials %d" % number)

    assert loop.time() - began >= 0.4  # ten of them at twenty a second


@pytest.mark.parametrize(
    "garbage",
    [b"connect", b"connect x", b"sing 1", b"connect  1", b"\xff" * 50, b"connect " + b"1" * 60],
    ids=["no-number", "no-digits", "unknown", "two-spaces", "bytes", "long"],
)
async def test_what_is_no_question_ends_the_door_and_its_streams(
    open_door: OpenDoor, echoes: Echoes, garbage: bytes
) -> None:
    channel, other = open_door(), open_door()
    _, (stream,) = await channel.ask(b"connect 1")
    _, (others,) = await other.ask(b"connect 1")

    assert await channel.ask(garbage) == (b"", [])

    assert await asyncio.to_thread(stream.recv, 10) == b""
    others.sendall(b"still")
    assert await asyncio.to_thread(others.recv, 10) == b"still"
    stream.close()
    others.close()


async def test_a_replica_that_takes_no_answers_loses_its_door(open_door: OpenDoor) -> None:
    channel = open_door()
    channel.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    channel.socket.setblocking(False)

    async def flood() -> None:
        while True:
            try:
                channel.socket.send(b"credentials 1")
            except BlockingIOError:
                await asyncio.sleep(0.01)

    with pytest.raises(ConnectionError):
        async with asyncio.timeout(SECONDS_MAX):
            await flood()


async def test_descriptors_that_a_replica_sends_are_not_kept(open_door: OpenDoor) -> None:
    channel = open_door()
    with Path("/dev/null").open("rb") as file:
        before = len(list(Path("/proc/self/fd").iterdir()))
        for number in range(20):
            socket.send_fds(channel.socket, [b"credentials %d" % number], [file.fileno()] * 10)
            await channel.answer()

        # Two hundred were sent; the database opens one or two of its own.
        assert len(list(Path("/proc/self/fd").iterdir())) < before + 10
