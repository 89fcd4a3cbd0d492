"""Metrics of versions as numbers: read after registration, followed, listed, forgotten."""

import asyncio
import importlib
import json
from typing import Any

import pytest

from modelyard.errors import Refusal, ResourceNotFound, ValidationException
from modelyard.objects.refusals import InternalError
from modelyard.registry import metric_reader
from modelyard.registry.metric_reader import MetricReader
from modelyard.storage.stored_objects import StoredObject
from modelyard.storage.transaction import Transaction
from tests.registry.in_process import Registry, sha256


class Store:
    """The bytes of what `Registry.put_object` made: its content is in the name of its blob."""

    gone = False
    ends = False  # the server, in the middle of reading

    async def read(self, stored: StoredObject) -> bytes:
        if self.ends:
            raise asyncio.CancelledError
        if self.gone:
            raise InternalError("the bytes are gone")
        return stored.blob.removeprefix("blob-").encode()


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def reader(registry: Registry, store: Store) -> MetricReader:
    return MetricReader(registry.database, store, "test")


def statistics(key: str, **members: str) -> dict[str, Any]:
    source = {"ContentType": "application/json", "S3Uri": f"s3://metrics/{key}", **members}
    return {"ModelQuality": {"Statistics": source}}


async def evaluated(registry: Registry, content: Any, **members: Any) -> str:
    """A version whose evaluation is `content`."""
    text = content if isinstance(content, str) else json.dumps(content)
    await registry.put_object("metrics", "evaluation.json", text)
    return await registry.version(ModelMetrics=statistics("evaluation.json"), **members)


async def read_all(reader: MetricReader) -> None:
    while await reader.read_one():
        pass


async def described(registry: Registry, package: str) -> dict[str, Any]:
    return await registry.own("DescribeModelPackageMetrics", ModelPackageName=package)


async def numbers(registry: Registry, package: str) -> dict[str, float]:
    metrics = (await described(registry, package))["Metrics"]
    return {one["MetricName"]: one["Value"] for one in metrics}


async def rows(registry: Registry) -> int:
    async def count(tx: Transaction) -> int:
        tables = ("model_package_metric", "model_package_document", "work_item")
        found = [await tx.one(f"SELECT COUNT(*) FROM {table}") for table in tables]
        return sum(row[0] for row in found if row)

    return await registry.database.read(count)


async def test_a_document_is_read_after_the_registration(
    registry: Registry, reader: MetricReader
) -> None:
    await registry.group()
    text = json.dumps({"accuracy": 0.91})
    arn = await evaluated(registry, text)

    before = await described(registry, arn)
    await read_all(reader)
    after = await described(registry, arn)

    document = {
        "Kind": "ModelQuality.Statistics",
        "S3Uri": "s3://metrics/evaluation.json",
        "Sha256": sha256(text),
        "Bytes": len(text),
    }
    assert before["Metrics"] == []
    assert before["Documents"] == [{**document, "State": "Pending"}]
    assert after["Metrics"] == [
        {"MetricName": "accuracy", "Value": 0.91, "Source": "ModelQuality.Statistics"}
    ]
    assert after["Documents"] == [{**document, "State": "Read"}]
    assert not await reader.read_one()


async def test_what_was_registered_is_what_is_read(
    registry: Registry, reader: MetricReader
) -> None:
    await registry.group()
    arn = await evaluated(registry, {"accuracy": 0.91})
    await registry.put_object("metrics", "evaluation.json", json.dumps({"accuracy": 0.99}))

    await read_all(reader)

    assert await numbers(registry, arn) == {"accuracy": 0.91}


async def test_numbers_in_the_metadata_are_kept_and_follow_updates(registry: Registry) -> None:
    await registry.group()
    arn = await registry.version(
        CustomerMetadataProperties={"f1": "0.8", "loss": "1.5", "owner": "ada"}
    )
    assert await numbers(registry, arn) == {"f1": 0.8, "loss": 1.5}

    await registry(
        "UpdateModelPackage",
        ModelPackageArn=arn,
        CustomerMetadataProperties={"f1": "0.9", "depth": "6", "owner": "7"},
        CustomerMetadataPropertiesToRemove=["loss"],
    )
    assert await numbers(registry, arn) == {"f1": 0.9, "depth": 6.0, "owner": 7.0}

    await registry(
        "UpdateModelPackage", ModelPackageArn=arn, CustomerMetadataProperties={"f1": "high"}
    )
    assert await numbers(registry, arn) == {"depth": 6.0, "owner": 7.0}


async def test_a_document_counts_before_the_metadata_whatever_comes_later(
    registry: Registry, reader: MetricReader
) -> None:
    await registry.group()
    arn = await evaluated(
        registry, {"accuracy": 0.91}, CustomerMetadataProperties={"accuracy": "0.5", "f1": "0.8"}
    )
    assert await numbers(registry, arn) == {"accuracy": 0.5, "f1": 0.8}

    await read_all(reader)
    assert await numbers(registry, arn) == {"accuracy": 0.91, "f1": 0.8}

    await registry(
        "UpdateModelPackage", ModelPackageArn=arn, CustomerMetadataProperties={"accuracy": "0.6"}
    )
    await registry(
        "UpdateModelPackage", ModelPackageArn=arn, CustomerMetadataPropertiesToRemove=["accuracy"]
    )
    assert await numbers(registry, arn) == {"accuracy": 0.91, "f1": 0.8}


async def test_the_first_of_two_documents_counts(registry: Registry, reader: MetricReader) -> None:
    await registry.group()
    await registry.put_object("metrics", "pre.json", json.dumps({"CI": 0.1}))
    await registry.put_object("metrics", "post.json", json.dumps({"CI": 0.2, "DI": 0.3}))
    source = {"ContentType": "application/json"}
    arn = await registry.version(
        ModelMetrics={
            "Bias": {
                "PreTrainingReport": {**source, "S3Uri": "s3://metrics/pre.json"},
                "PostTrainingReport": {**source, "S3Uri": "s3://metrics/post.json"},
            }
        }
    )

    await read_all(reader)

    assert await numbers(registry, arn) == {"Bias.CI": 0.1, "Bias.DI": 0.3}


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ({"S3Uri": "s3://metrics/absent.json"}, "no object"),
        ({"S3Uri": "s3://elsewhere/evaluation.json"}, "not on this server"),
        ({"S3Uri": "https://example.org/evaluation.json"}, "no S3 location"),
        ({"S3Uri": "s3://metrics/large.json"}, "1048577 bytes"),
        ({"S3Uri": "s3://metrics/text.json"}, "not JSON"),
        ({"S3Uri": "s3://metrics/text.json", "ContentDigest": "sha256:" + "a" * 64}, "SHA-256"),
    ],
)
async def test_an_unreadable_document_is_noted_and_refuses_nothing(
    registry: Registry, reader: MetricReader, source: dict[str, str], problem: str
) -> None:
    await registry.group()
    await registry.put_object("metrics", "text.json", "accuracy: 0.9")
    await registry.put_object("metrics", "large.json", "1")

    async def enlarge(tx: Transaction) -> None:
        await tx.run("UPDATE object SET bytes = 1048577 WHERE key = 'large.json'")

    await registry.database.write(enlarge)
    statistics = {"ModelQuality": {"Statistics": {"ContentType": "application/json", **source}}}
    arn = await registry.version(ModelMetrics=statistics)

    await read_all(reader)

    told = await described(registry, arn)
    assert told["Metrics"] == []
    assert told["Documents"][0]["State"] == "Unreadable"
    assert problem in told["Documents"][0]["Problems"][0]


async def test_bytes_that_are_away_are_tried_again_and_then_noted(
    registry: Registry, reader: MetricReader, store: Store
) -> None:
    await registry.group()
    arn = await evaluated(registry, {"accuracy": 0.91})
    store.gone = True

    async def due(tx: Transaction) -> None:
        await tx.run("UPDATE work_item SET due_us = 0")

    for _ in range(metric_reader.ATTEMPTS_MAX - 1):
        assert await reader.read_one()
        assert (await described(registry, arn))["Documents"][0]["State"] == "Pending"
        await registry.database.write(due)
    await read_all(reader)

    assert (await described(registry, arn))["Documents"][0]["State"] == "Unreadable"
    assert not await reader.read_one()


async def test_a_server_that_ends_while_it_reads_leaves_the_work_to_the_next(
    registry: Registry, store: Store
) -> None:
    await registry.group()
    arn = await evaluated(registry, {"accuracy": 0.91})
    store.ends = True
    with pytest.raises(asyncio.CancelledError):
        await MetricReader(registry.database, store, "first").read_one()
    store.ends = False
    second = MetricReader(registry.database, store, "second")
    assert not await second.read_one()

    async def run_out(tx: Transaction) -> None:
        await tx.run("UPDATE work_item SET lease_until_us = 1")

    await registry.database.write(run_out)
    await read_all(second)

    assert await numbers(registry, arn) == {"accuracy": 0.91}
    assert await rows(registry) == 2  # the number and its document; no work


async def test_a_package_from_before_gets_the_numbers_of_its_metadata(
    registry: Registry, reader: MetricReader
) -> None:
    await registry.group()
    versions = "modelyard.storage.migrations.versions"
    kept = importlib.import_module(f"{versions}.0009_version_metrics").KEPT
    arn = await registry.version(CustomerMetadataProperties={"accuracy": "0.5", "owner": "ada"})

    async def from_before(tx: Transaction) -> None:
        await tx.run("DELETE FROM model_package_metric")
        await tx.run(kept)

    await registry.database.write(from_before)
    await read_all(reader)

    assert await numbers(registry, arn) == {"accuracy": 0.5}
    assert await rows(registry) == 1


async def test_another_accounts_document_that_may_not_be_read_tells_what_an_absent_one_tells(
    registry: Registry,
) -> None:
    await registry.group()
    await registry.put_object("theirs", "evaluation.json", "{}", account="999999999999")
    told = []
    for key in ("evaluation.json", "absent.json"):
        source = {"ContentType": "application/json", "S3Uri": f"s3://theirs/{key}"}
        request = {
            "ModelPackageGroupName": "churn",
            "ModelMetrics": {"ModelQuality": {"Statistics": source}},
        }
        answer = await registry.across("CreateModelPackage", **request)
        document = (await described(registry, answer["ModelPackageArn"]))["Documents"][0]
        told.append((document["State"], document["Problems"]))

    assert told[0] == told[1]
    assert told[0][0] == "Unreadable"


async def test_a_deleted_version_leaves_nothing_and_its_waiting_work_does_nothing(
    registry: Registry, reader: MetricReader
) -> None:
    await registry.group()
    read = await evaluated(registry, {"a": 1}, CustomerMetadataProperties={"b": "2"})
    await read_all(reader)
    waiting = await evaluated(registry, {"a": 1})
    for arn in (read, waiting):
        await registry("DeleteModelPackage", ModelPackageName=arn)

    await read_all(reader)

    assert await rows(registry) == 0
    with pytest.raises(ResourceNotFound):
        await described(registry, read)


async def test_a_refused_registration_leaves_nothing(registry: Registry) -> None:
    await registry.put_object("metrics", "evaluation.json", "{}")
    with pytest.raises(Refusal):
        await registry.version(
            "nobody",
            ModelMetrics=statistics("evaluation.json"),
            CustomerMetadataProperties={"a": "1"},
        )
    assert await rows(registry) == 0


async def test_the_trend_of_a_metric_comes_by_version_and_in_pages(
    registry: Registry, reader: MetricReader
) -> None:
    await registry.group()
    await registry.group("other")
    await registry.version("other", CustomerMetadataProperties={"accuracy": "0.1"})
    for value in ("0.7", "0.9", "0.8"):
        await registry.version(CustomerMetadataProperties={"accuracy": value, "loss": "1"})
    await registry.version()

    seen: list[tuple[int, float]] = []
    token: dict[str, str] = {}
    while True:
        page = await registry.own(
            "ListModelPackageMetrics",
            ModelPackageGroupName="churn",
            MetricName="accuracy",
            MaxResults=2,
            **token,
        )
        seen += [(one["ModelPackageVersion"], one["Value"]) for one in page["Metrics"]]
        if "NextToken" not in page:
            break
        token = {"NextToken": page["NextToken"]}

    assert seen == [(1, 0.7), (2, 0.9), (3, 0.8)]


async def test_the_best_among_the_approved_comes_first(registry: Registry) -> None:
    await registry.group()
    for value, status in (("0.7", "Approved"), ("0.99", "Rejected"), ("0.9", "Approved")):
        await registry.version(
            CustomerMetadataProperties={"accuracy": value}, ModelApprovalStatus=status
        )

    best = await registry.own(
        "ListModelPackageMetrics",
        ModelPackageGroupName="churn",
        MetricName="accuracy",
        ModelApprovalStatus="Approved",
        SortBy="Value",
        SortOrder="Descending",
        MaxResults=1,
    )

    assert [one["ModelPackageVersion"] for one in best["Metrics"]] == [3]
    assert best["NextToken"]


async def test_all_metrics_of_a_group_come_by_version_and_name(registry: Registry) -> None:
    await registry.group()
    await registry.version(CustomerMetadataProperties={"b": "1", "a": "2"})
    await registry.version(CustomerMetadataProperties={"a": "3"})

    listed = await registry.own("ListModelPackageMetrics", ModelPackageGroupName="churn")

    found = [(one["ModelPackageVersion"], one["MetricName"]) for one in listed["Metrics"]]
    assert found == [(1, "a"), (1, "b"), (2, "a")]


async def test_packages_in_no_group_have_metrics_of_their_own(registry: Registry) -> None:
    one = await registry.unversioned("one", CustomerMetadataProperties={"accuracy": "0.5"})
    two = await registry.unversioned("two", CustomerMetadataProperties={"accuracy": "0.6"})

    assert await numbers(registry, one) == {"accuracy": 0.5}
    assert await numbers(registry, two) == {"accuracy": 0.6}


async def test_values_of_different_metrics_are_not_sorted(registry: Registry) -> None:
    await registry.group()
    with pytest.raises(ValidationException, match="needs a MetricName"):
        await registry.own("ListModelPackageMetrics", ModelPackageGroupName="churn", SortBy="Value")


async def test_a_group_that_is_not_there_is_told(registry: Registry) -> None:
    with pytest.raises(ResourceNotFound):
        await registry.own("ListModelPackageMetrics", ModelPackageGroupName="nobody")
