"""What is in a registered archive: its files with sizes and digests, by the reader of replicas.

Here because this layer alone may use that reader. The work is a thread's, and bounded. Knows no
model package.
"""

import asyncio
import secrets
import shutil
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, cast

from modelyard.compute.artifacts import ObjectSource
from modelyard.errors import Refusal
from modelyard.registry.archive_files import ArchivedFile, Unlistable, Unread
from modelyard.replica import archive
from modelyard.storage.stored_objects import StoredObject

PACKED_BYTES_MAX = 4 << 30
UNPACKED_BYTES_MAX = 8 << 30
FILES_MAX = 5000  # what one answer carries with ease, several times


class ArchiveListings:
    """`store` has the bytes; `folder`, which is this object's alone, is for copies in use."""

    def __init__(self, store: ObjectSource, folder: Path) -> None:
        self._store = store
        self._folder = folder
        self._closed = threading.Event()
        shutil.rmtree(folder, ignore_errors=True)  # what a killed server left

    def close(self) -> None:
        """End the reading that goes on, which fails."""
        self._closed.set()

    async def read(self, stored: StoredObject) -> Sequence[ArchivedFile]:
        """The archive's files, by path.

        Raises: Unlistable: these bytes never can be. Unread: they cannot be had. Unavailable.
        """
        if stored.bytes > PACKED_BYTES_MAX:
            raise Unlistable(
                f"The model archive has {stored.bytes} bytes; up to {PACKED_BYTES_MAX} are read."
            )
        self._folder.mkdir(parents=True, exist_ok=True)
        copy = self._folder / secrets.token_hex(8)
        try:
            await self._store.fetch(stored, copy)
        except Refusal as problem:
            raise Unread(problem.message) from None
        try:
            return await asyncio.to_thread(self._listed, copy)
        finally:
            copy.unlink(missing_ok=True)

    def _listed(self, copy: Path) -> Sequence[ArchivedFile]:
        found: list[ArchivedFile] = []
        unpacked = 0
        try:
            with copy.open("rb") as packed:
                for file in archive.files(cast(BinaryIO, _Until(packed, self._closed))):
                    unpacked += file.bytes
                    if len(found) >= FILES_MAX or unpacked > UNPACKED_BYTES_MAX:
                        raise Unlistable(
                            f"The model archive has more than {FILES_MAX} files or"
                            f" {UNPACKED_BYTES_MAX >> 30} GiB, which are not compared."
                        )
                    found.append(ArchivedFile(_text(file.path), file.bytes, file.sha256))
        except archive.ArchiveError as problem:
            raise Unlistable(str(problem)) from None
        except OSError as problem:
            raise Unread(f"The model archive cannot be read: {problem.strerror}.") from None
        return sorted(found, key=lambda file: file.path)


def _text(path: str) -> str:
    """A path that can be told, whatever bytes it has; it has no backslash of its own."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


class _Until:
    """A file that can be read until `closed`: a thread cannot be ended otherwise."""

    def __init__(self, file: BinaryIO, closed: threading.Event) -> None:
        self._file = file
        self._closed = closed

    def read(self, size: int = -1) -> bytes:
        if self._closed.is_set():
            raise Unread("The server is stopping.")
        return self._file.read(size)

    def fileno(self) -> int:
        return self._file.fileno()
