"""What is in an archive: real ones to the last byte, hostile ones a sentence."""

import asyncio
import hashlib
import io
import tarfile
from pathlib import Path

import pytest

from modelyard.compute.archive_listings import FILES_MAX, ArchiveListings
from modelyard.objects.refusals import InternalError
from modelyard.registry.archive_files import ArchivedFile, Unlistable, Unread
from modelyard.storage.stored_objects import StoredObject
from tests.replica.archives import END, entry, header, write


class Store:
    """One object, whose bytes are those of a file."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    async def fetch(self, stored: StoredObject, path: Path) -> None:
        if self._path is None:
            raise InternalError("the bytes are gone")
        path.write_bytes(self._path.read_bytes())


async def listed(tmp_path: Path, archive: Path | None, length: int = 100) -> list[ArchivedFile]:
    folder = tmp_path / "listings"
    stored = StoredObject("b", "k", length, "e", "0" * 64, "blob", 0)
    try:
        return list(await ArchiveListings(Store(archive), folder).read(stored))
    finally:
        assert not folder.exists() or not list(folder.iterdir())


async def test_every_file_has_its_size_and_the_digest_of_its_content(tmp_path: Path) -> None:
    contents = {"xgboost-model": b"trees" * 1000, "code/inference.py": b"", "ä.txt": b"x"}
    path = tmp_path / "model.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name, content in contents.items():
            info = tarfile.TarInfo(f"./{name}")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))

    found = await listed(tmp_path, path)

    assert found == [
        ArchivedFile(name, len(content), hashlib.sha256(content).hexdigest())
        for name, content in sorted(contents.items())
    ]


async def test_a_name_that_is_no_text_is_shown_as_one(tmp_path: Path) -> None:
    found = await listed(tmp_path, write(tmp_path / "a", entry(b"caf\xe9")))

    assert [file.path for file in found] == ["caf\\xe9"]


@pytest.mark.parametrize(
    ("parts", "sentence"),
    [
        ((entry(b"../canary"),), "leaves its folder"),
        ((entry(b"a", kind=b"2", link=b"/etc/passwd"),), "symbolic link"),
        ((entry(b"a"), entry(b"a")), "twice"),
        ((header(b"a", 9999), b"x"), "too early|in the middle"),
        (tuple(entry(b"f%d" % number) for number in range(FILES_MAX + 1)), f"than {FILES_MAX}"),
        ((b"\1" * 512,), "malformed header"),
    ],
)
async def test_a_hostile_archive_is_a_sentence(
    tmp_path: Path, parts: tuple[bytes, ...], sentence: str
) -> None:
    with pytest.raises(Unlistable, match=sentence):
        await listed(tmp_path, write(tmp_path / "a", *parts))


async def test_a_bomb_is_given_up_early(tmp_path: Path) -> None:
    bomb = write(tmp_path / "a", header(b"zeros", 1 << 30), bytes(1 << 20), end=b"")
    with pytest.raises(Unlistable, match="times its size"):
        await listed(tmp_path, bomb)


async def test_what_is_too_large_is_not_even_fetched(tmp_path: Path) -> None:
    with pytest.raises(Unlistable, match="up to"):
        await listed(tmp_path, None, length=5 << 30)


async def test_bytes_that_are_gone_may_come_back(tmp_path: Path) -> None:
    with pytest.raises(Unread):
        await listed(tmp_path, None)


async def test_reading_ends_when_the_server_does(tmp_path: Path) -> None:
    path = write(tmp_path / "a", entry(b"a"), end=END)
    listings = ArchiveListings(Store(path), tmp_path / "listings")
    listings.close()
    with pytest.raises(Unread, match="stopping"):
        async with asyncio.timeout(60):
            await listings.read(StoredObject("b", "k", 100, "e", "0" * 64, "blob", 0))
