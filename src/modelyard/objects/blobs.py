"""The bytes of objects: one file each, written once, verified whenever read. Knows no object.

A blob is `<2 hex>/<id>` under its folder. Behind the bytes stand a CRC32C of each MiB of them, a
CRC32C of those sums, and a mark, so that a read of any range notices a rotted byte before it hands
on its block. A file comes to be by rename after fsync, so whatever has a blob's name is complete.

Unfinished files live in `tmp/<run>/`, whose lock tells the living from the dead: what a killed
process left there is removed at the next start, at once.
"""

import asyncio
import errno
import fcntl
import os
import re
import secrets
import shutil
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import BinaryIO

from modelyard.objects.blob_files import Blob, BlobFiles, Missing, Rotted, sync_folder
from modelyard.objects.blob_streams import BLOCK_BYTES, BlobReader, BlobWriter
from modelyard.objects.checksums import Digest

__all__ = ["BLOCK_BYTES", "Blob", "BlobFolder", "BlobReader", "Missing", "Rotted"]

_ID = re.compile("[0-9a-f]{32}")
_FOLDER = re.compile("[0-9a-f]{2}")
NAMED_MAX = 500  # ids looked up at once
SWEEP_AGE_SECONDS = 3600.0  # far longer than from a rename to the commit that names the blob


class BlobFolder(BlobFiles):
    """All blobs of one server, on one file system."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._run = folder / "tmp" / secrets.token_hex(8)
        self._run.mkdir(parents=True)
        self._lock = os.open(self._run / "lock", os.O_CREAT | os.O_RDWR, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def close(self) -> None:
        super().close()
        os.close(self._lock)
        shutil.rmtree(self._run, ignore_errors=True)

    @asynccontextmanager
    async def writer(self, digests: Sequence[Digest] = ()) -> AsyncIterator["BlobWriter"]:
        """A blob in the making; unless it is committed nothing remains of it.

        Raises: Unavailable: the disk is full or failing.
        """
        writer = BlobWriter(self, self._run / secrets.token_hex(16), digests)
        try:
            yield writer
        finally:
            await asyncio.shield(writer.close())

    async def open(self, blob: Blob, start: int = 0, end: int | None = None) -> "BlobReader":
        """The bytes of `blob` from `start` up to `end`; the first block is read and verified.

        Raises: Missing, Rotted, Unavailable.
        """
        reader = BlobReader(self, blob, start, blob.bytes if end is None else end)
        await reader.begin()
        return reader

    async def link(self, blob: Blob) -> Blob:
        """A second name for the same bytes, which are never changed.

        Raises: Missing, Unavailable.
        """
        return await self.work(self._link, blob)

    async def join(self, blobs: Sequence[Blob]) -> Blob:
        """One blob of all the bytes of `blobs`, in their order, verified on the way.

        Raises: Missing, Rotted, Unavailable.
        """
        async with self.writer() as writer:
            for blob in blobs:
                async for piece in await self.open(blob):
                    await writer.write(piece)
            await writer.finish()
            return await writer.commit()

    async def delete(self, ids: Collection[str]) -> None:
        """Remove blobs that no row names any more. What is gone already is no error."""
        if ids:
            await self.work(self._delete, list(ids))

    async def fetch(self, blob: Blob, path: Path) -> None:
        """Write a verified copy of `blob` to `path`, which does not exist yet.

        Raises: Missing, Rotted, Unavailable, and leaves no file then.
        """
        reader = await self.open(blob)
        target = await self.work(_new_file, path)
        try:
            async for piece in reader:
                await self.work(target.write, piece)
        except BaseException:
            await self.work(path.unlink)
            raise
        finally:
            await self.work(target.close)
            await reader.aclose()

    async def sweep(
        self,
        named: Callable[[Sequence[str]], Awaitable[Collection[str]]],
        age_seconds: float = SWEEP_AGE_SECONDS,
    ) -> int:
        """Remove what dead processes left unfinished, and blobs that no row names.

        `named` answers which of the ids some row names. A blob younger than `age_seconds` stays:
        the commit that names it may be on its way. Answers how many files went.
        """
        swept = await self.work(self._sweep_runs)
        before = time.time() - age_seconds
        for folder in await self.work(self._folders):
            old = await self.work(_older, folder, before)
            for first in range(0, len(old), NAMED_MAX):
                ids = old[first : first + NAMED_MAX]
                orphans = set(ids) - set(await named(ids))
                await self.delete(orphans)
                swept += len(orphans)
        return swept

    def _link(self, blob: Blob) -> Blob:
        copy = Blob(secrets.token_hex(16), blob.bytes, blob.sha256)
        path = self.path(copy.id)
        self.make(path.parent)
        os.utime(self.path(blob.id))  # young to the sweep under its new name, from the first moment
        try:
            os.link(self.path(blob.id), path)
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            temporary = self._run / copy.id
            with self.path(blob.id).open("rb") as source, _new_file(temporary) as target:
                shutil.copyfileobj(source, target, BLOCK_BYTES)
                target.flush()
                os.fsync(target.fileno())
            temporary.rename(path)
        sync_folder(path.parent)
        return copy

    def _delete(self, ids: Collection[str]) -> None:
        for blob_id in ids:
            self.path(blob_id).unlink(missing_ok=True)

    def _folders(self) -> list[Path]:
        return [p for p in self.folder.iterdir() if _FOLDER.fullmatch(p.name) and p.is_dir()]

    def _sweep_runs(self) -> int:
        swept = 0
        for run in (self.folder / "tmp").iterdir():
            if run != self._run and _is_dead(run):
                swept += sum(1 for file in run.iterdir() if file.name != "lock")
                shutil.rmtree(run)
        return swept


_NO_LINKS = frozenset({errno.EPERM, errno.EMLINK, errno.ENOTSUP, errno.EXDEV})


def _new_file(path: Path) -> BinaryIO:
    return path.open("xb")


def _older(folder: Path, before: float) -> list[str]:
    """Ids of the blobs in `folder` that were last touched before `before`."""
    with os.scandir(folder) as entries:
        return [e.name for e in entries if _ID.fullmatch(e.name) and e.stat().st_mtime < before]


def _is_dead(run: Path) -> bool:
    """Whether the process that made `run` has ended, whatever ended it."""
    try:
        fd = os.open(run / "lock", os.O_RDWR)
    except FileNotFoundError:
        # Between its mkdir and its lock; a leftover of a kill at that moment is empty, and stays.
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(fd)
    return True
