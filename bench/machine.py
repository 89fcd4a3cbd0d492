"""The machine and its processes, read from /proc: what ran, what it cost, what others took."""

import os
import platform
import random
import socket
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
CORES = os.cpu_count() or 1


def tree(pid: int) -> list[int]:
    """`pid` and all its living descendants."""
    children: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*"):
        fields = _stat(int(path.name))
        if fields:
            children.setdefault(int(fields[1]), []).append(int(path.name))
    found, waiting = [], [pid]
    while waiting:
        found.append(one := waiting.pop())
        waiting += children.get(one, [])
    return found


def _stat(pid: int) -> list[str]:
    """The fields behind the name; none when the process has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def cpu_seconds(pids: Iterable[int]) -> float:
    """User and system time of these processes, and of children they have waited for."""
    return sum(sum(map(int, fields[11:15])) for pid in pids if (fields := _stat(pid))) / _TICKS


def memory_mib(pids: Iterable[int], kind: str = "Pss") -> float:
    """Proportional memory (`Pss`) or the sum of resident memory (`Rss`)."""
    total = 0
    for pid in pids:
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith(f"{kind}:"))
    return total / 1024


def _busy_seconds() -> float:
    fields = Path("/proc/stat").read_text().splitlines()[0].split()[1:]
    busy = [int(fields[i]) for i in (0, 1, 2, 5, 6, 7)]  # all but idle and iowait
    return sum(busy) / _TICKS


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU seconds of the watched processes, and the share of the machine that others took."""

    watched: float
    foreign_share: float


class Meter:
    """What the watched processes cost between its making and `read`."""

    def __init__(self, watched: Callable[[], Iterable[int]]) -> None:
        self._watched = watched
        self._before = cpu_seconds(watched())
        self._own = time.process_time()
        self._busy = _busy_seconds()
        self._at = time.perf_counter()

    def read(self) -> Cost:
        wall = time.perf_counter() - self._at
        own = time.process_time() - self._own
        watched = cpu_seconds(self._watched()) - self._before
        foreign = max(0.0, _busy_seconds() - self._busy - own - watched)
        return Cost(watched, foreign / wall / CORES)


def free_port() -> int:
    """One below those that the kernel takes for connections, of which a load has many."""
    while True:
        port = random.randrange(10_000, 20_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port


def described() -> str:
    """The machine in one line."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    return (
        f"{CORES} cores ({model}), {memory:.0f} GB, {platform.system()} {platform.release()},"
        f" Python {platform.python_version()}"
    )
