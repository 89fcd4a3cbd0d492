"""Linux Landlock by its three system calls: an allow-list of paths, no TCP, no signals outside.

Each call of `restrict` adds a layer that can only take away. Needs no privilege. Knows no replica.
"""

import ctypes
import os
import stat
from collections.abc import Iterable

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446  # the same on every architecture
RULE_PATH_BENEATH, RULE_NET_PORT = 1, 2

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
TRUNCATE = 1 << 14
_RIGHTS_BY_ABI = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}  # how many rights on files exist
_READ = EXECUTE | READ_FILE | READ_DIR
_ON_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | 1 << 15
_DEVICE_MAKING = 1 << 6 | 1 << 11  # character and block devices
NET_BIND, NET_CONNECT = 1 << 0, 1 << 1  # of TCP
NET_TCP = NET_BIND | NET_CONNECT
SCOPE_ALL = 0b11  # abstract unix sockets, signals


class _RulesetAttributes(ctypes.Structure):
    _fields_ = (
        ("fs", ctypes.c_uint64),
        ("net", ctypes.c_uint64),
        ("scoped", ctypes.c_uint64),
    )


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _layout_ = "ms"
    _fields_ = (("allowed", ctypes.c_uint64), ("parent_fd", ctypes.c_int32))


class _NetPort(ctypes.Structure):
    _fields_ = (("allowed", ctypes.c_uint64), ("port", ctypes.c_uint64))


def abi() -> int:
    """The kernel's version of Landlock, 0 when there is none."""
    version: int = _syscall(CREATE_RULESET, None, 0, 1)
    return max(version, 0)


def restrict(
    readable: Iterable[str],
    writable: Iterable[str],
    *,
    network: bool,
    ports: Iterable[int] = (),
) -> bool:
    """Allow this thread and what it starts only these paths. False: not available.

    Without `network` it connects by TCP to `ports` only, and listens nowhere new.

    Raises OSError when the kernel has Landlock and refuses.
    """
    version = abi()
    if version == 0:
        return False
    every = (1 << _RIGHTS_BY_ABI[min(version, 5)]) - 1
    attributes = _RulesetAttributes(every, 0, 0)
    size = 8
    if version >= 4:
        attributes.net, size = 0 if network else NET_TCP, 16
    if version >= 6:
        attributes.scoped, size = SCOPE_ALL, 24
    ruleset = _checked(CREATE_RULESET, ctypes.byref(attributes), size, 0)
    try:
        for path in readable:
            _allow(ruleset, path, _READ)
        for path in writable:
            _allow(ruleset, path, every & ~_DEVICE_MAKING)
        for device in ("/dev/null", "/dev/zero", "/dev/random", "/dev/urandom"):
            _allow(ruleset, device, (READ_FILE | WRITE_FILE | TRUNCATE) & every)
        for port in ports if attributes.net else ():
            rule = _NetPort(NET_CONNECT, port)
            _checked(ADD_RULE, ruleset, RULE_NET_PORT, ctypes.byref(rule), 0)
        _checked(RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)
    return True


def _allow(ruleset: int, path: str, rights: int) -> None:
    """A path that is not there needs no rule."""
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
            rights &= _ON_FILES
        rule = _PathBeneath(rights, descriptor)
        _checked(ADD_RULE, ruleset, RULE_PATH_BENEATH, ctypes.byref(rule), 0)
    finally:
        os.close(descriptor)


def _checked(number: int, *arguments: object) -> int:
    result: int = _syscall(number, *arguments)
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def _syscall(number: int, *arguments: object) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    plain = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    result: int = libc.syscall(ctypes.c_long(number), *plain)
    return result
