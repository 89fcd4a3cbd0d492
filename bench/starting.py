"""From the command to the first answer, and what the server holds while nobody asks."""

import statistics
import time
from dataclasses import dataclass
from pathlib import Path

from bench import machine
from bench.servers import Modelyard, Postgresql

_SETTLE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Starts:
    """Medians over the starts of one kind of server."""

    target: str
    first_seconds: float  # on an empty data folder and an empty database
    again_seconds: float
    pss_mib: float
    rss_mib: float


def measure(target: str, folder: Path, rounds: int, postgresql: Postgresql | None) -> Starts:
    first, again, pss, rss = [], [], [], []
    for number in range(rounds):
        server = Modelyard(target, folder / f"start-{target}-{number}", postgresql)
        try:
            server.start()
            first.append(server.start_seconds)
            server.stop()
            server.start()
            again.append(server.start_seconds)
            time.sleep(_SETTLE_SECONDS)
            pss.append(machine.memory_mib(server.pids()))
            rss.append(machine.memory_mib([server.pid], "Rss"))
        finally:
            server.stop()
    median = statistics.median
    return Starts(target, median(first), median(again), median(pss), median(rss))
