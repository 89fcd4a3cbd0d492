"""Two teams with one policy each, and a person who may not approve, by the unmodified AWS CLI.

The policy is that of the platform team's module: what a project's role may do to its own model
package group and the versions in it, and nothing else.
"""

import json
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.access.iam_words import ACCOUNT, trust
from tests.server_process import REGION, ServerProcess

COMMAND_SECONDS_MAX = 300
ARN = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}"
TEAMS = ("rc-fraud-detection", "algo-recommendation-engine")
SPECIFICATION = json.dumps(
    {
        "Containers": [{"Image": "image"}],
        "SupportedContentTypes": ["text/csv"],
        "SupportedResponseMIMETypes": ["text/csv"],
    }
)
REFUSED = "(AccessDeniedException)"
Aws = Callable[..., str]
Command = tuple[str, ...]


def team_policy(group: str) -> str:
    """As the module's page has it, with region, account, team and project filled in."""
    return json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Action": [
                        "sagemaker:CreateModelPackage",
                        "sagemaker:CreateModelPackageGroup",
                        "sagemaker:DescribeModelPackage",
                        "sagemaker:DescribeModelPackageGroup",
                        "sagemaker:ListModelPackages",
                        "sagemaker:ListModelPackageGroups",
                        "sagemaker:UpdateModelPackage",
                    ],
                    "Resource": [
                        f"{ARN}:model-package-group/{group}",
                        f"{ARN}:model-package/{group}/*",
                    ],
                }
            ],
        }
    )


@pytest.fixture
def aws(server: ServerProcess, client_env: Callable[[str], Path], tmp_path: Path) -> Aws:
    """`aws(keys, "sagemaker", "list-models")`: what the command prints, or how it is refused."""
    command = client_env("awscli").parent / "aws"

    def run(keys: dict[str, str], *arguments: str) -> str:
        ran = subprocess.run(
            [command, *arguments, "--output", "json"],
            cwd=tmp_path,
            env=server.env() | keys,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS_MAX,
            check=False,
        )
        assert (ran.returncode == 0) == (ran.stderr.strip() == ""), ran.stderr
        return ran.stdout if ran.returncode == 0 else ran.stderr

    return run


def keys_of(credentials: dict[str, Any]) -> dict[str, str]:
    keys = {
        "AWS_ACCESS_KEY_ID": credentials["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": credentials["SecretAccessKey"],
    }
    token = credentials.get("SessionToken")
    return keys | ({"AWS_SESSION_TOKEN": token} if token else {})


def provision(aws: Aws, group: str) -> dict[str, str]:
    """What the platform team does for a team: its group, its role, this policy; the role's keys."""
    name = ("--role-name", group)
    aws({}, "sagemaker", "create-model-package-group", "--model-package-group-name", group)
    role = aws({}, "iam", "create-role", *name, "--assume-role-policy-document", trust())
    policy = ("--policy-name", "registry", "--policy-document", team_policy(group))
    assert aws({}, "iam", "put-role-policy", *name, *policy) == ""
    arn = json.loads(role)["Role"]["Arn"]
    session = ("--role-arn", arn, "--role-session-name", "scientist")
    return keys_of(json.loads(aws({}, "sts", "assume-role", *session))["Credentials"])


def register(group: str, *more: str) -> Command:
    return (
        *("create-model-package", "--model-package-group-name", group),
        *("--inference-specification", SPECIFICATION, *more),
    )


def decide(version: str, status: str) -> Command:
    return (
        *("update-model-package", "--model-package-arn", f"{ARN}:model-package/{version}"),
        *("--model-approval-status", status),
    )


def of_group(command: str, group: str) -> Command:
    return (command, "--model-package-group-name", group)


def of_version(command: str, version: str) -> Command:
    return (command, "--model-package-name", f"{ARN}:model-package/{version}")


def team_calls(mine: str, other: str) -> list[tuple[Command, bool]]:
    """What a team asks, and whether it may. Version 1 of each group is the administrator's."""
    return [
        (register(mine), True),
        (of_group("describe-model-package-group", mine), True),
        (of_version("describe-model-package", f"{mine}/1"), True),
        (of_group("list-model-packages", mine), True),
        (decide(f"{mine}/1", "Approved"), True),
        (decide(f"{mine}/1", "Rejected"), True),
        (register(other), False),
        (of_group("describe-model-package-group", other), False),
        (of_version("describe-model-package", f"{other}/1"), False),
        (of_group("list-model-packages", other), False),
        (decide(f"{other}/1", "Approved"), False),
        (decide(f"{other}/1", "Rejected"), False),
        (of_group("create-model-package-group", f"{mine}-2"), False),
        (of_version("delete-model-package", f"{mine}/1"), False),
        (of_group("delete-model-package-group", mine), False),
        (("add-tags", "--resource-arn", f"{ARN}:model-package-group/{mine}", *TAG), False),
        (of_group("get-model-package-group-policy", mine), False),
        (("list-models",), False),
        (("list-endpoints",), False),
    ]


TAG = ("--tags", "Key=team,Value=x")


def test_two_teams_share_one_registry(aws: Aws) -> None:
    keys = {group: provision(aws, group) for group in TEAMS}
    for group in TEAMS:
        aws({}, "sagemaker", *register(group, "--model-approval-status", "PendingManualApproval"))

    for mine, other in (TEAMS, TEAMS[::-1]):
        asked = team_calls(mine, other)

        def ask(one: tuple[Command, bool], mine: str = mine) -> str:
            return aws(keys[mine], "sagemaker", *one[0])

        ask(asked[0])
        with ThreadPoolExecutor(2) as two:  # each command is a program that starts slowly
            answers = list(two.map(ask, asked[1:]))
        for (command, may), answer in zip(asked[1:], answers, strict=True):
            assert ("error" not in answer.lower()) is may, (command, answer)
            assert (REFUSED in answer) is not may, (command, answer)
        listed = json.loads(aws(keys[mine], "sagemaker", "list-model-package-groups"))
        names = [one["ModelPackageGroupName"] for one in listed["ModelPackageGroupSummaryList"]]
        assert names == [mine]
        versions = json.loads(aws(keys[mine], "sagemaker", *of_group("list-model-packages", mine)))
        assert len(versions["ModelPackageSummaryList"]) == 2

    roles = json.loads(aws({}, "iam", "list-roles"))["Roles"]
    assert sorted(role["RoleName"] for role in roles) == sorted(TEAMS)
    for group in TEAMS:
        found = json.loads(
            aws({}, "iam", "get-role-policy", "--role-name", group, "--policy-name", "registry")
        )
        assert found["PolicyDocument"] == json.loads(team_policy(group))


def submitter_policy() -> str:
    """Registers and withdraws to pending; approval and rejection are others' to decide."""
    return json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Action": ["sagemaker:CreateModelPackage", "sagemaker:UpdateModelPackage"],
                    "Resource": "*",
                    "Condition": {
                        "StringEquals": {"sagemaker:ModelApprovalStatus": "PendingManualApproval"}
                    },
                },
                {
                    "Effect": "Allow",
                    "Action": ["sagemaker:Describe*", "sagemaker:List*"],
                    "Resource": "*",
                },
            ],
        }
    )


def test_a_person_may_set_pending_and_not_approved(aws: Aws) -> None:
    group = TEAMS[0]
    version = f"{group}/1"
    aws({}, "sagemaker", *of_group("create-model-package-group", group))
    aws({}, "iam", "create-user", "--user-name", "ann")
    policy = ("--policy-name", "submit", "--policy-document", submitter_policy())
    aws({}, "iam", "put-user-policy", "--user-name", "ann", *policy)
    made = aws({}, "iam", "create-access-key", "--user-name", "ann")
    ann = keys_of(json.loads(made)["AccessKey"])

    def status() -> str:
        described = aws({}, "sagemaker", *of_version("describe-model-package", version))
        return str(json.loads(described)["ModelApprovalStatus"])

    pending = ("--model-approval-status", "PendingManualApproval")
    registered = aws(ann, "sagemaker", *register(group, *pending))
    assert json.loads(registered)["ModelPackageArn"] == f"{ARN}:model-package/{version}"
    for denied in (
        decide(version, "Approved"),
        decide(version, "Rejected"),
        register(group, "--model-approval-status", "Approved"),
        register(group),
    ):
        assert REFUSED in aws(ann, "sagemaker", *denied), denied
    assert status() == "PendingManualApproval"

    aws({}, "sagemaker", *decide(version, "Rejected"))
    assert REFUSED not in aws(ann, "sagemaker", *decide(version, "PendingManualApproval"))

    assert status() == "PendingManualApproval"
    versions = json.loads(aws({}, "sagemaker", *of_group("list-model-packages", group)))
    assert len(versions["ModelPackageSummaryList"]) == 1
