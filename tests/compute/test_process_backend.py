"""Replicas as processes: they answer, they die, they are stopped, and nothing of them stays."""

import asyncio
import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from modelyard.compute.backend import Ended, Ready
from modelyard.compute.processes import ProcessBackend
from modelyard.hosting.replicas import Invocation, InvocationTimedOut, ReplicaBusy, ReplicaGone
from tests.compute.conftest import SKLEARN, Start, children, ended, pack

Script = Callable[..., Path]

SLEEPER = """
import os, time
def model_fn(model_dir): return None
def transform_fn(model, data, content_type, accept):
    if data.startswith("sleep"):
        time.sleep(float(data.split()[1]))
    if data == "exit":
        os._exit(3)
    return data, "text/csv"
"""


async def test_predictions_are_those_of_the_booster(
    start: Start, xgboost_archive: Path, cancer: Any
) -> None:
    _, lines, want = cancer

    state = await start(xgboost_archive)

    assert isinstance(state, Ready)
    answers = await asyncio.gather(
        *(state.replica.invoke(Invocation(line, "text/csv")) for line in lines)
    )
    assert [float(answer.body) for answer in answers] == pytest.approx(want, abs=1e-6)
    together = await state.replica.invoke(
        Invocation(b"\n".join(lines), "text/csv", "application/json")
    )
    scores = [one["score"] for one in json.loads(together.body)["predictions"]]
    assert scores == pytest.approx(want, abs=1e-6)


async def test_a_bad_payload_harms_nobody_who_is_predicted_with_it(
    start: Start, xgboost_archive: Path, cancer: Any
) -> None:
    _, lines, want = cancer
    state = await start(xgboost_archive)
    assert isinstance(state, Ready)
    bodies = [b"not,a,number" if n % 3 == 0 else lines[n] for n in range(60)]

    answers = await asyncio.gather(
        *(state.replica.invoke(Invocation(body, "text/csv")) for body in bodies)
    )

    for number, answer in enumerate(answers):
        if number % 3 == 0:
            assert answer.status == 415
            assert b"could not convert string to float" in answer.body
        else:
            assert float(answer.body) == pytest.approx(want[number], abs=1e-6)


async def test_starting_twice_is_starting_once(
    backend: ProcessBackend, start: Start, xgboost_archive: Path
) -> None:
    first = await start(xgboost_archive, id="same")
    running = children()

    second = await start(xgboost_archive, id="same")

    assert second is first
    assert children() == running


async def test_stopping_leaves_no_process_and_no_file(
    backend: ProcessBackend, start: Start, xgboost_archive: Path, tmp_path: Path
) -> None:
    before = children()
    await start(xgboost_archive)

    await backend.stop("r0", 5.0)
    await backend.stop("r0", 5.0)

    assert backend.states() == {}
    assert children() == before
    assert _size(tmp_path / "replicas", "**/*") == 0
    assert not (tmp_path / "replicas" / "r0").exists()


async def test_stopping_lets_what_was_begun_finish(
    backend: ProcessBackend, start: Start, script: Script
) -> None:
    state = await start(script(SLEEPER), SKLEARN)
    assert isinstance(state, Ready)
    begun = asyncio.create_task(state.replica.invoke(Invocation(b"sleep 3", "text/csv")))
    waiting = asyncio.create_task(state.replica.invoke(Invocation(b"later", "text/csv")))
    while state.replica.in_flight < 2:
        await asyncio.sleep(0)

    await backend.stop("r0", 60.0)

    assert (await begun).body == b"sleep 3"
    with pytest.raises(ReplicaGone) as gone:
        await waiting
    assert not gone.value.started


async def test_a_killed_replica_gives_its_callers_back(
    backend: ProcessBackend, start: Start, script: Script
) -> None:
    before = children()
    state = await start(script(SLEEPER), SKLEARN)
    assert isinstance(state, Ready)
    calls = [
        asyncio.create_task(state.replica.invoke(Invocation(b"sleep 3600", "text/csv")))
        for _ in range(3)
    ]
    while state.replica.in_flight < 3:
        await asyncio.sleep(0)

    (process,) = children() - before
    os.kill(int(process), signal.SIGKILL)
    results = await asyncio.gather(*calls, return_exceptions=True)

    assert [type(result) for result in results] == [ReplicaGone] * 3
    assert [result.started for result in results if isinstance(result, ReplicaGone)] == [
        True,
        False,
        False,
    ]
    state = await ended(backend, "r0")
    assert "SIGKILL" in state.reason
    assert children() == before


async def test_a_replica_that_exits_says_with_what(
    backend: ProcessBackend, start: Start, script: Script
) -> None:
    state = await start(script(SLEEPER), SKLEARN)
    assert isinstance(state, Ready)

    with pytest.raises(ReplicaGone):
        await state.replica.invoke(Invocation(b"exit", "text/csv"))

    assert "status 3" in (await ended(backend, "r0")).reason


async def test_a_hung_prediction_is_cut_at_its_deadline(
    backend: ProcessBackend, start: Start, script: Script
) -> None:
    state = await start(script(SLEEPER), SKLEARN, invoke_seconds_max=0.5)
    assert isinstance(state, Ready)

    with pytest.raises(InvocationTimedOut):
        await state.replica.invoke(Invocation(b"sleep 3600", "text/csv"))

    assert "0.5 seconds" in (await ended(backend, "r0")).reason


async def test_a_replica_that_speaks_nonsense_is_ended(
    backend: ProcessBackend, start: Start, script: Script
) -> None:
    source = SLEEPER + (
        "import stat\n"
        "def transform_fn(model, data, content_type, accept):\n"
        "    for fd in range(3, 64):\n"
        "        try:\n"
        "            if stat.S_ISSOCK(os.fstat(fd).st_mode): os.write(fd, bytes.fromhex(data))\n"
        "        except OSError: pass\n"
        "    time.sleep(3600)\n"
    )
    for number, noise in enumerate((b"\xff" * 64, b"\0" * 16, bytes(15) + b"\2", b"A" * 5000)):
        state = await start(script(source), SKLEARN, id=f"n{number}")
        assert isinstance(state, Ready)

        with pytest.raises(ReplicaGone):
            await state.replica.invoke(Invocation(noise.hex().encode(), "text/csv"))

        assert "protocol" in (await ended(backend, f"n{number}")).reason


async def test_what_no_frame_can_carry_is_refused_without_harm(
    start: Start, xgboost_archive: Path
) -> None:
    state = await start(xgboost_archive)
    assert isinstance(state, Ready)

    for invocation in (
        Invocation(b"1", "text/csv\nevil"),
        Invocation(b"1", "text/csv", "", {"name": "x" * 70_000}),
        Invocation(bytes(65 << 20), "text/csv"),
    ):
        assert (await state.replica.invoke(invocation)).status == 400

    assert (await state.replica.invoke(Invocation(b"1,2", "text/csv"))).status == 400


async def test_waiting_requests_are_bounded_in_number_and_bytes(
    start: Start, script: Script, backend: ProcessBackend
) -> None:
    state = await start(script(SLEEPER), SKLEARN)
    assert isinstance(state, Ready)
    large = Invocation(bytes(24 << 20), "application/octet-stream")
    calls = [asyncio.create_task(state.replica.invoke(Invocation(b"sleep 3600", "text/csv")))]
    calls += [asyncio.create_task(state.replica.invoke(large)) for _ in range(11)]
    await asyncio.sleep(0)

    with pytest.raises(ReplicaBusy):
        await state.replica.invoke(large)

    assert state.replica.in_flight == 12
    await backend.stop("r0", 0.0)
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert {type(result) for result in results} == {ReplicaGone}
    assert state.replica.in_flight == 0


async def test_a_model_that_never_loads_is_ended(start: Start, script: Script) -> None:
    source = "import time\ndef model_fn(model_dir): time.sleep(3600)\n"

    state = await start(script(source), SKLEARN, start_seconds_max=1.0)

    assert isinstance(state, Ended)
    assert "not loaded within 1 seconds" in state.reason


async def test_what_a_script_raises_while_loading_is_the_reason(
    start: Start, script: Script
) -> None:
    source = "def model_fn(model_dir): raise RuntimeError('no weights')\n"

    state = await start(script(source), SKLEARN)

    assert isinstance(state, Ended)
    assert state.reason == "The model could not be loaded: RuntimeError: no weights"
    assert "Traceback" in state.log_tail


async def test_a_hostile_archive_says_why_and_leaves_nothing(start: Start, tmp_path: Path) -> None:
    archive = pack(tmp_path / "bad.tar.gz", {"../../canary": b"x"})

    state = await start(archive)

    assert isinstance(state, Ended)
    assert "leaves its folder" in state.reason
    assert not _exists(tmp_path, "canary")


async def test_a_replica_that_prints_without_end_has_a_bounded_log(
    backend: ProcessBackend, start: Start, script: Script, tmp_path: Path
) -> None:
    source = SLEEPER + "\nprint('x' * (6 << 20), flush=True)\n"

    state = await start(script(source), SKLEARN)

    assert isinstance(state, Ready)
    assert _size(tmp_path / "replicas" / "r0", "log*") <= 9 << 20


async def test_children_that_a_model_leaves_end_with_it(
    backend: ProcessBackend, start: Start, script: Script, tmp_path: Path
) -> None:
    marker = f"left by {tmp_path}"
    source = SLEEPER + (
        "import subprocess, sys\n"
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(3600)',"
        f" {marker!r}], start_new_session=True)\n"
    )
    state = await start(script(source), SKLEARN)
    assert isinstance(state, Ready), state
    await _until(lambda: _running(marker))

    await backend.stop("r0", 0.0)

    await _until(lambda: not _running(marker))


def _exists(folder: Path, name: str) -> bool:
    return any(folder.rglob(name))


def _size(folder: Path, pattern: str) -> int:
    return sum(path.stat().st_size for path in folder.glob(pattern))


def _running(text: str) -> bool:
    found = False
    for folder in Path("/proc").iterdir():
        try:
            found |= folder.name.isdigit() and text in (folder / "cmdline").read_text()
        except OSError:
            continue
    return found


SERVER = """
import asyncio, sys
from pathlib import Path
from modelyard.compute.backend import ReplicaSpec, Ready
from modelyard.compute.processes import ProcessBackend
async def main():
    folder = Path(sys.argv[1])
    backend = ProcessBackend(environments=folder / "e", private=())
    changed = asyncio.Event()
    backend.subscribe(changed.set)
    archive = Path(sys.argv[2])
    spec = ReplicaSpec(id="a", image=sys.argv[3], archive=archive, folder=folder / "a")
    await backend.start(spec)
    await changed.wait()
    print(type(backend.states()["a"]).__name__, flush=True)
    await asyncio.sleep(3600)
asyncio.run(main())
"""


async def test_replicas_die_with_a_killed_server(
    xgboost_archive: Path, script: Script, tmp_path: Path
) -> None:
    busy = "import time\ndef model_fn(d): time.sleep(3600)\n"
    for archive, image in ((xgboost_archive, "xgboost:1"), (script(busy), SKLEARN)):
        process = await asyncio.create_subprocess_exec(
            *(os.sys.executable, "-c", SERVER, str(tmp_path / "server"), str(archive), image),
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(os.sys.path)},
        )
        assert process.stdout is not None
        if image == "xgboost:1":
            assert (await process.stdout.readline()).strip() == b"Ready"
        else:
            await _until(lambda pid=process.pid: len(_descendants(pid)) > 1)
        replicas = _descendants(process.pid)
        assert replicas

        process.kill()
        await process.wait()

        await _until(lambda replicas=replicas: not any(map(_alive, replicas)))


def _descendants(pid: int) -> list[int]:
    found: list[int] = []
    for children_file in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in children_file.read_text().split():
            found += [int(child), *_descendants(int(child))]
    return found


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(120):
        while not condition():  # the kernel tells nobody of these
            await asyncio.sleep(0.02)
