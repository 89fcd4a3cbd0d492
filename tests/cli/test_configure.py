import json
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Command
from tests.server_process import ServerProcess

THEIRS = """# my own accounts
[default]
region = eu-central-1   ; where I live

[profile work]
role_arn = arn:aws:iam::111122223333:role/Work
s3 =
    max_concurrent_requests = 4
"""


@pytest.fixture
def configured(modelyard: Command, server: ServerProcess, key: dict[str, str], home: Path) -> Path:
    """~/.aws after `modelyard configure`, beside what was there."""
    folder = home / ".aws"
    folder.mkdir()
    (folder / "config").write_text(THEIRS)
    (folder / "credentials").write_text("[work]\naws_access_key_id = AKIAWORK\n")
    ran = modelyard("configure", "--data", server.data, **key)
    assert ran.returncode == 0, ran.stderr
    return folder


def test_what_others_wrote_stays(configured: Path) -> None:
    assert (configured / "config").read_text().startswith(THEIRS)
    assert (configured / "credentials").read_text().startswith("[work]\naws_access_key_id")


def test_keys_are_for_their_owner_only(configured: Path) -> None:
    for name in ("config", "credentials"):
        assert stat.S_IMODE((configured / name).stat().st_mode) == 0o600


def test_a_second_time_changes_nothing(
    configured: Path, modelyard: Command, server: ServerProcess, key: dict[str, str]
) -> None:
    before = {path: path.read_bytes() for path in configured.rglob("*") if path.is_file()}

    told = modelyard("configure", "--data", server.data, "--json", **key)

    assert {path: path.read_bytes() for path in configured.rglob("*") if path.is_file()} == before
    assert json.loads(told.stdout)["profile"] == "modelyard"


def test_a_link_to_the_file_stays_a_link(
    modelyard: Command, server: ServerProcess, key: dict[str, str], home: Path
) -> None:
    (home / ".aws").mkdir()
    (home / "dotfiles").write_text(THEIRS)
    (home / ".aws" / "config").symlink_to(home / "dotfiles")

    modelyard("configure", "--data", server.data, **key)

    assert (home / ".aws" / "config").is_symlink()
    assert server.url in (home / "dotfiles").read_text()


@pytest.mark.slow
def test_the_aws_cli_and_boto3_work_by_the_profile(
    configured: Path, shell: dict[str, str], client_env: Callable[[str], Path]
) -> None:
    def run(*command: object) -> str:
        ran = subprocess.run(
            [str(word) for word in command],
            env=shell,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr
        return ran.stdout.strip()

    aws = client_env("awscli").parent / "aws"
    made = run(
        *(aws, "--profile", "modelyard", "sagemaker", "create-model-package-group"),
        *("--model-package-group-name", "g", "--query", "ModelPackageGroupArn"),
    )
    seen = run(
        client_env("boto3"),
        "-c",
        "import boto3; session = boto3.Session(profile_name='modelyard');"
        "client = session.client('modelyard');"
        "print(client.meta.endpoint_url, hasattr(client, 'rollback_endpoint'))",
    )

    assert made == '"arn:aws:sagemaker:us-east-1:123456789012:model-package-group/g"'
    assert seen.startswith("http://127.0.0.1:")
    assert seen.endswith(" True")
