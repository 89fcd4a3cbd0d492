"""The command as a person runs it: a process of its own, with a home of its own."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.clients import story
from tests.server_process import ServerProcess, program

COMMAND_SECONDS_MAX = 600
Ran = subprocess.CompletedProcess[str]
Command = Callable[..., Ran]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


@pytest.fixture
def shell(home: Path) -> dict[str, str]:
    """A shell in which nothing of AWS or Modelyard is set."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AWS_", "MODELYARD_", "SAGEMAKER_", "REQUESTS_"))
        and not name.upper().endswith("_PROXY")
    }
    return {**kept, "HOME": str(home), "AWS_PAGER": ""}


@pytest.fixture
def modelyard(shell: dict[str, str], tmp_path: Path) -> Command:
    """`modelyard("env", "--json")`: what came of it; never a trace."""

    def run(*arguments: object, **variables: str) -> Ran:
        ran = subprocess.run(
            [program(), *map(str, arguments)],
            cwd=tmp_path,
            env={**shell, **variables},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS_MAX,
            check=False,
        )
        assert "Traceback" not in ran.stderr + ran.stdout, ran.stderr
        return ran

    return run


@pytest.fixture
def key(server: ServerProcess) -> dict[str, str]:
    """The settings of the server's key, which its data folder does not hold."""
    return {
        "MODELYARD_ROOT_ACCESS_KEY_ID": server.access_key_id,
        "MODELYARD_ROOT_SECRET_ACCESS_KEY": server.secret_access_key,
    }


@pytest.fixture(scope="session")
def boosters(tmp_path_factory: pytest.TempPathFactory) -> story.Boosters:
    return story.train(tmp_path_factory.mktemp("boosters"))
