"""Registration, description, update and deletion of model packages."""

import asyncio
from typing import Any

import pytest

from modelyard.errors import ConflictException, ValidationException
from tests.registry.in_process import (
    ACCOUNT,
    IMAGE,
    Registry,
    package_arn,
    specification,
)


def additional(name: str) -> dict[str, Any]:
    return {"Name": name, **specification()}


async def test_a_version_is_described_as_it_was_registered(registry: Registry) -> None:
    await registry.group()
    given = {
        "ModelPackageDescription": "Baseline",
        "InferenceSpecification": specification(),
        "AdditionalInferenceSpecifications": [additional("neo")],
        "MetadataProperties": {"CommitId": "abc123"},
        "ModelMetrics": {
            "ModelQuality": {"Statistics": {"ContentType": "application/json", "S3Uri": "s3://b/m"}}
        },
        "DriftCheckBaselines": {"Bias": {"ConfigFile": {"S3Uri": "s3://b/c"}}},
        "CustomerMetadataProperties": {"eta": "0.3"},
        "Domain": "MACHINE_LEARNING",
        "Task": "CLASSIFICATION",
        "SamplePayloadUrl": "s3://b/payload",
        "SkipModelValidation": "None",
        "SourceUri": "s3://b/experiment",
        "SecurityConfig": {"KmsKeyId": "key"},
        "ModelCard": {"ModelCardContent": "{}", "ModelCardStatus": "Draft"},
        "ModelLifeCycle": {"Stage": "Development", "StageStatus": "InProgress"},
        "ManagedStorageType": "Restricted",
        "ModelPackageRegistrationType": "Registered",
        "CertifyForMarketplace": False,
    }

    arn = await registry.version(**given)

    made = registry.now_us
    assert await registry.describe(arn) == {
        **given,
        "ModelPackageGroupName": "churn",
        "ModelPackageVersion": 1,
        "ModelPackageArn": package_arn("churn/1"),
        "CreationTime": made,
        "LastModifiedTime": made,
        "ModelPackageStatus": "Completed",
        "ModelPackageStatusDetails": {"ValidationStatuses": [], "ImageScanStatuses": []},
        "ModelApprovalStatus": "PendingManualApproval",
        "CreatedBy": {
            "IamIdentity": {"Arn": f"arn:aws:iam::{ACCOUNT}:user/ada", "PrincipalId": "AIDAada"}
        },
    }


async def test_a_version_is_found_by_name_and_by_arn(registry: Registry) -> None:
    await registry.group()
    arn = await registry.version()

    assert await registry.describe("churn/1") == await registry.describe(arn)


@pytest.mark.parametrize(
    "argument",
    [
        "churn",
        "churn/2",
        "churn/0",
        "churn/01",
        "other/1",
        package_arn("churn/2"),
        package_arn("churn/1").replace("us-east-1", "eu-west-1"),
        package_arn("churn/1").replace("model-package", "model-package-group"),
        package_arn("churn/1").replace("arn:aws:", "arn:aws-cn:"),
    ],
)
async def test_a_package_that_is_not_here_does_not_exist(registry: Registry, argument: str) -> None:
    await registry.group()
    await registry.version()

    for operation in ("DescribeModelPackage", "DeleteModelPackage"):
        with pytest.raises(ValidationException, match=r"^ModelPackage arn:.* does not exist\."):
            await registry(operation, ModelPackageName=argument)
    assert (await registry.describe("churn/1"))["ModelPackageVersion"] == 1


async def test_an_unversioned_package_has_a_name_and_no_approval(registry: Registry) -> None:
    arn = await registry.unversioned("solo", Tags=[{"Key": "team", "Value": "rc"}])

    described = await registry.describe("solo")

    assert arn == package_arn("solo")
    assert described["ModelPackageName"] == "solo"
    assert "ModelApprovalStatus" not in described
    assert "ModelPackageVersion" not in described
    listed = await registry("ListTags", ResourceArn=arn)
    assert listed["Tags"] == [{"Key": "team", "Value": "rc"}]


async def test_a_second_unversioned_package_of_a_name_is_refused(registry: Registry) -> None:
    await registry.unversioned("solo")

    with pytest.raises(ValidationException, match="ModelPackage already exists"):
        await registry.unversioned("solo")


@pytest.mark.parametrize(
    ("members", "sentence"),
    [
        ({"ModelPackageName": "solo", "ModelPackageGroupName": "churn"}, "Both ModelPackageName"),
        ({}, "Missing ARN"),
        ({"ModelPackageGroupName": "none"}, "ModelPackageGroup .*/none does not exist"),
        (
            {"ModelPackageGroupName": "churn", "Tags": [{"Key": "a", "Value": "b"}]},
            "takes no Tags",
        ),
        (
            {
                "ModelPackageGroupName": "churn",
                "SourceAlgorithmSpecification": {"SourceAlgorithms": [{"AlgorithmName": "knn"}]},
            },
            "Algorithm knn does not exist",
        ),
        (
            {
                "ModelPackageGroupName": "churn",
                "AdditionalInferenceSpecifications": [additional("a"), additional("a")],
            },
            "unique: a",
        ),
        (
            {"ModelPackageGroupName": "churn", "ModelCard": {"ModelCardContent": "[1"}},
            "JSON object",
        ),
        (
            {"ModelPackageGroupName": "churn", "ModelCard": {"ModelCardContent": "[" * 5000}},
            "JSON object",
        ),
    ],
)
async def test_a_contradictory_registration_is_refused_and_burns_no_number(
    registry: Registry, members: dict[str, Any], sentence: str
) -> None:
    await registry.group()

    with pytest.raises(ValidationException, match=sentence):
        await registry("CreateModelPackage", **members)

    assert await registry.version() == package_arn("churn/1")


async def test_empty_structures_that_sdks_send_are_left_out(registry: Registry) -> None:
    await registry.group()
    container = {"Image": IMAGE, "ModelDataUrl": "s3://elsewhere/m", "Environment": {}}

    arn = await registry.version(
        ModelMetrics={"Bias": {}, "Explainability": {}},
        Tags=[],
        InferenceSpecification={"Containers": [container]},
    )

    described = await registry.describe(arn)
    assert "ModelMetrics" not in described
    assert described["InferenceSpecification"]["Containers"] == [container]


async def test_deleting_the_newest_version_does_not_free_its_number(registry: Registry) -> None:
    await registry.group()
    first = await registry.version()
    await registry("DeleteModelPackage", ModelPackageName=first)

    assert await registry.version() == package_arn("churn/2")


async def test_fifty_registrations_at_once_get_one_to_fifty(registry: Registry) -> None:
    await registry.group()

    arns = await asyncio.gather(*(registry.version() for _ in range(50)))

    assert {int(arn.rpartition("/")[2]) for arn in arns} == set(range(1, 51))


async def test_refused_registrations_in_between_leave_no_gaps(registry: Registry) -> None:
    await registry.group()
    await registry.put_object("held", "there")
    missing = specification("s3://held/missing")

    outcomes = await asyncio.gather(
        *(
            registry.version(**({"InferenceSpecification": missing} if number % 3 == 0 else {}))
            for number in range(30)
        ),
        return_exceptions=True,
    )

    made = [outcome for outcome in outcomes if isinstance(outcome, str)]
    assert {int(arn.rpartition("/")[2]) for arn in made} == set(range(1, 21))
    assert all(isinstance(o, str | ValidationException) for o in outcomes)


async def test_one_client_token_makes_one_version(registry: Registry) -> None:
    await registry.group()

    arns = await asyncio.gather(*(registry.version(ClientToken="token-1") for _ in range(10)))

    assert set(arns) == {package_arn("churn/1")}
    assert await registry.version() == package_arn("churn/2")


async def test_a_repeated_update_with_its_client_token_is_one_update(registry: Registry) -> None:
    await registry.group()
    arn = await registry.version()
    update = {
        "ModelPackageArn": arn,
        "AdditionalInferenceSpecificationsToAdd": [additional("b")],
        "ClientToken": "token-1",
    }

    await registry("UpdateModelPackage", **update)
    await registry("UpdateModelPackage", **update)

    with pytest.raises(ConflictException, match="token-1"):
        await registry("UpdateModelPackage", **update, ModelApprovalStatus="Approved")
    assert len((await registry.describe(arn))["AdditionalInferenceSpecifications"]) == 1


async def test_a_note_and_a_card_may_have_line_ends(registry: Registry) -> None:
    await registry.group()
    card = {"ModelCardStatus": "Draft", "ModelCardContent": '{\n  "a": 1\n}'}
    arn = await registry.version(ModelCard=card)

    await registry(
        "UpdateModelPackage",
        ModelPackageArn=arn,
        ModelApprovalStatus="Approved",
        ApprovalDescription="Better:\n- recall\n- speed",
    )

    described = await registry.describe(arn)
    assert described["ModelCard"] == card
    assert described["ApprovalDescription"] == "Better:\n- recall\n- speed"


async def test_a_client_token_for_another_registration_is_a_conflict(registry: Registry) -> None:
    await registry.group()
    await registry.version(ClientToken="token-1")

    with pytest.raises(ConflictException, match="token-1"):
        await registry.version(ClientToken="token-1", ModelPackageDescription="other")


async def test_an_update_changes_what_it_names_and_nothing_else(registry: Registry) -> None:
    await registry.group()
    arn = await registry.version(
        ModelPackageDescription="Baseline",
        CustomerMetadataProperties={"eta": "0.3", "depth": "2"},
        ModelApprovalStatus="Approved",
        ModelLifeCycle={"Stage": "QA", "StageStatus": "Approved", "StageDescription": "fine"},
    )
    before = await registry.describe(arn)

    answer = await registry(
        "UpdateModelPackage",
        ModelPackageArn=arn,
        CustomerMetadataProperties={"eta": "0.1", "seed": "7"},
        CustomerMetadataPropertiesToRemove=["depth", "absent"],
    )

    assert answer == {"ModelPackageArn": arn}
    assert await registry.describe(arn) == {
        **before,
        "CustomerMetadataProperties": {"eta": "0.1", "seed": "7"},
        "LastModifiedTime": registry.now_us - 1000,
        "LastModifiedBy": before["CreatedBy"],
    }


async def test_removing_the_last_property_leaves_the_member_out(registry: Registry) -> None:
    await registry.group()
    arn = await registry.version(CustomerMetadataProperties={"eta": "0.3"})

    await registry(
        "UpdateModelPackage", ModelPackageArn=arn, CustomerMetadataPropertiesToRemove=["eta"]
    )

    assert "CustomerMetadataProperties" not in await registry.describe(arn)


async def test_fifty_properties_are_the_most_after_a_merge(registry: Registry) -> None:
    await registry.group()
    arn = await registry.version(CustomerMetadataProperties={f"k{n}": "v" for n in range(50)})

    with pytest.raises(ValidationException, match="would make 51"):
        await registry(
            "UpdateModelPackage", ModelPackageArn=arn, CustomerMetadataProperties={"more": "v"}
        )
    await registry(
        "UpdateModelPackage",
        ModelPackageArn=arn,
        CustomerMetadataProperties={"more": "v"},
        CustomerMetadataPropertiesToRemove=["k0"],
    )

    assert len((await registry.describe(arn))["CustomerMetadataProperties"]) == 50


async def test_a_property_is_set_or_removed_not_both(registry: Registry) -> None:
    await registry.group()
    arn = await registry.version()

    with pytest.raises(ValidationException, match="set it or remove it"):
        await registry(
            "UpdateModelPackage",
            ModelPackageArn=arn,
            CustomerMetadataProperties={"a": "1"},
            CustomerMetadataPropertiesToRemove=["a"],
        )


async def test_updates_at_once_lose_nothing(registry: Registry) -> None:
    await registry.group()
    arn = await registry.version()

    await asyncio.gather(
        *(
            registry(
                "UpdateModelPackage",
                ModelPackageArn=arn,
                CustomerMetadataProperties={f"k{n}": str(n)},
            )
            for n in range(20)
        )
    )

    kept = (await registry.describe(arn))["CustomerMetadataProperties"]
    assert kept == {f"k{n}": str(n) for n in range(20)}


async def test_additional_specifications_are_appended_up_to_fifteen(registry: Registry) -> None:
    await registry.group()
    arn = await registry.version(AdditionalInferenceSpecifications=[additional("a")])

    async def add(*names: str) -> None:
        await registry(
            "UpdateModelPackage",
            ModelPackageArn=arn,
            AdditionalInferenceSpecificationsToAdd=[additional(name) for name in names],
        )

    await add(*(f"n{number}" for number in range(14)))
    with pytest.raises(ValidationException, match="would make 16"):
        await add("more")
    with pytest.raises(ValidationException, match="unique: a"):
        await add("a")

    kept = (await registry.describe(arn))["AdditionalInferenceSpecifications"]
    assert [s["Name"] for s in kept] == ["a", *(f"n{number}" for number in range(14))]


async def test_an_archived_card_accepts_no_updates(registry: Registry) -> None:
    await registry.group()
    arn = await registry.version(ModelCard={"ModelCardContent": '{"a": 1}'})
    assert (await registry.describe(arn))["ModelCard"]["ModelCardStatus"] == "Draft"

    await registry(
        "UpdateModelPackage", ModelPackageArn=arn, ModelCard={"ModelCardStatus": "Archived"}
    )
    with pytest.raises(ValidationException, match=r"^Model Card is in Archived state\.$"):
        await registry(
            "UpdateModelPackage", ModelPackageArn=arn, ModelCard={"ModelCardContent": "{}"}
        )

    card = (await registry.describe(arn))["ModelCard"]
    assert card == {"ModelCardContent": '{"a": 1}', "ModelCardStatus": "Archived"}


async def test_metadata_only_shows_what_is_not_confidential_of_a_card(registry: Registry) -> None:
    await registry.group()
    content = '{"intended_uses": {"risk_rating": "High", "purpose": "secret"}, "x": 1}'
    arn = await registry.version(ModelCard={"ModelCardContent": content})

    card = (await registry.describe(arn, IncludedData="MetadataOnly"))["ModelCard"]

    assert card["ModelCardContent"] == '{"intended_uses":{"risk_rating":"High"}}'
    assert (await registry.describe(arn))["ModelCard"]["ModelCardContent"] == content


async def test_batches_describe_what_is_there_and_say_what_is_not(registry: Registry) -> None:
    await registry.group()
    arn = await registry.version()
    solo = await registry.unversioned("solo")

    answer = await registry(
        "BatchDescribeModelPackage", ModelPackageArnList=[arn, package_arn("churn/9"), solo, arn]
    )

    assert list(answer["ModelPackageSummaries"]) == [arn]
    assert answer["ModelPackageSummaries"][arn]["ModelPackageVersion"] == 1
    refused = answer["BatchDescribeModelPackageErrorMap"]
    assert refused[package_arn("churn/9")]["ErrorCode"] == "ValidationException"
    assert "DescribeModelPackage" in refused[solo]["ErrorResponse"]
