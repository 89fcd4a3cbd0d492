"""Removes folders that model code could write to: nothing in them can hinder or mislead it.

shutil.rmtree descends by recursion with a descriptor a level, so that folders a thousand deep end
it in the middle. Here a folder's folders are moved up beside it first. No link is followed. Knows
no replica.
"""

import errno
import os
import stat
from itertools import count
from pathlib import Path

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def remove(folder: Path) -> None:
    """Remove `folder` and all that is in it; absent is well. Raises: OSError."""
    try:
        top = os.open(folder, _FOLDER)
    except FileNotFoundError:
        return
    try:
        _empty(top)
    finally:
        os.close(top)
    folder.rmdir()


def _empty(top: int) -> None:
    numbers = count()
    while folders := _without_files(top):
        for name in folders:
            below = _opened(name, top)
            try:
                for inner in _without_files(below):
                    _make_movable(inner, below)
                    _move_up(inner, below, top, numbers)
            finally:
                os.close(below)
            os.rmdir(name, dir_fd=top)


def _without_files(folder: int) -> list[str]:
    """The names of the folders in `folder`; everything else in it is removed."""
    folders = []
    for name in os.listdir(folder):
        if stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
            folders.append(name)
        else:
            os.unlink(name, dir_fd=folder)
    return folders


def _move_up(name: str, below: int, top: int, numbers: "count[int]") -> None:
    while True:
        free = f"{next(numbers)}"
        try:
            # Onto a folder that is empty it would take its place, which is just as well.
            os.rename(name, free, src_dir_fd=below, dst_dir_fd=top)
        except OSError as error:
            if error.errno not in (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR):
                raise
        else:
            return


def _opened(name: str, top: int) -> int:
    _make_movable(name, top)
    return os.open(name, _FOLDER, dir_fd=top)


def _make_movable(name: str, folder: int) -> None:
    """Root needs no permission; anybody else owns what a replica of his has made."""
    if os.geteuid() != 0:
        os.chmod(name, 0o700, dir_fd=folder)
