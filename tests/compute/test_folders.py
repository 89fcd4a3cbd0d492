"""Whatever model code leaves in its folder can be removed, and nothing beside it is."""

import os
from pathlib import Path

import pytest

from modelyard.compute import folders

DEEP = 3000  # more than the interpreter may recurse, and than there are descriptors


@pytest.fixture
def grave(tmp_path: Path) -> Path:
    """A folder with links out of it, closed folders, and one as deep as a process can make it."""
    grave = tmp_path / "grave"
    (grave / "closed/inner").mkdir(parents=True)
    (grave / "closed/inner/file").write_text("x")
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept/file").write_text("precious")
    (grave / "link").symlink_to(tmp_path / "kept")
    (grave / "closed/link").symlink_to("..")
    (grave / "0").mkdir()
    (grave / "0/0").mkdir()
    (grave / "0/0/x").touch()
    (grave / "dangling").symlink_to("nowhere")
    os.mkfifo(grave / "fifo")
    at = os.open(grave, os.O_RDONLY)
    for _ in range(DEEP):
        os.mkdir("d", dir_fd=at)
        below = os.open("d", os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = below
    os.close(at)
    (grave / "closed").chmod(0)
    return grave


def test_a_folder_of_any_depth_is_removed_and_no_link_is_followed(
    grave: Path, tmp_path: Path
) -> None:
    folders.remove(grave)

    assert not grave.exists()
    assert (tmp_path / "kept/file").read_text() == "precious"


def test_a_link_in_place_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept/file").touch()
    (tmp_path / "grave").symlink_to(tmp_path / "kept")

    with pytest.raises(OSError, match="directory|symbolic"):
        folders.remove(tmp_path / "grave")

    assert (tmp_path / "kept/file").exists()


def test_what_is_not_there_needs_no_removal(tmp_path: Path) -> None:
    folders.remove(tmp_path / "nothing")

    assert list(tmp_path.iterdir()) == []
