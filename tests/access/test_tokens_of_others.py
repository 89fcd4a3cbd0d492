"""What belongs to somebody else, or to nobody any more, opens nothing: page tokens, signed URLs."""

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

from tests.access.iam_words import refused
from tests.server_process import ServerProcess

ACCOUNT = "123456789012"
GROUPS = [f"team-{team}-{number}" for team in ("a", "b") for number in range(3)]
BUCKET = "lake"


@pytest.fixture(scope="module")
def yard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    server = ServerProcess(tmp_path_factory.mktemp("tokens"))
    server.start()
    sagemaker = server.client("sagemaker")
    for name in GROUPS:
        sagemaker.create_model_package_group(ModelPackageGroupName=name)
    s3 = server.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key="open/a", Body=b"a")
    s3.put_object(Bucket=BUCKET, Key="secret/a", Body=b"a")
    yield server
    assert server.close() == []


def key(server: ServerProcess, name: str, *statements: dict[str, Any]) -> dict[str, str]:
    """The key of a new user with this policy."""
    iam = server.client("iam")
    iam.create_user(UserName=name)
    document = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
    iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=document)
    made = iam.create_access_key(UserName=name)["AccessKey"]
    return {
        "aws_access_key_id": made["AccessKeyId"],
        "aws_secret_access_key": made["SecretAccessKey"],
    }


def of_team(team: str) -> dict[str, Any]:
    arn = f"arn:aws:sagemaker:*:{ACCOUNT}:model-package-group/team-{team}-*"
    return {"Effect": "Allow", "Action": "sagemaker:*", "Resource": arn}


@pytest.fixture(scope="module")
def teams(yard: ServerProcess) -> dict[str, Any]:
    searches = {"Effect": "Allow", "Action": "sagemaker:Search", "Resource": "*"}
    hides = of_team("b") | {"Effect": "Deny", "Action": "sagemaker:DescribeModelPackageGroup"}
    policies = {"a": [of_team("a"), searches, hides], "b": [of_team("b")]}
    return {
        team: yard.client("sagemaker", **key(yard, team, *statements))
        for team, statements in policies.items()
    }


def names(page: dict[str, Any]) -> list[str]:
    return [one["ModelPackageGroupName"] for one in page["ModelPackageGroupSummaryList"]]


def test_a_page_token_of_another_shows_nothing_of_theirs(
    yard: ServerProcess, teams: dict[str, Any]
) -> None:
    asked = {"SortBy": "Name", "SortOrder": "Ascending", "MaxResults": 1}
    first = teams["a"].list_model_package_groups(**asked)
    everything = yard.client("sagemaker").list_model_package_groups(**asked)
    tokens = [first["NextToken"], everything["NextToken"]]
    assert names(first) == ["team-a-0"]

    for token in tokens:
        seen, following = [], token
        while following:
            page = teams["b"].list_model_package_groups(**asked, NextToken=following)
            seen += names(page)
            following = page.get("NextToken")
        assert set(seen) <= {"team-b-0", "team-b-1", "team-b-2"}


def test_a_page_token_of_another_account_is_none(yard: ServerProcess) -> None:
    made = yard.client("organizations").create_account(Email="b@example.com", AccountName="b")
    account = made["CreateAccountStatus"]["AccountId"]
    role = f"arn:aws:iam::{account}:role/OrganizationAccountAccessRole"
    given = yard.client("sts").assume_role(RoleArn=role, RoleSessionName="me")["Credentials"]
    stranger = yard.client(
        "sagemaker",
        aws_access_key_id=given["AccessKeyId"],
        aws_secret_access_key=given["SecretAccessKey"],
        aws_session_token=given["SessionToken"],
    )
    token = yard.client("sagemaker").list_model_package_groups(MaxResults=1)["NextToken"]

    code, _ = refused(stranger.list_model_package_groups, MaxResults=1, NextToken=token)

    assert code == "ValidationException"


def test_search_counts_only_what_its_caller_may_see(teams: dict[str, Any]) -> None:
    asked = {"Resource": "ModelPackageGroup"}

    found = teams["a"].search(**asked, MaxResults=1)

    assert found["TotalHits"] == {"Value": 3, "Relation": "EqualTo"}
    seen = [one["ModelPackageGroup"]["ModelPackageGroupName"] for one in found["Results"]]
    while token := found.get("NextToken"):
        found = teams["a"].search(**asked, MaxResults=1, NextToken=token)
        seen += [one["ModelPackageGroup"]["ModelPackageGroupName"] for one in found["Results"]]
        assert found["TotalHits"]["Value"] == 3
    assert sorted(seen) == GROUPS[:3]


@pytest.mark.parametrize("version", ["s3v4", "s3"])
def test_a_signed_url_ends_with_its_signer(yard: ServerProcess, version: str) -> None:
    name = f"signer-{version}"
    reads = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
    held = key(yard, name, reads)
    s3 = yard.client("s3", config=Config(signature_version=version), **held)
    url = s3.generate_presigned_url("get_object", Params={"Bucket": BUCKET, "Key": "open/a"})
    with urllib.request.urlopen(url, timeout=60) as answer:
        assert answer.read() == b"a"

    iam = yard.client("iam")
    iam.delete_access_key(UserName=name, AccessKeyId=held["aws_access_key_id"])
    iam.delete_user_policy(UserName=name, PolicyName="p")
    iam.delete_user(UserName=name)

    with pytest.raises(urllib.error.HTTPError) as gone:
        urllib.request.urlopen(url, timeout=60)
    assert gone.value.code == 403
    assert b"InvalidAccessKeyId" in gone.value.read()
    gone.value.close()


@pytest.mark.parametrize("style", ["path", "virtual"])
def test_a_policy_holds_whichever_way_a_bucket_is_named(yard: ServerProcess, style: str) -> None:
    reads = {
        "Effect": "Allow",
        "Action": "s3:GetObject",
        "Resource": f"arn:aws:s3:::{BUCKET}/open/*",
    }
    held = key(yard, f"reader-{style}", reads)
    credentials = Credentials(held["aws_access_key_id"], held["aws_secret_access_key"])
    port = int(yard.url.rpartition(":")[2])
    host, below = f"localhost:{port}", f"/{BUCKET}/"
    if style == "virtual":
        host, below = f"{BUCKET}.s3.localhost:{port}", "/"

    def status(method: str, path: str) -> int:
        request = AWSRequest(method, f"http://{host}{below}{path}")
        request.headers["x-amz-content-sha256"] = "UNSIGNED-PAYLOAD"
        S3SigV4Auth(credentials, "s3", "us-east-1").add_auth(request)
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        connection.request(method, below + path, headers={"Host": host, **dict(request.headers)})
        found = connection.getresponse().status
        connection.close()
        return found

    assert status("GET", "open/a") == 200
    assert [status(*asked) for asked in NOT_ALLOWED] == [403] * len(NOT_ALLOWED)


NOT_ALLOWED = [("GET", "secret/a"), ("GET", ""), ("DELETE", "open/a"), ("GET", "open/../secret/a")]
