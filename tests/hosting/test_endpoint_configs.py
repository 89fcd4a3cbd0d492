"""Endpoint configurations through the one door."""

from typing import Any

import pytest

from modelyard.errors import ResourceLimitExceeded, ValidationException
from tests.hosting.conftest import ACCOUNT, REGION, Hosting

ARN = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:endpoint-config/churn"
VARIANT = {
    "VariantName": "AllTraffic",
    "ModelName": "churn",
    "InstanceType": "ml.m5.large",
    "InitialInstanceCount": 1,
}


async def test_a_configuration_is_described_with_the_weight_that_it_gets(hosting: Hosting):
    await hosting.deployable("churn")

    answer = await hosting("DescribeEndpointConfig", EndpointConfigName="churn")

    assert answer.pop("CreationTime") > 0
    assert answer == {
        "EndpointConfigName": "churn",
        "EndpointConfigArn": ARN,
        "ProductionVariants": [{**VARIANT, "InitialVariantWeight": 1.0}],
    }


async def test_a_second_configuration_of_the_same_name_is_refused(hosting: Hosting):
    await hosting.deployable("churn")

    with pytest.raises(ValidationException, match="Cannot create already existing"):
        await hosting.config("churn")


@pytest.mark.parametrize("operation", ["DescribeEndpointConfig", "DeleteEndpointConfig"])
async def test_a_missing_configuration_is_worded_as_sdks_look_for(hosting: Hosting, operation: str):
    text = f'^Could not find endpoint configuration "{ARN}".$'
    with pytest.raises(ValidationException, match=text):
        await hosting(operation, EndpointConfigName="churn")


async def test_a_configuration_of_a_missing_model_is_refused(hosting: Hosting):
    with pytest.raises(ValidationException, match="Could not find model"):
        await hosting.config("churn")


@pytest.mark.parametrize(
    ("members", "text"),
    [
        ({"ProductionVariants": [VARIANT, VARIANT]}, "must be unique"),
        ({"ProductionVariants": [{"VariantName": "a", "ModelName": "churn"}]}, "InstanceType"),
        ({"ProductionVariants": [{**VARIANT, "InitialVariantWeight": -1.0}]}, "greater than"),
        (
            {
                "ProductionVariants": [
                    {
                        "VariantName": "a",
                        "ModelName": "churn",
                        "ServerlessConfig": {"MemorySizeInMB": 1024, "MaxConcurrency": 1},
                    }
                ]
            },
            "ServerlessConfig of variant a is not offered",
        ),
        (
            {
                "DataCaptureConfig": {
                    "InitialSamplingPercentage": 1,
                    "DestinationS3Uri": "s3://captured/",
                    "CaptureOptions": [{"CaptureMode": "Input"}],
                }
            },
            "DataCaptureConfig is not offered",
        ),
        ({"ShadowProductionVariants": [VARIANT]}, "ShadowProductionVariants is not offered"),
    ],
)
async def test_what_cannot_be_served_is_refused(
    hosting: Hosting, members: dict[str, Any], text: str
):
    await hosting.model("churn")

    with pytest.raises(ValidationException, match=text):
        await hosting(
            "CreateEndpointConfig",
            **{"EndpointConfigName": "churn", "ProductionVariants": [VARIANT], **members},
        )


async def test_capture_that_is_off_is_written_down_as_the_sdk_sends_it(hosting: Hosting):
    await hosting.model("churn")
    capture = {
        "EnableCapture": False,
        "InitialSamplingPercentage": 100,
        "DestinationS3Uri": "s3://captured/",
        "CaptureOptions": [{"CaptureMode": "Input"}],
    }

    await hosting(
        "CreateEndpointConfig",
        EndpointConfigName="churn",
        ProductionVariants=[VARIANT],
        DataCaptureConfig=capture,
    )

    answer = await hosting("DescribeEndpointConfig", EndpointConfigName="churn")
    assert answer["DataCaptureConfig"] == capture


async def test_a_weight_is_a_decimal_number_however_it_was_written(hosting: Hosting):
    await hosting.model("churn")
    variant = {**VARIANT, "InitialVariantWeight": 1}

    await hosting("CreateEndpointConfig", EndpointConfigName="churn", ProductionVariants=[variant])

    answer = await hosting("DescribeEndpointConfig", EndpointConfigName="churn")
    assert isinstance(answer["ProductionVariants"][0]["InitialVariantWeight"], float)


async def test_more_replicas_than_the_limit_are_refused(hosting: Hosting):
    await hosting.model("churn")

    with pytest.raises(ResourceLimitExceeded):
        await hosting.config("churn", count=21)
