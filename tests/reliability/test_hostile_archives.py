"""An archive made to harm ends in Failed with a reason; nothing is written outside its folder."""

import gzip
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.reliability.clients import Clients
from tests.reliability.conftest import Figure
from tests.reliability.endpoints import Hosting
from tests.replica.archives import END, entry, header
from tests.server_process import ServerProcess

pytestmark = pytest.mark.slow


def hostile(canary: Path) -> dict[str, tuple[bytes, ...]]:
    """By name, the parts of a tar that would write below `canary` or exhaust the machine."""
    inside = str(canary).encode().lstrip(b"/")
    up = b"../" * 30 + inside
    script = entry(b"code/inference.py", b"def model_fn(d): pass")
    return {
        "traversal": (script, entry(up + b"/w")),
        "absolute": (script, entry(b"/" + inside + b"/w")),
        "hidden-traversal": (script, entry(b"code/.././../" + up + b"/w")),
        "symbolic-link": (
            header(b"way", kind=b"2", link=b"/" + inside),
            entry(b"way/w"),
        ),
        "link-to-a-link": (
            header(b"a", kind=b"2", link=b"."),
            header(b"a/b", kind=b"2", link=b"/" + inside),
            entry(b"a/b/w"),
        ),
        "hard-link": (header(b"w", kind=b"1", link=b"/" + inside + b"/there"), entry(b"w")),
        "device": (script, header(b"disk", kind=b"4")),
        "fifo": (script, header(b"pipe", kind=b"6")),
        "eight-exbibytes": (
            script,
            header(b"big", size=b"\x80" + b"\x00" * 3 + b"\x7f" + b"\xff" * 7),
        ),
        "negative-size": (script, header(b"less", size=b"\xff" * 12)),
    }


def packed(parts: tuple[bytes, ...]) -> bytes:
    return gzip.compress(b"".join(parts) + END, 1)


def bomb() -> bytes:
    """7 GB of zeros in 7 MB: one member of a tar, in many members of a gzip."""
    block = 64 << 20
    zeros = gzip.compress(bytes(block), 6)
    return gzip.compress(header(b"zeros", size=112 * block), 1) + zeros * 112 + gzip.compress(END)


NAMES = [*hostile(Path("/x")), "bomb"]


@pytest.fixture(scope="module")
def canary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("canary")
    (folder / "there").write_text("untouched")
    folder.chmod(0o777)
    return folder


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    started = ServerProcess(tmp_path_factory.mktemp("hostile"))
    started.start()
    yield started
    assert started.close() == []


@pytest.fixture(scope="module")
def hosting(server: ServerProcess, canary: Path) -> Hosting:
    """Endpoints of all these archives, made at once."""
    made = Hosting(Clients(server))
    archives = {name: packed(parts) for name, parts in hostile(canary).items()}
    for name, archive in {**archives, "bomb": bomb()}.items():
        made.deployable(name, archive)
        made.begin(name, name)
    return made


@pytest.mark.parametrize("name", NAMES)
def test_a_hostile_archive_fails_with_a_reason_and_writes_nothing_outside(
    server: ServerProcess, hosting: Hosting, canary: Path, name: str, figure: Figure
) -> None:
    after = hosting.settled(name)

    figure("reason", after.get("FailureReason"))
    assert after["EndpointStatus"] == "Failed"
    assert "archive" in after["FailureReason"]
    assert sorted(path.name for path in canary.iterdir()) == ["there"]
    assert (canary / "there").read_text() == "untouched"


def test_nothing_of_hostile_archives_stays(server: ServerProcess, hosting: Hosting) -> None:
    for name in NAMES:
        hosting.settled(name)

    until = time.monotonic() + 60
    folder = server.data / "compute" / "replicas"
    while left := list(folder.iterdir()):
        assert time.monotonic() < until, f"unpacked and still there: {left}"
        time.sleep(0.05)
