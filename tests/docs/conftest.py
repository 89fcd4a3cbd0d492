"""A reader of the docs: a folder with a model and rows, and a shell that knows the server."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.clients import story
from tests.docs.blocks import Block
from tests.server_process import ServerProcess, program

BLOCK_SECONDS_MAX = 840  # less than pytest's limit, which would not show what it said
Run = Callable[[Block], str]


@pytest.fixture(scope="session")
def boosters(tmp_path_factory: pytest.TempPathFactory) -> story.Boosters:
    return story.train(tmp_path_factory.mktemp("boosters"))


@pytest.fixture
def desk(tmp_path: Path, boosters: story.Boosters) -> Path:
    """Where the reader sits: two models and some rows to ask about."""
    folder = tmp_path / "desk"
    folder.mkdir()
    shutil.copy(boosters.archives[0], folder / "model.tar.gz")
    shutil.copy(boosters.archives[1], folder / "better.tar.gz")
    (folder / "rows.csv").write_text(boosters.rows)
    return folder


@pytest.fixture
def read_along(server: ServerProcess, desk: Path, client_env: Callable[[str], Path]) -> Run:
    """Run a block as its reader would; what it prints."""
    key = {
        "MODELYARD_ROOT_ACCESS_KEY_ID": server.access_key_id,
        "MODELYARD_ROOT_SECRET_ACCESS_KEY": server.secret_access_key,
        "MODELYARD_DATA": str(server.data),
    }
    shown = subprocess.run(
        [program(), "env", "--json"],
        env={**server.env(), **key},
        capture_output=True,
        text=True,
        check=True,
    )
    exports = json.loads(shown.stdout)

    def run(block: Block) -> str:
        python = client_env(block.who)
        environment = {**server.env(), **exports, **key}
        folders = [str(python.parent), str(Path(sys.executable).parent), environment["PATH"]]
        environment["PATH"] = ":".join(folders)
        command = [python, "-c"] if block.language == "python" else ["sh", "-e", "-c"]
        ran = subprocess.run(
            [*command, block.text],
            cwd=desk,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=BLOCK_SECONDS_MAX,
            check=False,
        )
        told = f"{block.text}\n{ran.stdout[-4000:]}\n{ran.stderr[-8000:]}"
        assert ran.returncode == 0, told
        return ran.stdout

    return run
