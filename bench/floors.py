"""What the machine itself gives: durable single-row commits of each database, nothing in front."""

import re
import sqlite3
import subprocess
import time
from pathlib import Path

from bench import machine
from bench.results import Figure, Figures
from bench.servers import Postgresql

COMMITS = "single-row commits"
_DOCUMENT = '{"Description": "%s"}' % ("x" * 300)
_TABLE = (
    "CREATE TABLE IF NOT EXISTS floor"
    " (name TEXT NOT NULL, version BIGINT NOT NULL, document TEXT, PRIMARY KEY (name, version))"
)


def sqlite_commits(figures: Figures, folder: Path, seconds: float) -> None:
    """One thread, one row a commit, write-ahead log, synced at every commit."""
    connection = sqlite3.connect(folder / "floor.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute(_TABLE)
    first = int(connection.execute("SELECT count(*) FROM floor").fetchone()[0])
    meter, started, count = machine.Meter(list), time.perf_counter(), first
    while (now := time.perf_counter()) < started + seconds:
        connection.execute(
            "INSERT INTO floor VALUES (?, ?, ?)", (f"g{count % 20}", count, _DOCUMENT)
        )
        count += 1
    connection.close()
    share = meter.read().foreign_share
    per_second = (count - first) / (now - started)
    figures.add(Figure(COMMITS, "sqlite", 1, per_second, foreign_share=share))


_SCRIPT = r"""\set version random(1, 9000000000000000)
INSERT INTO floor VALUES ('g' || :version::bigint % 20, :version::bigint, '{}')
  ON CONFLICT DO NOTHING;
"""


def postgresql_commits(
    figures: Figures, server: Postgresql, folder: Path, clients: int, seconds: float
) -> None:
    """pgbench, one row a transaction, prepared statements.

    Raises: RuntimeError: pgbench said something else than a rate.
    """
    import psycopg

    with psycopg.connect(server.url("postgres"), autocommit=True) as connection:
        connection.execute(_TABLE)
    script = folder / "floor.sql"
    script.write_text(_SCRIPT.replace("'{}'", f"'{_DOCUMENT}'"))
    command = [str(server.programs / "pgbench"), "--no-vacuum", "--protocol=prepared"]
    command += [f"--client={clients}", f"--time={max(1, round(seconds))}", f"--file={script}"]
    meter = machine.Meter(server.pids)
    ran = subprocess.run(
        [*command, server.url("postgres")], capture_output=True, text=True, check=False
    )
    rate = re.search(r"tps = ([\d.]+)", ran.stdout)
    if rate is None:
        raise RuntimeError(f"pgbench: {ran.stderr[-500:]}")
    per_second, cost = float(rate[1]), meter.read()
    cpu_ms = cost.watched / (per_second * max(1, round(seconds))) * 1000
    figures.add(Figure(COMMITS, "postgresql", clients, per_second, cpu_ms=cpu_ms))
