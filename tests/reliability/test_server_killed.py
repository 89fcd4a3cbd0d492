"""kill -9 of the server at any moment: whatever was acknowledged is there, and nothing is half."""

import time

import pytest

from tests.reliability.clients import Clients
from tests.reliability.conftest import Figure
from tests.reliability.history import ACKNOWLEDGED, History, Oracle
from tests.reliability.load import GROUPS, Load, prepare
from tests.server_process import ServerProcess

KILLS = {"sqlite": 20, "postgresql": 8}  # of a server; PostgreSQL itself lives on
LOAD_SECONDS = (0.15, 0.6, 0.35)  # between ready and kill, in turn
WORKERS = 8

pytestmark = pytest.mark.slow


def test_nothing_acknowledged_is_lost_when_the_server_is_killed_again_and_again(
    engine: str, server_on_each_database: ServerProcess, figure: Figure
) -> None:
    server = server_on_each_database
    clients = Clients(server)
    prepare(clients)
    history = History()
    oracle = Oracle(history, clients, GROUPS)
    ready: list[float] = []

    for cycle in range(KILLS[engine]):
        with Load(history, [clients], workers=WORKERS, seed=cycle):
            _grow(history, LOAD_SECONDS[cycle % len(LOAD_SECONDS)])
            server.kill()
        began = time.monotonic()
        server.start()
        ready.append(time.monotonic() - began)
        assert oracle.numbering() == [], f"after kill {cycle + 1} of seed {cycle}"

    figure("ready_seconds_max", round(max(ready), 2))
    figure("calls", history.counts())
    assert oracle.complaints() == []
    assert len(history.of("register", ACKNOWLEDGED)) >= 3 * KILLS[engine]
    assert clients("sagemaker").list_model_package_groups()["ModelPackageGroupSummaryList"]


def _grow(history: History, seconds: float) -> None:
    """Let the load run for so long, and until it has something to lose."""
    before = len(history.of("register", ACKNOWLEDGED))
    until = time.monotonic() + seconds
    while time.monotonic() < until or len(history.of("register", ACKNOWLEDGED)) < before + 3:
        time.sleep(0.01)
