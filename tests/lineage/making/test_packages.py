"""What registrations, decisions, stages and deletions leave in lineage."""

import re

import pytest

from tests.hosting.conftest import ADA
from tests.lineage.making.conftest import ACCOUNT, IMAGE, REGION, Made

URL = "s3://elsewhere/model.tar.gz"
GROUP_ARN = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:model-package-group/churn"


async def test_a_registration_makes_the_entities_and_edges_that_aws_makes(made: Made) -> None:
    arn = await made.hosting.version(URL, approval="PendingManualApproval")
    await made.tell()

    assert await made.graph() == {
        (URL, "ContributedTo", "model-package/churn/1"),
        (IMAGE, "ContributedTo", "model-package/churn/1"),
        ("Approval model-package/churn/1", "ContributedTo", "model-package/churn/1"),
        ("model-package/churn/1", "AssociatedWith", "ModelGroup model-package-group/churn"),
    }
    types = {
        e["Source"]["SourceUri"]: e["ArtifactType"]
        for e in (await made.entities()).values()
        if "ArtifactArn" in e
    }
    assert types == {URL: "Model", IMAGE: "Image", arn: "Model"}


async def test_the_context_of_a_group_says_when_the_group_was_made(made: Made) -> None:
    await made.hosting.version(URL)
    await made.hosting.version(URL)
    await made.tell()

    [context] = await made.of_type("ModelGroup")

    assert context["Source"]["SourceUri"] == GROUP_ARN
    assert context["Source"]["SourceType"] == "ARN"
    assert context["Source"]["SourceId"].endswith("UTC 2026")
    assert context["ContextName"].startswith("churn-")
    assert context["ContextName"].endswith("-aws-model-group")


async def test_decisions_are_actions_with_their_note_and_who_decided(made: Made) -> None:
    arn = await made.hosting.version(URL, approval="PendingManualApproval")
    await made(
        "UpdateModelPackage",
        ModelPackageArn=arn,
        ModelApprovalStatus="Approved",
        ApprovalDescription="AUC 0.9",
    )
    await made("UpdateModelPackage", ModelPackageArn=arn, ModelApprovalStatus="Rejected")
    await made.tell()

    registered, approved, rejected = await made.of_type("Approval")

    assert registered["Properties"] == {"ModelApprovalStatus": "PendingManualApproval"}
    assert approved["Properties"] == {
        "ModelApprovalStatus": "Approved",
        "PreviousModelApprovalStatus": "PendingManualApproval",
    }
    assert approved["Description"] == "AUC 0.9"
    assert approved["Source"] == {"SourceUri": arn, "SourceType": "ARN"}
    assert approved["CreatedBy"] == {"IamIdentity": {"Arn": ADA.arn}}
    assert approved["ActionName"].startswith("churn-1-Approved-")
    assert approved["ActionName"].endswith("-aws-model-package")
    assert rejected["ActionName"].startswith("churn-1-Rejected-")


async def test_stages_are_actions(made: Made) -> None:
    arn = await made.hosting.version(URL)
    cycle = {"Stage": "QA", "StageStatus": "InProgress", "StageDescription": "for the audit"}
    await made("UpdateModelPackage", ModelPackageArn=arn, ModelLifeCycle=cycle)
    again = {"CustomerMetadataProperties": {"a": "b"}, "ModelLifeCycle": cycle}
    await made("UpdateModelPackage", ModelPackageArn=arn, **again)
    await made.tell()

    [staged] = await made.of_type("ModelLifeCycle")

    assert staged["Properties"] == {"Stage": "QA", "StageStatus": "InProgress"}
    assert staged["Description"] == "for the audit"
    edge = ("ModelLifeCycle model-package/churn/1", "ContributedTo", "model-package/churn/1")
    assert edge in await made.graph()


async def test_an_unversioned_package_is_registered_by_an_action_and_has_no_group(
    made: Made,
) -> None:
    specification = {
        "Containers": [{"Image": IMAGE, "ModelDataUrl": URL}],
        "SupportedContentTypes": ["text/csv"],
        "SupportedResponseMIMETypes": ["text/csv"],
    }
    metadata = {"CommitId": "abc", "Repository": "git://churn"}
    await made(
        "CreateModelPackage",
        ModelPackageName="alone",
        InferenceSpecification=specification,
        MetadataProperties=metadata,
    )
    await made.tell()

    assert await made.graph() == {
        (URL, "ContributedTo", "model-package/alone"),
        (IMAGE, "ContributedTo", "model-package/alone"),
        ("Registration model-package/alone", "ContributedTo", "model-package/alone"),
    }
    [package] = [e for e in await made.of_type("Model") if e["Source"]["SourceUri"] != URL]
    assert package["MetadataProperties"] == metadata


async def test_a_copied_version_derives_from_the_one_that_it_copies(made: Made) -> None:
    arn = await made.hosting.version(URL)
    await made("CreateModelPackage", ModelPackageGroupName="churn", SourceUri=arn)
    await made.tell()

    edge = ("model-package/churn/1", "DerivedFrom", "model-package/churn/2")
    assert edge in await made.graph()


async def test_a_source_that_is_no_package_contributes(made: Made) -> None:
    arn = await made.hosting.version(URL)
    await made("UpdateModelPackage", ModelPackageArn=arn, SourceUri="https://git/churn")
    await made.tell()

    edge = ("https://git/churn", "ContributedTo", "model-package/churn/1")
    assert edge in await made.graph()


async def test_what_an_update_adds_contributes_too(made: Made) -> None:
    arn = await made.hosting.version(URL)
    added = {
        "Name": "gpu",
        "Containers": [{"Image": "gpu-image", "ModelDataUrl": "s3://elsewhere/gpu.tar.gz"}],
    }
    await made(
        "UpdateModelPackage", ModelPackageArn=arn, AdditionalInferenceSpecificationsToAdd=[added]
    )
    await made.tell()

    assert {
        ("s3://elsewhere/gpu.tar.gz", "ContributedTo", "model-package/churn/1"),
        ("gpu-image", "ContributedTo", "model-package/churn/1"),
    } <= await made.graph()


async def test_lineage_outlives_what_it_is_about_and_says_that_it_is_gone(made: Made) -> None:
    arn = await made.hosting.version(URL)
    await made("DeleteModelPackage", ModelPackageName=arn)
    await made.tell()

    assert (URL, "ContributedTo", "model-package/churn/1") in await made.graph()
    packages = {e["Source"]["SourceUri"]: e for e in await made.of_type("Model")}
    assert packages[arn]["Properties"]["DeletedTime"].startswith("2026-")
    assert "Properties" not in packages[URL]


async def test_what_is_registered_again_under_its_name_is_not_deleted(made: Made) -> None:
    for operation in ("CreateModelPackage", "DeleteModelPackage", "CreateModelPackage"):
        await made(operation, ModelPackageName="alone")
    await made.tell()

    [package] = await made.of_type("Model")
    assert "Properties" not in package
    assert len(await made.of_type("Registration")) == 2


async def test_a_copy_of_a_file_keeps_the_parents_of_the_original(made: Made) -> None:
    """Same bytes under another URL: AWS would know nothing of what they came of."""
    original = await made.hosting.object("training/model.tar.gz", "the bytes")
    first = await made.hosting.version(original)
    await made("UpdateModelPackage", ModelPackageArn=first, SourceUri="s3://data/train.csv")
    copy = await made.hosting.object("registry/copy.tar.gz", "the bytes")
    other = await made.hosting.object("registry/other.tar.gz", "other bytes")
    await made.hosting.version(copy)
    await made.hosting.version(other)
    await made.tell()

    assert (original, "SameAs", copy) in await made.graph()
    assert original in await made.ancestors("model-package/churn/2")
    assert original not in await made.ancestors("model-package/churn/3")
    assert "model-package/churn/2" in await made.descendants(original)
    assert await made.ancestors(original) == set()


@pytest.mark.parametrize("name", ["n" * 63, "a-" * 31 + "z"])
async def test_names_of_actions_are_never_too_long(made: Made, name: str) -> None:
    await made("CreateModelPackageGroup", ModelPackageGroupName=name)
    await made("CreateModelPackage", ModelPackageGroupName=name)
    await made.tell()

    for entity in (await made.entities()).values():
        name = entity.get("ActionName") or entity.get("ContextName") or "artifact"
        assert re.fullmatch(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,119}", name)  # ExperimentEntityName
