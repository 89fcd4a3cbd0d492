"""Custody: which bytes a package stands for, and what is refused for want of them."""

from typing import Any

import pytest

from modelyard.call import Document
from modelyard.errors import ResourceNotFound, ValidationException
from modelyard.registry import custody
from tests.registry.in_process import (
    IMAGE,
    Registry,
    package_arn,
    principal,
    sha256,
    specification,
)


async def _artifacts(registry: Registry, package: str) -> list[Document]:
    answer = await registry.own("DescribeModelPackageArtifacts", ModelPackageName=package)
    assert answer["ModelPackageArn"].endswith(package.rpartition("model-package/")[2])
    return list(answer["Artifacts"])


def _verified(url: str, content: str) -> Document:
    return {
        "Url": url,
        "State": "Verified",
        "Sha256": sha256(content),
        "Bytes": len(content),
        "ETag": f'"etag-{content}"',
    }


def _data_source(url: str, kind: str = "S3Object") -> Document:
    return {"S3Uri": url, "S3DataType": kind, "CompressionType": "None"}


async def test_model_data_in_a_bucket_of_the_server_is_verified(registry: Registry) -> None:
    await registry.group()
    await registry.put_object("held", "model.tar.gz", "bytes")

    arn = await registry.version(InferenceSpecification=specification("s3://held/model.tar.gz"))

    assert await _artifacts(registry, arn) == [_verified("s3://held/model.tar.gz", "bytes")]


async def test_model_data_elsewhere_is_taken_unverified(registry: Registry) -> None:
    await registry.group()

    for url in ("s3://elsewhere/model.tar.gz", "https://example.com/model.tar.gz"):
        arn = await registry.version(InferenceSpecification=specification(url))
        assert await _artifacts(registry, arn) == [{"Url": url, "State": "Unverified"}]


@pytest.mark.parametrize(
    "url",
    [
        "s3://held/none/at-all.tar.gz",
        "https://held.s3.us-east-1.amazonaws.com/none/at-all.tar.gz",
        "https://s3.us-east-1.amazonaws.com/held/none/at-all.tar.gz",
    ],
)
async def test_missing_model_data_is_refused_by_its_url(registry: Registry, url: str) -> None:
    await registry.group()
    await registry.put_object("held", "there")

    with pytest.raises(ValidationException, match=url):
        await registry.version(InferenceSpecification=specification(url))


async def test_every_way_to_name_model_data_is_looked_at(registry: Registry) -> None:
    await registry.group()
    for key in ("main", "source", "channel", "additional", "neo"):
        await registry.put_object("held", key, key)
    container = {
        "Image": IMAGE,
        "ModelDataUrl": "s3://held/main",
        "ModelDataSource": {"S3DataSource": _data_source("s3://held/source")},
        "AdditionalModelDataSources": [
            {"ChannelName": "lora", "S3DataSource": _data_source("s3://held/channel")}
        ],
        "AdditionalS3DataSource": {"S3DataType": "S3Object", "S3Uri": "s3://held/additional"},
    }

    arn = await registry.version(
        InferenceSpecification={"Containers": [container, container]},
        AdditionalInferenceSpecifications=[{"Name": "neo", **specification("s3://held/neo")}],
    )

    assert await _artifacts(registry, arn) == [
        _verified(f"s3://held/{key}", key)
        for key in ("main", "source", "channel", "additional", "neo")
    ]


async def test_a_prefix_stands_for_every_object_under_it(registry: Registry) -> None:
    await registry.group()
    for key in ("m/a", "m/b/c", "n"):
        await registry.put_object("held", key, key)

    def prefix(url: str) -> Document:
        source = {"S3DataSource": _data_source(url, "S3Prefix")}
        return {"Containers": [{"Image": IMAGE, "ModelDataSource": source}]}

    arn = await registry.version(InferenceSpecification=prefix("s3://held/m/"))
    assert await _artifacts(registry, arn) == [
        _verified("s3://held/m/a", "m/a"),
        _verified("s3://held/m/b/c", "m/b/c"),
    ]
    with pytest.raises(ValidationException, match="no object under 'none/'"):
        await registry.version(InferenceSpecification=prefix("s3://held/none/"))


async def test_a_prefix_with_too_many_objects_is_refused(registry: Registry) -> None:
    await registry.group()
    await registry.fill_bucket("held", "m/", custody.ARTIFACTS_MAX + 1)
    source = {"S3DataSource": _data_source("s3://held/m/", "S3Prefix")}
    spec = {"Containers": [{"Image": IMAGE, "ModelDataSource": source}]}

    with pytest.raises(ValidationException, match="1000 objects at most"):
        await registry.version(InferenceSpecification=spec)
    await registry.remove_object("held", "m/00000")
    arn = await registry.version(InferenceSpecification=spec)

    assert len(await _artifacts(registry, arn)) == custody.ARTIFACTS_MAX


async def test_other_bytes_than_the_client_vouched_for_are_refused(registry: Registry) -> None:
    await registry.group()
    await registry.put_object("held", "model", "new")

    def vouched(etag: str) -> dict[str, Any]:
        container = {"Image": IMAGE, "ModelDataUrl": "s3://held/model", "ModelDataETag": etag}
        return {"InferenceSpecification": {"Containers": [container]}}

    with pytest.raises(ValidationException, match="etag-old"):
        await registry.version(**vouched("etag-old"))
    assert await registry.version(**vouched("etag-new")) == package_arn("churn/1")


async def test_a_bucket_of_another_account_tells_nothing(registry: Registry) -> None:
    await registry.put_object("held", "model")
    registry.principal = principal("999999999999")
    await registry.group()

    for key in ("model", "missing"):
        with pytest.raises(ValidationException, match="another account"):
            await registry.version(InferenceSpecification=specification(f"s3://held/{key}"))


async def test_a_version_stands_for_what_was_registered_whatever_comes_later(
    registry: Registry,
) -> None:
    await registry.group()
    await registry.put_object("held", "model", "old")
    arn = await registry.version(InferenceSpecification=specification("s3://held/model"))
    await registry.put_object("held", "model", "new")
    await registry.put_object("held", "second", "second")

    again = {"Containers": [*specification("s3://held/model")["Containers"]] * 2}
    again["Containers"][1] = {"Image": IMAGE, "ModelDataUrl": "s3://held/second"}
    await registry("UpdateModelPackage", ModelPackageArn=arn, InferenceSpecification=again)

    assert await _artifacts(registry, arn) == [
        _verified("s3://held/model", "old"),
        _verified("s3://held/second", "second"),
    ]


async def test_an_update_to_missing_model_data_changes_nothing(registry: Registry) -> None:
    await registry.group()
    await registry.put_object("held", "model", "old")
    arn = await registry.version(InferenceSpecification=specification("s3://held/model"))
    before = await registry.describe(arn)

    with pytest.raises(ValidationException, match="s3://held/missing"):
        await registry(
            "UpdateModelPackage",
            ModelPackageArn=arn,
            InferenceSpecification=specification("s3://held/missing"),
        )

    assert await registry.describe(arn) == before
    assert await _artifacts(registry, arn) == [_verified("s3://held/model", "old")]


async def test_a_clone_stands_for_the_same_bytes_as_its_source(registry: Registry) -> None:
    await registry.group()
    await registry.put_object("held", "model", "old")
    source = await registry.version(
        InferenceSpecification=specification("s3://held/model"),
        ModelApprovalStatus="Approved",
        ModelPackageDescription="source",
    )
    await registry.put_object("held", "model", "new")

    answer = await registry("CreateModelPackage", ModelPackageGroupName="churn", SourceUri=source)

    clone = await registry.describe(answer["ModelPackageArn"])
    assert clone["InferenceSpecification"] == specification("s3://held/model")
    assert clone["SourceUri"] == source
    assert clone["ModelApprovalStatus"] == "PendingManualApproval"
    assert "ModelPackageDescription" not in clone
    artifacts = await _artifacts(registry, clone["ModelPackageArn"])
    assert artifacts == [_verified("s3://held/model", "old")]


async def test_a_model_is_registered_by_its_arn(registry: Registry) -> None:
    await registry.group()
    container = {"Image": IMAGE, "ModelDataUrl": "s3://elsewhere/m", "Environment": {"A": "1"}}
    arn = await registry.put_model(
        "plain", {"PrimaryContainer": {**container, "Mode": "SingleModel"}}
    )

    answer = await registry("CreateModelPackage", ModelPackageGroupName="churn", SourceUri=arn)

    described = await registry.describe(answer["ModelPackageArn"])
    assert described["InferenceSpecification"] == {"Containers": [container]}


async def test_a_model_of_a_package_is_registered_as_that_package(registry: Registry) -> None:
    await registry.group()
    source = await registry.version(
        AdditionalInferenceSpecifications=[{"Name": "neo", **specification("s3://elsewhere/neo")}]
    )
    container = {"ModelPackageName": source, "InferenceSpecificationName": "neo"}
    model = await registry.put_model("packaged", {"Containers": [container]})

    answer = await registry("CreateModelPackage", ModelPackageGroupName="churn", SourceUri=model)

    described = await registry.describe(answer["ModelPackageArn"])
    assert described["InferenceSpecification"] == specification("s3://elsewhere/neo")
    assert "AdditionalInferenceSpecifications" not in described


@pytest.mark.parametrize(
    ("uri", "sentence"),
    [
        (package_arn("churn/7"), "churn/7 does not exist"),
        (package_arn("gone").replace("model-package/", "model/"), 'Could not find model "arn'),
        (package_arn("churn/1").replace("us-east-1", "eu-west-1"), "does not exist"),
    ],
)
async def test_a_source_that_is_not_there_cannot_be_copied(
    registry: Registry, uri: str, sentence: str
) -> None:
    await registry.group()
    await registry.version()

    with pytest.raises(ValidationException, match=sentence):
        await registry("CreateModelPackage", ModelPackageGroupName="churn", SourceUri=uri)


async def test_a_source_that_is_plain_text_is_kept_as_it_is(registry: Registry) -> None:
    await registry.group()

    answer = await registry(
        "CreateModelPackage", ModelPackageGroupName="churn", SourceUri="s3://somewhere/run-7"
    )

    described = await registry.describe(answer["ModelPackageArn"])
    assert described["SourceUri"] == "s3://somewhere/run-7"
    assert "InferenceSpecification" not in described


async def test_the_artifacts_of_a_package_that_is_gone_are_not_found(registry: Registry) -> None:
    await registry.group()
    arn = await registry.version()
    await registry("DeleteModelPackage", ModelPackageName=arn)

    with pytest.raises(ResourceNotFound, match="churn/1 does not exist"):
        await _artifacts(registry, arn)
