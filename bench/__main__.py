"""`make bench`: measure, and write docs/benchmarks.md.

Rounds go over everything in turn, so that a drift of the machine falls on all of it alike.
"""

import argparse
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from bench import (
    decisions,
    document,
    floors,
    inference,
    lineage,
    metrics,
    peers,
    registry,
    searching,
    servers,
    starting,
)
from bench.results import Figures

_ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured."""

    rounds: int = 3
    seconds: float = 2.0
    clients: tuple[int, ...] = (1, 8, 32)
    sizes: tuple[int, ...] = (1_000, 100_000)
    list_clients: int = 8
    searched: int = 1_000_000  # versions for Search
    points: int = 10_000_000  # of metrics in one experiment
    associations: int = 100_000  # of lineage


WHOLE = Plan()
QUICK = Plan(rounds=1, seconds=0.5, searched=100_000, points=1_000_000)
TINY = Plan(
    rounds=1,
    seconds=0.05,
    clients=(1, 4),
    sizes=(200, 400),
    list_clients=2,
    searched=500,
    points=5_000,
    associations=3_000,  # so many that each endpoint has a version
)


@dataclass(slots=True)
class Bench:
    """Everything that runs while a run lasts."""

    plan: Plan
    figures: Figures
    folder: Path
    stack: ExitStack
    others: peers.Peers | None
    registries: list[registry.Registry] = field(default_factory=list)
    runs: list[metrics.Metrics] = field(default_factory=list)
    lineages: list[lineage.Lineage] = field(default_factory=list)
    mlflows: list[peers.MlflowServer] = field(default_factory=list)

    def start(self, postgresql: servers.Postgresql) -> None:
        for name, database in (("sqlite", None), ("postgresql", postgresql)):
            server = servers.Modelyard(name, self.folder / name, database)
            self.stack.callback(server.stop)
            server.start()
            self.registries.append(registry.Registry(server))
            self.runs.append(metrics.Metrics(server))
        for one in self.registries:
            one.prepare()
            for size in self.plan.sizes:
                one.fill(size)
            graph = lineage.Lineage(one.server, self.plan.associations)
            graph.fill()
            self.lineages.append(graph)
        for one in self.runs:
            one.prepare(self.plan.points)
        for mlflow in self.others.registries(postgresql) if self.others else ():
            self.stack.callback(mlflow.stop)
            mlflow.start()
            self.mlflows.append(mlflow)

    def run_registry(self, postgresql: servers.Postgresql) -> None:
        plan = self.plan
        for _ in range(plan.rounds):
            floors.sqlite_commits(self.figures, self.folder, plan.seconds)
            for clients in plan.clients:
                floors.postgresql_commits(
                    self.figures, postgresql, self.folder, clients, plan.seconds
                )
                for one in self.registries:
                    one.run(self.figures, clients, plan.seconds)
                for mlflow in self.mlflows:
                    mlflow.run(self.figures, clients, plan.seconds)
            for one in self.registries:
                for size in plan.sizes:
                    one.run_lists(self.figures, size, plan.list_clients, plan.seconds / 2)

    def run_metrics(self) -> None:
        for _ in range(self.plan.rounds):
            for one in self.runs:
                one.run(self.figures, self.plan.seconds)
            for mlflow in self.mlflows:
                mlflow.run_metrics(self.figures, self.plan.seconds)
            for one in self.runs:
                one.run_queries(self.figures, self.plan.seconds / 2)

    def run_lineage(self) -> None:
        for _ in range(self.plan.rounds):
            for one in self.lineages:
                one.run(self.figures, self.plan.seconds / 2)

    def run_inference(self) -> None:
        model = inference.trained()
        bare = inference.BareApp(self.folder, model)
        self.stack.callback(bare.stop)
        bare.start()
        endpoint = inference.Endpoint(self.registries[0].server, model)
        endpoint.deploy()
        for _ in range(self.plan.rounds):
            for clients in self.plan.clients:
                bare.run(self.figures, clients, self.plan.seconds)
                endpoint.run(self.figures, clients, self.plan.seconds)
            if self.others is not None:
                self.others.run_inference(
                    self.figures, inference.INVOKE, self.plan.clients, self.plan.seconds
                )


def run(plan: Plan, others: peers.Peers | None, command: str) -> str:
    """Measure all of `plan`, and answer the document."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="modelyard-bench-")))
        postgresql = stack.enter_context(servers.postgresql())
        starts = [
            starting.measure(name, folder, plan.rounds, database)
            for name, database in (("sqlite", None), ("postgresql", postgresql))
        ]
        figures = Figures(lambda line: print(line, flush=True))
        bench = Bench(plan, figures, folder, stack, others)
        bench.start(postgresql)
        for _ in range(plan.rounds):
            decisions.run(figures, plan.seconds / 2)
        searching.measured(figures, folder, postgresql, plan.searched, plan.seconds / 4)
        bench.run_registry(postgresql)
        bench.run_metrics()
        bench.run_lineage()
        bench.run_inference()
        facts = document.Facts(
            command=command,
            plan_rounds=plan.rounds,
            plan_seconds=plan.seconds,
            clients=plan.clients,
            sizes=plan.sizes,
            list_clients=plan.list_clients,
            searched=plan.searched,
            points=plan.points,
            associations=plan.associations,
            postgresql=postgresql.settings,
        )
    return document.written(figures, starts, facts)


def options_of(arguments: list[str]) -> argparse.Namespace:
    """What was asked for; `plan` is how much is measured."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one short round: a look, not a proof")
    parser.add_argument("--peers", type=Path, metavar="DIR", help="folder with the peers' drivers")
    parser.add_argument("--rounds", type=int, default=WHOLE.rounds)
    parser.add_argument("--seconds", type=float, default=WHOLE.seconds, help="of one measurement")
    parser.add_argument("--searched", type=int, default=WHOLE.searched, help="versions for Search")
    parser.add_argument("--output", type=Path, default=_ROOT / "docs" / "benchmarks.md")
    options = parser.parse_args(arguments)
    options.plan = (
        QUICK if options.quick else Plan(options.rounds, options.seconds, searched=options.searched)
    )
    return options


def main(arguments: list[str]) -> None:
    options = options_of(arguments)
    others = peers.Peers(options.peers.resolve()) if options.peers else None
    # Paths would name a machine.
    folder = options.peers and str(options.peers)
    where = [str(options.output), "--output"]
    shown = ["DIR" if a == folder else a for a in arguments if a not in where]
    command = "make bench" + (f' ARGS="{" ".join(shown)}"' if shown else "")
    text = run(options.plan, others, command)
    options.output.write_text(text)
    print(f"written: {options.output}")


if __name__ == "__main__":
    main(sys.argv[1:])
