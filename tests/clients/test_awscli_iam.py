"""A team is set up with the unmodified AWS CLI, command by command, as a shell runs it."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.access.iam_words import ACCOUNT, policy
from tests.server_process import ServerProcess

COMMAND_SECONDS_MAX = 120
S3_FULL = "arn:aws:iam::aws:policy/AmazonS3FullAccess"
Aws = Callable[..., Any]


class CommandFailed(Exception):
    """An `aws` command that ended with another status than 0; its text is what it printed."""


@pytest.fixture
def iam(server: ServerProcess, client_env: Callable[[str], Path], tmp_path: Path) -> Aws:
    """`iam("list-users")`: what `aws iam list-users` prints, read as JSON."""
    command = client_env("awscli").parent / "aws"

    def run(*arguments: str) -> Any:
        ran = subprocess.run(
            [command, "iam", *arguments, "--output", "json"],
            cwd=tmp_path,
            env=server.env(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS_MAX,
            check=False,
        )
        if ran.returncode != 0:
            raise CommandFailed(ran.stderr or ran.stdout)
        return json.loads(ran.stdout) if ran.stdout.strip() else None

    return run


def test_a_team_is_set_up(iam: Aws, tmp_path: Path) -> None:
    document = tmp_path / "policy.json"
    document.write_text(policy("sagemaker:*"))
    made = iam(
        *("create-policy", "--policy-name", "Registrars", "--path", "/churn/"),
        *("--policy-document", f"file://{document}", "--tags", "Key=team,Value=churn"),
    )
    arn = made["Policy"]["Arn"]
    assert arn == f"arn:aws:iam::{ACCOUNT}:policy/churn/Registrars"
    iam("create-group", "--group-name", "churn")
    iam("attach-group-policy", "--group-name", "churn", "--policy-arn", arn)
    for name in ("ada", "bob"):
        iam("create-user", "--user-name", name, "--permissions-boundary", S3_FULL)
        iam("add-user-to-group", "--group-name", "churn", "--user-name", name)
    key = iam("create-access-key", "--user-name", "ada")["AccessKey"]

    users = iam("list-users", "--max-items", "1")
    rest = iam("list-users", "--starting-token", users["NextToken"])
    group = iam("get-group", "--group-name", "churn", "--page-size", "1")
    version = iam("get-policy-version", "--policy-arn", arn, "--version-id", "v1")
    keys = iam("list-access-keys", "--user-name", "ada")["AccessKeyMetadata"]

    assert [user["UserName"] for user in users["Users"]] == ["ada"]
    assert [user["UserName"] for user in rest["Users"]] == ["bob"]
    assert [user["UserName"] for user in group["Users"]] == ["ada", "bob"]
    assert version["PolicyVersion"]["Document"] == json.loads(policy("sagemaker:*"))
    assert [one["AccessKeyId"] for one in keys] == [key["AccessKeyId"]]
    assert len(key["SecretAccessKey"]) == 40
    with pytest.raises(CommandFailed, match=r"\(DeleteConflict\).*must remove users from group"):
        iam("delete-user", "--user-name", "bob")
    with pytest.raises(CommandFailed, match=r"\(MalformedPolicyDocument\)"):
        iam("create-policy", "--policy-name", "x", "--policy-document", "{}")
