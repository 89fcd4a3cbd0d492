"""A seccomp filter that refuses the system calls no model needs. Knows no replica.

Landlock does not see unix sockets of the file system (such as a container engine's), hence
socket(2) itself is refused; socketpair(2), which event loops need, is not.
"""

import ctypes
import platform
import struct

PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 22, 2
ALLOW, KILL_PROCESS, REFUSE = 0x7FFF0000, 0x80000000, 0x00050000 | 1  # EPERM
X32_BIT = 0x40000000
AF_UNIX, AF_INET = 1, 2
SOCK_STREAM, SOCK_TYPE_MASK = 1, 0xF
IPPROTO_TCP = 6

_LOAD, _AND, _EQUAL, _NOT_BELOW, _ANY_BIT, _RETURN = 0x20, 0x54, 0x15, 0x35, 0x45, 0x06
_NUMBER_AT, _ARCHITECTURE_AT, _ARGUMENT_AT = 0, 4, 16
_SECOND_AT, _THIRD_AT = 24, 32

# io_uring, open_tree, move_mount, fsopen, pidfd_getfd, mount_setattr: the same everywhere.
_SAME = (425, 426, 427, 428, 429, 430, 438, 442)
# ptrace, pivot_root, mount, umount2, swapon, reboot, modules, quotactl, keys, unshare,
# perf_event_open, open_by_handle_at, setns, process_vm_*, bpf, userfaultfd, kexec, acct, the clock.
_X86_64: tuple[int, ...] = (101, 155, 165, 166, 167, 169, 175, 176, 313, 179, 248, 249, 250, 272)
_X86_64 += (298, 304, 308, 310, 311, 321, 323, 246, 320, 163, 164, 227)
_AARCH64: tuple[int, ...] = (117, 41, 40, 39, 224, 142, 105, 106, 273, 60, 217, 218, 219, 97)
_AARCH64 += (241, 265, 268, 270, 271, 280, 282, 104, 294, 89, 170, 112)
# Architecture, socket, clone, and what is refused.
_MACHINES = {
    "x86_64": (0xC000003E, 41, 56, _X86_64 + _SAME),
    "aarch64": (0xC00000B7, 198, 220, _AARCH64 + _SAME),
}
# clone3's flags lie in memory, where no filter sees them; told that it is missing, libc uses clone.
_CLONE3, _MISSING = 435, 0x00050000 | 38  # ENOSYS
_NAMESPACES = 0x7E020000  # CLONE_NEW*: new namespaces come with rights over the kernel's code


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def restrict(*, network: bool, loopback: bool = False) -> bool:
    """Filter this thread and what it starts. False: not available on this machine.

    `network` allows every socket but unix ones; `loopback` those of TCP over IPv4, for a process
    whose network namespace is its own. Without either there are none.
    """
    machine = _MACHINES.get(platform.machine())
    if machine is None:
        return False
    code = _program(*machine, network=network, loopback=loopback)
    program = _Program(len(code) // 8, code)
    libc = ctypes.CDLL(None, use_errno=True)
    pointer = ctypes.byref(program)
    refused: int = libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, pointer, 0, 0)
    return refused == 0


def _program(
    architecture: int,
    socket: int,
    clone: int,
    refused: tuple[int, ...],
    *,
    network: bool,
    loopback: bool,
) -> bytes:
    steps = [
        _step(_LOAD, _ARCHITECTURE_AT),
        _step(_EQUAL, architecture, 1, 0),
        _step(_RETURN, KILL_PROCESS),
        _step(_LOAD, _NUMBER_AT),
        _step(_NOT_BELOW, X32_BIT, 0, 1),
        _step(_RETURN, REFUSE),
    ]
    for number in refused:
        steps += [_step(_EQUAL, number, 0, 1), _step(_RETURN, REFUSE)]
    steps += [
        _step(_EQUAL, _CLONE3, 0, 1),
        _step(_RETURN, _MISSING),
        _step(_EQUAL, clone, 0, 4),
        _step(_LOAD, _ARGUMENT_AT),
        _step(_ANY_BIT, _NAMESPACES, 0, 1),
        _step(_RETURN, REFUSE),
        _step(_RETURN, ALLOW),
    ]
    if network:
        steps += [
            _step(_EQUAL, socket, 0, 3),
            _step(_LOAD, _ARGUMENT_AT),
            _step(_EQUAL, AF_UNIX, 0, 1),
            _step(_RETURN, REFUSE),
        ]
    elif loopback:
        # The protocol too: Landlock does not know MPTCP, nor what comes after it.
        steps += [
            _step(_EQUAL, socket, 0, 9),
            _step(_LOAD, _ARGUMENT_AT),
            _step(_EQUAL, AF_INET, 0, 6),
            _step(_LOAD, _SECOND_AT),
            _step(_AND, SOCK_TYPE_MASK),
            _step(_EQUAL, SOCK_STREAM, 0, 3),
            _step(_LOAD, _THIRD_AT),
            _step(_EQUAL, 0, 2, 0),
            _step(_EQUAL, IPPROTO_TCP, 1, 0),
            _step(_RETURN, REFUSE),
        ]
    else:
        steps += [_step(_EQUAL, socket, 0, 1), _step(_RETURN, REFUSE)]
    steps.append(_step(_RETURN, ALLOW))
    return b"".join(steps)


def _step(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)
