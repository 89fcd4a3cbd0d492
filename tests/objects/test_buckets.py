"""Buckets: names, owners, regions."""

from typing import Any

import pytest

from modelyard.errors import Refusal
from modelyard.objects import refusals
from tests.objects.conftest import Ask, body

EU = {"CreateBucketConfiguration": {"LocationConstraint": "eu-central-1"}}


async def test_a_bucket_lies_where_it_was_asked_to(ask: Ask) -> None:
    await ask("create_bucket", Bucket="first")
    await ask("create_bucket", Bucket="second", **EU)
    await ask("create_bucket", Bucket="third", region="eu-central-1", **EU)

    assert await ask("get_bucket_location", Bucket="first") == {}
    for name in ("second", "third"):
        location = await ask("get_bucket_location", Bucket=name)
        assert location == {"LocationConstraint": "eu-central-1"}
    assert (await ask("head_bucket", Bucket="second"))["BucketRegion"] == "eu-central-1"
    assert await ask("get_bucket_versioning", Bucket="first") == {}


@pytest.mark.parametrize(
    ("region", "request_", "code"),
    [
        ("us-east-1", {"LocationConstraint": "us-east-1"}, "InvalidLocationConstraint"),
        ("eu-west-1", {}, "IllegalLocationConstraintException"),
        ("eu-west-1", {"LocationConstraint": "us-west-2"}, "IllegalLocationConstraintException"),
    ],
)
async def test_a_region_makes_buckets_of_its_own(
    ask: Ask, region: str, request_: dict[str, str], code: str
) -> None:
    with pytest.raises(Refusal) as refused:
        await ask(
            "create_bucket", Bucket="bucket", region=region, CreateBucketConfiguration=request_
        )

    assert refused.value.code == code


async def test_a_taken_name_is_refused_but_to_its_owner_in_us_east_1(ask: Ask) -> None:
    await ask("create_bucket", Bucket="mine")

    await ask("create_bucket", Bucket="mine")
    with pytest.raises(refusals.BucketAlreadyOwnedByYou):
        await ask("create_bucket", Bucket="mine", region="eu-central-1", **EU)
    with pytest.raises(refusals.BucketAlreadyExists):
        await ask("create_bucket", Bucket="mine", account="999999999999")


@pytest.mark.parametrize(
    "name",
    ["ab", "a" * 64, "Upper", "under_score", "a..b", "-a-", "a.", "192.168.0.1", "xn--abc",
     "bucket-s3alias", "a/b", "bücket", "a b", "..", "abc\n"],
)  # fmt: skip
async def test_bad_names_are_refused(ask: Ask, name: str) -> None:
    with pytest.raises(refusals.InvalidBucketName):
        await ask("create_bucket", Bucket=name)


@pytest.mark.parametrize(
    ("operation", "more"),
    [
        ("head_bucket", {}),
        ("get_bucket_location", {}),
        ("delete_bucket", {}),
        ("list_objects_v2", {}),
        ("list_objects", {}),
        ("list_multipart_uploads", {}),
        ("get_object", {"Key": "k"}),
        ("head_object", {"Key": "k"}),
        ("put_object", {"Key": "k", "Body": None}),
        ("delete_object", {"Key": "k"}),
        ("delete_objects", {"Delete": {"Objects": [{"Key": "k"}]}}),
        ("copy_object", {"Key": "l", "CopySource": "theirs/k"}),
        ("create_multipart_upload", {"Key": "k"}),
        ("get_object_tagging", {"Key": "k"}),
        ("put_object_tagging", {"Key": "k", "Tagging": {"TagSet": []}}),
    ],
)
async def test_another_account_gets_nowhere(ask: Ask, operation: str, more: dict[str, Any]) -> None:
    await ask("create_bucket", Bucket="theirs")
    await ask("put_object", Bucket="theirs", Key="k", Body=body(b"x"))
    if "Body" in more:
        more = more | {"Body": body(b"y")}

    with pytest.raises(refusals.AccessDenied):
        await ask(operation, Bucket="theirs", account="999999999999", **more)
    with pytest.raises(refusals.AccessDenied):
        await ask(operation, Bucket="theirs", ExpectedBucketOwner="999999999999", **more)
    with pytest.raises(refusals.NoSuchBucket):
        await ask(operation, Bucket="nobodys", **more)


async def test_only_an_empty_bucket_goes(ask: Ask, bucket: str) -> None:
    await ask("put_object", Bucket=bucket, Key="k", Body=body(b"x"))
    with pytest.raises(refusals.BucketNotEmpty):
        await ask("delete_bucket", Bucket=bucket)
    await ask("delete_object", Bucket=bucket, Key="k")

    await ask("delete_bucket", Bucket=bucket)

    with pytest.raises(refusals.NoSuchBucket):
        await ask("head_bucket", Bucket=bucket)


async def test_an_account_lists_its_own_buckets_in_pages(ask: Ask) -> None:
    for name in ("bbb", "aaa", "ccc"):
        await ask("create_bucket", Bucket=name)
    await ask("create_bucket", Bucket="other", account="999999999999")

    first = await ask("list_buckets", MaxBuckets=2)
    rest = await ask("list_buckets", MaxBuckets=2, ContinuationToken=first["ContinuationToken"])

    assert [one["Name"] for one in first["Buckets"]] == ["aaa", "bbb"]
    assert [one["Name"] for one in rest["Buckets"]] == ["ccc"]
    assert "ContinuationToken" not in rest
    only = await ask("list_buckets", Prefix="b")
    assert [one["Name"] for one in only["Buckets"]] == ["bbb"]
