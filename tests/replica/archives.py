"""Writes tar headers by hand, so that tests can write wrong ones."""

import gzip
from pathlib import Path

BLOCK = 512


def header(
    name: bytes,
    size: int | bytes = 0,
    kind: bytes = b"0",
    *,
    link: bytes = b"",
    prefix: bytes = b"",
    magic: bytes = b"ustar\x0000",
    mode: bytes = b"0000644\0",
    checksum: bytes | None = None,
) -> bytes:
    size_field = size if isinstance(size, bytes) else b"%011o\0" % size
    block = name.ljust(100, b"\0")[:100] + mode + b"0000000\0" * 2 + size_field + b"0" * 11 + b"\0"
    block += b" " * 8 + kind + link.ljust(100, b"\0")[:100] + magic
    block += bytes(64) + b"0000000\0" * 2 + prefix.ljust(155, b"\0")[:155]
    block = block.ljust(BLOCK, b"\0")
    digits = checksum if checksum is not None else b"%06o\0 " % sum(block)
    return block[:148] + digits + block[156:]


def entry(name: bytes, data: bytes = b"x", kind: bytes = b"0", **fields: bytes) -> bytes:
    padding = bytes(-len(data) % BLOCK)
    return header(name, len(data), kind, **fields) + data + padding


def pax(members: dict[bytes, bytes], kind: bytes = b"x") -> bytes:
    data = b""
    for name, value in members.items():
        line = b" " + name + b"=" + value + b"\n"
        size = len(line) + 1
        while len(b"%d" % size) + len(line) != size:
            size += 1
        data += b"%d" % size + line
    return entry(b"pax", data, kind)


END = bytes(2 * BLOCK)


def write(path: Path, *parts: bytes, end: bytes = END) -> Path:
    path.write_bytes(gzip.compress(b"".join(parts) + end, 1))
    return path
