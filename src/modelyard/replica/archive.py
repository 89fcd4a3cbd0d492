"""Reads a model.tar.gz without trusting it: files and folders, nothing else, within bounds.

Own reader of the ustar, PAX and GNU headers: the standard library's follows links, loops on
hostile sizes and its filters were escaped (CVE-2025-4517). Knows nothing of models.
"""

import gzip
import hashlib
import os
import shutil
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Protocol

BLOCK = 512
FILES_MAX = 20_000
BYTES_MAX = 20 << 30  # unpacked, all files together
RATIO_MAX = 200  # unpacked to packed, once more than RATIO_FROM_BYTES have come out
RATIO_FROM_BYTES = 256 << 20
HEADER_BYTES_MAX = 64 << 10  # one PAX header or GNU long name
NAME_BYTES_MAX = 1024
COMPONENT_BYTES_MAX = 255
DEPTH_MAX = 32
COPY_BYTES = 1 << 20
PADDING_BYTES_MAX = 4 << 20  # zeros after the end; tar writes up to 10 KiB, some tools 1 MiB

_FILE_KINDS = (b"0", b"\0", b"7")
_REFUSED_KINDS = {
    b"1": "a hard link",
    b"2": "a symbolic link",
    b"3": "a character device",
    b"4": "a block device",
    b"6": "a fifo",
    b"S": "a sparse file",
    b"V": "a volume header",
    b"M": "a continued file",
}


class ArchiveError(Exception):
    """The archive is refused; the text is a sentence for FailureReason."""


class _Stream(Protocol):
    def read(self, size: int, /) -> bytes: ...


@dataclass(slots=True)
class _Totals:
    files: int = 0
    bytes: int = 0
    names: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class _Entry:
    name: str
    kind: bytes
    size: int
    executable: bool


@dataclass(frozen=True, slots=True)
class ArchivedFile:
    """A file in an archive: its path, its size and the SHA-256 of its content in lower-case hex."""

    path: str
    bytes: int
    sha256: str


def files(packed: BinaryIO) -> Iterator[ArchivedFile]:
    """The files that `unpack` would write, in the archive's order. Writes nothing.

    Raises: ArchiveError: also after some files, where the archive turns out to be wrong.
    """
    size = max(os.fstat(packed.fileno()).st_size, 1)
    try:
        with gzip.GzipFile(fileobj=packed, mode="rb") as stream:
            for entry, parts in _checked_entries(stream, size):
                if entry.kind != b"5":
                    digest = hashlib.sha256()
                    for piece in _content(stream, entry):
                        digest.update(piece)
                    yield ArchivedFile("/".join(parts), entry.size, digest.hexdigest())
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise _not_gzip() from None


def unpack(packed: BinaryIO, folder: Path) -> None:
    """Unpack into `folder`, which must be absent or empty; nothing is left if it is refused."""
    try:
        folder.mkdir(mode=0o755, exist_ok=True)
        if any(folder.iterdir()):
            raise ArchiveError("The model folder is not empty.")
    except OSError as error:
        raise ArchiveError(f"The model folder cannot be made: {error.strerror}.") from None
    try:
        size = max(os.fstat(packed.fileno()).st_size, 1)
        with gzip.GzipFile(fileobj=packed) as stream:
            _unpack(stream, folder, size)
    except (EOFError, zlib.error, gzip.BadGzipFile):
        shutil.rmtree(folder, ignore_errors=True)
        raise _not_gzip() from None
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise ArchiveError(f"The model archive cannot be unpacked: {error.strerror}.") from None
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _not_gzip() -> ArchiveError:
    return ArchiveError("The model archive is not a complete gzip file (tar.gz).")


def _unpack(stream: _Stream, folder: Path, packed_bytes: int) -> None:
    for entry, parts in _checked_entries(stream, packed_bytes):
        if entry.kind == b"5":
            _make_folders(folder, parts)
        else:
            _make_folders(folder, parts[:-1])
            _write(stream, folder.joinpath(*parts), entry)


def _checked_entries(stream: _Stream, packed_bytes: int) -> Iterator[tuple[_Entry, list[str]]]:
    """Entries that may be unpacked, each with the components of its path."""
    totals = _Totals()
    for entry in _entries(stream):
        parts = _checked_parts(entry.name)
        if not parts:
            if entry.kind == b"5":
                continue  # "./", the root itself
            raise ArchiveError("The model archive has a file without a name.")
        _account(entry, "/".join(parts), totals, packed_bytes)
        yield entry, parts


def _account(entry: _Entry, name: str, totals: _Totals, packed_bytes: int) -> None:
    totals.files += 1
    totals.bytes += entry.size
    if totals.files > FILES_MAX:
        raise ArchiveError(f"The model archive has more than {FILES_MAX} files.")
    if totals.bytes > BYTES_MAX:
        raise ArchiveError(f"The model archive unpacks to more than {BYTES_MAX >> 30} GiB.")
    if totals.bytes > RATIO_FROM_BYTES and totals.bytes > packed_bytes * RATIO_MAX:
        raise ArchiveError(f"The model archive unpacks to more than {RATIO_MAX} times its size.")
    if entry.kind != b"5":
        if name in totals.names:
            raise ArchiveError(f"The model archive has {_shown(name)} twice.")
        totals.names.add(name)


def _entries(stream: _Stream) -> Iterator[_Entry]:
    """The archive's entries; the consumer reads each file's bytes from `stream` before going on."""
    name: str | None = None
    size: int | None = None
    headers = 0
    while True:
        block = _exactly(stream, BLOCK)
        if block == bytes(BLOCK):
            _verify_end(stream)
            return
        kind, announced = block[156:157], _number(block[124:136])
        _check_sum(block)
        if kind in (b"x", b"g", b"L", b"K"):
            headers += 1
            if headers > FILES_MAX:
                raise ArchiveError("The model archive has too many headers.")
            if announced > HEADER_BYTES_MAX:
                raise ArchiveError("The model archive has an oversized header.")
            data = _exactly(stream, announced)
            _skip_padding(stream, announced)
            if kind == b"L":
                name = _text(data.rstrip(b"\0"))
            elif kind == b"x":
                members = _pax(data)
                name = members.get("path", name)
                size = int(members["size"]) if "size" in members else size
            elif kind == b"K":
                raise ArchiveError("The model archive has a link, which is not allowed.")
            continue
        entry = _entry(block, name, announced if size is None else size)
        name = size = None
        yield entry
        if entry.kind != b"5":
            _skip_padding(stream, entry.size)


def _entry(block: bytes, long_name: str | None, size: int) -> _Entry:
    kind = block[156:157]
    name = long_name
    if name is None:
        name = _text(block[:100].split(b"\0")[0])
        if block[257:262] == b"ustar" and block[257:265] != b"ustar  \0":
            prefix = _text(block[345:500].split(b"\0")[0])
            name = f"{prefix}/{name}" if prefix else name
    if kind in _FILE_KINDS:
        # Old tar marks a folder by a file whose name ends with a slash.
        kind = b"5" if name.endswith("/") and size == 0 else b"0"
    elif kind != b"5":
        what = _REFUSED_KINDS.get(kind, "an entry of an unknown kind")
        raise ArchiveError(
            f"The model archive has {what} ({_shown(name)}); only files and folders are allowed."
        )
    if kind == b"5" and size:
        raise ArchiveError(f"The model archive has a folder with content ({_shown(name)}).")
    return _Entry(name, kind, size, bool(_number(block[100:108]) & 0o100))


def _checked_parts(name: str) -> list[str]:
    """The name's components. Raises ArchiveError for whatever could leave the folder."""
    if name == "/":
        # The folder itself, as the SageMaker SDK writes it when it packs a model again (sagemaker
        # 2.257, utils.repack_model: arcname="/").
        return []
    if name.startswith("/") or "\\" in name or (len(name) > 1 and name[1] == ":"):
        raise ArchiveError(f"The model archive has an absolute path ({_shown(name)}).")
    if len(name.encode("utf-8", "surrogateescape")) > NAME_BYTES_MAX:
        raise ArchiveError("The model archive has an over-long name.")
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if len(parts) > DEPTH_MAX:
        raise ArchiveError(f"The model archive has folders deeper than {DEPTH_MAX}.")
    for part in parts:
        if part == "..":
            raise ArchiveError(
                f"The model archive has a path that leaves its folder ({_shown(name)})."
            )
        if len(part.encode("utf-8", "surrogateescape")) > COMPONENT_BYTES_MAX:
            raise ArchiveError("The model archive has an over-long name.")
        if any(ord(character) < 32 or ord(character) == 127 for character in part):
            raise ArchiveError(f"The model archive has a control character in {_shown(name)}.")
    return parts


def _make_folders(folder: Path, parts: list[str]) -> None:
    at = folder
    for part in parts:
        at = at / part
        try:
            at.mkdir(mode=0o755)
        except FileExistsError:
            if at.is_symlink() or not at.is_dir():
                raise ArchiveError(
                    f"The model archive has {_shown(part)} as a file and as a folder."
                ) from None


def _write(stream: _Stream, target: Path, entry: _Entry) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        descriptor = os.open(target, flags, 0o755 if entry.executable else 0o644)
    except (FileExistsError, IsADirectoryError):
        raise ArchiveError(f"The model archive has {_shown(entry.name)} twice.") from None
    with os.fdopen(descriptor, "wb") as out:
        for piece in _content(stream, entry):
            out.write(piece)


def _content(stream: _Stream, entry: _Entry) -> Iterator[bytes]:
    left = entry.size
    while left:
        data = stream.read(min(left, COPY_BYTES))
        if not data:
            raise ArchiveError("The model archive ends in the middle of a file.")
        yield data
        left -= len(data)


def _number(digits: bytes) -> int:
    """An octal field, or GNU's base 256. Negative or absurd sizes are refused."""
    if digits[:1] and digits[0] & 0x80:
        value = int.from_bytes(digits[1:], "big") if digits[0] == 0x80 else -1
        if not 0 <= value <= BYTES_MAX:
            raise ArchiveError("The model archive has an impossible size.")
        return value
    text = digits.strip(b" \0")
    if not text:
        return 0
    if not all(48 <= byte <= 55 for byte in text):
        raise ArchiveError("The model archive has a malformed header.")
    value = int(text, 8)
    if value > BYTES_MAX:
        raise ArchiveError("The model archive has an impossible size.")
    return value


def _check_sum(block: bytes) -> None:
    try:
        announced = int(block[148:156].strip(b" \0") or b"x", 8)
    except ValueError:
        raise ArchiveError("The model archive is not a tar file.") from None
    if announced != sum(block) - sum(block[148:156]) + 8 * 32:
        raise ArchiveError("The model archive is damaged or is not a tar file.")


def _pax(data: bytes) -> dict[str, str]:
    """The members of a PAX header: `LENGTH name=value` lines; sparse files are refused."""
    members: dict[str, str] = {}
    at = 0
    while at < len(data) and data[at] != 0:
        digits, space, _ = data[at : at + 12].partition(b" ")
        if not space or not digits.isdigit():
            raise ArchiveError("The model archive has a malformed PAX header.")
        end = at + int(digits)
        line = data[at + len(digits) + 1 : end]
        name, equals, value = line.partition(b"=")
        if end > len(data) or not line.endswith(b"\n") or not equals:
            raise ArchiveError("The model archive has a malformed PAX header.")
        members[_text(name)] = _text(value[:-1])
        at = end
    if any(name.startswith("GNU.sparse") for name in members):
        raise ArchiveError("The model archive has a sparse file, which is not allowed.")
    if "linkpath" in members:
        raise ArchiveError("The model archive has a link, which is not allowed.")
    size = members.get("size", "0")
    if not (size.isascii() and size.isdigit()) or len(size) > 19 or int(size) > BYTES_MAX:
        raise ArchiveError("The model archive has an impossible size.")
    return members


def _verify_end(stream: _Stream) -> None:
    """Read to the end of the gzip stream, where its checksum is; endless padding is ignored."""
    left = PADDING_BYTES_MAX
    while left > 0 and (data := stream.read(min(left, COPY_BYTES))):
        left -= len(data)


def _text(raw: bytes) -> str:
    if b"\0" in raw:
        raise ArchiveError("The model archive has a NUL in a name.")
    return raw.decode("utf-8", "surrogateescape")


def _exactly(stream: _Stream, size: int) -> bytes:
    data = stream.read(size)
    if len(data) != size:
        raise ArchiveError("The model archive ends too early or is not a tar file.")
    return data


def _skip_padding(stream: _Stream, size: int) -> None:
    if rest := -size % BLOCK:
        _exactly(stream, rest)


def _shown(name: str) -> str:
    return repr(name.encode("utf-8", "replace").decode()[:120])
