"""Models through the one door."""

import pytest

from modelyard.errors import ValidationException
from tests.hosting.conftest import ACCOUNT, IMAGE, REGION, ROLE, Hosting

ARN = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:model/churn"


async def test_a_model_is_described_as_it_was_made_without_empty_members(hosting: Hosting):
    await hosting(
        "CreateModel",
        ModelName="churn",
        PrimaryContainer={"Image": IMAGE, "ModelDataUrl": "s3://models/a.tar.gz"},
        Containers=[],
        ExecutionRoleArn=ROLE,
    )

    answer = await hosting("DescribeModel", ModelName="churn")

    assert answer.pop("CreationTime") > 0
    assert answer == {
        "ModelName": "churn",
        "ModelArn": ARN,
        "PrimaryContainer": {"Image": IMAGE, "ModelDataUrl": "s3://models/a.tar.gz"},
        "ExecutionRoleArn": ROLE,
        "EnableNetworkIsolation": False,
    }


async def test_a_second_model_of_the_same_name_is_refused(hosting: Hosting):
    await hosting.model("churn")

    with pytest.raises(ValidationException) as refusal:
        await hosting.model("churn")

    assert refusal.value.message == f'Cannot create already existing model "{ARN}".'


@pytest.mark.parametrize("operation", ["DescribeModel", "DeleteModel"])
async def test_a_missing_model_is_worded_as_sdks_look_for(hosting: Hosting, operation: str):
    with pytest.raises(ValidationException, match=f'^Could not find model "{ARN}".$'):
        await hosting(operation, ModelName="churn")


async def test_models_are_listed_newest_first_in_pages(hosting: Hosting):
    for name in ("alpha", "beta", "gamma"):
        await hosting.model(name)

    first = await hosting("ListModels", MaxResults=2)
    second = await hosting("ListModels", MaxResults=2, NextToken=first["NextToken"])
    named = await hosting("ListModels", NameContains="et", SortBy="Name", SortOrder="Ascending")

    assert [m["ModelName"] for m in first["Models"]] == ["gamma", "beta"]
    assert [m["ModelName"] for m in second["Models"]] == ["alpha"]
    assert "NextToken" not in second
    assert [m["ModelName"] for m in named["Models"]] == ["beta"]


@pytest.mark.parametrize("spelling", ["arn", "short"])
async def test_a_model_is_made_of_an_approved_version(hosting: Hosting, spelling: str):
    package = await hosting.version(await hosting.object("a.tar.gz", "bytes of a"))

    await hosting.model("churn", ModelPackageName=package if spelling == "arn" else "churn/1")

    answer = await hosting("DescribeModel", ModelName="churn")
    assert "ModelPackageName" in answer["PrimaryContainer"]


@pytest.mark.parametrize("approval", ["PendingManualApproval", "Rejected"])
async def test_a_model_of_a_version_that_is_not_approved_is_refused(
    hosting: Hosting, approval: str
):
    package = await hosting.version(await hosting.object("a.tar.gz", "a"), approval)

    with pytest.raises(ValidationException, match=f"{approval}.*Approve it with"):
        await hosting.model("churn", ModelPackageName=package)


@pytest.mark.parametrize(
    ("container", "text"),
    [
        ({"ModelPackageName": "churn/1", "Image": IMAGE}, "not both"),
        ({"ModelDataUrl": "s3://models/a.tar.gz"}, "needs an Image or a ModelPackageName"),
        ({"Image": IMAGE, "Mode": "MultiModel"}, "Multi-model endpoints are not offered"),
        ({"Image": IMAGE, "InferenceSpecificationName": "x"}, "needs a ModelPackageName"),
    ],
)
async def test_a_container_that_contradicts_itself_or_is_not_offered_is_refused(
    hosting: Hosting, container: dict[str, str], text: str
):
    with pytest.raises(ValidationException, match=text):
        await hosting.model("churn", **container)


async def test_a_model_without_a_role_or_a_container_is_refused(hosting: Hosting):
    with pytest.raises(ValidationException, match="'executionRoleArn'"):
        await hosting("CreateModel", ModelName="churn", PrimaryContainer={"Image": IMAGE})
    with pytest.raises(ValidationException, match="PrimaryContainer or Containers"):
        await hosting("CreateModel", ModelName="churn", ExecutionRoleArn=ROLE)
