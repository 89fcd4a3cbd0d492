"""The blob folder by itself: what remains after failures, and what the sweep takes."""

import asyncio
import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.errors import Unavailable
from modelyard.objects.blobs import BLOCK_BYTES, Blob, BlobFolder, Missing, Rotted
from tests.objects.conftest import files

SECRET = os.urandom(BLOCK_BYTES + 99)


async def store(blobs: BlobFolder, data: bytes) -> Blob:
    async with blobs.writer() as writer:
        await writer.write(data)
        await writer.finish()
        return await writer.commit()


async def test_what_is_not_committed_leaves_nothing(blobs: BlobFolder) -> None:
    async with blobs.writer() as writer:
        await writer.write(SECRET)

    assert files(blobs) == []


async def test_a_cancelled_upload_leaves_nothing(blobs: BlobFolder) -> None:
    begun = asyncio.Event()

    async def upload() -> None:
        async with blobs.writer() as writer:
            await writer.write(SECRET)
            begun.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(upload())
    await begun.wait()
    task.cancel()
    await asyncio.wait([task])

    assert task.cancelled()
    assert files(blobs) == []


class FullDisk:
    """A digest that fails as a full disk does; it is called where bytes are written."""

    def update(self, data: bytes, /) -> None:
        raise OSError(28, "No space left on device")

    def digest(self) -> bytes:
        return b""


async def test_a_full_disk_is_unavailable_and_leaves_nothing(blobs: BlobFolder) -> None:
    async def upload() -> None:
        async with blobs.writer([FullDisk()]) as writer:
            await writer.write(SECRET)
            await writer.finish()

    with pytest.raises(Unavailable):
        await upload()

    assert files(blobs) == []


@given(data=st.binary(max_size=50), cuts=st.lists(st.integers(1, 20), max_size=10))
async def test_pieces_of_any_size_make_the_same_blob(data: bytes, cuts: list[int]) -> None:
    with TemporaryDirectory() as folder:
        blobs = BlobFolder(Path(folder))
        async with blobs.writer() as writer:
            rest = data
            for cut in cuts:
                await writer.write(rest[:cut])
                rest = rest[cut:]
            await writer.write(rest)
            assert await writer.finish() == hashlib.sha256(data).hexdigest()
            blob = await writer.commit()
        assert b"".join([piece async for piece in await blobs.open(blob)]) == data
        blobs.close()


async def test_a_link_outlives_its_original(blobs: BlobFolder) -> None:
    blob = await store(blobs, SECRET)
    copy = await blobs.link(blob)

    await blobs.delete([blob.id])

    assert b"".join([piece async for piece in await blobs.open(copy)]) == SECRET
    with pytest.raises(Missing):
        await blobs.open(blob)


async def test_a_join_is_one_after_the_other(blobs: BlobFolder) -> None:
    first, second = await store(blobs, SECRET), await store(blobs, b"end")

    joined = await blobs.join([first, second])

    assert joined.sha256 == hashlib.sha256(SECRET + b"end").hexdigest()
    assert joined.bytes == len(SECRET) + 3
    blobs.path(second.id).write_bytes(b"")
    before = len(files(blobs))
    with pytest.raises(Rotted):
        await blobs.join([first, second])
    assert len(files(blobs)) == before


async def test_a_failed_fetch_leaves_no_file(blobs: BlobFolder, tmp_path: Path) -> None:
    blob = await store(blobs, SECRET)
    with blobs.path(blob.id).open("r+b") as file:
        file.seek(BLOCK_BYTES + 1)
        file.write(b"\0\0\0")

    with pytest.raises(Rotted):
        await blobs.fetch(blob, tmp_path / "copy")

    assert not (tmp_path / "copy").exists()


async def test_the_sweep_takes_old_blobs_that_nothing_names(blobs: BlobFolder) -> None:
    named, orphan, young = [await store(blobs, b"x") for _ in range(3)]
    for blob in (named, orphan):
        os.utime(blobs.path(blob.id), (0, 0))
    asked: list[str] = []

    async def names(ids: Sequence[str]) -> Collection[str]:
        asked.extend(ids)
        return {named.id}

    assert await blobs.sweep(names) == 1

    assert sorted(asked) == sorted([named.id, orphan.id])
    assert {path.name for path in files(blobs)} == {named.id, young.id}


UPLOADER = """
import asyncio, sys
from pathlib import Path
from tempfile import TemporaryDirectory
from modelyard.objects.blobs import BlobFolder

async def main():
    blobs = BlobFolder(Path(sys.argv[1]))
    async with blobs.writer() as writer:
        for _ in range(4):
            await writer.write(bytes(1 << 20))
        await writer.finish()
        print("written", flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.fixture
def uploader(tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    """A process in the middle of an upload."""
    source = Path(__file__).parents[2] / "src"
    with subprocess.Popen(
        [sys.executable, "-c", UPLOADER, str(tmp_path / "blobs")],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(source)},
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "written\n"
        yield process
        process.kill()


async def nothing_named(ids: Sequence[str]) -> Collection[str]:
    return []


async def test_unfinished_files_stay_while_their_process_lives(
    blobs: BlobFolder, uploader: "subprocess.Popen[str]"
) -> None:
    assert await blobs.sweep(nothing_named) == 0
    assert len(files(blobs)) == 1

    uploader.send_signal(signal.SIGKILL)
    uploader.wait()

    assert await blobs.sweep(nothing_named) == 1
    assert files(blobs) == []
    assert len(list((blobs.folder / "tmp").iterdir())) == 1
