"""The benchmarks run, and their document is whole. Nothing here looks at how long anything took."""

import re
import socket
import threading
from collections.abc import Iterator

import pytest

from bench import __main__ as bench
from bench import decisions, document, inference, load, metrics, registry
from bench.results import Figure, Figures
from bench.starting import Starts

FACTS = document.Facts(
    command="make bench",
    plan_rounds=1,
    plan_seconds=1,
    clients=(1, 32),
    sizes=(1_000, 100_000),
    list_clients=8,
    searched=1_000_000,
    points=1_000,
    associations=100_000,
    postgresql={"server_version": "18", "fsync": "on"},
)
STARTS = [Starts("sqlite", 0.5, 0.4, 60, 65)]


@pytest.fixture
def refusing_port() -> Iterator[int]:
    """A server that answers every piece it receives with 400."""
    listener = socket.create_server(("127.0.0.1", 0))

    def refuse(connection: socket.socket) -> None:
        with connection:
            while connection.recv(4096):
                connection.sendall(b"HTTP/1.1 400 Bad\r\ncontent-length: 2\r\n\r\nno")

    def accept() -> None:
        for _ in range(2):
            threading.Thread(target=refuse, args=[listener.accept()[0]], daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    yield listener.getsockname()[1]
    listener.close()


def tables(text: str) -> list[list[int]]:
    """How many cells each row of each table has."""
    found: list[list[int]] = []
    inside = False
    for line in text.splitlines():
        if line.startswith("|"):
            if not inside:
                found.append([])
            found[-1].append(line.count("|"))
        inside = line.startswith("|")
    return found


@pytest.mark.slow
def test_a_tiny_run_measures_everything_and_writes_whole_tables() -> None:
    text = bench.run(bench.TINY, None, "make bench")

    assert len(tables(text)) == 10
    assert all(len(set(rows)) == 1 for rows in tables(text))
    assert "nan" not in text
    for operation in (*registry.OPERATIONS, metrics.PUT, inference.INVOKE):
        assert operation in text
    assert "| 400 versions, page in the middle | postgresql |" in text
    assert "| approved, in a group, x = y, newest first |" in text
    assert "MLflow was not measured in this run" in text


def test_without_arguments_everything_is_measured_at_its_full_size() -> None:
    assert bench.options_of([]).plan == bench.Plan()
    assert bench.options_of(["--seconds", "1"]).plan == bench.Plan(seconds=1)


def test_a_figure_is_the_median_over_rounds() -> None:
    figures = Figures(lambda line: None)
    for rate in (100.0, 900.0, 300.0):
        figures.add(Figure("CreateModelPackage", "sqlite", 32, rate))

    assert figures.median("CreateModelPackage", "sqlite", 32) == 300


def test_goals_are_told_as_ratios_of_the_same_run() -> None:
    figures = Figures(lambda line: None)
    figures.add(Figure("CreateModelPackage", "sqlite", 32, 3000.0))
    figures.add(Figure("single-row commits", "sqlite", 1, 6000.0))
    figures.add(Figure("create_model_version", "MLflow tuned, sqlite", 32, 120.0))

    text = document.written(figures, STARTS, FACTS)

    assert (
        "| registrations on sqlite, 32 clients: 20 times MLflow (tuned) | **25.0 times** |" in text
    )
    assert re.search(r"registrations on sqlite, 32 clients: 40 % .* \| \*\*50%\*\* \|", text)


def test_a_call_is_proved_and_decided_under_a_policy_that_allows_it() -> None:
    figures = Figures(lambda line: None)

    decisions.run(figures, seconds=0.02)

    assert figures.targets(decisions.ACCESS) == list(decisions.STEPS)
    text = document.written(figures, STARTS, FACTS)
    assert re.search(r"\| signature and decision for .* under 100 us of CPU \| \*\*\d+ us", text)
    assert re.search(r"\| decision \| \d+\.\d \|", text)


def test_a_server_that_refuses_is_counted_and_quoted(refusing_port: int) -> None:
    requests = [b"GET / HTTP/1.1\r\n\r\n"] * 5

    outcome = load.run("127.0.0.1", refusing_port, requests, clients=2, seconds=5)

    assert (outcome.answered, outcome.refused) == (0, 5)
    assert outcome.first_refusal.startswith("400 no")
