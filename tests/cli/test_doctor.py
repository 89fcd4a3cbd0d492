import asyncio
import json
import resource
import socket
from pathlib import Path

import pytest

from modelyard.cli import machine_checks, server_checks
from modelyard.cli.findings import Level
from modelyard.storage import database, outbox, schema
from modelyard.storage.transaction import Transaction
from tests.cli.conftest import Command, Ran
from tests.server_process import ServerProcess, free_port_pair

GOOD, WARNING, FAILURE = Level.GOOD, Level.WARNING, Level.FAILURE


def findings(ran: Ran) -> dict[str, dict[str, str]]:
    return {one["check"]: one for one in json.loads(ran.stdout)}


def test_a_folder_that_is_not_there_is_looked_at_and_not_made(
    modelyard: Command, tmp_path: Path
) -> None:
    ran = modelyard("doctor", "--data", tmp_path / "d", "--port", free_port_pair(), "--json")

    found = findings(ran)
    assert ran.returncode == 0, ran.stdout
    assert {found[name]["level"] for name in ("data folder", "port", "database", "server")} == {
        "good"
    }
    assert "Landlock" in found["sandbox"]["found"] or found["sandbox"]["advice"]
    assert not (tmp_path / "d").exists()


def test_a_running_server_is_recognised(modelyard: Command, server: ServerProcess) -> None:
    ran = modelyard("doctor", "--data", server.data, "--port", server.port, "--json")

    found = findings(ran)
    assert f"{server.url} is ready" in found["server"]["found"]
    assert "this server's" in found["port"]["found"]
    assert found["clock"]["level"] == "good"
    assert found["database"]["found"].endswith(f"schema {schema.HEAD}")
    assert (found["lineage"]["level"], found["lineage"]["found"]) == ("good", "complete")


def test_changes_that_could_not_be_told_are_a_warning(
    modelyard: Command, server: ServerProcess
) -> None:
    server.stop()

    async def put_aside() -> None:
        opened = await database.connect(f"sqlite:///{server.data}/modelyard.db")
        place = ("123456789012", "us-east-1")

        async def work(tx: Transaction) -> None:
            await outbox.announce(tx, *place, "Unheard", "arn:of:the:subject", {}, 1)
            [announced] = await outbox.take(tx, 10)
            await outbox.put_aside(tx, announced, "KeyError('Unheard')", 2)

        await opened.write(work)
        await opened.close()

    asyncio.run(put_aside())

    found = findings(modelyard("doctor", "--data", server.data, "--port", server.port, "--json"))

    assert found["lineage"]["level"] == "warning"
    assert "arn:of:the:subject: KeyError('Unheard')" in found["lineage"]["found"]
    assert "announcement_put_aside" in found["lineage"]["advice"]


def test_another_server_at_the_port_is_a_warning(
    modelyard: Command, server: ServerProcess, tmp_path: Path
) -> None:
    found = findings(modelyard("doctor", "--data", tmp_path / "d", "--port", server.port, "--json"))

    assert found["port"]["level"] == "warning"
    assert "another data folder" in found["port"]["found"]


def test_what_fails_has_advice_and_an_exit_status(modelyard: Command, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ran = modelyard("doctor", "--data", tmp_path, "--port", port)

    assert ran.returncode == 1
    line, advice = ran.stdout.partition("FAILURE    port")[2].splitlines()[:2]
    assert "Address already in use" in line
    assert "--port" in advice
    assert "1 to mend" in ran.stdout


def test_a_database_that_is_away_is_told_without_its_password(
    modelyard: Command, tmp_path: Path
) -> None:
    url = f"postgresql://me:hidden@127.0.0.1:{free_port_pair()}/x"

    ran = modelyard("doctor", "--data", tmp_path, "--port", 0, "--database", url)

    assert ran.returncode == 1
    assert "refused" in ran.stdout
    assert "hidden" not in ran.stdout


def test_an_empty_database_is_left_empty(
    modelyard: Command, tmp_path: Path, empty_database_url: str
) -> None:
    command = ["doctor", "--data", tmp_path, "--port", 0, "--json", "--database"]

    for _ in range(2):
        found = findings(modelyard(*command, empty_database_url))
        assert "is empty" in found["database"]["found"]


def test_a_folder_that_others_can_enter_is_a_warning(modelyard: Command, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    data.chmod(0o755)

    found = findings(modelyard("doctor", "--data", data, "--port", 0, "--json"))

    assert found["data folder"]["level"] == "warning"
    assert "chmod 7" in found["data folder"]["advice"]


@pytest.mark.parametrize(
    ("seconds", "level"), [(0, GOOD), (-60, GOOD), (61, WARNING), (-899, WARNING), (901, FAILURE)]
)
def test_a_clock_may_be_off_by_as_much_as_signatures_allow(seconds: int, level: Level) -> None:
    assert server_checks.clock_skew(seconds).level is level


@pytest.mark.parametrize(("gib", "level"), [(0.5, FAILURE), (2, WARNING), (50, GOOD)])
def test_disk_space_has_thresholds(gib: float, level: Level) -> None:
    assert server_checks.free_space(int(gib * server_checks.GIB)).level is level


@pytest.mark.parametrize(
    ("limit", "level"),
    [(64, FAILURE), (1024, WARNING), (65536, GOOD), (resource.RLIM_INFINITY, GOOD)],
)
def test_open_files_have_thresholds(limit: int, level: Level) -> None:
    assert machine_checks.open_files(limit).level is level


@pytest.mark.parametrize(
    ("said", "level"),
    [
        ("aws-cli/1.28.9 Python/3.11.2", WARNING),
        ("aws-cli/1.29.0 Python/3.11.2", GOOD),
        ("aws-cli/2.12.7 Python/3.11.2", WARNING),
        ("aws-cli/2.13.0 Python/3.11.2", GOOD),
        ("command not found", WARNING),
    ],
)
def test_an_aws_cli_that_cannot_be_pointed_is_told(said: str, level: Level) -> None:
    assert machine_checks.aws_finding("aws", said).level is level


@pytest.mark.parametrize(
    ("level", "expected"),
    [
        ("none: the kernel refuses", FAILURE),
        ("resource limits, seccomp", WARNING),
        ("resource limits, Landlock 5, seccomp", WARNING),
        ("network namespace, resource limits, Landlock 5, seccomp", GOOD),
        ("network namespace, Landlock 5; no door: model code reaches no S3", WARNING),
    ],
)
def test_a_weaker_sandbox_is_told(level: str, expected: Level) -> None:
    assert machine_checks.sandbox_finding(level).level is expected
