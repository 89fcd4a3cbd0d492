"""A resource's policy names who was there when it was put, not who has the name later."""

import json
from typing import Any

import pytest

from tests.access.iam_words import ACCOUNT, policy, refused
from tests.server_process import ServerProcess

ANA = f"arn:aws:iam::{ACCOUNT}:user/ana"
BUILDER = f"arn:aws:iam::{ACCOUNT}:role/builder"
BUCKET, GROUP = "lake", "churn"


def document(principal: Any, action: str, resource: str = "", **more: Any) -> str:
    named = {"Principal": principal} if "NotPrincipal" not in more else {}
    on = {"Resource": resource} if resource else {}
    statement = {"Effect": "Allow", "Action": action, **named, **on, **more}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def user(server: ServerProcess, name: str = "ana") -> tuple[str, dict[str, str]]:
    """A user's id and key."""
    iam = server.client("iam")
    made = iam.create_user(UserName=name)["User"]
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return made["UserId"], {
        "aws_access_key_id": key["AccessKeyId"],
        "aws_secret_access_key": key["SecretAccessKey"],
    }


def remove(server: ServerProcess, key: dict[str, str], name: str = "ana") -> None:
    iam = server.client("iam")
    iam.delete_access_key(UserName=name, AccessKeyId=key["aws_access_key_id"])
    iam.delete_user(UserName=name)


def session(server: ServerProcess, role: str = BUILDER, **key: str) -> dict[str, str]:
    sts = server.client("sts", **key)
    given = sts.assume_role(RoleArn=role, RoleSessionName="walk")["Credentials"]
    return {
        "aws_access_key_id": given["AccessKeyId"],
        "aws_secret_access_key": given["SecretAccessKey"],
        "aws_session_token": given["SessionToken"],
    }


@pytest.fixture
def bucket(iam: Any, iam_server: ServerProcess) -> Any:
    s3 = iam_server.client("s3")
    if BUCKET not in [one["Name"] for one in s3.list_buckets()["Buckets"]]:
        s3.create_bucket(Bucket=BUCKET)
        s3.put_object(Bucket=BUCKET, Key="a", Body=b"a")
    return s3


def test_a_role_does_not_trust_a_user_who_was_made_again(iam: Any, iam_server: Any) -> None:
    first, key = user(iam_server)
    trust = document({"AWS": [ANA]}, "sts:AssumeRole")
    iam.create_role(RoleName="builder", AssumeRolePolicyDocument=trust)
    assert session(iam_server, **key)
    remove(iam_server, key)
    _, key = user(iam_server)

    sts = iam_server.client("sts", **key)
    code, _ = refused(sts.assume_role, RoleArn=BUILDER, RoleSessionName="walk")

    assert code == "AccessDenied"
    shown = iam.get_role(RoleName="builder")["Role"]["AssumeRolePolicyDocument"]
    assert shown["Statement"][0]["Principal"] == {"AWS": [first]}
    [listed] = iam.list_roles()["Roles"]
    assert listed["AssumeRolePolicyDocument"] == shown
    [detail] = iam.get_account_authorization_details(Filter=["Role"])["RoleDetailList"]
    assert detail["AssumeRolePolicyDocument"] == shown
    iam.update_assume_role_policy(RoleName="builder", PolicyDocument=trust)
    assert session(iam_server, **key)


def test_a_user_keeps_what_was_given_under_another_name(iam: Any, iam_server: Any) -> None:
    _, key = user(iam_server)
    trust = document({"AWS": ANA}, "sts:AssumeRole")
    iam.create_role(RoleName="builder", AssumeRolePolicyDocument=trust)

    iam.update_user(UserName="ana", NewUserName="anabel")

    assert session(iam_server, **key)
    shown = iam.get_role(RoleName="builder")["Role"]["AssumeRolePolicyDocument"]
    assert shown["Statement"][0]["Principal"] == {"AWS": f"{ANA}bel"}


@pytest.mark.parametrize("named", [BUILDER, f"arn:aws:sts::{ACCOUNT}:assumed-role/builder/walk"])
def test_a_bucket_does_not_know_a_role_that_was_made_again(
    iam: Any, iam_server: ServerProcess, bucket: Any, named: str
) -> None:
    own = document({"AWS": ACCOUNT}, "sts:AssumeRole")
    first = iam.create_role(RoleName="builder", AssumeRolePolicyDocument=own)["Role"]["RoleId"]
    open_to_role = document({"AWS": named}, "s3:GetObject", f"arn:aws:s3:::{BUCKET}/*")
    bucket.put_bucket_policy(Bucket=BUCKET, Policy=open_to_role)
    before = iam_server.client("s3", **session(iam_server))
    assert before.get_object(Bucket=BUCKET, Key="a")["Body"].read() == b"a"
    assert bucket.get_bucket_policy(Bucket=BUCKET)["Policy"] == open_to_role
    iam.delete_role(RoleName="builder")
    iam.create_role(RoleName="builder", AssumeRolePolicyDocument=own)

    again = iam_server.client("s3", **session(iam_server))

    assert refused(again.get_object, Bucket=BUCKET, Key="a")[0] == "AccessDenied"
    shown = json.loads(bucket.get_bucket_policy(Bucket=BUCKET)["Policy"])
    as_session = f"{first}:walk" if named != BUILDER else first
    assert shown["Statement"][0]["Principal"] == {"AWS": as_session}


def test_an_exception_from_a_denial_is_not_inherited(
    iam: Any, iam_server: ServerProcess, bucket: Any
) -> None:
    for_others = {"Effect": "Deny", "NotPrincipal": {"AWS": [ANA, ACCOUNT]}}
    _, key = user(iam_server)
    iam.put_user_policy(UserName="ana", PolicyName="all", PolicyDocument=policy())
    text = document(None, "s3:GetObject", f"arn:aws:s3:::{BUCKET}/*", **for_others)
    bucket.put_bucket_policy(Bucket=BUCKET, Policy=text)
    assert iam_server.client("s3", **key).get_object(Bucket=BUCKET, Key="a")
    iam.delete_user_policy(UserName="ana", PolicyName="all")
    remove(iam_server, key)
    _, key = user(iam_server)
    iam.put_user_policy(UserName="ana", PolicyName="all", PolicyDocument=policy())

    again = iam_server.client("s3", **key)

    assert refused(again.get_object, Bucket=BUCKET, Key="a")[0] == "AccessDenied"
    bucket.delete_bucket_policy(Bucket=BUCKET)


def test_a_policy_that_names_nobody_is_refused(
    iam: Any, iam_server: ServerProcess, bucket: Any
) -> None:
    sagemaker = iam_server.client("sagemaker")
    made = sagemaker.create_model_package_group(ModelPackageGroupName=GROUP)
    session_of_none = f"arn:aws:sts::{ACCOUNT}:assumed-role/none/walk"
    words = 'Invalid principal in policy: "AWS":'

    for nobody in (ANA, BUILDER, session_of_none):
        trust = document({"AWS": nobody}, "sts:AssumeRole")
        code, message = refused(iam.create_role, RoleName="builder", AssumeRolePolicyDocument=trust)
        assert (code, message) == ("MalformedPolicyDocument", f'{words}"{nobody}"')
        text = document({"AWS": nobody}, "s3:GetObject", f"arn:aws:s3:::{BUCKET}/*")
        code, message = refused(bucket.put_bucket_policy, Bucket=BUCKET, Policy=text)
        assert (code, message) == ("MalformedPolicy", f'{words}"{nobody}"')
        text = document(
            {"AWS": nobody}, "sagemaker:DescribeModelPackageGroup", made["ModelPackageGroupArn"]
        )
        code, message = refused(
            sagemaker.put_model_package_group_policy,
            ModelPackageGroupName=GROUP,
            ResourcePolicy=text,
        )
        assert code == "ValidationException"
        assert message == f'Invalid resource policy: {words}"{nobody}"'

    sagemaker.delete_model_package_group(ModelPackageGroupName=GROUP)


def test_a_policy_does_not_tell_whom_another_account_has(
    iam: Any, iam_server: ServerProcess
) -> None:
    """AWS refuses a name that nobody has there, and so tells who is there."""
    accounts = iam_server.client("organizations")
    listed = {one["Name"]: one["Id"] for one in accounts.list_accounts()["Accounts"]}
    other = (
        listed.get("other")
        or accounts.create_account(Email="other@example.com", AccountName="other")[
            "CreateAccountStatus"
        ]["AccountId"]
    )
    there = f"arn:aws:iam::{other}:role/OrganizationAccountAccessRole"
    nobody = f"arn:aws:iam::{other}:role/Nobody"

    for named in (there, nobody, "arn:aws:iam::999999999999:user/stranger"):
        trust = document({"AWS": named}, "sts:AssumeRole")
        iam.create_role(RoleName="builder", AssumeRolePolicyDocument=trust)
        role = iam.get_role(RoleName="builder")["Role"]
        assert role["AssumeRolePolicyDocument"] == json.loads(trust)
        iam.delete_role(RoleName="builder")
