"""Other registries and inference servers in the same run, where somebody has set them up.

Their programs come from a folder that the caller names and from PEERS_HOME, as that folder's own
README says. Nothing here is imported from it before it is asked for; without it their rows are
missing, and the document says so.
"""

import itertools
import os
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from bench import load, metrics
from bench.results import Figures, Target, Wrong, measure
from bench.servers import HOST, Postgresql

CREATE = "create_model_version"
LOG_BATCH = f"log_batch, {metrics.BATCH} metrics"
REGISTRIES = ("sqlite", "postgresql")
INFERENCE = ("mlflow-serve", "mlserver", "bentoml", "litserve", "ray-serve")
GROUPS = 20
START_SECONDS_MAX = 180.0


class Peers:
    """The peers of one folder."""

    def __init__(self, folder: Path) -> None:
        """Raises: SystemExit: nothing is set up there."""
        if not (folder / "registry_peers.py").is_file() or "PEERS_HOME" not in os.environ:
            raise SystemExit(
                "--peers needs a folder with registry_peers.py, and PEERS_HOME set to where its"
                " environments are (see the README there)."
            )
        sys.path.insert(0, str(folder))
        import inference_peers
        import registry_peers

        self._registries: Any = registry_peers
        self._inference: Any = inference_peers

    def registries(self, postgresql: Postgresql) -> "list[MlflowServer]":
        """MLflow tuned (uvloop, two workers, no job consumers) and as it is installed."""
        return [
            MlflowServer(self._registries, database, tuned, postgresql)
            for database in REGISTRIES
            for tuned in (True, False)
        ]

    def run_inference(
        self, figures: Figures, what: str, clients: Sequence[int], seconds: float
    ) -> None:
        """One row through each peer, tuned as its own documents say; each runs alone."""
        for name in INFERENCE:
            peer = self._inference.ALL[name](tuned=True)
            with peer.server() as server:
                server.start(START_SECONDS_MAX)
                peer.verify(8)
                body = peer.body(self._inference.rows["x"][:1])
                target = Target(name, peer.host, peer.port, server.pids)
                build = partial(_wrapped, peer, body)
                for count in clients:
                    measure(figures, what, target, build, clients=count, seconds=seconds)


def _wrapped(peer: Any, body: bytes, number: int) -> bytes:
    return bytes(peer.wrap(body, number))


class _Databases:
    """PostgreSQL as the peers' folder expects it."""

    def __init__(self, postgresql: Postgresql) -> None:
        self._postgresql = postgresql

    def createdb(self, _: str) -> str:
        return self._postgresql.new_database()

    def pids(self) -> list[int]:
        return self._postgresql.pids()


class MlflowServer:
    """`mlflow server` on one of the databases."""

    def __init__(self, module: Any, database: str, tuned: bool, postgresql: Postgresql) -> None:
        kind = "sqlite" if database == "sqlite" else "pg"
        server = {"server": "uvloop", "workers": "2"} if tuned else {}
        self._mlflow = module.MLflow(kind, pg=_Databases(postgresql), **server)
        self.database = database
        self.name = f"MLflow{' tuned' if tuned else ''}, {database}"
        self._numbers = itertools.count()
        self._runs: list[str] = []

    def start(self) -> None:
        self._mlflow.start()
        for number in range(GROUPS):
            request = self._mlflow.create_group(f"group-{number}")
            status, body = load.ask(HOST, self._mlflow.port, request)
            if status != 200:
                raise Wrong(f"{self.name}: {status} {body[:200].decode('latin-1')}")
        self._runs = self._mlflow.create_runs(metrics.RUNS)

    def stop(self) -> None:
        self._mlflow.stop()

    @property
    def _target(self) -> Target:
        server = self._mlflow.srv
        return Target(
            self.name, HOST, self._mlflow.port, lambda: [*server.pids(), *server.db_pids()]
        )

    def run(self, figures: Figures, clients: int, seconds: float) -> None:
        measure(
            figures,
            CREATE,
            self._target,
            lambda i: bytes(self._mlflow.create_version(f"group-{i % GROUPS}", i)),
            clients=clients,
            seconds=seconds,
        )

    def run_metrics(self, figures: Figures, seconds: float) -> None:
        """As many metrics of as many runs, by as many clients, as Modelyard gets."""
        clients = metrics.CLIENTS
        measure(figures, LOG_BATCH, self._target, self._batch, clients=clients, seconds=seconds)

    def _batch(self, _: int) -> bytes:
        number = next(self._numbers)
        run = self._runs[number % metrics.RUNS]
        return bytes(self._mlflow.log_batch(run, number, metrics.BATCH))
