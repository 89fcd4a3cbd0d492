import json
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Command
from tests.server_process import ServerProcess, program

SHELL_SECONDS_MAX = 600
SDK = """
import sagemaker
session = sagemaker.Session()
print(session.default_bucket())
print(sagemaker.get_execution_role())
"""


def in_sh(script: str, shell: dict[str, str]) -> str:
    ran = subprocess.run(
        ["sh", "-eu", "-c", script],
        env=shell,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SHELL_SECONDS_MAX,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def exports(server: ServerProcess) -> str:
    return f'exports="$({program()} env --data {shlex.quote(str(server.data))})"; eval "$exports"\n'


def test_a_real_shell_takes_the_exports(
    server: ServerProcess, shell: dict[str, str], key: dict[str, str]
) -> None:
    script = exports(server) + 'echo "$AWS_ENDPOINT_URL $AWS_ACCESS_KEY_ID ${AWS_PROFILE-none}"'

    told = in_sh(script, {**shell, **key, "AWS_PROFILE": "work", "AWS_SESSION_TOKEN": "x"})

    assert told.split() == [server.url, server.access_key_id, "none"]


def test_whatever_a_value_holds_the_shell_takes_it_as_text(
    make_server: Callable[..., ServerProcess], shell: dict[str, str]
) -> None:
    secret = 'it\'s $(touch x) `id` "quoted" \\ ; & *'
    own = {"MODELYARD_ROOT_ACCESS_KEY_ID": "AKIAODD", "MODELYARD_ROOT_SECRET_ACCESS_KEY": secret}
    server = make_server(environment=own)

    told = in_sh(exports(server) + 'printf %s "$AWS_SECRET_ACCESS_KEY"', {**shell, **own})

    assert told == secret


def test_json_holds_the_same(
    modelyard: Command, server: ServerProcess, key: dict[str, str]
) -> None:
    lines = modelyard("env", "--data", server.data, **key).stdout.splitlines()
    shown = dict(line.removeprefix("export ").split("=", 1) for line in lines if "=" in line)

    told = json.loads(modelyard("env", "--data", server.data, "--json", **key).stdout)

    assert {name: shlex.quote(value) for name, value in told.items()} == shown


def test_without_the_proxy_nothing_leads_through_it(
    modelyard: Command, server: ServerProcess, key: dict[str, str]
) -> None:
    told = json.loads(modelyard("env", "--data", server.data, "--json", "--no-proxy", **key).stdout)

    assert "HTTPS_PROXY" not in told
    assert told["AWS_ENDPOINT_URL"] == server.url


@pytest.mark.slow
def test_the_aws_cli_works_with_our_own_service_too(
    server: ServerProcess,
    shell: dict[str, str],
    key: dict[str, str],
    client_env: Callable[[str], Path],
) -> None:
    aws = client_env("awscli").parent / "aws"
    script = (
        exports(server)
        + f"""
        {aws} sagemaker create-model-package-group --model-package-group-name g >/dev/null
        arn=$({aws} sagemaker create-model-package --model-package-group-name g \
            --model-approval-status Rejected --query ModelPackageArn --output text)
        {aws} modelyard list-model-package-decisions --model-package-name "$arn" \
            --query 'Decisions[].ModelApprovalStatus' --output text
        """
    )

    assert in_sh(script, {**shell, **key}).strip() == "Rejected"


@pytest.mark.slow
def test_the_sagemaker_sdk_finds_its_bucket_and_role_behind_its_hard_coded_host(
    server: ServerProcess,
    shell: dict[str, str],
    key: dict[str, str],
    client_env: Callable[[str], Path],
) -> None:
    iam = server.client("iam")
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"AWS": "arn:aws:iam::123456789012:root"},
                "Action": "sts:AssumeRole",
            }
        ],
    }
    aws = client_env("awscli").parent / "aws"
    role = iam.create_role(RoleName="Notebook", AssumeRolePolicyDocument=json.dumps(trust))
    for policy in ("AmazonSageMakerFullAccess", "AmazonS3FullAccess", "IAMFullAccess"):
        iam.attach_role_policy(RoleName="Notebook", PolicyArn=f"arn:aws:iam::aws:policy/{policy}")
    script = (
        exports(server)
        + f"""
        session=$({aws} sts assume-role --role-arn {role["Role"]["Arn"]} \
            --role-session-name notebook --output text \
            --query 'Credentials.[AccessKeyId,SecretAccessKey,SessionToken]')
        set -- $session
        export AWS_ACCESS_KEY_ID=$1 AWS_SECRET_ACCESS_KEY=$2 AWS_SESSION_TOKEN=$3
        {client_env("sagemaker2")} -W ignore -c {shlex.quote(SDK)}
        """
    )

    told = in_sh(script, {**shell, **key}).splitlines()

    assert told[-2:] == ["sagemaker-us-east-1-123456789012", role["Role"]["Arn"]]


def test_a_folder_without_a_server_says_how_to_start_one(
    modelyard: Command, tmp_path: Path
) -> None:
    ran = modelyard("env", "--data", tmp_path / "none")

    assert ran.returncode == 3
    assert "modelyard serve --data" in ran.stderr
    assert not (tmp_path / "none").exists()


def test_a_server_with_a_key_of_its_own_is_not_given_another(
    modelyard: Command, server: ServerProcess
) -> None:
    """A key made up on the spot would be refused by the server, with nothing that says why."""
    ran = modelyard("env", "--data", server.data)

    assert ran.returncode == 1
    assert server.access_key_id in ran.stderr
    assert not (server.data / "credentials.json").exists()


def test_the_key_of_an_earlier_start_is_not_given_out(
    modelyard: Command, server: ServerProcess
) -> None:
    (server.data / "credentials.json").write_text(
        '{"access_key_id": "AKIAOFTHEFIRSTSTART0", "secret_access_key": "'
        "a-secret-that-the-server-does-not-take-02"
        '"}'
    )
    (server.data / "credentials.json").chmod(0o600)

    ran = modelyard("env", "--data", server.data)

    assert ran.returncode == 1
    assert ran.stdout == ""
    assert server.access_key_id in ran.stderr


def test_a_damaged_server_file_is_named(modelyard: Command, tmp_path: Path) -> None:
    (tmp_path / "server.json").write_text('{"url": ')

    ran = modelyard("env", "--data", tmp_path)

    assert ran.returncode == 1
    assert "server.json is damaged" in ran.stderr
