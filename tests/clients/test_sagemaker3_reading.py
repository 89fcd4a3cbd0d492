"""What SDK 3.x's strict resource classes read of a registry full of sparse records."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.server_process import ServerProcess

SCRIPT = Path(__file__).parent / "scripts" / "sagemaker3_reading.py"
ROLE = "arn:aws:iam::123456789012:role/churn"
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
SECONDS_MAX = 600


@pytest.fixture
def sparse(server: ServerProcess) -> dict[str, Any]:
    """Records made as SDKs make them, with structures that say nothing, and with nothing at all."""
    sagemaker = server.client("sagemaker")
    group = sagemaker.create_model_package_group(
        ModelPackageGroupName="churn", Tags=[{"Key": "team", "Value": "a"}]
    )["ModelPackageGroupArn"]
    quality = {"Statistics": {"ContentType": "application/json", "S3Uri": "s3://elsewhere/q"}}
    specification = {
        "Containers": [{"Image": IMAGE, "Environment": {}}],
        "SupportedContentTypes": ["text/csv"],
        "SupportedResponseMIMETypes": ["text/csv"],
    }
    packages = [
        sagemaker.create_model_package(ModelPackageGroupName="churn", **members)["ModelPackageArn"]
        for members in (
            {
                "InferenceSpecification": specification,
                "ModelMetrics": {"ModelQuality": quality, "Bias": {}, "Explainability": {}},
                "DriftCheckBaselines": {"Bias": {}},
                "MetadataProperties": {},
                "ModelCard": {"ModelCardStatus": "Draft", "ModelCardContent": "{}"},
                "ModelLifeCycle": {"Stage": "QA", "StageStatus": "OnHold"},
            },
            {},
        )
    ]
    packages.append(
        sagemaker.create_model_package(
            ModelPackageName="alone", InferenceSpecification=specification
        )["ModelPackageArn"]
    )
    container = {"Image": IMAGE, "Environment": {}}
    sagemaker.create_model(ModelName="churn", PrimaryContainer=container, ExecutionRoleArn=ROLE)
    sagemaker.create_model(
        ModelName="remote",
        Containers=[{"Image": IMAGE, "ModelDataUrl": "s3://elsewhere/model.tar.gz"}],
        ExecutionRoleArn=ROLE,
        VpcConfig={"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1"]},
        EnableNetworkIsolation=True,
    )
    variant = {"VariantName": "AllTraffic", "ModelName": "remote", "InstanceType": "ml.m5.large"}
    sagemaker.create_endpoint_config(
        EndpointConfigName="churn",
        ProductionVariants=[{**variant, "InitialInstanceCount": 1, "InitialVariantWeight": 1}],
    )
    sagemaker.create_endpoint(EndpointName="live", EndpointConfigName="churn", Tags=[])
    return {"group": group, "packages": packages}


def test_the_resource_classes_of_sdk_3_read_every_answer(
    server: ServerProcess, sparse: dict[str, Any], client_env: Callable[[str], Path]
) -> None:
    done = subprocess.run(
        [str(client_env("sagemaker3")), str(SCRIPT)],
        input=json.dumps(sparse),
        env=server.env(),
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    status = told.pop("endpoint")[0]
    assert status in ("Creating", "Failed")  # its bytes are in a store that cannot be read
    assert "endpoint/live" in told.pop("refusal")
    assert told == {
        "group": "arn:aws:iam::123456789012:root",
        "groups": ["churn"],
        "approved": ["Approved", "Two\nlines"],
        "in group": sparse["packages"][:2],
        "of both types": 3,
        "models": ["churn", "remote"],
        "isolated": [False, True],
        "config": 1.0,
        "configs": ["churn"],
        "endpoints": ["live"],
        "tags": [["team", "a"]],
    }
