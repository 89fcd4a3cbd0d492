"""Bucket policies: kept as they were given, refused in S3's words, gone with their bucket."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from modelyard.errors import Refusal
from tests.server_process import ServerProcess

Ask = Callable[..., Awaitable[dict[str, Any]]]
OTHER = "210987654321"


def policy(resource: Any = "arn:aws:s3:::models/*", **members: Any) -> str:
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{OTHER}:root"},
        "Action": "s3:GetObject",
        "Resource": resource,
        **members,
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]}, indent=1)


async def code(asked: Awaitable[Any]) -> str:
    with pytest.raises(Refusal) as refused:
        await asked
    return refused.value.code


async def test_a_policy_is_given_back_as_it_was(ask: Ask, bucket: str) -> None:
    assert await code(ask("get_bucket_policy", Bucket=bucket)) == "NoSuchBucketPolicy"

    await ask("put_bucket_policy", Bucket=bucket, Policy=policy(Sid="first one"))
    await ask("put_bucket_policy", Bucket=bucket, Policy=policy())

    assert await ask("get_bucket_policy", Bucket=bucket) == {"Policy": policy()}
    await ask("delete_bucket_policy", Bucket=bucket)
    await ask("delete_bucket_policy", Bucket=bucket)
    assert await code(ask("get_bucket_policy", Bucket=bucket)) == "NoSuchBucketPolicy"
    assert await code(ask("get_bucket_policy_status", Bucket=bucket)) == "NoSuchBucketPolicy"


async def test_a_policy_goes_with_its_bucket(ask: Ask, bucket: str) -> None:
    await ask("put_bucket_policy", Bucket=bucket, Policy=policy())

    await ask("delete_bucket", Bucket=bucket)
    await ask("create_bucket", Bucket=bucket, account=OTHER)

    refused = ask("get_bucket_policy", Bucket=bucket, account=OTHER)
    assert await code(refused) == "NoSuchBucketPolicy"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("nonsense", "first byte must be '{'"),
        ("[]", "first byte must be '{'"),
        ("{", "first byte must be '{'"),
        ('{"Version": "2012-10-17"}', "Statement"),
        (policy(resource="*"), "invalid resource"),
        (policy(resource="arn:aws:s3:::other/*"), "invalid resource"),
        (policy(resource="arn:aws:s3:::modelsx"), "invalid resource"),
        (policy(Action="sagemaker:CreateModel"), "invalid action"),
        (policy(Principal={"AWS": "ada"}), "Invalid principal in policy"),
        (policy(Effect="Maybe"), "Effect"),
        (policy(Sid="x" * 20_500), "must not exceed 20480 bytes"),
    ],
)
async def test_what_is_no_policy_of_the_bucket_is_refused(
    ask: Ask, bucket: str, text: str, words: str
) -> None:
    with pytest.raises(Refusal, match=words) as refused:
        await ask("put_bucket_policy", Bucket=bucket, Policy=text)

    assert refused.value.code == "MalformedPolicy"
    assert await code(ask("get_bucket_policy", Bucket=bucket)) == "NoSuchBucketPolicy"


@pytest.mark.parametrize(
    ("members", "is_public"),
    [
        ({}, False),
        ({"Principal": "*"}, True),
        ({"Principal": {"AWS": ["*", OTHER]}}, True),
        ({"Principal": "*", "Effect": "Deny"}, False),
        ({"Principal": "*", "Condition": {"StringEquals": {"aws:username": "ada"}}}, False),
    ],
)
async def test_a_bucket_that_lets_everybody_in_is_public(
    ask: Ask, bucket: str, members: dict[str, Any], is_public: bool
) -> None:
    await ask("put_bucket_policy", Bucket=bucket, Policy=policy(**members))

    found = await ask("get_bucket_policy_status", Bucket=bucket)

    assert found == {"PolicyStatus": {"IsPublic": is_public}}


@pytest.mark.parametrize(
    "operation", ["get_bucket_policy", "get_bucket_policy_status", "delete_bucket_policy"]
)
async def test_a_policy_is_its_accounts_alone(ask: Ask, bucket: str, operation: str) -> None:
    await ask("put_bucket_policy", Bucket=bucket, Policy=policy())

    assert await code(ask(operation, Bucket=bucket, account=OTHER)) == "AccessDenied"
    assert await code(ask(operation, Bucket="nowhere")) == "NoSuchBucket"
    refused = ask("put_bucket_policy", Bucket=bucket, account=OTHER, Policy=policy())
    assert await code(refused) == "AccessDenied"


def test_policies_go_over_the_wire(server: ServerProcess) -> None:
    s3 = server.client("s3")
    s3.create_bucket(Bucket="models")

    s3.put_bucket_policy(Bucket="models", Policy=policy())

    assert s3.get_bucket_policy(Bucket="models")["Policy"] == policy()
    assert s3.get_bucket_policy_status(Bucket="models")["PolicyStatus"] == {"IsPublic": False}
    s3.delete_bucket_policy(Bucket="models")
    with pytest.raises(ClientError) as gone:
        s3.get_bucket_policy(Bucket="models")
    assert gone.value.response["Error"]["Code"] == "NoSuchBucketPolicy"
    with pytest.raises(ClientError) as wrong:
        s3.put_bucket_policy(Bucket="models", Policy="{}")
    assert wrong.value.response["Error"]["Code"] == "MalformedPolicy"
