"""Replicas as child processes of the server, one process group each, in a sandbox.

A child is watched by a pidfd, never polled; it dies with the server by PR_SET_PDEATHSIG and by
the end of its standard input. Whatever it leaves (descendants, files) is removed when it is
stopped. Knows no endpoint.
"""

import asyncio
import contextlib
import json
import logging
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from modelyard.compute import folders, sandbox
from modelyard.compute.backend import Ended, Ready, ReplicaSpec, Starting, State
from modelyard.compute.doors import Door, Doors
from modelyard.compute.environments import EnvironmentCache, RequirementsError
from modelyard.compute.frame_client import FrameClient
from modelyard.compute.replica_log import TAIL_BYTES, ReplicaLog

REASON_CHARACTERS_MAX = 1024  # AWS: the length of FailureReason
STATUS_BYTES_MAX = 1 << 20  # one status line; a long requirements.txt travels in it
SOCKET_BUFFER_BYTES = 4 << 20
WINDOW_MAX = 1024  # requests at once, whatever a replica wishes
LAST_SECONDS = 10.0  # for a child without a usable status to end by itself
TERM_SECONDS = 1.0  # between SIGTERM and SIGKILL once nothing is in flight

log = logging.getLogger(__name__)

_T = TypeVar("_T")


@dataclass(slots=True)
class _Child:
    """A running process and our ends of its descriptors."""

    process: subprocess.Popen[bytes]
    pidfd: int
    connection: socket.socket
    status: int
    control: socket.socket | None  # until a door owns it
    door: Door | None = None
    ended: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(slots=True)
class _Replica:
    spec: ReplicaSpec
    state: State = field(default_factory=Starting)
    child: _Child | None = None
    client: FrameClient | None = None
    log: ReplicaLog | None = None
    task: asyncio.Task[None] | None = None
    reason: str = ""  # why we killed it, if we did


class ProcessBackend:
    """See backend.Backend.

    `environments` is where environments for requirements are kept. `private` are folders that
    no replica may read whatever else it may: the server's data. `unconfined_code` lets models run
    code of their own even where nothing keeps it from the server's files. Without `doors` replicas
    reach nothing.
    """

    def __init__(
        self,
        *,
        environments: Path,
        private: tuple[Path, ...] = (),
        python: str = sys.executable,
        unconfined_code: bool = False,
        doors: Doors | None = None,
    ) -> None:
        self._private = private
        self._doors = doors
        self._unconfined_code = unconfined_code
        self._environments_folder = environments
        self._python = python
        self._environments = EnvironmentCache(
            environments, python, private, unconfined_code=unconfined_code
        )
        self._replicas: dict[str, _Replica] = {}
        self._subscribers: list[Callable[[], None]] = []
        # Children are started by one thread that lives as long as the backend: the kernel sends
        # PR_SET_PDEATHSIG when the thread that started a child ends, not the process.
        self._starter = ThreadPoolExecutor(1, thread_name_prefix="replica-starter")

    async def start(self, spec: ReplicaSpec) -> None:
        if spec.id in self._replicas:
            return
        replica = self._replicas[spec.id] = _Replica(spec)
        replica.task = asyncio.create_task(self._run(replica), name=f"replica {spec.id}")

    async def stop(self, replica_id: str, grace_seconds: float) -> None:
        replica = self._replicas.get(replica_id)
        if replica is None:
            return
        deadline = asyncio.get_running_loop().time() + grace_seconds
        if replica.client is not None:
            replica.client.refuse("The replica is being stopped.")
            await replica.client.drained(grace_seconds)
        replica.reason = replica.reason or "The replica was stopped."
        if (child := replica.child) is not None and not child.ended.is_set():
            self._signal(child, signal.SIGTERM)
            left = max(0.0, deadline - asyncio.get_running_loop().time())
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(child.ended.wait(), min(left, TERM_SECONDS))
        if replica.task is not None:
            replica.task.cancel()
            await asyncio.wait([replica.task])
        if replica.log is not None:
            replica.log.close()
        if self._replicas.pop(replica_id, None) is not None:
            await asyncio.to_thread(_remove, replica.spec.folder)
            self._changed()

    def states(self) -> Mapping[str, State]:
        return {key: replica.state for key, replica in self._replicas.items()}

    def subscribe(self, changed: Callable[[], None]) -> Callable[[], None]:
        self._subscribers.append(changed)
        return lambda: self._subscribers.remove(changed)

    async def close(self) -> None:
        await asyncio.gather(*(self.stop(key, 0.0) for key in list(self._replicas)))
        await asyncio.to_thread(self._starter.shutdown)

    async def _run(self, replica: _Replica) -> None:
        """One replica's life; leaves it Ended."""
        try:
            await asyncio.to_thread(_make_folders, replica.spec.folder)
            replica.log = ReplicaLog(replica.spec.folder / "log")
            reason = await self._live(replica, replica.log)
        except OSError as error:
            reason = f"The replica could not be started: {error}."
        finally:
            if replica.log is not None:
                replica.log.close()
        tail = _printable(replica.log.tail(), TAIL_BYTES) if replica.log is not None else ""
        replica.state = Ended(replica.reason or reason, tail)
        self._changed()

    async def _live(self, replica: _Replica, log: ReplicaLog) -> str:
        """Start, once more in an environment of its own if asked, serve; says why it ended."""
        spec = replica.spec
        user = sandbox.user_for(
            [self._python, sandbox.ENTRY, spec.folder, self._environments_folder]
        )
        await asyncio.to_thread(_give_folders, spec, user.uid)
        plan = self._plan(spec, user, self._python, unpacked=False)
        status, reason = await self._attempt(replica, log, plan)
        if status.get("state") != "requirements":
            return reason
        code = spec.folder / ("code" if spec.code_archive else "model/code")
        try:
            python = await self._environments.python(
                str(status.get("requirements")), code, own_folder=spec.folder, user=user
            )
        except RequirementsError as error:
            log.append(error.output)
            return _printable(str(error), REASON_CHARACTERS_MAX)
        plan = self._plan(spec, user, python, unpacked=True)
        self._environments.hold(python)
        try:
            await self._environments.sweep()
            _, reason = await self._attempt(replica, log, plan)
        finally:
            self._environments.release(python)
        return reason

    def _plan(
        self, spec: ReplicaSpec, user: sandbox.User, python: str, *, unpacked: bool
    ) -> sandbox.Plan:
        return sandbox.plan(
            spec if self._doors is not None else replace(spec, execution=None),
            self._private,
            python,
            unpacked=unpacked,
            user=user,
            unconfined_code=self._unconfined_code,
        )

    async def _attempt(
        self, replica: _Replica, log: ReplicaLog, plan: sandbox.Plan
    ) -> tuple[dict[str, Any], str]:
        """One child from start to end: its status line, and why it ended."""
        spec = replica.spec
        child = await self._spawn(replica, plan, log)
        try:
            try:
                async with asyncio.timeout(spec.start_seconds_max):
                    status = await _status(child)
                    if status.get("state") == "requirements":
                        await child.ended.wait()
            except TimeoutError:
                seconds = f"{spec.start_seconds_max:g}"
                return {}, f"The model was not loaded within {seconds} seconds."
            if status.get("state") == "failed":
                return status, _printable(str(status.get("reason")), REASON_CHARACTERS_MAX)
            window = status.get("window")
            if status.get("state") != "ready" or type(window) is not int or window < 1:
                # What goes on after a status that no replica of ours writes is not waited for long.
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(child.ended.wait(), LAST_SECONDS)
                return status, _exit_reason(child, "before its model was loaded")
            await self._serve(replica, child, min(window, WINDOW_MAX))
            return status, _exit_reason(child, "while it was serving")
        finally:
            # Not to be interrupted half-way, hence not awaited directly.
            await _completed(asyncio.ensure_future(self._end(replica, child)))

    async def _serve(self, replica: _Replica, child: _Child, window: int) -> None:
        loop = asyncio.get_running_loop()

        def kill(reason: str) -> None:
            replica.reason = replica.reason or reason
            self._signal(child, signal.SIGKILL)

        _, client = await loop.create_connection(
            lambda: FrameClient(kill, replica.spec.invoke_seconds_max), sock=child.connection
        )
        client.opened(window)
        replica.client = client
        replica.state = Ready(client)
        self._changed()
        await child.ended.wait()

    async def _spawn(self, replica: _Replica, plan: sandbox.Plan, log: ReplicaLog) -> _Child:
        loop = asyncio.get_running_loop()
        output = os.dup(log.write_end)
        starting = loop.run_in_executor(self._starter, _start_process, plan, output)
        try:
            child = await _completed(starting)
        except asyncio.CancelledError:
            # Stopped meanwhile: the child exists all the same, and must not be forgotten.
            child = starting.result()
            loop.add_reader(child.pidfd, self._child_ended, child)
            await _completed(asyncio.ensure_future(self._end(replica, child)))
            raise
        replica.child = child
        loop.add_reader(child.pidfd, self._child_ended, child)
        self._open_door(replica.spec, child)
        return child

    def _open_door(self, spec: ReplicaSpec, child: _Child) -> None:
        if child.control is not None:
            assert self._doors is not None
            assert spec.execution is not None
            child.door = self._doors.open(spec.id, spec.execution, child.control)
            child.control = None

    def _child_ended(self, child: _Child) -> None:
        asyncio.get_running_loop().remove_reader(child.pidfd)
        child.ended.set()

    async def _end(self, replica: _Replica, child: _Child) -> None:
        self._signal(child, signal.SIGKILL)
        await child.ended.wait()
        _reap(child)
        if replica.client is not None:
            replica.client.gone(replica.reason or "The replica ended.")
        assert child.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            child.process.stdin.close()
        if child.door is not None:
            await child.door.close()
        if child.control is not None:
            child.control.close()
        child.connection.close()
        os.close(child.status)
        os.close(child.pidfd)
        replica.child = None

    def _signal(self, child: _Child, number: signal.Signals) -> None:
        if child.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.process.pid, number)

    def _changed(self) -> None:
        for changed in list(self._subscribers):
            changed()


def _start_process(plan: sandbox.Plan, output: int) -> _Child:
    """Start the child with its inherited descriptors and nothing else; closes `output`."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    for end in (ours, theirs):
        for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
            end.setsockopt(socket.SOL_SOCKET, option, SOCKET_BUFFER_BYTES)
    ours.setblocking(False)
    status_read, status_write = os.pipe2(os.O_CLOEXEC)
    os.set_blocking(status_read, False)
    control, their_control = _control_channel() if plan.spec.door else (None, None)
    given = [theirs.fileno(), status_write]
    if their_control is not None:
        given.append(their_control.fileno())
    try:
        process = subprocess.Popen(
            [*plan.command, *map(str, given)],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            env=dict(plan.environment),
            cwd=plan.work,
            pass_fds=given,
            start_new_session=True,
            bufsize=0,
        )
    except BaseException:
        ours.close()
        os.close(status_read)
        if control is not None:
            control.close()
        raise
    finally:
        theirs.close()
        if their_control is not None:
            their_control.close()
        os.close(status_write)
        os.close(output)
    assert process.stdin is not None
    child = _Child(process, os.pidfd_open(process.pid), ours, status_read, control)
    with contextlib.suppress(BrokenPipeError):  # it died at once: its end is seen by the pidfd
        process.stdin.write(plan.spec.line())
    return child


def _control_channel() -> tuple[socket.socket, socket.socket]:
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


async def _status(child: _Child) -> dict[str, Any]:
    """The child's status line, or {} when it ends without one."""
    loop = asyncio.get_running_loop()
    line = b""
    arrived = asyncio.Event()
    loop.add_reader(child.status, arrived.set)
    try:
        while not line.endswith(b"\n") and len(line) < STATUS_BYTES_MAX:
            await arrived.wait()
            arrived.clear()
            try:
                data = os.read(child.status, 65536)
            except BlockingIOError:
                continue
            if not data:
                return {}
            line += data
    finally:
        loop.remove_reader(child.status)
    try:
        members = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return members if isinstance(members, dict) else {}


async def _completed(future: "asyncio.Future[_T]") -> _T:
    """The result, waited for even when the waiter is cancelled; the cancellation comes after."""
    cancelled: asyncio.CancelledError | None = None
    while not future.done():
        try:
            await asyncio.shield(future)
        except asyncio.CancelledError as error:
            if future.cancelled():
                raise
            cancelled = error
    if cancelled is not None:
        raise cancelled
    return future.result()


def _make_folders(folder: Path) -> None:
    """A fresh folder: what an earlier life of the same id left is gone."""
    folders.remove(folder)
    folder.mkdir(parents=True, mode=0o700)


def _give_folders(spec: ReplicaSpec, uid: int) -> None:
    """What the replica may write, and nothing beside it: the log is the server's."""
    if uid:
        spec.folder.chmod(0o711)
    for name in ("model", "work", *(("code",) if spec.code_archive else ())):
        path = spec.folder / name
        path.mkdir(mode=0o700)
        if uid:
            os.chown(path, uid, uid)
            path.chmod(0o700 if name == "work" else 0o750)  # packages are built from code


def _remove(folder: Path) -> None:
    try:
        folders.remove(folder)
    except OSError as error:
        # Nobody waits for it: the folder goes with all others at the server's next start.
        log.warning("replica_folder_stays", extra={"folder": str(folder), "error": str(error)})


def _printable(text: str, characters_max: int) -> str:
    """A replica's own words, fit for a row and a terminal: no lone surrogates, no controls."""
    plain = text[:characters_max].encode("utf-8", "replace").decode()
    return "".join(c if c.isprintable() or c in "\n\t" else "?" for c in plain)


def _reap(child: _Child) -> None:
    """Collect the leader, which has ended, and before it what it left of its group.

    Until it is collected, the group's number cannot be anyone else's.
    """
    if child.process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.process.pid, signal.SIGKILL)
        child.process.wait()


def _exit_reason(child: _Child, when: str) -> str:
    """For a child that has ended."""
    _reap(child)
    code = child.process.returncode
    if code < 0:
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = f"signal {-code}"
        return f"The replica was ended by {name} {when}."
    return f"The replica exited with status {code} {when}."
