"""Five thousand policies in one account, and policies that cannot be read, at the door."""

import json
from typing import Any

import pytest

from modelyard.access.authorisation import subjects
from modelyard.access.policy import evaluation
from modelyard.access.policy.evaluation import Question
from modelyard.call import Principal
from modelyard.errors import Refusal
from modelyard.storage.database import Database
from modelyard.storage.transaction import Transaction
from tests.access.iam_in_process import Iam
from tests.access.iam_words import ACCOUNT, policy, refused, trust
from tests.audit.conftest import rows_of, url_of
from tests.server_process import ServerProcess

POLICIES = 5_000  # as many as an account has


async def test_five_thousand_policies_are_listed_and_decide_as_quickly_as_one(
    database: Database,
) -> None:
    iam = Iam(database)
    await iam("CreateUser", UserName="ana")
    own = await iam.policy("own", policy("s3:GetObject"))
    await iam("AttachUserPolicy", UserName="ana", PolicyArn=own)
    await database.write(_many)

    listed: list[str] = []
    more: dict[str, Any] = {}
    while True:
        page = await iam("ListPolicies", Scope="Local", MaxItems=1000, **more)
        listed += [one["PolicyName"] for one in page["Policies"]]
        if not page["IsTruncated"]:
            break
        more = {"Marker": page["Marker"]}
    user = (await iam("GetUser", UserName="ana"))["User"]
    principal = Principal(ACCOUNT, user["Arn"], user["UserId"], "AKIA")
    subject = await database.read(lambda tx: subjects.load(tx, principal))

    assert len(listed) == len(set(listed)) == POLICIES
    assert subject is not None
    assert len(subject.identity) == 1  # what is not attached is not even read
    assert evaluation.decide(subject, Question("s3:GetObject", "arn:aws:s3:::a/b")).allowed
    assert not evaluation.decide(subject, Question("s3:PutObject", "arn:aws:s3:::a/b")).allowed
    with pytest.raises(Refusal, match="PoliciesPerAccount: 5000"):
        await iam.policy("one-more", policy("*"))


async def _many(tx: Transaction) -> None:
    """As CreatePolicy leaves them, and quicker."""
    text = policy("*")
    for start in range(1, POLICIES, 100):
        names = [f"many-{number}" for number in range(start, min(start + 100, POLICIES))]
        arns = [f"arn:aws:iam::{ACCOUNT}:policy/{name}" for name in names]
        rows = ", ".join(["(?, ?, ?, '/', ?, 1, 1, 1, 2, '{}')"] * len(names))
        values = [
            part
            for name, arn in zip(names, arns, strict=True)
            for part in (ACCOUNT, arn, name, f"ANPA{name}")
        ]
        columns = "account, arn, name, path, id, created_us, updated_us"
        await tx.run(
            f"INSERT INTO managed_policy ({columns}, default_version, next_version, document)"
            f" VALUES {rows}",
            *values,
        )
        rows = ", ".join(["(?, ?, 1, 1, ?)"] * len(names))
        versions = [part for arn in arns for part in (ACCOUNT, arn, text)]
        await tx.run(
            "INSERT INTO managed_policy_version (account, arn, number, created_us, text)"
            f" VALUES {rows}",
            *versions,
        )


@pytest.mark.parametrize(
    "text",
    ["", "no JSON", "[]", '{"Statement": 5}', '{"Statement": [{"Effect": "Allow"}]}', "\x01"],
)
def test_policies_that_cannot_be_read_are_no_failure_of_the_server(
    iam: Any, iam_server: ServerProcess, text: str
) -> None:
    """Somebody wrote into the database, or an older version took what this one does not."""
    s3 = iam_server.client("s3")
    if "pond" not in [one["Name"] for one in s3.list_buckets()["Buckets"]]:
        s3.create_bucket(Bucket="pond")
    iam.create_user(UserName="ana")
    iam.put_user_policy(UserName="ana", PolicyName="p", PolicyDocument=policy("s3:*"))
    iam.create_role(RoleName="builder", AssumeRolePolicyDocument=trust())
    s3.put_bucket_policy(Bucket="pond", Policy=_open_bucket())
    made = iam.create_access_key(UserName="ana")["AccessKey"]
    key = {
        "aws_access_key_id": made["AccessKeyId"],
        "aws_secret_access_key": made["SecretAccessKey"],
    }
    _spoil(iam_server, text)
    iam.tag_user(UserName="ana", Tags=[{"Key": "a", "Value": "b"}])  # so that all is read again

    code, _ = refused(iam_server.client("s3", **key).list_objects_v2, Bucket="pond")
    assert code == "AccessDenied"
    role = f"arn:aws:iam::{ACCOUNT}:role/builder"
    sts = iam_server.client("sts")
    assert refused(sts.assume_role, RoleArn=role, RoleSessionName="me")[0] == "AccessDenied"
    assert iam.get_role(RoleName="builder")["Role"]["Arn"] == role
    assert iam.get_account_authorization_details()["UserDetailList"]
    assert s3.get_bucket_policy(Bucket="pond")["Policy"] == text
    s3.delete_bucket_policy(Bucket="pond")


def _open_bucket() -> str:
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": ACCOUNT},
        "Action": "s3:*",
        "Resource": "arn:aws:s3:::pond",
    }
    return json.dumps({"Version": "2012-10-17", "Statement": statement})


def _spoil(server: ServerProcess, text: str) -> None:
    """Put `text` in place of each policy."""
    role = json.dumps({"AssumeRolePolicyDocument": text, "MaxSessionDuration": 3600})
    with rows_of(url_of(server)) as rows:
        rows("UPDATE inline_policy SET text = ?", text)
        rows("UPDATE resource_policy SET document = ?", text)
        rows("UPDATE role SET document = ?", role)
