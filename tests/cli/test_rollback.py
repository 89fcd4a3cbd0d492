import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Command
from tests.clients.story import XGBOOST_IMAGE, Boosters
from tests.server_process import ServerProcess, free_port_pair

ENDPOINT = "churn"
ROLE = "arn:aws:iam::123456789012:role/Churn"
Shell = dict[str, str]


@pytest.fixture
def pointed(server: ServerProcess) -> Shell:
    """The AWS settings of a shell that points at the server."""
    return {
        "AWS_ENDPOINT_URL": server.url,
        "AWS_ACCESS_KEY_ID": server.access_key_id,
        "AWS_SECRET_ACCESS_KEY": server.secret_access_key,
        "AWS_REGION": "us-east-1",
    }


def register(server: ServerProcess, version: int, archive: Path) -> str:
    """An approved version with a model and an endpoint config of its number; its ARN."""
    s3, sagemaker = server.client("s3"), server.client("sagemaker")
    s3.upload_file(str(archive), "churn", f"v{version}.tar.gz")
    container = {"Image": XGBOOST_IMAGE, "ModelDataUrl": f"s3://churn/v{version}.tar.gz"}
    arn: str = sagemaker.create_model_package(
        ModelPackageGroupName="churn",
        ModelApprovalStatus="Approved",
        InferenceSpecification={
            "Containers": [container],
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["text/csv"],
        },
    )["ModelPackageArn"]
    name = f"v{version}"
    sagemaker.create_model(
        ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer={"ModelPackageName": arn}
    )
    variant = {"VariantName": "All", "ModelName": name, "InstanceType": "ml.m5.large"}
    sagemaker.create_endpoint_config(
        EndpointConfigName=name, ProductionVariants=[{**variant, "InitialInstanceCount": 1}]
    )
    return arn


@pytest.fixture
def versions(server: ServerProcess, boosters: Boosters) -> list[str]:
    """Three approved versions, the first of which serves."""
    server.client("s3").create_bucket(Bucket="churn")
    server.client("sagemaker").create_model_package_group(ModelPackageGroupName="churn")
    first, second = boosters.archives
    arns = [register(server, number + 1, [first, second, first][number]) for number in range(3)]
    server.client("sagemaker").create_endpoint(EndpointName=ENDPOINT, EndpointConfigName="v1")
    in_service(server)
    return arns


def in_service(server: ServerProcess) -> Any:
    sagemaker = server.client("sagemaker")
    waiter = sagemaker.get_waiter("endpoint_in_service")
    waiter.wait(EndpointName=ENDPOINT, WaiterConfig={"Delay": 1, "MaxAttempts": 300})
    return sagemaker.describe_endpoint(EndpointName=ENDPOINT)["EndpointConfigName"]


def update(server: ServerProcess, config: str) -> None:
    server.client("sagemaker").update_endpoint(EndpointName=ENDPOINT, EndpointConfigName=config)
    in_service(server)


@pytest.mark.slow
def test_a_rollback_tells_first_and_then_does(
    modelyard: Command, server: ServerProcess, pointed: Shell, versions: list[str]
) -> None:
    nowhere = modelyard("rollback", ENDPOINT, **pointed)
    assert nowhere.returncode == 1
    assert "earlier" in nowhere.stderr

    update(server, "v2")
    update(server, "v3")
    server.client("sagemaker").update_model_package(
        ModelPackageArn=versions[1], ModelApprovalStatus="Rejected"
    )

    tried = modelyard("rollback", ENDPOINT, "--dry-run", **pointed)
    assert tried.returncode == 0, tried.stderr
    passed_over, target = tried.stdout.splitlines()
    assert passed_over.startswith("passed over: deployment 2 ")
    assert "Rejected" in passed_over
    assert target == (f"{ENDPOINT} would roll back to deployment 1 (config v1, {versions[0]})")
    assert in_service(server) == "v3"

    done = modelyard("rollback", ENDPOINT, **pointed)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == f"{ENDPOINT} is InService"
    assert in_service(server) == "v1"


@pytest.mark.slow
def test_scripts_get_one_json_document(
    modelyard: Command, server: ServerProcess, pointed: Shell, versions: list[str]
) -> None:
    update(server, "v2")

    told = json.loads(modelyard("rollback", ENDPOINT, "--json", **pointed).stdout)

    assert told["RolledBack"] is True
    assert told["TargetDeployment"]["EndpointConfigName"] == "v1"
    assert in_service(server) == "v1"


def test_an_unknown_endpoint_is_named(modelyard: Command, pointed: Shell) -> None:
    ran = modelyard("rollback", "nobody", **pointed)

    assert ran.returncode == 1
    assert 'Could not find endpoint "' in ran.stderr


def test_a_server_that_is_away_has_an_exit_status_of_its_own(
    modelyard: Command, pointed: Shell
) -> None:
    away = f"http://127.0.0.1:{free_port_pair()}"

    ran = modelyard("rollback", ENDPOINT, **{**pointed, "AWS_ENDPOINT_URL": away})

    assert ran.returncode == 3
    assert away in ran.stderr
