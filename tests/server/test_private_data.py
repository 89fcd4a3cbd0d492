"""What the server keeps can be read by nobody else on the machine, whatever the umask was."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server_process import ServerProcess

# Passable by design, so that replicas of root reach their folders; nothing in them is listable.
PASSABLE = {"data", "data/compute", "data/compute/replicas", "data/environments"}


@pytest.fixture
def server() -> Iterator[ServerProcess]:
    """A server in a place that everyone can get to, started under the most generous umask."""
    before = os.umask(0)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        process = ServerProcess(folder)
        process.start()
        os.umask(before)
        yield process
        assert not process.close()


def _fill(server: ServerProcess) -> None:
    s3 = server.client("s3")
    s3.create_bucket(Bucket="private-bucket")
    s3.put_object(Bucket="private-bucket", Key="key", Body=b"x" * 200_000)
    server.client("sagemaker").create_model_package_group(ModelPackageGroupName="group")


def test_no_file_is_open_to_others(server: ServerProcess) -> None:
    _fill(server)

    folder = server.folder
    found = [server.data, *server.data.rglob("*")]
    modes = {str(path.relative_to(folder)): path.lstat().st_mode & 0o077 for path in found}

    assert any("modelyard.db-wal" in name for name in modes)
    assert any(name.startswith("data/blobs/") for name in modes)
    wide = {name: oct(mode) for name, mode in modes.items() if mode}
    assert wide.keys() <= PASSABLE
    assert set(wide.values()) <= {"0o11"}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can try as another user")
def test_another_user_can_read_nothing(server: ServerProcess) -> None:
    _fill(server)
    paths = [str(path) for path in [server.data, *server.data.rglob("*")]]
    tried = (
        "import os, sys\n"
        "os.setgroups([]); os.setgid(65520); os.setuid(65520)\n"
        "for path in sys.argv[1:]:\n"
        "    for attempt in (os.listdir, open, lambda p: open(p + '/new', 'w')):\n"
        "        try: attempt(path); print(path)\n"
        "        except OSError: pass\n"
    )

    ended = subprocess.run([sys.executable, "-c", tried, *paths], capture_output=True, check=True)

    assert ended.stdout == b""
