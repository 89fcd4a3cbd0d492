"""Unpacking model archives: real ones come out as they are, hostile ones leave nothing."""

import gzip
import io
import os
import tarfile
import tempfile
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelyard.replica import archive
from modelyard.replica.archive import ArchiveError
from tests.replica.archives import BLOCK, END, entry, header, pax, write


def unpack(packed: Path, folder: Path) -> None:
    with packed.open("rb") as stream:
        archive.unpack(stream, folder)


LONG = b"a" * 300
DEEP = b"/".join([b"d"] * 60)

HOSTILE: dict[str, tuple[bytes, ...]] = {
    "parent": (entry(b"../canary"),),
    "parent in the middle": (entry(b"a/../../canary"),),
    "parent at the end": (entry(b"a/..", b"", b"5"),),
    "parent after dots": (entry(b"./.././canary"),),
    "parent in the ustar prefix": (entry(b"canary", prefix=b".."),),
    "absolute": (entry(b"/tmp/canary"),),
    "absolute twice": (entry(b"//tmp/canary"),),
    "absolute prefix": (entry(b"canary", prefix=b"/tmp"),),
    "windows path": (entry(b"..\\canary"),),
    "windows drive": (entry(b"C:canary"),),
    "parent in a pax path": (pax({b"path": b"../canary"}), entry(b"a")),
    "absolute pax path": (pax({b"path": b"/canary"}), entry(b"a")),
    "parent in a gnu long name": (entry(b"l", b"../canary\0", b"L"), entry(b"a")),
    "symlink": (header(b"l", 0, b"2", link=b"/etc"), entry(b"l/passwd")),
    "symlink to parent": (header(b"l", 0, b"2", link=b".."), entry(b"l/canary")),
    "symlink inside": (entry(b"a"), header(b"l", 0, b"2", link=b"a")),
    "hard link": (header(b"l", 0, b"1", link=b"/etc/passwd"),),
    "hard link inside": (entry(b"a"), header(b"l", 0, b"1", link=b"a")),
    "gnu long link": (entry(b"l", b"../canary\0", b"K"), header(b"l", 0, b"2")),
    "pax link": (pax({b"linkpath": b"../canary"}), header(b"l", 0, b"2")),
    "character device": (header(b"d", 0, b"3"),),
    "block device": (header(b"d", 0, b"4"),),
    "fifo": (header(b"f", 0, b"6"),),
    "old sparse file": (header(b"s", 0, b"S"),),
    "pax sparse file": (pax({b"GNU.sparse.major": b"1"}), entry(b"s")),
    "multi-volume": (header(b"m", 0, b"M"),),
    "volume label": (header(b"v", 0, b"V"),),
    "unknown kind": (header(b"q", 0, b"q"),),
    "same file twice": (entry(b"a"), entry(b"a", b"y")),
    "same file spelled otherwise": (entry(b"a"), entry(b"./a", b"y")),
    "file then folder": (entry(b"a"), entry(b"a/b")),
    "folder then file": (entry(b"a/b"), entry(b"a")),
    "name too long": (pax({b"path": LONG}), entry(b"a")),
    "path too long": (pax({b"path": b"/".join([b"a" * 200] * 8)}), entry(b"a")),
    "too deep": (pax({b"path": DEEP}), entry(b"a")),
    "nul in a pax path": (pax({b"path": b"a\0b"}), entry(b"a")),
    "line feed in a name": (entry(b"a\nb"),),
    "escape in a name": (entry(b"a\x1bb"),),
    "no name": (entry(b""),),
    "only dots": (entry(b"./."),),
    "negative size": (header(b"a", b"\xff" * 12),),
    "eight exbibytes": (header(b"a", b"\x80\0\0\0\x7f" + b"\xff" * 7),),
    "size of eleven sevens and no data": (header(b"a", b"77777777777\0"),),
    "minus in the size": (header(b"a", b"-0000000001\0"),),
    "text in the size": (header(b"a", b"0x000000001\0"),),
    "pax size": (pax({b"size": b"9" * 18}), entry(b"a")),
    "negative pax size": (pax({b"size": b"-1"}), entry(b"a")),
    "unicode pax size": (pax({b"size": "١".encode()}), entry(b"a")),
    "pax bomb": (header(b"p", 2 << 30, b"x"),),
    "gnu long name bomb": (header(b"p", 1 << 30, b"L"),),
    "pax length zero": (entry(b"p", b"0 path=a\n", b"x"), entry(b"a")),
    "pax length beyond": (entry(b"p", b"999 path=a\n", b"x"), entry(b"a")),
    "pax without length": (entry(b"p", b"path=a\n", b"x"), entry(b"a")),
    "pax without end": (entry(b"p", b"9 path=ab", b"x"), entry(b"a")),
    "endless pax headers": (pax({b"a": b"b"}) * (archive.FILES_MAX + 1),),
    "wrong checksum": (header(b"a", 0, checksum=b"000000\0 "),),
    "no checksum": (header(b"a", 0, checksum=bytes(8)),),
    "file ends early": (header(b"a", 10_000),),
    "folder with content": (header(b"d", 512, b"5"),),
    "global pax bomb": (header(b"g", 1 << 30, b"g"),),
    "not a tar": (b"hello world" * 100,),
}


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    """A file beside the model folder that no archive may touch."""
    path = tmp_path / "canary"
    path.write_text("untouched")
    return path


@pytest.mark.parametrize("case", HOSTILE, ids=str)
def test_a_hostile_archive_is_refused_and_leaves_nothing(
    case: str, tmp_path: Path, canary: Path
) -> None:
    packed = write(tmp_path / "model.tar.gz", *HOSTILE[case])
    before = time.thread_time()

    with pytest.raises(ArchiveError) as refused:
        unpack(packed, tmp_path / "model")

    assert str(refused.value).startswith("The model archive")
    assert str(refused.value).endswith(".")
    assert time.thread_time() - before < 20
    assert sorted(p.name for p in tmp_path.iterdir()) == ["canary", "model.tar.gz"]
    assert canary.read_text() == "untouched"


def test_there_are_at_least_forty_hostile_archives() -> None:
    assert len(HOSTILE) >= 40


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not gzip",
        gzip.compress(END)[:-9],
        gzip.compress(entry(b"a") + END)[:-20],
        b"\x1f\x8b",
    ],
    ids=["empty", "text", "cut", "cut later", "magic only"],
)
def test_what_is_not_whole_gzip_is_refused(data: bytes, tmp_path: Path) -> None:
    packed = tmp_path / "model.tar.gz"
    packed.write_bytes(data)

    with pytest.raises(ArchiveError):
        unpack(packed, tmp_path / "model")

    assert not (tmp_path / "model").exists()


def test_a_bomb_is_stopped_by_its_ratio(tmp_path: Path) -> None:
    size = archive.RATIO_FROM_BYTES + (1 << 20)
    packed = tmp_path / "model.tar.gz"
    with gzip.open(packed, "wb", compresslevel=1) as stream:
        stream.write(header(b"zeros", size))
        for _ in range(size >> 20):
            stream.write(bytes(1 << 20))

    with pytest.raises(ArchiveError, match="times its size"):
        unpack(packed, tmp_path / "model")

    assert not (tmp_path / "model").exists()


def test_too_many_files_are_refused(tmp_path: Path) -> None:
    empty = b"".join(header(b"%d" % number) for number in range(archive.FILES_MAX + 1))
    packed = write(tmp_path / "model.tar.gz", empty)

    with pytest.raises(ArchiveError, match="more than"):
        unpack(packed, tmp_path / "model")


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_what_tarfile_writes_comes_out_the_same(form: int, tmp_path: Path) -> None:
    contents = {
        "xgboost-model": os.urandom(70_000),
        "code/inference.py": b"print()",
        "empty": b"",
        "deep/" * 12 + "b" * 60: b"long name",
        "übung.json": b"{}",
    }
    packed = tmp_path / "model.tar.gz"
    with tarfile.open(packed, "w:gz", format=form) as tar:
        folder = tarfile.TarInfo("./")
        folder.type = tarfile.DIRTYPE
        tar.addfile(folder)
        for name, data in contents.items():
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(data), 1.5
            tar.addfile(info, io.BytesIO(data))

    unpack(packed, tmp_path / "model")

    unpacked = {
        str(p.relative_to(tmp_path / "model")): p.read_bytes()
        for p in (tmp_path / "model").rglob("*")
        if p.is_file()
    }
    assert unpacked == contents


def test_the_sdks_own_archives_name_their_root_by_a_slash(tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "code").mkdir(parents=True)
    (source / "code" / "inference.py").write_text("print()")
    packed = tmp_path / "model.tar.gz"
    with tarfile.open(packed, mode="w:gz") as tar:
        tar.add(source, arcname="/")  # as sagemaker.utils.repack_model does

    unpack(packed, tmp_path / "model")

    assert (tmp_path / "model" / "code" / "inference.py").read_text() == "print()"


def test_a_folder_with_something_in_it_is_not_written_to(tmp_path: Path) -> None:
    packed = write(tmp_path / "model.tar.gz", entry(b"a"))
    (tmp_path / "model").mkdir()
    (tmp_path / "model/there").touch()

    with pytest.raises(ArchiveError):
        unpack(packed, tmp_path / "model")

    assert list((tmp_path / "model").iterdir()) == [tmp_path / "model/there"]


def _with_checksum(block: bytes) -> bytes:
    blank = block[:148] + b" " * 8 + block[156:]
    return block[:148] + b"%06o\0 " % sum(blank) + block[156:]


_BLOCKS = st.one_of(
    st.binary(min_size=BLOCK, max_size=BLOCK).map(_with_checksum),
    st.tuples(
        st.sampled_from([b"a", b"a/b", b"../c", b"/d", b"./e", b"f/.."]) | st.binary(max_size=100),
        st.integers(0, 2000) | st.binary(min_size=12, max_size=12),
        st.sampled_from(list(b"0123456xgLKSVM7\0")).map(lambda kind: bytes([kind])),
    ).map(lambda fields: header(*fields)),
    st.binary(min_size=BLOCK, max_size=BLOCK),
)


@settings(
    max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(blocks=st.lists(_BLOCKS, max_size=8))
def test_no_header_makes_it_hang_or_write_outside(blocks: list[bytes]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        packed = write(folder / "model.tar.gz", *blocks)
        before = time.thread_time()
        try:
            unpack(packed, folder / "model")
        except ArchiveError:
            assert not (folder / "model").exists()
        assert {p.name for p in folder.iterdir()} <= {"model", "model.tar.gz"}
        assert not any(p.is_symlink() for p in folder.rglob("*"))
        assert time.thread_time() - before < 5
