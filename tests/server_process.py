"""A real server in a process of its own, as a test starts, kills and restarts it.

Knows the command line, `GET /ready` and the signals; nothing of the program's inside.
"""

import http.client
import os
import random
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
from botocore.config import Config

from tests import aws_sessions

# These guard against a hang only: a machine may be slow, and busy with other tests.
READY_SECONDS_MAX = 120.0
STOP_SECONDS_MAX = 120.0
CHILDREN_SECONDS_MAX = 60.0
ACCESS_KEY_ID = "AKIATESTROOTKEY00001"
SECRET_ACCESS_KEY = "a-secret-that-only-this-test-run-uses-01"
REGION = "us-east-1"
# Below the range from which the kernel takes ports for outgoing connections.
_PORTS = range(20_000, 32_000, 2)  # each with its successor: pairs do not overlap
_ANY = random.SystemRandom()
# The pairs that this process has, each held by a name that one process at a time can bind.
_held: dict[int, socket.socket] = {}


class ServerProcess:
    """One `modelyard serve` with its data folder, port and key; the port outlives a restart."""

    def __init__(
        self,
        folder: Path,
        *,
        database_url: str | None = None,
        environment: dict[str, str] | None = None,
    ) -> None:
        """Prepare a server in `folder` (made by the caller, empty); `start` starts it."""
        self.folder = folder
        self.data = folder / "data"
        self.log_path = folder / "server.log"
        self.port = free_port_pair()
        self.url = f"http://127.0.0.1:{self.port}"
        self.access_key_id = ACCESS_KEY_ID
        self.secret_access_key = SECRET_ACCESS_KEY
        self._database_url = database_url
        self._environment = dict(environment or {})
        self._process: subprocess.Popen[bytes] | None = None
        self._children: set[psutil.Process] = set()

    @property
    def pid(self) -> int:
        assert self._process is not None, "the server is not running"
        return self._process.pid

    @property
    def log(self) -> str:
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def start(self) -> None:
        """Start, and return when `GET /ready` answers 200.

        Raises: AssertionError: it ended, or is not ready after READY_SECONDS_MAX.
        """
        assert self._process is None, "the server is running already"
        command = [str(program()), "serve", "--port", str(self.port), "--data", str(self.data)]
        if self._database_url is not None:
            command += ["--database", self._database_url]
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._server_environment(),
                cwd=self.folder,
            )
        self._wait_until_ready()

    def stop(self) -> int:
        """Ask it to end as an operator does, and wait; its exit status."""
        process, self._process = self._running(), None
        process.send_signal(signal.SIGTERM)
        return process.wait(STOP_SECONDS_MAX)

    def kill(self) -> None:
        """End it between any two lines, as a power cut does."""
        process, self._process = self._running(), None
        process.kill()
        process.wait(STOP_SECONDS_MAX)

    def restart(self) -> None:
        """Start again on the same data and port, after `stop`, `kill`, or stopping it now."""
        if self._process is not None:
            self.stop()
        self.start()

    def children(self) -> list[psutil.Process]:
        """The processes it has started and that run now, at any depth."""
        found = psutil.Process(self.pid).children(recursive=True)
        self._children.update(found)
        return found

    def close(self) -> list[str]:
        """Stop what runs; the complaints: a slow stop, a process left behind (ended here)."""
        complaints = []
        if self._process is not None:
            process = self._process
            try:
                self.stop()
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                complaints.append(f"the server did not stop within {STOP_SECONDS_MAX:.0f} s")
        _, left = psutil.wait_procs(self._children, timeout=CHILDREN_SECONDS_MAX)
        for child in left:
            complaints.append(f"left behind: {child}")
            child.kill()
        give_back(self.port)
        return complaints

    def client(self, service: str, *, region: str = REGION, **options: Any) -> Any:
        """A boto3 client of this server, signed with the administrator's key."""
        options.setdefault("config", Config(retries={"total_max_attempts": 2}, read_timeout=120))
        session = aws_sessions.session(
            options.pop("aws_access_key_id", self.access_key_id),
            options.pop("aws_secret_access_key", self.secret_access_key),
            options.pop("aws_session_token", None),
            region,
        )
        return session.client(service, endpoint_url=self.url, **options)

    def env(self, *, region: str = REGION) -> dict[str, str]:
        """The whole environment of a client's process: this server, this key, an empty home."""
        home = self.folder / "home"
        home.mkdir(exist_ok=True)
        quiet = home / "sagemaker-config.yaml"
        # The SDKs would report some calls to a bucket on the internet, and wait for it.
        quiet.write_text(
            "SchemaVersion: '1.0'\n"
            "SageMaker:\n  PythonSDK:\n    Modules:\n      TelemetryOptOut: true\n"
        )
        return {
            "AWS_ACCESS_KEY_ID": self.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret_access_key,
            "AWS_DEFAULT_REGION": region,
            "AWS_REGION": region,
            "AWS_ENDPOINT_URL": self.url,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_PAGER": "",
            "HOME": str(home),
            "LANG": "C.UTF-8",
            "PATH": os.environ["PATH"],
            "SAGEMAKER_USER_CONFIG_OVERRIDE": str(quiet),
            "SAGEMAKER_SUPPRESS_V2_WARNING": "1",
            "TMPDIR": str(home),
        }

    def keys(self) -> dict[str, str]:
        """The settings that give a server its administrator's key."""
        return {
            "MODELYARD_ROOT_ACCESS_KEY_ID": self.access_key_id,
            "MODELYARD_ROOT_SECRET_ACCESS_KEY": self.secret_access_key,
        }

    def _server_environment(self) -> dict[str, str]:
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("AWS_", "MODELYARD_"))
        }
        return {
            **inherited,
            **self.keys(),
            **self._environment,
        }

    def _running(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "the server is not running"
        if self._process.poll() is None:
            self.children()
        return self._process

    def _wait_until_ready(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + READY_SECONDS_MAX
        while not self._is_ready():
            if self._process.poll() is not None:
                status, self._process = self._process.returncode, None
                raise AssertionError(f"the server ended with {status}:\n{self.log[-4000:]}")
            if time.monotonic() > deadline:
                self.kill()
                raise AssertionError(f"the server is not ready:\n{self.log[-4000:]}")
            time.sleep(0.02)

    def _is_ready(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request("GET", "/ready")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


def program() -> Path:
    """The command as it is installed beside this Python."""
    return Path(sys.executable).parent / "modelyard"


def free_port_pair() -> int:
    """A port that is free now, and its successor too (the CONNECT listener takes that one).

    No other test gets them while this process lives and has not called `give_back`: a server may
    take long to bind its port, and is away from it while it restarts.
    """
    for _ in range(100):
        port = _ANY.choice(_PORTS)
        if port not in _held and _hold(port):
            if _is_free(port) and _is_free(port + 1):
                return port
            give_back(port)
    raise AssertionError("no two free ports beside each other after 100 attempts")


def give_back(port: int) -> None:
    """Let others have what `free_port_pair` answered."""
    held = _held.pop(port, None)
    if held is not None:
        held.close()


def _hold(port: int) -> bool:
    """Whether the pair is this process's now."""
    # An abstract name: no file, and gone with its process.
    name = socket.socket(socket.AF_UNIX)
    try:
        name.bind(f"\0modelyard-test-ports-{port}")
    except OSError:
        name.close()
        return False
    _held[port] = name
    return True


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
