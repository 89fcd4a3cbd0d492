"""docs/benchmarks.md: the figures of one run as tables, with their ratios as the message."""

import math
import sqlite3
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version

from bench import (
    decisions,
    floors,
    inference,
    lineage,
    machine,
    metrics,
    peers,
    registry,
    searching,
)
from bench.results import Figures
from bench.starting import Starts

_GOAL_START_SECONDS = 1.5
_GOAL_MEMORY_MIB = 150
_GOAL_ACCESS_US = 100
_GOAL_SEARCH_MS = 50
_SEARCHED = next(iter(searching.QUESTIONS))
_GOAL_POINTS = 20_000
_GOAL_QUERY_MS = 100
_GOAL_LINEAGE_MS = 200
_DISTRIBUTIONS = ("modelyard", "botocore", "msgspec", "uvicorn", "uvloop", "psycopg", "xgboost-cpu")


@dataclass(frozen=True, slots=True)
class Facts:
    """What a reader needs to repeat the run."""

    command: str
    plan_rounds: int
    plan_seconds: float
    clients: tuple[int, ...]
    sizes: tuple[int, ...]
    list_clients: int
    searched: int
    points: int
    associations: int
    postgresql: Mapping[str, str]


def written(figures: Figures, starts: Sequence[Starts], facts: Facts) -> str:
    parts = [
        _opening(figures, facts),
        _goals(figures, starts, facts),
        _registry(figures, facts),
        _lists(figures, facts),
        _searches(figures, facts),
        _metrics(figures, facts),
        _lineage(figures, facts),
        _inference(figures, facts),
        _access(figures),
        _starts(starts),
        _method(facts),
    ]
    return "\n\n".join(parts) + "\n"


def _opening(figures: Figures, facts: Facts) -> str:
    shares = figures.foreign_shares
    found = ", ".join(f"{name} {version(name)}" for name in _DISTRIBUTIONS)
    durable = ", ".join(f"{k} {v}" for k, v in facts.postgresql.items() if k != "server_version")
    return f"""# Benchmarks

Written by `{facts.command}` on {datetime.now(UTC):%Y-%m-%d}; do not edit by hand. All figures
are of one run on one machine: {_rounds(facts)}, in which everything took its turn.

**Read the ratios**: rates move with the machine, ratios of one run do much less.

- Machine: {machine.described()}.
- Versions: {found}, SQLite {sqlite3.sqlite_version}, PostgreSQL \
{facts.postgresql.get("server_version", "?")} ({durable}).
- A commit that is alone waits for the disk, whose answer swings more than anything else here:
  what is held against the floor of single commits proves little where that floor is low.
- Others used {statistics.median(shares):.0%} of the machine in the median measurement, \
{max(shares):.0%} in the worst. The load generator runs on the same cores as the servers."""


def _rounds(facts: Facts) -> str:
    return "one round" if facts.plan_rounds == 1 else f"medians over {facts.plan_rounds} rounds"


def _goals(figures: Figures, starts: Sequence[Starts], facts: Facts) -> str:
    clients = max(facts.clients)
    lines = ["## The goals, and where this run stands", "", "| goal | this run |", "| --- | --- |"]
    for database in peers.REGISTRIES:
        rate = figures.median(registry.CREATE, database, clients)
        floor = _floor(figures, database, min(facts.clients))
        mlflow = f"MLflow tuned, {database}"
        other = figures.median(peers.CREATE, mlflow, clients)
        goal = f"registrations on {database}, {clients} clients"
        lines.append(
            f"| {goal}: 40 % of the single-row commits one connection makes"
            f" | **{rate / floor:.0%}** |"
        )
        lines.append(f"| {goal}: 20 times MLflow (tuned) | {_times(rate, other)} |")
        small, large = (
            figures.median(registry.list_later(size), database, facts.list_clients, "p50_ms")
            for size in (min(facts.sizes), max(facts.sizes))
        )
        lines.append(
            f"| a page at {max(facts.sizes):,} versions costs what one at {min(facts.sizes):,}"
            f" does, {database} | **{large / small:.2f} times** |"
        )
        slowest = max(
            figures.median(lineage.asked(what), database, 1, "p50_ms") for what in lineage.QUESTIONS
        )
        lines.append(
            f"| {lineage.QUERY} at depth 10 over {facts.associations:,} associations under"
            f" {_GOAL_LINEAGE_MS} ms, the slowest question of three, {database}"
            f" | **{slowest:.0f} ms** |"
        )
        goal_ms = figures.median(searching.name(_SEARCHED), database, searching.CLIENTS, "p50_ms")
        lines.append(
            f"| Search for {_SEARCHED} among {facts.searched:,} versions under"
            f" {_GOAL_SEARCH_MS} ms, {database} | **{goal_ms:.0f} ms** |"
        )
    lines += _metric_goals(figures, facts)
    ours = figures.median(inference.INVOKE, "sqlite", clients)
    bare = figures.median(inference.INVOKE, inference.BARE_APP, clients)
    lines.append(
        f"| {inference.INVOKE}, {clients} clients: no slower than the bare app"
        f" | {_times(ours, bare)} |"
    )
    asked = _access_us(figures, decisions.BOTH)
    lines.append(
        f"| signature and decision for a principal with {decisions.STATEMENTS} statements under"
        f" {_GOAL_ACCESS_US} us of CPU | **{asked:.0f} us** |"
    )
    first = max(one.first_seconds for one in starts)
    memory = max(one.rss_mib for one in starts)
    lines.append(
        f"| very first start to first answer under {_GOAL_START_SECONDS} s | **{first:.2f} s** |"
    )
    lines.append(f"| idle memory under {_GOAL_MEMORY_MIB} MB | **{memory:.0f} MiB** resident |")
    return "\n".join(lines)


def _metric_goals(figures: Figures, facts: Facts) -> list[str]:
    lines = []
    for database in peers.REGISTRIES:
        rate = figures.median(metrics.PUT, database, metrics.CLIENTS)
        other = figures.median(peers.LOG_BATCH, f"MLflow tuned, {database}", metrics.CLIENTS)
        goal = f"metrics on {database}, {metrics.CLIENTS} clients"
        lines.append(
            f"| {goal}: {_GOAL_POINTS:,} points a second | **{rate * metrics.BATCH:,.0f}** |"
        )
        lines.append(
            f"| {goal}: 10 times MLflow's log_batch (tuned) of as many | {_times(rate, other)} |"
        )
        slowest = max(
            figures.median(what, database, 1, "p99_ms")
            for what in (metrics.BY_STEP, metrics.BY_MINUTE)
        )
        lines.append(
            f"| one metric of one run among {facts.points:,} points under {_GOAL_QUERY_MS} ms,"
            f" {database} | **{slowest:.0f} ms** (p99) |"
        )
    return lines


def _registry(figures: Figures, facts: Facts) -> str:
    lines = [
        "## Registry operations",
        "",
        (
            "Every request has a fresh SigV4 signature; every write is durable before it is"
            " answered."
            f" A registration names an object of this server's S3 and goes to one of"
            f" {registry.GROUPS} groups. *of the floor*: against the database's own durable"
            " single-row commits, from the same number of clients (SQLite: from one thread)."
        ),
        "",
        "| operation | database | clients | requests/s | p50 ms | p99 ms | CPU ms | of the floor |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for operation in registry.OPERATIONS:
        for database in peers.REGISTRIES:
            for clients in facts.clients:
                row = _row(figures, operation, database, clients)
                floor = _floor(figures, database, clients)
                share = figures.median(operation, database, clients) / floor
                shown = f"{share:.0%}" if operation != registry.DESCRIBE else ""
                lines.append(f"| {operation} | {database} | {clients} | {row} | {shown} |")
    lines += [
        "",
        "| floor: durable single-row commits | clients | commits/s |",
        "| --- | ---: | ---: |",
    ]
    lines.append(f"| SQLite, one thread | 1 | {_floor(figures, 'sqlite', 1):,.0f} |")
    for clients in facts.clients:
        rate = _floor(figures, "postgresql", clients)
        lines.append(f"| PostgreSQL, pgbench | {clients} | {rate:,.0f} |")
    return "\n".join([*lines, "", *_mlflow(figures, facts)])


def _mlflow(figures: Figures, facts: Facts) -> list[str]:
    targets = figures.targets(peers.CREATE)
    if not targets:
        return [
            (
                'MLflow was not measured in this run: `make bench ARGS="--peers DIR"` adds it, DIR'
                " being a folder with the peers' drivers and PEERS_HOME naming their environments."
            )
        ]
    lines = [
        (
            "MLflow's create_model_version on the same databases in the same run (unsigned; tuned:"
            " uvloop, two workers, no job consumers):"
        ),
        "",
        "| target | clients | requests/s | p50 ms | p99 ms | CPU ms | Modelyard |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for target in targets:
        database = target.rpartition(", ")[2]
        for clients in facts.clients:
            row = _row(figures, peers.CREATE, target, clients)
            ours = figures.median(registry.CREATE, database, clients)
            ratio = _times(ours, figures.median(peers.CREATE, target, clients))
            lines.append(f"| {target} | {clients} | {row} | {ratio} |")
    return lines


def _lists(figures: Figures, facts: Facts) -> str:
    lines = [
        "## Pages of a list",
        "",
        (
            f"A page of {registry.PAGE} of one group, {facts.list_clients} clients; the page in the"
            " middle is reached by its token."
        ),
        "",
        "| page | database | requests/s | p50 ms | p99 ms | CPU ms |",
        "| --- | --- | ---: | ---: | ---: | ---: |",
    ]
    for size in facts.sizes:
        for what in (registry.list_first(size), registry.list_later(size)):
            for database in peers.REGISTRIES:
                row = _row(figures, what, database, facts.list_clients)
                lines.append(f"| {what.partition(', ')[2]} | {database} | {row} |")
    return "\n".join(lines)


def _metrics(figures: Figures, facts: Facts) -> str:
    rows = [
        *((metrics.PUT, one, metrics.CLIENTS) for one in peers.REGISTRIES),
        *((peers.LOG_BATCH, one, metrics.CLIENTS) for one in figures.targets(peers.LOG_BATCH)),
        *(
            (what, one, 1)
            for what in (metrics.BY_STEP, metrics.BY_MINUTE)
            for one in peers.REGISTRIES
        ),
    ]
    lines = [
        "## Metrics of runs",
        "",
        (
            f"{metrics.NAMES} metrics in each call, {metrics.RUNS} runs written to in turn. What is"
            f" asked for is one metric of one run, in an experiment of {metrics.FILLED_RUNS} runs"
            f" and {facts.points:,} points."
        ),
        "",
        "| operation | target | clients | requests/s | p50 ms | p99 ms | CPU ms |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for what, target, clients in rows:
        row = _row(figures, what, target, clients)
        lines.append(f"| {what} | {target} | {clients} | {row} |")
    return "\n".join(lines)


def _lineage(figures: Figures, facts: Facts) -> str:
    lines = [
        "## Lineage",
        "",
        (
            f"A graph of {facts.associations:,} associations: versions by jobs from data sets and"
            f" images, deployed to {lineage.ENDPOINTS} endpoints. MaxDepth 10, with edges, one"
            " client; the first page, of up to 1,000 vertices. The last question looks at all of"
            " the graph, from both ends of each association."
        ),
        "",
        "| question | database | answers/s | p50 ms | p99 ms | CPU ms |",
        "| --- | --- | ---: | ---: | ---: | ---: |",
    ]
    for what in (*lineage.QUESTIONS, lineage.WHOLE):
        for database in peers.REGISTRIES:
            row = _row(figures, lineage.asked(what), database, 1)
            lines.append(f"| {what} | {database} | {row} |")
    return "\n".join(lines)


_SEARCHES = """\
One client, pages of 10. The first is the goal: under {goal} ms. The group has half of all versions.
Most others are made to be hard: what is common is not where it is looked for."""


def _searches(figures: Figures, facts: Facts) -> str:
    lines = [
        f"## Search among {facts.searched:,} versions",
        "",
        _SEARCHES.format(goal=_GOAL_SEARCH_MS),
        "",
        "| search | " + " | ".join(f"{name}, p50 ms | CPU ms" for name in peers.REGISTRIES) + " |",
        "| --- |" + " ---: | ---: |" * len(peers.REGISTRIES),
    ]
    for what in searching.QUESTIONS:
        cells = [
            f"{figures.median(searching.name(what), database, searching.CLIENTS, member):.1f}"
            for database in peers.REGISTRIES
            for member in ("p50_ms", "cpu_ms")
        ]
        lines.append(f"| {what} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _inference(figures: Figures, facts: Facts) -> str:
    targets = [t for t in figures.targets(inference.INVOKE) if t != "sqlite"]
    lines = [
        "## InvokeEndpoint",
        "",
        (
            "One CSV row of 30 features, 100 trees of depth 6, one replica. Modelyard checks a"
            " fresh SigV4 signature and crosses into a confined process; the bare app is one"
            " uvicorn process that does nothing but call the booster. Answers were compared with"
            " the booster's own."
        ),
        "",
        "| target | clients | requests/s | p50 ms | p99 ms | CPU ms | Modelyard |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for target in ("sqlite", *targets):
        for clients in facts.clients:
            row = _row(figures, inference.INVOKE, target, clients)
            ours = figures.median(inference.INVOKE, "sqlite", clients)
            ratio = _times(ours, figures.median(inference.INVOKE, target, clients))
            name, shown = ("Modelyard", "") if target == "sqlite" else (target, ratio)
            lines.append(f"| {name} | {clients} | {row} | {shown} |")
    if len(targets) == 1:
        lines += ["", "Other inference servers were not measured in this run (see above)."]
    return "\n".join(lines)


def _access(figures: Figures) -> str:
    lines = [
        "## Who asks, and may they",
        "",
        (
            "CPU time of one call in one process, without HTTP and database: a fresh SigV4"
            " signature of an UpdateModelPackage is proved, and decided under"
            f" {decisions.STATEMENTS} statements that are all about that action, the last of which"
            " allows it."
        ),
        "",
        "| step | CPU us |",
        "| --- | ---: |",
    ]
    lines += [f"| {step} | {_access_us(figures, step):.1f} |" for step in decisions.STEPS]
    return "\n".join(lines)


def _access_us(figures: Figures, step: str) -> float:
    return figures.median(decisions.ACCESS, step, 1, "cpu_ms") * 1000


def _starts(starts: Sequence[Starts]) -> str:
    lines = [
        "## Start and memory",
        "",
        "From the command to the first answer, and what an idle server holds a second later.",
        "",
        "| database | very first start | later starts | PSS | resident |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    lines += [
        f"| {one.target} | {one.first_seconds:.2f} s | {one.again_seconds:.2f} s"
        f" | {one.pss_mib:.0f} MiB | {one.rss_mib:.0f} MiB |"
        for one in starts
    ]
    return "\n".join(lines)


def _method(facts: Facts) -> str:
    return f"""## How it is measured

- Closed loop: each client has one request in flight on one keep-alive connection. Requests are
  built and signed before the clock starts; a measurement lasts {facts.plan_seconds:g} s after a
  warm-up.
- CPU ms: CPU time a request of the server's processes and its database's (SQLite works inside of
  the server; the load generator is not counted).
- A measurement during which others took more than 15 % of the machine is repeated, once;
  the quieter counts.
- Groups of {" and ".join(f"{size:,}" for size in facts.sizes)} versions are filled by copying the
  row of one registered version.
- The code is in bench/; `make bench ARGS=--quick` is one short round."""


def _row(figures: Figures, what: str, target: str, clients: int) -> str:
    rate, p50, p99, cpu = (
        figures.median(what, target, clients, member)
        for member in ("per_second", "p50_ms", "p99_ms", "cpu_ms")
    )
    return f"{rate:,.0f} | {p50:.2f} | {p99:.2f} | {cpu:.3f}"


def _floor(figures: Figures, database: str, clients: int) -> float:
    return figures.median(floors.COMMITS, database, 1 if database == "sqlite" else clients)


def _times(ours: float, theirs: float) -> str:
    return "not measured" if math.isnan(theirs) else f"**{ours / theirs:.1f} times**"
