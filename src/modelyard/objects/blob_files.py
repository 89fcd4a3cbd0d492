"""Where blobs lie, and the threads that touch them. Knows no bytes."""

import asyncio
import errno
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from modelyard.errors import Fact, Unavailable

_THREADS = 8

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Blob:
    """What a row says of a blob: its name, its length, and the digest of its bytes in hex."""

    id: str
    bytes: int
    sha256: str


class Missing(Fact):
    """There is no such file."""


class Rotted(Fact):
    """The bytes on the disk are not those that were written."""


class BlobFiles:
    """One folder on one file system, and the only way to work on it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._threads = ThreadPoolExecutor(_THREADS, "blobs")
        self._made: set[Path] = set()

    def close(self) -> None:
        self._threads.shutdown()

    def path(self, blob_id: str) -> Path:
        return self.folder / blob_id[:2] / blob_id

    async def work(self, function: Callable[..., T], *arguments: object) -> T:
        """Run a piece of file work in a thread. Raises: Missing, Unavailable."""
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._threads, function, *arguments)
        except OSError as error:
            raise _fact(error) from error

    def publish(self, temporary: Path, blob_id: str) -> None:
        """Give a finished and synced file its name, durably."""
        path = self.path(blob_id)
        self.make(path.parent)
        temporary.rename(path)
        sync_folder(path.parent)

    def make(self, folder: Path) -> None:
        if folder not in self._made:
            folder.mkdir(exist_ok=True)
            sync_folder(self.folder)
            self._made.add(folder)


def _fact(error: OSError) -> Fact:
    if error.errno == errno.ENOENT:
        return Missing(str(error))
    return Unavailable(f"the blob folder: {error}")


def sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
