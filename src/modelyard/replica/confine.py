"""Gives up rights before any model code runs: namespaces, limits, capabilities, Landlock, seccomp.

Each measure is taken if the kernel lets us; which ones were is told by `confine`. What must hold
is decided by compute/sandbox.py. Must be called while the process has one thread.
"""

import contextlib
import ctypes
import os
import resource
import signal
import struct
import sys
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

from modelyard.replica import door, landlock, seccomp
from modelyard.replica.door import Ports
from modelyard.replica.spec import Spec

PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS, PR_CAPBSET_DROP = 1, 38, 24
PR_SET_KEEPCAPS, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE = 8, 47, 2
CAP_DAC_READ_SEARCH = 2
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET, CLONE_NEWIPC = (
    0x10000000,
    0x20000000,
    0x40000000,
    0x8000000,
)
CAPABILITIES_MAX = 64
CAPABILITY_VERSION_3 = 0x20080522
FILES_MAX = 1024
DESCRIPTORS_END = 0x7FFFFFFF
DOOR = "door to the server's services"  # given, not taken
FILE_BYTES_MAX = 32 << 30  # one file of a model, or one that model code writes
PROCESSES_MAX = 512
ADDRESS_SPACE_EXTRA_BYTES = 8 << 30  # mapped libraries and thread stacks are not memory yet

_PROC: tuple[str, ...] = (
    "/proc/self",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/proc/stat",
    "/proc/filesystems",
)
_PROC += ("/proc/sys/vm/overcommit_memory", "/proc/sys/kernel/ngroups_max")
_SYS = ("/sys/devices/system/cpu", "/sys/devices/system/node")


class ConfinementError(Exception):
    """A limit that must hold could not be set."""


def die_with_parent() -> None:
    """Be killed when the server's thread that started us ends; forgotten by a change of rights."""
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Confined(NamedTuple):
    """What was taken from this process, and what it listens on for the door, if it may have one."""

    measures: list[str]
    ports: Ports | None


def confine(spec: Spec) -> Confined:
    """Returns in the process that is to run the model."""
    os.umask(0o022)
    measures = ["no inherited environment"]
    namespaces = _unshare(spec)
    measures += namespaces
    ports = door.listen() if spec.door and "network namespace" in namespaces else None
    if ports is not None:
        measures.append(DOOR)
    # A user who may pass every folder is held by Landlock alone.
    own_user = bool(spec.uid) and (not spec.reads_all or landlock.abi() > 0)
    _limit(spec, processes="user namespace" in namespaces or own_user)
    measures += ["resource limits"]
    if own_user and _become(spec.uid, spec.gid or spec.uid, reads_all=spec.reads_all):
        measures.append("user of its own" + (" who may read" if spec.reads_all else ""))
    if os.geteuid() == 0 or "user namespace" in namespaces:  # whose maker has them all in it
        _drop_capabilities()
        measures.append("no capabilities")
    if _prctl(PR_SET_NO_NEW_PRIVS, 1):
        raise ConfinementError("The kernel refuses PR_SET_NO_NEW_PRIVS.")
    die_with_parent()
    if "process namespace" in namespaces:
        _continue_in_child()
    try:
        writable = [spec.work, *([] if spec.unpacked else filter(None, (spec.model, spec.code)))]
        if _restrict(spec, writable, ports):
            measures.append(f"Landlock {landlock.abi()}")
    except OSError as error:
        raise ConfinementError(f"The sandbox could not be closed: {error}.") from None
    if seccomp.restrict(network=spec.network, loopback=ports is not None):
        measures.append("seccomp")
    return Confined(measures, ports)


def seal_model(spec: Spec, ports: Ports | None) -> None:
    """From here on the model's files can only be read."""
    try:
        _restrict(spec, [spec.work], ports)
    except OSError as error:
        raise ConfinementError(f"The sandbox could not be closed: {error}.") from None


def _restrict(spec: Spec, writable: list[str], ports: Ports | None) -> bool:
    numbers = () if ports is None else ports.numbers
    return landlock.restrict(_readable(spec), writable, network=spec.network, ports=numbers)


def holds_code(measures: Collection[str]) -> bool:
    """Whether code that came with a model is kept from the server's files."""
    return "user of its own" in measures or any(m.startswith("Landlock") for m in measures)


def _readable(spec: Spec) -> list[str]:
    package = str(Path(__file__).resolve().parent)
    paths = [*spec.readable, package, *_PROC, *_SYS, spec.model, spec.code]
    return [path for path in paths if path]


def _unshare(spec: Spec) -> list[str]:
    """New namespaces as far as we may: without them Landlock and seccomp still stand."""
    libc = ctypes.CDLL(None, use_errno=True)
    wanted = CLONE_NEWPID | CLONE_NEWIPC | (0 if spec.network else CLONE_NEWNET)
    names = ["process namespace"] + ([] if spec.network else ["network namespace"])
    if os.geteuid() == 0 and libc.unshare(ctypes.c_int(wanted)) == 0:
        return names
    if spec.uid:
        return []
    user, group = os.geteuid(), os.getegid()
    if libc.unshare(ctypes.c_int(wanted | CLONE_NEWUSER)):
        return []
    try:
        _write("/proc/self/setgroups", "deny")
        _write("/proc/self/uid_map", f"{user} {user} 1")
        _write("/proc/self/gid_map", f"{group} {group} 1")
    except OSError as error:
        raise ConfinementError(f"The user namespace could not be set up: {error}.") from None
    return [*names, "user namespace"]


def _limit(spec: Spec, *, processes: bool) -> None:
    wanted = {
        resource.RLIMIT_DATA: spec.memory_bytes,
        resource.RLIMIT_AS: spec.memory_bytes + ADDRESS_SPACE_EXTRA_BYTES,
        resource.RLIMIT_NOFILE: FILES_MAX,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: FILE_BYTES_MAX,
    }
    if processes:  # for root itself the kernel ignores it
        wanted[resource.RLIMIT_NPROC] = PROCESSES_MAX
    for limit, value in wanted.items():
        _, hard = resource.getrlimit(limit)
        most = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(limit, (most, most))
    # The replica's log is our standard error; a write beyond FSIZE is an error, not a death.
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)


def _become(uid: int, gid: int, *, reads_all: bool) -> bool:
    """Another user without rights, but for that to read what Landlock leaves, if `reads_all`."""
    _prctl(PR_SET_KEEPCAPS, int(reads_all))
    try:
        os.setgroups([])
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
    except PermissionError:
        return False
    if reads_all:
        _keep_capabilities(1 << CAP_DAC_READ_SEARCH)
        if _prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_DAC_READ_SEARCH):
            raise ConfinementError("The right to read could not be kept.")
    return True


def _drop_capabilities() -> None:
    for capability in range(CAPABILITIES_MAX):
        _prctl(PR_CAPBSET_DROP, capability)
    _keep_capabilities(0)


def _keep_capabilities(kept: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    header = struct.pack("=Ii", CAPABILITY_VERSION_3, 0)
    if libc.capset(header, struct.pack("=6I", kept, kept, kept, 0, 0, 0)):
        raise ConfinementError("The capabilities of root could not be given up.")


def _continue_in_child() -> None:
    """Fork into the new process namespace; the parent only waits and ends the same way.

    The child is the namespace's first process: when it ends, the kernel ends all that it started.
    """
    child = os.fork()
    if child == 0:
        die_with_parent()
        return
    os.closerange(0, DESCRIPTORS_END)  # the server's numbers may be larger than our own limit
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        with contextlib.suppress(OSError, ValueError):
            signal.signal(os.WTERMSIG(status), signal.SIG_DFL)
        os.kill(os.getpid(), os.WTERMSIG(status))
    os._exit(os.waitstatus_to_exitcode(status) & 0xFF)


def _write(path: str, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)


def _prctl(option: int, *arguments: int) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    given = [*arguments, 0, 0, 0, 0][:4]
    result: int = libc.prctl(option, *(ctypes.c_ulong(argument) for argument in given))
    return result


def main() -> None:
    """For `modelyard doctor`: take everything away from this process and say what that was."""
    sys.stdout.write("\n".join(confine(Spec.parse(sys.stdin.buffer.readline())).measures) + "\n")
