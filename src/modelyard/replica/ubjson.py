"""Finds the members of a UBJSON object without building them. Knows nothing of models."""

import struct

from modelyard.replica.xgboost_legacy import ModelError

_FIXED = {b"Z": 0, b"T": 0, b"F": 0, b"N": 0, b"i": 1, b"U": 1, b"C": 1}
_FIXED |= {b"I": 2, b"l": 4, b"d": 4, b"L": 8, b"D": 8}
_INTEGERS = {b"i": ">b", b"U": ">B", b"I": ">h", b"l": ">i", b"L": ">q"}
DEPTH_MAX = 64


def members(data: bytes) -> dict[str, bytes]:
    """The top object's members, each as its own UBJSON bytes."""
    found: dict[str, bytes] = {}
    at = 1
    while data[at : at + 1] != b"}":
        name_end, name = _counted(data, at)
        end = _skip(data, name_end, 0)
        found[name.decode()] = data[name_end:end]
        at = end
    return found


def _integer(data: bytes, at: int) -> tuple[int, int]:
    form = _INTEGERS.get(data[at : at + 1])
    if form is None:
        raise ModelError("The UBJSON is damaged.")
    (value,) = struct.unpack_from(form, data, at + 1)
    if value < 0:
        raise ModelError("The UBJSON has a negative length.")
    return at + 1 + struct.calcsize(form), value


def _counted(data: bytes, at: int) -> tuple[int, bytes]:
    at, size = _integer(data, at)
    if at + size > len(data):
        raise ModelError("The UBJSON ends too early.")
    return at + size, data[at : at + size]


def _skip(data: bytes, at: int, depth: int) -> int:
    """Where the value at `at` ends."""
    marker = data[at : at + 1]
    if (size := _FIXED.get(marker)) is not None:
        return at + 1 + size
    if marker in (b"S", b"H"):
        return _counted(data, at + 1)[0]
    if marker not in (b"[", b"{") or depth > DEPTH_MAX:
        raise ModelError("The UBJSON is damaged.")
    return _skip_container(data, at + 1, marker == b"{", depth + 1)


def _skip_container(data: bytes, at: int, named: bool, depth: int) -> int:
    kind, count = b"", -1
    if data[at : at + 1] == b"$":
        kind, at = data[at + 1 : at + 2], at + 2
    if data[at : at + 1] == b"#":
        at, count = _integer(data, at + 1)
    if kind in _FIXED and not named:
        return at + count * _FIXED[kind]
    if kind:
        raise ModelError("The UBJSON has a typed container that XGBoost does not write.")
    closing = b"}" if named else b"]"
    while count != 0:
        if count < 0 and data[at : at + 1] == closing:
            return at + 1
        if at >= len(data):
            raise ModelError("The UBJSON ends too early.")
        if named:
            at = _counted(data, at)[0]
        at = _skip(data, at, depth)
        count -= 1
    return at
