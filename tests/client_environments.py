"""The Pythons of the outside clients, each in an environment of its own as its users have it."""

import fcntl
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MAKE_SECONDS_MAX = 900


def client_python(name: str) -> Path:
    """The Python of `.envs/<name>`, made from its lock file when it is not there yet.

    Test workers wait for each other; a failure shows what the installer said.
    """
    cache = ROOT / ".cache"
    cache.mkdir(exist_ok=True)
    with (cache / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        made = subprocess.run(
            ["make", f".envs/{name}/.ready"],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=MAKE_SECONDS_MAX,
            check=False,
        )
    if made.returncode != 0:
        pytest.fail(f"cannot make .envs/{name}:\n{made.stdout}{made.stderr}", pytrace=False)
    return ROOT / ".envs" / name / "bin" / "python"
