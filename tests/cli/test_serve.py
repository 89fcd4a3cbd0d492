import socket
from pathlib import Path

import pytest

from tests.cli.conftest import Command, Ran
from tests.server_process import ServerProcess, free_port_pair


def refused(ran: Ran) -> str:
    """The one clear line of a server that did not start."""
    assert ran.returncode == 1, ran
    said = [line for line in ran.stderr.splitlines() if not line.startswith("{")]
    assert len(said) == 1, ran.stderr
    return said[0]


def test_a_port_in_use_is_named(modelyard: Command, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        said = refused(modelyard("serve", "--data", tmp_path / "data", "--port", port))

    assert f"port {port}: Address already in use" in said
    assert "--port" in said


def test_a_data_folder_in_use_is_named(modelyard: Command, server: ServerProcess) -> None:
    said = refused(modelyard("serve", "--data", server.data, "--port", free_port_pair()))

    assert f"Another server is running on {server.data}" in said


def test_a_data_folder_that_cannot_be_made_is_named(modelyard: Command, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    said = refused(modelyard("serve", "--data", tmp_path / "file" / "data", "--port", 0))

    assert "cannot be used: Not a directory" in said


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("MODELYARD_ACCOUNT", "12", "12 digits"),
        ("MODELYARD_PORT", "http", "no int"),
        ("MODELYARD_PORT", "-1", "no port number"),
        ("MODELYARD_CONNECT_PORT", "70000", "not a port number"),
        ("MODELYARD_BODY_BYTES_MAX", "0", "more than 0"),
        ("MODELYARD_IDLE_SECONDS_MAX", "inf", "more than 0"),
        ("MODELYARD_IDLE_SECONDS_MAX", "nan", "more than 0"),
        ("MODELYARD_ROOT_ACCESS_KEY_ID", "AKIAONLYTHIS", "neither"),
    ],
)
def test_a_setting_that_cannot_be_is_named(
    modelyard: Command, tmp_path: Path, name: str, value: str, words: str
) -> None:
    said = refused(modelyard("serve", "--data", tmp_path / "data", **{name: value}))

    assert name in said
    assert words.replace("no port", "not a port") in said


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("mysql://localhost/x", "postgresql://user@host/name"),
        ("sqlite:///no/such/folder/x.db", "cannot be opened"),
        ("postgresql://nobody@127.0.0.1:1/x", "Connection refused"),
        ("postgresql://127.0.0.1/x?nonsense=1", "invalid URI query parameter"),
    ],
)
def test_a_database_that_cannot_be_used_is_named(
    modelyard: Command, tmp_path: Path, url: str, words: str
) -> None:
    ran = modelyard("serve", "--data", tmp_path / "data", "--port", 0, "--database", url)

    assert ran.returncode == 1
    assert "The database cannot be used" in ran.stderr
    assert words in ran.stderr


def test_a_damaged_database_is_named(modelyard: Command, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    (data / "modelyard.db").write_bytes(b"this is no database" * 100)

    said = refused(modelyard("serve", "--data", data, "--port", 0))

    assert "The database cannot be used" in said
