"""Figures of one run: kept as they come, answered as medians over rounds."""

import statistics
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from bench import load, machine

WARM_SECONDS = 0.3
WARM_REQUESTS_MAX = 2000
FOREIGN_SHARE_MAX = 0.15  # of the machine; a noisier measurement is repeated
REPEATS_MAX = 1


@dataclass(frozen=True, slots=True)
class Figure:
    """One measurement. `cpu_ms` is the servers' CPU time a request; 0 where it is not known."""

    what: str
    target: str
    clients: int
    per_second: float
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    cpu_ms: float = 0.0
    foreign_share: float = 0.0


class Figures:
    """All measurements, by what was measured, on which target, by how many clients."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._all: list[Figure] = []
        self._tell = tell

    def add(self, figure: Figure) -> None:
        self._all.append(figure)
        self._tell(
            f"{figure.what:34} {figure.target:24} {figure.clients:3}"
            f" {figure.per_second:10,.1f}/s  p50 {figure.p50_ms:8.2f} ms"
            f"  cpu {figure.cpu_ms:6.3f} ms  others {figure.foreign_share:4.0%}"
        )

    def targets(self, what: str) -> list[str]:
        return list(dict.fromkeys(f.target for f in self._all if f.what == what))

    def median(self, what: str, target: str, clients: int, member: str = "per_second") -> float:
        """NaN when it was not measured."""
        found = [
            getattr(figure, member)
            for figure in self._all
            if (figure.what, figure.target, figure.clients) == (what, target, clients)
        ]
        return statistics.median(found) if found else float("nan")

    @property
    def foreign_shares(self) -> list[float]:
        return [figure.foreign_share for figure in self._all]


class Wrong(Exception):
    """A server refused what it was asked; its figures would mean nothing."""


@dataclass(frozen=True, slots=True)
class Target:
    """A server under load: where it is, and whose CPU time is its own (database included)."""

    name: str
    host: str
    port: int
    pids: Callable[[], Iterable[int]]


def measure(
    figures: Figures,
    what: str,
    target: Target,
    build: Callable[[int], bytes],
    *,
    clients: int,
    seconds: float,
) -> None:
    """Load `target` with the requests that `build` makes of numbers, and note what came of it.

    Numbers go on through warm-up and repeats, so that a request may be one that comes only once.
    """
    count = max(clients, min(WARM_REQUESTS_MAX, int(20_000 * WARM_SECONDS)))
    warm = load.run(
        target.host,
        target.port,
        [build(number) for number in range(count)],
        clients=clients,
        seconds=WARM_SECONDS,
    )
    _refuse_refusals(what, target, warm)
    first, best = count, None
    for _ in range(1 + REPEATS_MAX):
        count = max(clients, int(warm.per_second * seconds * 2))
        requests = [build(number) for number in range(first, first + count)]
        first += count
        meter = machine.Meter(target.pids)
        outcome = load.run(target.host, target.port, requests, clients=clients, seconds=seconds)
        cost = meter.read()
        _refuse_refusals(what, target, outcome)
        figure = Figure(
            what,
            target.name,
            clients,
            outcome.per_second,
            outcome.percentile_ms(50),
            outcome.percentile_ms(99),
            cost.watched / outcome.answered * 1000,
            cost.foreign_share,
        )
        if best is None or figure.foreign_share < best.foreign_share:
            best = figure
        if figure.foreign_share <= FOREIGN_SHARE_MAX:
            break
    assert best is not None
    figures.add(best)


def _refuse_refusals(what: str, target: Target, outcome: load.Outcome) -> None:
    if outcome.refused or not outcome.answered:
        raise Wrong(f"{target.name}, {what}: {outcome.refused} refused: {outcome.first_refusal}")
