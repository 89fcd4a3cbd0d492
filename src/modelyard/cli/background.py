"""A server of one's own in the background: found by its data folder, started, stopped."""

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import msgspec

from modelyard.cli import output
from modelyard.cli.connection import read_server_file
from modelyard.settings import load

START_SECONDS_MAX = 120.0  # a first start on a slow disk; one that ends is told at once
STOP_SECONDS_MAX = 60.0  # the server gives requests 25 seconds, then stops its replicas
POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class BackgroundServer:
    url: str
    pid: int


def find(data: Path | None) -> BackgroundServer | None:
    """The server that runs on the data folder and answers, if there is one."""
    folder = load({"data": data}, os.environ).data
    try:
        written = read_server_file(folder)
    except (OSError, msgspec.DecodeError):
        return None
    server = BackgroundServer(written.url, written.pid)
    return server if _answers(server.url) else None


def start(data: Path | None, port: int | None) -> BackgroundServer:
    """Start `modelyard serve` detached from this terminal and wait until it answers.

    Ends the command with the server's own last words if it does not come up.
    """
    folder = load({"data": data}, os.environ).data
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    log = folder / "server.log"
    arguments = [sys.executable, "-m", "modelyard", "serve", "--hide-key"]
    arguments += ["--data", str(folder)]
    if port is not None:
        arguments += ["--port", str(port)]
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW
    with os.fdopen(os.open(log, flags, 0o600), "ab") as file:
        begun = file.seek(0, os.SEEK_END)
        child = subprocess.Popen(
            arguments, stdin=subprocess.DEVNULL, stdout=file, stderr=file, start_new_session=True
        )
    deadline = time.monotonic() + START_SECONDS_MAX
    while time.monotonic() < deadline and child.poll() is None:
        server = find(data)
        if server is not None and server.pid == child.pid:
            return server
        time.sleep(POLL_SECONDS)
    child.kill()
    raise output.Stop(f"The server did not start. The end of {log}:\n{_tail(log, begun)}")


def stop(server: BackgroundServer) -> None:
    """Ask the server to stop, and wait until it has."""
    os.kill(server.pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS_MAX
    while time.monotonic() < deadline and _alive(server.pid):
        time.sleep(POLL_SECONDS)


def _alive(pid: int) -> bool:
    try:
        if os.waitpid(pid, os.WNOHANG)[0] == pid:
            return False
    except ChildProcessError:
        pass  # not started by this process: ask the system below
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/ready", timeout=10) as answer:  # noqa: S310 (our own URL)
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def _tail(log: Path, begun: int) -> str:
    """The last lines since `begun`: what stands before is of earlier servers."""
    return "\n".join(log.read_bytes()[begun:].decode(errors="replace").splitlines()[-8:])
