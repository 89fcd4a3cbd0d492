"""Models with requirements: an environment of their own, made once, in the sandbox."""

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from modelyard.compute.backend import Ended, Ready
from modelyard.compute.processes import ProcessBackend
from modelyard.hosting.replicas import Invocation
from tests.compute.conftest import SKLEARN, Start

Script = Callable[..., Path]

SOURCE = """
import tinygreeting, numpy
def model_fn(model_dir): return tinygreeting.GREETING
def transform_fn(model, data, content_type, accept): return model, "text/csv"
"""


@pytest.fixture
def index(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of packages that PIP_FIND_LINKS names, with one small package; no other index."""
    folder = tmp_path_factory.mktemp("index")
    with zipfile.ZipFile(folder / "tinygreeting-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("tinygreeting.py", "GREETING = 'hello'\n")
        wheel.writestr(
            "tinygreeting-1.0.dist-info/METADATA",
            "Metadata-Version: 2.1\nName: tinygreeting\nVersion: 1.0\n",
        )
        wheel.writestr(
            "tinygreeting-1.0.dist-info/WHEEL",
            "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        wheel.writestr("tinygreeting-1.0.dist-info/RECORD", "")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    return folder


async def test_requirements_are_installed_once_and_leave_the_server_alone(
    backend: ProcessBackend, start: Start, script: Script, index: Path, tmp_path: Path
) -> None:
    first = script(SOURCE, **{"code/requirements.txt": "tinygreeting==1.0\n"})

    state = await start(first, SKLEARN)

    assert isinstance(state, Ready), state
    answer = await state.replica.invoke(Invocation(b"x", "text/csv"))
    assert answer.body == b"hello"
    (environment,) = (tmp_path / "environments").iterdir()
    made = (environment / "complete").stat().st_mtime_ns
    again = await start(first, SKLEARN)
    assert isinstance(again, Ready), again
    assert (environment / "complete").stat().st_mtime_ns == made
    with pytest.raises(ImportError):
        __import__("tinygreeting")


async def test_what_pip_says_is_the_reason(
    start: Start, script: Script, index: Path, tmp_path: Path
) -> None:
    archive = script(SOURCE, **{"code/requirements.txt": "no-such-package-here==1.0\n"})

    state = await start(archive, SKLEARN)

    assert isinstance(state, Ended)
    assert state.reason.startswith("The model's code/requirements.txt could not be installed:")
    assert "no-such-package-here" in state.reason
    assert list((tmp_path / "environments").iterdir()) == []


async def test_an_unreachable_index_is_said_clearly(
    start: Start, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"NO_INDEX": "0", "INDEX_URL": "http://127.0.0.1:9/simple"}.items():
        monkeypatch.setenv(f"PIP_{name}", value)
    for name in ("FIND_LINKS", "EXTRA_INDEX_URL"):
        monkeypatch.delenv(f"PIP_{name}", raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_RETRIES", "0")
    archive = script(SOURCE, **{"code/requirements.txt": "tinygreeting==1.0\n"})

    state = await start(archive, SKLEARN)

    assert isinstance(state, Ended)
    assert "the package index cannot be reached" in state.reason


async def test_a_package_that_builds_cannot_read_the_server(
    start: Start, script: Script, index: Path, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("very-secret")
    setup = f"print(open({str(tmp_path / 'secret')!r}).read())\n"
    archive = script(
        SOURCE,
        **{
            "code/requirements.txt": "./evil\n",
            "code/evil/setup.py": setup,
            "code/evil/pyproject.toml": "[build-system]\nrequires = []\n"
            "build-backend = 'setup'\nbackend-path = ['.']\n",
        },
    )

    state = await start(archive, SKLEARN)

    assert isinstance(state, Ended)
    assert "very-secret" not in state.reason
    assert "could not be installed" in state.reason
