import json
from pathlib import Path

import pytest

from tests.cli.conftest import Command
from tests.server_process import free_port_pair


@pytest.mark.slow
def test_the_story_can_be_told_twice_in_one_folder(modelyard: Command, tmp_path: Path) -> None:
    options = ["--once", "--json", "--data", tmp_path / "data", "--port", free_port_pair()]

    tellings = [modelyard("quickstart", *options) for _ in range(2)]

    for ran in tellings:
        assert ran.returncode == 0, ran.stderr
    first, second = (json.loads(ran.stdout) for ran in tellings)
    assert [step["title"] for step in first][-1] == "What served when"
    assert all(step["command"].startswith(("aws ", "modelyard ")) for step in first)
    assert len(second) == len(first)
    status = modelyard("doctor", "--data", tmp_path / "data", "--json").stdout
    server = next(one for one in json.loads(status) if one["check"] == "server")
    assert "not running" in server["found"]


def test_what_an_earlier_server_logged_is_not_shown(modelyard: Command, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir(0o700)
    (tmp_path / "data" / "server.log").write_text("of last week\n")

    ran = modelyard("quickstart", "--data", tmp_path / "data", MODELYARD_DATABASE="mysql://x")

    assert "The database cannot be used" in ran.stderr
    assert "of last week" not in ran.stderr


def test_a_server_that_does_not_start_says_why(modelyard: Command, tmp_path: Path) -> None:
    ran = modelyard("quickstart", "--data", tmp_path / "data", MODELYARD_DATABASE="mysql://x")

    assert ran.returncode == 1
    assert "The database cannot be used" in ran.stderr
