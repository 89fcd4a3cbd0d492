"""Model code that attacks the server by what it writes, says and leaves behind."""

import os
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from modelyard.compute.backend import Ended, Ready, ReplicaSpec
from modelyard.compute.environments import is_shared
from modelyard.compute.processes import ProcessBackend
from modelyard.hosting.replicas import Invocation
from tests.compute.conftest import SKLEARN, Start, pack, settled

Script = Callable[..., Path]
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="about a server that runs as root")

ECHO = "def transform_fn(model, data, content_type, accept): return data, 'text/csv'\n"
STATUS_PIPE = (
    "import os, stat, time\n"
    "def say(line):\n"
    "    for name in os.listdir('/proc/self/fd'):\n"
    "        try:\n"
    "            if int(name) > 2 and stat.S_ISFIFO(os.fstat(int(name)).st_mode):\n"
    "                os.write(int(name), line + b'\\n')\n"
    "        except OSError: pass\n"
)


async def test_folders_without_end_do_not_outlive_their_replica(
    backend: ProcessBackend, start: Start, script: Script, tmp_path: Path
) -> None:
    source = (
        "import os\n"
        "def model_fn(model_dir):\n"
        "    for _ in range(3000):\n"
        "        os.mkdir('d'); os.chdir('d')\n" + ECHO
    )
    state = await start(script(source), SKLEARN, id="deep")
    assert isinstance(state, Ready), state

    await backend.stop("deep", 0.0)

    assert not (tmp_path / "replicas/deep").exists()


@pytest.mark.parametrize(
    "line",
    [
        b'{"state": "ready", "window": "many"}',
        b'{"state": "ready", "window": null}',
        b'{"state": "ready", "window": 1e400}',
        b'{"state": "ready", "window": -1}',
        b'{"state": ["ready"]}',
        b'{"state": "requirements"}',
        b'{"state": "failed"}',
        b'{"a":' * 100_000,
        b"[1]",
        b"\xff",
    ],
    ids=lambda line: line[:30].decode("latin-1"),
)
async def test_a_status_that_is_none_ends_the_replica(
    start: Start, script: Script, line: bytes
) -> None:
    source = STATUS_PIPE + f"def model_fn(model_dir): say({line!r}); os._exit(3)\n" + ECHO

    state = await start(script(source), SKLEARN)

    assert isinstance(state, Ended)
    assert state.reason


async def test_a_reason_is_fit_to_be_stored_and_shown(start: Start, script: Script) -> None:
    source = "def model_fn(model_dir): raise ValueError('\\ud800 \\0 \\x1b[2J end')\n"

    state = await start(script(source), SKLEARN)

    assert isinstance(state, Ended)
    assert "end" in state.reason
    state.reason.encode()
    assert not {"\0", "\x1b"} & set(state.reason + state.log_tail)


async def test_model_code_cannot_ask_for_an_environment_under_anothers_name(
    start: Start, script: Script, tmp_path: Path
) -> None:
    """Requirements that the server believed to be others would be found by the other model."""
    lie = b'{"state": "requirements", "requirements": "popular==1.0"}'
    source = STATUS_PIPE + f"def model_fn(model_dir): say({lie!r}); os._exit(0)\n" + ECHO
    setup = "from setuptools import setup\nsetup(name='popular', version='1.0')\n"
    evil = {"code/requirements.txt": "# nothing\n", "code/popular/setup.py": setup}

    state = await start(script(source, **evil), SKLEARN)

    assert isinstance(state, Ended)
    assert not list((tmp_path / "environments").glob("*/complete"))


async def test_requirements_beyond_what_is_read_are_refused(start: Start, script: Script) -> None:
    long = "#" + "x" * (256 << 10) + "\nevil\n"

    state = await start(script(ECHO, **{"code/requirements.txt": long}), SKLEARN)

    assert isinstance(state, Ended)
    assert "larger than 256 KiB" in state.reason


@pytest.mark.parametrize(
    ("requirements", "shared"),
    [
        (
            "pandas==2.0\nscikit-learn >= 1.2, <2 # why\n\nxgboost[dask]~=2.0; python_version>'3'",
            True,
        ),
        ("./evil", False),
        ("wheels/evil-1.0-py3-none-any.whl", False),
        ("evil-1.0-py3-none-any.whl", False),
        ("evil-1.0-py3-none-any.whl[x]", False),
        ("evil.tar.gz ; python_version > '3'", False),
        ("evil @ file:///tmp/evil", False),
        ("evil @ https://example.com/evil.whl", False),
        ("git+https://example.com/evil", False),
        ("-r other.txt", False),
        ("-i https://example.com/", False),
        ("pandas \\\n -r other.txt", False),
        ("${HOME}", False),
        ("a" + " " * 250_000 + "@", False),
    ],
    ids=lambda value: str(value)[:30],
)
def test_only_plain_names_make_a_shared_environment(requirements: str, shared: bool) -> None:
    assert is_shared(requirements) is shared


@pytest_asyncio.fixture
async def open_backend() -> AsyncIterator[tuple[ProcessBackend, Path]]:
    """A backend whose folders any user can get to, as those of a root server are."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o711)
        backend = ProcessBackend(environments=folder / "environments", private=(folder,))
        yield backend, folder
        await backend.close()


@AS_ROOT
async def test_a_replica_of_root_owns_nothing_but_its_model_and_work(
    open_backend: tuple[ProcessBackend, Path],
) -> None:
    backend, folder = open_backend
    archive = pack(folder / "model.tar.gz", {"code/inference.py": WHO})
    archive.chmod(0o600)
    (folder / "environments").mkdir(mode=0o711)
    spec = ReplicaSpec(id="r", image=SKLEARN, archive=archive, folder=folder / "replicas/r")
    (folder / "replicas").mkdir(mode=0o711)
    (folder / "replicas").chmod(0o711)

    await backend.start(spec)
    state = await settled(backend, "r")

    assert isinstance(state, Ready), state
    answer = await state.replica.invoke(Invocation(b"", "text/csv"))
    assert answer.body == b"refused limited"
    owners = {path.name: path.stat().st_uid for path in spec.folder.iterdir()}
    assert owners.pop("log") == 0
    assert spec.folder.stat().st_uid == 0
    assert 0 not in owners.values()


WHO = """
import os, resource
def model_fn(model_dir): return model_dir
def transform_fn(model_dir, data, content_type, accept):
    limited = "limited" if resource.getrlimit(resource.RLIMIT_NPROC)[0] < 10_000 else "free"
    try:
        open(model_dir + "/../log", "a")
    except OSError:
        return "refused " + limited, "text/csv"
    return "written " + limited, "text/csv"
"""
