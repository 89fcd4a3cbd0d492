"""What model code can reach from inside: a probe model tries, and must not."""

import json
import os
import socket
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from modelyard.compute import sandbox
from modelyard.compute.backend import Ended, Ready
from modelyard.hosting.replicas import Invocation
from tests.compute.conftest import SKLEARN, Start

Script = Callable[..., Path]

PROBE = """
import ctypes, json, os, socket, subprocess, sys, threading
def attempt(function):
    try:
        return str(function())
    except BaseException as error:
        return "refused: " + type(error).__name__
def model_fn(model_dir): return model_dir
def transform_fn(model_dir, data, content_type, accept):
    asked = json.loads(data)
    server, secret, outside = asked["server"], asked["secret"], asked["outside"]
    def connect():
        return socket.create_connection(("127.0.0.1", asked["port"]), 2)
    def unix():
        s = socket.socket(socket.AF_UNIX); s.connect(asked["unix"]); return s
    def thread():
        found = []
        t = threading.Thread(target=lambda: found.append(attempt(lambda: open(secret).read())))
        t.start(); t.join(); return found[0]
    def sub(code):
        return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout
    tries = {
        "secret": lambda: open(secret).read(),
        "secret in a thread": thread,
        "secret in a child": lambda: sub(f"print(open({secret!r}).read())") or "refused",
        "data folder": lambda: os.listdir(os.path.dirname(secret)),
        "write outside": lambda: open(outside, "w"),
        "write to the model": lambda: open(model_dir + "/code/inference.py", "a"),
        "new file in the model": lambda: open(model_dir + "/new", "w"),
        "remove the archive": lambda: os.unlink(asked["archive"]),
        "read the archive": lambda: open(asked["archive"], "rb").read(4),
        "home": lambda: os.listdir(asked["home"]),
        "shadow": lambda: open("/etc/shadow").read(),
        "server environment": lambda: open(f"/proc/{server}/environ").read(),
        "server memory": lambda: open(f"/proc/{server}/mem", "rb").read(1),
        "server command line": lambda: open(f"/proc/{server}/cmdline").read(),
        "server descriptors": lambda: os.listdir(f"/proc/{server}/fd"),
        "signal": lambda: os.kill(server, 0),
        "signal to all": lambda: os.kill(-1, 15) if False else os.kill(server, 15),
        "parent": lambda: os.kill(os.getppid() or server, 9),
        "connect": connect,
        "listen": lambda: socket.create_server(("127.0.0.1", 0)),
        "unix socket": unix,
        "raw socket": lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 1),
        "datagram": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM),
        "become root": lambda: os.setuid(0) or os.chroot("/"),
        "mount": lambda: 1 / ctypes.CDLL(None).mount(b"none", b"/tmp", b"tmpfs", 0, None) + 1
            if ctypes.CDLL(None).mount(b"none", b"/tmp", b"tmpfs", 0, None) == 0 else 1 / 0,
        "new namespaces": lambda: 1 / (ctypes.CDLL(None).unshare(0x10000000) + 1),
        "namespaces by clone": lambda: 1 / (
            ctypes.CDLL(None).syscall(56, 0x10000000 | 17, None, None, None, None) + 1),
        "core": lambda: __import__("resource").setrlimit(4, (1, 1)),
    }
    results = {name: attempt(function) for name, function in tries.items()}
    allowed = {
        "write to work": attempt(lambda: open("note", "w").write("x")),
        "temporary file": attempt(lambda: __import__("tempfile").TemporaryFile().fileno()),
        "read the model": attempt(lambda: len(os.listdir(model_dir))),
        "socketpair": attempt(lambda: socket.socketpair() and 1),
        "child": attempt(lambda: sub("print(7)")),
        "random": attempt(lambda: len(os.urandom(4))),
    }
    return json.dumps({"refused": results, "allowed": allowed, "environment": dict(os.environ),
        "descriptors": os.listdir("/proc/self/fd")}), "application/json"
"""


@pytest.fixture
def listener() -> Any:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


async def test_model_code_reaches_nothing_of_the_server(
    start: Start,
    script: Script,
    tmp_path: Path,
    listener: socket.socket,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MODELYARD_ROOT_SECRET_ACCESS_KEY", "very-secret")
    data = tmp_path / "data"
    data.mkdir()
    (data / "secret").write_text("very-secret")
    unix = socket.socket(socket.AF_UNIX)
    unix.bind(str(tmp_path / "s"))
    unix.listen()
    archive = script(PROBE)

    state = await start(archive, SKLEARN, environment={"OWN": "value"})
    assert isinstance(state, Ready), state
    asked = {
        "server": os.getpid(),
        "secret": str(data / "secret"),
        "outside": str(tmp_path / "outside"),
        "archive": str(archive),
        "home": str(Path.home()),
        "port": listener.getsockname()[1],
        "unix": str(tmp_path / "s"),
    }
    answer = await state.replica.invoke(Invocation(json.dumps(asked).encode(), "application/json"))
    unix.close()

    assert answer.status == 200, answer.body
    found = json.loads(answer.body)
    reached = {k: v for k, v in found["refused"].items() if not v.startswith("refused")}
    assert reached == {}
    broken = {k: v for k, v in found["allowed"].items() if v.startswith("refused") or not v}
    assert broken == {}
    assert found["environment"]["OWN"] == "value"
    assert "very-secret" not in str(found["environment"])
    assert not [name for name in found["environment"] if name.startswith("MODELYARD")]
    assert len(found["descriptors"]) <= 6
    assert not (tmp_path / "outside").exists()


async def test_a_model_that_wants_too_much_memory_is_refused_it(
    start: Start, script: Script
) -> None:
    source = "def model_fn(model_dir): return bytearray(20 << 30)\n"

    state = await start(script(source), SKLEARN, memory_bytes=512 << 20)

    assert isinstance(state, Ended)
    assert "more memory" in state.reason


async def test_one_replica_cannot_read_another(start: Start, script: Script) -> None:
    source = (
        "import os\ndef model_fn(model_dir): return model_dir\n"
        "def transform_fn(model_dir, data, content_type, accept):\n"
        "    return str(os.listdir(data)), 'text/csv'\n"
    )
    first = await start(script(source), SKLEARN, id="one")
    second = await start(script(source), SKLEARN, id="two")
    assert isinstance(first, Ready)
    assert isinstance(second, Ready)

    own = await first.replica.invoke(Invocation(b".", "text/csv"))
    other = await first.replica.invoke(Invocation(b"../../two/model", "text/csv"))

    assert own.status == 200
    assert other.status == 500
    assert b"PermissionError" in other.body


def test_the_level_says_what_is_taken_away() -> None:
    level = sandbox.level()

    assert "resource limits" in level
    assert not level.startswith("none")


def test_a_private_folder_is_left_out_of_what_may_be_read(tmp_path: Path) -> None:
    (tmp_path / "venv/bin").mkdir(parents=True)
    (tmp_path / "venv/lib/python3.11").mkdir(parents=True)
    (tmp_path / "venv/data/secret").mkdir(parents=True)
    python = str(tmp_path / "venv/bin/python")

    paths = sandbox.readable_paths(python, [tmp_path / "venv/data"])

    assert str(tmp_path / "venv/lib") in paths
    assert not [path for path in paths if path.startswith(str(tmp_path / "venv/data"))]
    assert str(tmp_path / "venv") not in paths


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a replica a user of its own")
def test_a_replica_of_root_has_a_user_of_its_own_who_reads_all_only_where_he_must() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "model.tar.gz").touch(0o644)
        open_to_all = [folder / "replica", folder / "model.tar.gz"]

        first, second = sandbox.user_for(open_to_all), sandbox.user_for(open_to_all)
        assert first.uid in sandbox.UIDS
        assert first.uid != second.uid
        assert not first.reads_all
        (folder / "model.tar.gz").chmod(0o600)
        assert sandbox.user_for(open_to_all).reads_all
        (folder / "model.tar.gz").chmod(0o644)
        folder.chmod(0o700)
        assert sandbox.user_for(open_to_all).reads_all
