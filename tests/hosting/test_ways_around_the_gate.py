"""Every spelling and every place that might lead past the approval gate."""

from typing import Any

import pytest

from modelyard.errors import ValidationException
from tests.hosting.conftest import ACCOUNT, IMAGE, REGION, ROLE, Hosting

VERSION = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:model-package/churn/1"
FIRST, NAMED = {"Image": IMAGE}, {"ModelPackageName": VERSION}


@pytest.fixture
async def pending(hosting: Hosting) -> str:
    """A version that waits for its approval and has an additional specification."""
    package = await hosting.version("s3://elsewhere/a.tar.gz", "PendingManualApproval")
    await hosting(
        "UpdateModelPackage",
        ModelPackageArn=package,
        AdditionalInferenceSpecificationsToAdd=[
            {"Name": "other", "Containers": [{"Image": IMAGE}]}
        ],
    )
    assert package == VERSION
    return package


@pytest.mark.parametrize(
    "model",
    [
        {"PrimaryContainer": NAMED},
        {"Containers": [NAMED]},
        {"Containers": [FIRST, NAMED]},
        {"PrimaryContainer": {**NAMED, "InferenceSpecificationName": "other"}},
        {"PrimaryContainer": {**NAMED, "Environment": {"A": "b"}}},
        {"PrimaryContainer": {"ModelPackageName": "churn/1"}},
        {"PrimaryContainer": {"ModelPackageName": "churn/01"}},
        {"PrimaryContainer": {"ModelPackageName": "churn/000000001"}},
        {"PrimaryContainer": {"ModelPackageName": "churn"}},
        {"PrimaryContainer": {"ModelPackageName": "CHURN/1"}},
        {"PrimaryContainer": {"ModelPackageName": VERSION.replace("/1", "/01")}},
        {"PrimaryContainer": {"ModelPackageName": VERSION.removesuffix("/1")}},
        {"PrimaryContainer": {"ModelPackageName": VERSION.replace(REGION, "eu-west-1")}},
        {"PrimaryContainer": {"ModelPackageName": VERSION.replace("arn:aws:", "arn:aws-cn:")}},
        {
            "PrimaryContainer": {
                "ModelPackageName": VERSION.replace("model-package/", "model-package-group/")
            }
        },
    ],
)
async def test_no_spelling_and_no_place_makes_a_model_of_a_pending_version(
    hosting: Hosting, pending: str, model: dict[str, Any]
):
    with pytest.raises(ValidationException, match="Cannot deploy|does not exist"):
        await hosting("CreateModel", ModelName="churn", ExecutionRoleArn=ROLE, **model)

    assert (await hosting("ListModels"))["Models"] == []


async def test_a_copy_of_an_approved_version_waits_for_an_approval_of_its_own(hosting: Hosting):
    approved = await hosting.version("s3://elsewhere/a.tar.gz")
    copy = await hosting("CreateModelPackage", ModelPackageGroupName="churn", SourceUri=approved)

    with pytest.raises(ValidationException, match="PendingManualApproval"):
        await hosting.model("churn", ModelPackageName=copy["ModelPackageArn"])


async def test_a_version_made_anew_under_an_old_arn_is_not_what_the_model_was_made_of(
    hosting: Hosting,
):
    package = await hosting.version("s3://elsewhere/a.tar.gz")
    await hosting.deployable("churn", ModelPackageName=package)
    await hosting("DeleteModelPackage", ModelPackageName=package)
    await hosting("DeleteModelPackageGroup", ModelPackageGroupName="churn")
    assert await hosting.version("s3://elsewhere/b.tar.gz") == package

    with pytest.raises(ValidationException, match="not the one that the model was made of"):
        await hosting("CreateEndpoint", EndpointName="live", EndpointConfigName="churn")


async def test_one_rejected_variant_of_several_keeps_the_whole_endpoint_away(hosting: Hosting):
    package = await hosting.version("s3://elsewhere/a.tar.gz")
    await hosting.model("good")
    await hosting.model("bad", ModelPackageName=package)
    variant = {"InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    await hosting(
        "CreateEndpointConfig",
        EndpointConfigName="both",
        ProductionVariants=[
            {**variant, "VariantName": "a", "ModelName": "good"},
            {**variant, "VariantName": "b", "ModelName": "bad", "InitialVariantWeight": 0.0},
        ],
    )
    await hosting.approval(package, "Rejected")

    with pytest.raises(ValidationException, match="Rejected"):
        await hosting("CreateEndpoint", EndpointName="live", EndpointConfigName="both")

    assert (await hosting("ListEndpoints"))["Endpoints"] == []


async def test_an_unversioned_package_needs_no_approval_and_may_be_archived(hosting: Hosting):
    answer = await hosting(
        "CreateModelPackage",
        ModelPackageName="alone",
        InferenceSpecification={"Containers": [{"Image": IMAGE}]},
    )
    await hosting.model("before", ModelPackageName=answer["ModelPackageArn"])
    await hosting(
        "UpdateModelPackage",
        ModelPackageArn=answer["ModelPackageArn"],
        ModelLifeCycle={"Stage": "archived", "StageStatus": "Retired"},
    )

    with pytest.raises(ValidationException, match="stage is archived"):
        await hosting.model("after", ModelPackageName="alone")
