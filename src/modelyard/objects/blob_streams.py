"""Writing and reading one blob. Knows the file's form, and nothing of other blobs.

Behind the bytes stand a CRC32C of each MiB of them, a CRC32C of those sums, and a mark.
"""

import asyncio
import hashlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from modelyard.objects.blob_files import Blob, BlobFiles, Rotted
from modelyard.objects.checksums import Digest, crc32c

BLOCK_BYTES = 1 << 20
_MARK = b"MYB1"
_SUM_BYTES = 4
_SMALL_BYTES = 256 << 10  # below it, waking a second thread costs more than it gains


class BlobWriter:
    """Takes bytes on the loop; digests and writes them in a thread, one batch behind."""

    def __init__(self, files: BlobFiles, path: Path, digests: Sequence[Digest]) -> None:
        self.bytes = 0
        self._files = files
        self._path = path
        self._digests = digests
        self._sha256 = hashlib.sha256()
        self._sums = _BlockSums()
        self._batch: list[bytes] = []
        self._batch_bytes = 0
        self._working: asyncio.Task[None] | None = None
        self._fd = -1

    async def write(self, data: bytes) -> None:
        """Raises: Unavailable: the disk is full or failing."""
        self._batch.append(data)
        self._batch_bytes += len(data)
        self.bytes += len(data)
        if self._batch_bytes >= BLOCK_BYTES:
            await self._hand_over()

    async def finish(self) -> str:
        """All bytes are digested and written; their SHA-256 in hex. No more `write` after it."""
        await self._hand_over()
        await self._settle()
        return self._sha256.hexdigest()

    async def commit(self) -> Blob:
        """Make the blob durable under its name. Call `finish` first, and compare digests."""
        await self._files.work(self._publish)
        return Blob(self._path.name, self.bytes, self._sha256.hexdigest())

    async def close(self) -> None:
        """Let go; remove the file unless it was committed."""
        if self._working is not None:
            await _ended(self._working)
        await self._files.work(self._discard)

    async def _hand_over(self) -> None:
        await self._settle()
        batch, self._batch, self._batch_bytes = self._batch, [], 0
        self._working = asyncio.ensure_future(self._absorb(b"".join(batch)))

    async def _settle(self) -> None:
        if self._working is not None:
            await asyncio.shield(self._working)
            self._working = None

    async def _absorb(self, data: bytes) -> None:
        """Digest and write at the same time; the disk and MD5 are about equally slow."""
        if len(data) < _SMALL_BYTES:
            await self._files.work(self._digest_and_write, data)
            return
        digesting = asyncio.ensure_future(self._files.work(self._digest, data))
        try:
            await self._files.work(self._write, data)
        finally:
            await _ended(digesting)
        digesting.result()

    def _digest_and_write(self, data: bytes) -> None:
        self._digest(data)
        self._write(data)

    def _digest(self, data: bytes) -> None:
        self._sha256.update(data)
        for digest in self._digests:
            digest.update(data)
        self._sums.update(data)

    def _write(self, data: bytes) -> None:
        if self._fd < 0:
            self._fd = os.open(self._path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        _write_all(self._fd, data)

    def _publish(self) -> None:
        _write_all(self._fd, self._sums.footer())
        os.fsync(self._fd)
        self._files.publish(self._path, self._path.name)

    def _discard(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
        self._path.unlink(missing_ok=True)


class BlobReader:
    """Hands out verified bytes, one block ahead of whoever takes them. Close it when done."""

    def __init__(self, files: BlobFiles, blob: Blob, start: int, end: int) -> None:
        self._files = files
        self._blob = blob
        self._start = start
        self._end = end
        self._block = start // BLOCK_BYTES
        self._sha256 = hashlib.sha256() if (start, end) == (0, blob.bytes) else None
        self._sums = b""
        self._fd = -1
        self._ahead: asyncio.Task[bytes] | None = None

    async def begin(self) -> None:
        self._read_ahead(self._open)
        assert self._ahead is not None
        try:
            await asyncio.shield(self._ahead)
        except BaseException:
            await self.aclose()
            raise

    def __aiter__(self) -> "BlobReader":
        return self

    async def __anext__(self) -> bytes:
        if self._ahead is None:
            raise StopAsyncIteration
        piece = await asyncio.shield(self._ahead)
        self._ahead = None
        if self._block * BLOCK_BYTES < self._end:
            self._read_ahead(self._next)
        else:
            await self.aclose()
        if not piece:
            raise StopAsyncIteration
        return piece

    async def aclose(self) -> None:
        ahead, self._ahead = self._ahead, None
        if ahead is not None:
            await _ended(ahead)
        self._close()

    def __del__(self) -> None:
        self._close()

    def _close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _read_ahead(self, function: Callable[[], bytes]) -> None:
        self._ahead = asyncio.ensure_future(self._files.work(function))

    def _open(self) -> bytes:
        self._fd = os.open(self._files.path(self._blob.id), os.O_RDONLY)
        length = self._blob.bytes
        sums = -(-length // BLOCK_BYTES) * _SUM_BYTES
        footer = os.pread(self._fd, sums + _SUM_BYTES + len(_MARK) + 1, length)
        self._sums = footer[:sums]
        if footer[sums:] != _sum(self._sums) + _MARK:
            raise Rotted(f"blob {self._blob.id} does not end as it was written")
        return self._next()

    def _next(self) -> bytes:
        """One block, cut to what was asked for. The last of a whole blob comes with its digest."""
        first = self._block * BLOCK_BYTES
        if first >= self._end:
            return b""
        data = self._verified(first)
        self._block += 1
        if self._sha256 is not None:
            self._sha256.update(data)
            last = first + len(data) == self._blob.bytes
            if last and self._sha256.hexdigest() != self._blob.sha256:
                raise Rotted(f"blob {self._blob.id} is not the one its row describes")
            return data
        return data[max(self._start - first, 0) : self._end - first]

    def _verified(self, first: int) -> bytes:
        wanted = min(BLOCK_BYTES, self._blob.bytes - first)
        data = os.pread(self._fd, wanted, first)
        at = self._block * _SUM_BYTES
        if len(data) != wanted or _sum(data) != self._sums[at : at + _SUM_BYTES]:
            raise Rotted(f"blob {self._blob.id} has rotted in block {self._block}")
        return data


class _BlockSums:
    """The CRC32C of each block of a stream."""

    def __init__(self) -> None:
        self._done = bytearray()
        self._current = 0
        self._filled = 0

    def update(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            piece = view[: BLOCK_BYTES - self._filled]
            self._current = crc32c(piece, self._current)
            self._filled += len(piece)
            if self._filled == BLOCK_BYTES:
                self._end_block()
            view = view[len(piece) :]

    def footer(self) -> bytes:
        if self._filled:
            self._end_block()
        sums = bytes(self._done)
        return sums + _sum(sums) + _MARK

    def _end_block(self) -> None:
        self._done += self._current.to_bytes(_SUM_BYTES, "big")
        self._current = self._filled = 0


async def _ended(task: asyncio.Task[Any]) -> None:
    """Wait for `task`; its failure, if any, is somebody else's to tell."""
    await asyncio.wait([task])
    if not task.cancelled():
        task.exception()


def _sum(data: bytes) -> bytes:
    return crc32c(data).to_bytes(_SUM_BYTES, "big")


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
