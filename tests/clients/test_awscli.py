"""The story with the unmodified AWS CLI, command by command, as a shell runs it."""

import json
import subprocess
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.clients.story import XGBOOST_IMAGE, Boosters
from tests.server_process import ServerProcess, program

COMMAND_SECONDS_MAX = 600
ROLE = "arn:aws:iam::123456789012:role/Churn"
Aws = Callable[..., str]


class CommandFailed(Exception):
    """An `aws` command that ended with another status than 0; its text is what it printed."""


@pytest.fixture
def aws(server: ServerProcess, client_env: Callable[[str], Path], tmp_path: Path) -> Aws:
    """`aws("sagemaker", "list-models")`: what the command prints."""
    command = client_env("awscli").parent / "aws"

    def run(*arguments: str) -> str:
        ran = subprocess.run(
            [command, *arguments],
            cwd=tmp_path,
            env=server.env(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS_MAX,
            check=False,
        )
        if ran.returncode != 0:
            raise CommandFailed(f"aws {' '.join(arguments)}: {ran.stderr or ran.stdout}")
        return ran.stdout.strip()

    return run


def specification(url: str) -> str:
    return json.dumps(
        {
            "Containers": [{"Image": XGBOOST_IMAGE, "ModelDataUrl": url}],
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["text/csv"],
            "SupportedRealtimeInferenceInstanceTypes": ["ml.m5.large"],
        }
    )


def register(aws: Aws, group: str, version: int, archive: Path) -> str:
    """Copy the archive to the bucket, register it, approve it; the version's ARN."""
    url = f"s3://churn/v{version}/model.tar.gz"
    aws("s3", "cp", str(archive), url)
    arn = aws(
        *("sagemaker", "create-model-package", "--model-package-group-name", group),
        *("--model-approval-status", "PendingManualApproval"),
        *("--inference-specification", specification(url)),
        *("--query", "ModelPackageArn", "--output", "text"),
    )
    aws(
        *("sagemaker", "update-model-package", "--model-package-arn", arn),
        *("--model-approval-status", "Approved", "--approval-description", f"Note {version}"),
    )
    return arn


def configure(aws: Aws, name: str, package: str) -> None:
    aws(
        *("sagemaker", "create-model", "--model-name", name, "--execution-role-arn", ROLE),
        *("--primary-container", f"ModelPackageName={package}"),
    )
    aws(
        *("sagemaker", "create-endpoint-config", "--endpoint-config-name", name),
        "--production-variants",
        f"VariantName=AllTraffic,ModelName={name},InitialInstanceCount=1,InstanceType=ml.m5.large",
    )


def invoke(aws: Aws, endpoint: str, rows: str, folder: Path) -> list[float]:
    (folder / "rows.csv").write_text(rows)
    aws(
        *("sagemaker-runtime", "invoke-endpoint", "--endpoint-name", endpoint),
        *("--content-type", "text/csv", "--accept", "text/csv"),
        *("--body", "fileb://rows.csv", "answer.csv"),
    )
    return [float(value) for value in (folder / "answer.csv").read_text().replace(",", " ").split()]


# The CLI's waiters look every 30 seconds only: most of this test is waiting.
@pytest.mark.slow
def test_the_aws_cli_tells_the_whole_story(
    aws: Aws,
    server: ServerProcess,
    boosters: Boosters,
    close_to: Callable[[list[float]], Any],
    tmp_path: Path,
) -> None:
    first, second = boosters.answers
    aws("s3", "mb", "s3://churn")
    aws("sagemaker", "create-model-package-group", "--model-package-group-name", "churn")
    arns = [register(aws, "churn", n, path) for n, path in enumerate(boosters.archives, 1)]

    in_service = ("sagemaker", "wait", "endpoint-in-service", "--endpoint-name", "churn")
    for version, arn in enumerate(arns, 1):
        configure(aws, f"churn-v{version}", arn)
    aws(
        *("sagemaker", "create-endpoint", "--endpoint-name", "churn"),
        *("--endpoint-config-name", "churn-v1"),
    )
    aws(*in_service)
    deployed = invoke(aws, "churn", boosters.rows, tmp_path)
    update = ("sagemaker", "update-endpoint", "--endpoint-name", "churn", "--endpoint-config-name")
    aws(*update, "churn-v2")
    aws(*in_service)
    updated = invoke(aws, "churn", boosters.rows, tmp_path)
    aws(*update, "churn-v1")
    aws(*in_service)
    rolled_back = invoke(aws, "churn", boosters.rows, tmp_path)

    assert deployed == close_to(first)
    assert updated == close_to(second)
    assert rolled_back == close_to(first)
    with pytest.raises(CommandFailed, match="ConflictException"):
        aws("sagemaker", "delete-model-package-group", "--model-package-group-name", "churn")
    aws("sagemaker", "delete-endpoint", "--endpoint-name", "churn")
    aws("sagemaker", "wait", "endpoint-deleted", "--endpoint-name", "churn")


def test_lists_can_be_queried_and_shown_as_a_table(
    aws: Aws, server: ServerProcess, boosters: Boosters
) -> None:
    aws("s3", "mb", "s3://churn")
    aws("sagemaker", "create-model-package-group", "--model-package-group-name", "churn")
    arn = register(aws, "churn", 1, boosters.archives[0])
    listing = ("sagemaker", "list-model-packages", "--model-package-group-name", "churn")

    chosen = aws(
        *listing,
        *("--query", "ModelPackageSummaryList[].[ModelPackageVersion,ModelApprovalStatus]"),
        *("--output", "json"),
    )
    table = aws(*listing, "--output", "table")
    note = aws(
        *("sagemaker", "describe-model-package", "--model-package-name", arn),
        *("--query", "ApprovalDescription", "--output", "text"),
    )

    assert json.loads(chosen) == [[1, "Approved"]]
    assert "ListModelPackages" in table
    assert arn in table
    assert note == "Note 1"


def test_a_refusal_is_shown_with_its_code_and_words(aws: Aws, server: ServerProcess) -> None:
    with pytest.raises(CommandFailed, match=r"ValidationException.*does not exist"):
        aws(
            *("sagemaker", "describe-model-package-group"),
            *("--model-package-group-name", "never-made"),
        )


def test_an_object_comes_back_byte_for_byte(aws: Aws, boosters: Boosters, tmp_path: Path) -> None:
    archive = boosters.archives[1]
    aws("s3", "mb", "s3://kept")
    aws("s3", "cp", str(archive), "s3://kept/models/model.tar.gz")

    aws("s3", "cp", "s3://kept/models/model.tar.gz", "back.tar.gz")
    listed = aws("s3", "ls", "s3://kept/models/")

    assert (tmp_path / "back.tar.gz").read_bytes() == archive.read_bytes()
    assert listed.split()[2:] == [str(archive.stat().st_size), "model.tar.gz"]


def test_folders_are_synced_presigned_and_removed(aws: Aws, tmp_path: Path) -> None:
    local = tmp_path / "local"
    (local / "deep").mkdir(parents=True)
    (local / "a b+c.csv").write_text("1,2")
    (local / "deep" / "\u00e4.csv").write_text("3,4")
    aws("s3", "mb", "s3://synced")

    aws("s3", "sync", "local", "s3://synced/data")
    again = aws("s3", "sync", "local", "s3://synced/data")
    (local / "a b+c.csv").unlink()
    removed = aws("s3", "sync", "local", "s3://synced/data", "--delete")
    aws("s3", "sync", "s3://synced/data", "back")
    aws("s3", "cp", "s3://synced/data/deep/\u00e4.csv", "s3://synced/copied.csv")
    url = aws("s3", "presign", "s3://synced/copied.csv")
    with urllib.request.urlopen(url, timeout=120) as answer:
        fetched = answer.read()
    aws("s3", "rm", "s3://synced", "--recursive")
    left = aws("s3", "ls", "s3://synced")
    aws("s3", "rb", "s3://synced")

    assert again == ""
    assert "delete: s3://synced/data/a b+c.csv" in removed
    assert (tmp_path / "back" / "deep" / "\u00e4.csv").read_text() == "3,4"
    assert fetched == b"3,4"
    assert left == ""


# The commands of this story start a Python each, and the waiter looks every 30 seconds.
@pytest.mark.slow
def test_our_own_service_is_a_command_of_the_aws_cli_after_configure(
    aws: Aws, server: ServerProcess, boosters: Boosters, tmp_path: Path
) -> None:
    subprocess.run(
        [program(), "configure", "--data", server.data],
        env={**server.env(), **server.keys()},
        capture_output=True,
        check=True,
    )
    aws("s3", "mb", "s3://churn")
    aws("sagemaker", "create-model-package-group", "--model-package-group-name", "churn")
    arn = register(aws, "churn", 1, boosters.archives[0])
    configure(aws, "churn", arn)
    aws(
        *("sagemaker", "create-endpoint", "--endpoint-name", "churn"),
        *("--endpoint-config-name", "churn"),
    )
    aws("sagemaker", "wait", "endpoint-in-service", "--endpoint-name", "churn")
    profile = ("--profile", "modelyard")

    decided = aws(
        *profile,
        *("modelyard", "list-model-package-decisions", "--model-package-name", arn),
        *("--query", "Decisions[].[ModelApprovalStatus,ApprovalDescription]", "--output", "text"),
    )
    served = aws(
        *profile,
        *("modelyard", "list-endpoint-deployments", "--endpoint-name", "churn"),
        *("--output", "table"),
    )
    with pytest.raises(CommandFailed, match=r"\w+Exception"):
        aws(*profile, "modelyard", "rollback-endpoint", "--endpoint-name", "churn", "--dry-run")

    assert decided.splitlines()[0] == "Approved\tNote 1"
    assert "InService" in served
