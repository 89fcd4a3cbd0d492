"""What a model is made of, and what keys are deleted, by callers whose policies say how far."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.server_process import ServerProcess

ACCOUNT = "123456789012"
SECRET_BYTES = "s3://models/secret/model.tar.gz"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/hosting"
HOSTING = {
    "Effect": "Allow",
    "Action": ["sagemaker:*", "iam:PassRole"],
    "Resource": "*",
}
READS = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::models/secret/*"}


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def as_user(server: ServerProcess, service: str, *statements: dict[str, Any]) -> Any:
    """A client of a user with this policy."""
    iam = server.client("iam")
    iam.create_user(UserName="ana")
    iam.put_user_policy(UserName="ana", PolicyName="own", PolicyDocument=policy(*statements))
    key = iam.create_access_key(UserName="ana")["AccessKey"]
    return server.client(
        service,
        aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=key["SecretAccessKey"],
    )


def test_a_model_is_made_only_of_bytes_that_its_maker_or_its_role_may_read(
    server: ServerProcess,
) -> None:
    iam, s3 = server.client("iam"), server.client("s3")
    s3.create_bucket(Bucket="models")
    s3.put_object(Bucket="models", Key="secret/model.tar.gz", Body=b"x")
    trust = {
        "Effect": "Allow",
        "Principal": {"Service": "sagemaker.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
    iam.create_role(RoleName="hosting", AssumeRolePolicyDocument=policy(trust))
    sagemaker = as_user(server, "sagemaker", HOSTING)

    def make(maker: Any, name: str, **container: Any) -> None:
        maker.create_model(
            ModelName=name,
            PrimaryContainer={"Image": "123456789012.dkr.ecr.x/y:1", **container},
            ExecutionRoleArn=ROLE,
        )

    code = {"Environment": {"SAGEMAKER_SUBMIT_DIRECTORY": SECRET_BYTES}}
    for container in ({"ModelDataUrl": SECRET_BYTES}, code):
        with pytest.raises(ClientError, match="neither you nor the execution role") as refused:
            make(sagemaker, "a", **container)
        assert refused.value.response["Error"]["Code"] == "ValidationException"

    make(server.client("sagemaker"), "by-the-administrator", ModelDataUrl=SECRET_BYTES)
    make(sagemaker, "elsewhere", ModelDataUrl="s3://not-here/model.tar.gz")
    iam.put_role_policy(RoleName="hosting", PolicyName="read", PolicyDocument=policy(READS))
    make(sagemaker, "by-its-role", ModelDataUrl=SECRET_BYTES)
    iam.delete_role_policy(RoleName="hosting", PolicyName="read")
    iam.put_user_policy(UserName="ana", PolicyName="own", PolicyDocument=policy(HOSTING, READS))
    make(sagemaker, "by-its-maker", **code)


def test_keys_that_may_not_be_deleted_are_named_and_stay(server: ServerProcess) -> None:
    s3 = server.client("s3")
    s3.create_bucket(Bucket="models")
    for key in ("mine/a", "theirs/b", "mine/c"):
        s3.put_object(Bucket="models", Key=key, Body=b"x")
    deletes = {
        "Effect": "Allow",
        "Action": "s3:DeleteObject",
        "Resource": "arn:aws:s3:::models/mine/*",
    }

    answer = as_user(server, "s3", deletes).delete_objects(
        Bucket="models",
        Delete={"Objects": [{"Key": "mine/a"}, {"Key": "theirs/b"}, {"Key": "mine/c"}]},
    )

    assert [one["Key"] for one in answer["Deleted"]] == ["mine/a", "mine/c"]
    [refused] = answer["Errors"]
    assert (refused["Key"], refused["Code"]) == ("theirs/b", "AccessDenied")
    left = s3.list_objects_v2(Bucket="models")["Contents"]
    assert [one["Key"] for one in left] == ["theirs/b"]
