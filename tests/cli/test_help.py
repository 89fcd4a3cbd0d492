import pytest

from modelyard.cli import main
from tests.cli.conftest import Command


@pytest.mark.parametrize("name", ["serve", "quickstart", "env", "configure", "rollback", "doctor"])
def test_help_teaches_by_example(modelyard: Command, name: str) -> None:
    ran = modelyard(name, "--help")

    assert ran.returncode == 0
    example = ran.stdout.partition("Example")[2]
    assert f"modelyard {name}" in example


def test_the_program_says_what_it_can_do_and_what_its_exit_codes_mean(modelyard: Command) -> None:
    shown = modelyard("--help").stdout

    assert all(name in shown for name in main.list_commands(None))  # type: ignore[arg-type]
    assert "Exit codes" in shown


def test_an_unknown_command_is_called_wrongly(modelyard: Command) -> None:
    assert modelyard("deploy").returncode == 2
