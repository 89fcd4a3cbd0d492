"""Files that only the owner may read: made whole or not at all, and refused when others can read.

Knows nothing of what is in them.
"""

import os
import stat
import tempfile
from pathlib import Path

FILE_BYTES_MAX = 1 << 20


class UnsafeFile(Exception):
    """A private file that others can read, or that is not a plain file. Says what to do."""


def make_folder(folder: Path) -> None:
    """Make `folder` for its owner alone; one that exists is left as it is."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def create(path: Path, content: bytes) -> bool:
    """Create `path` durably, mode 0600 from the first byte; False when it was there already.

    Of several processes that try at once one wins, and nobody ever sees half a file.
    """
    temporary = _written(path, content)
    try:
        path.hardlink_to(temporary)
    except FileExistsError:
        return False
    finally:
        temporary.unlink()
    _sync_folder(path.parent)
    return True


def replace(path: Path, content: bytes) -> None:
    """Write `path` anew, durably, readable by the owner only; readers see the old or the new."""
    temporary = _written(path, content)
    try:
        temporary.replace(path)
    except OSError:
        temporary.unlink()
        raise
    _sync_folder(path.parent)


def read(path: Path) -> bytes:
    """The content of a private file.

    Raises: FileNotFoundError; UnsafeFile: others can read it, or it is a link or a device.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise UnsafeFile(f"{path} cannot be opened safely: {error.strerror}.") from None
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise UnsafeFile(f"{path} is not a regular file. Move it away and start again.")
        if status.st_mode & 0o077:
            raise UnsafeFile(
                f"{path} can be read by others (mode {stat.S_IMODE(status.st_mode):04o}). Run: "
                f"chmod 600 {path}; if others may have read it, delete it: a new one is made."
            )
        if status.st_uid not in (os.geteuid(), 0):
            raise UnsafeFile(f"{path} belongs to another user. Run: chown {os.geteuid()} {path}")
        return file.read(FILE_BYTES_MAX)


def _written(path: Path, content: bytes) -> Path:
    """A durable temporary file beside `path`, mode 0600."""
    make_folder(path.parent)
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        Path(name).unlink()
        raise
    return Path(name)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
