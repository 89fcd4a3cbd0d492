"""Execution roles through a real server: model code with boto3 that nobody has configured."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from modelyard.compute import sandbox
from tests.compute.execution_yard import (
    ACCOUNT,
    ASK,
    BOTO3,
    BUCKET,
    MODELS,
    Yard,
    allowing,
    listening,
    replicas,
    trust,
)
from tests.loud_skip import require
from tests.reliability.endpoints import SKLEARN, scripted
from tests.server_process import REGION, ServerProcess


@pytest.fixture(scope="module")
def reader(yard: Yard) -> str:
    """The name of an endpoint whose role may read what is below allowed/, and nothing else."""
    arn = f"arn:aws:s3:::{BUCKET}/allowed/*"
    role = yard.role("reader", allowing("s3:GetObject", resource=arn))
    yard.deploy("reader", role)
    return "reader"


def test_model_code_reads_s3_with_its_roles_permissions_and_nothing_else(
    yard: Yard, reader: str
) -> None:
    yard.s3.put_object(Bucket=BUCKET, Key="allowed/rows.csv", Body=b"1,2,3")
    yard.s3.put_object(Bucket=BUCKET, Key="secret/rows.csv", Body=b"4,5,6")

    found = yard.run(
        reader,
        BOTO3
        + f"""
s3 = client("s3")
get = lambda key: s3.get_object(Bucket={BUCKET!r}, Key=key)["Body"].read().decode()
answer = {{
    "who": client("sts").get_caller_identity()["Arn"],
    "region": s3.meta.region_name,
    "allowed": attempt(lambda: get("allowed/rows.csv")),
    "secret": attempt(lambda: get("secret/rows.csv")),
    "write": attempt(lambda: s3.put_object(Bucket={BUCKET!r}, Key="allowed/x", Body=b"x")),
    "list": attempt(lambda: s3.list_objects_v2(Bucket={BUCKET!r})),
    "models": attempt(lambda: client("sagemaker").list_models()),
    "users": attempt(lambda: client("iam").list_users()),
}}
""",
    )

    assert found == {
        "who": f"arn:aws:sts::{ACCOUNT}:assumed-role/reader/SageMaker",
        "region": REGION,
        "allowed": "1,2,3",
        "secret": "AccessDenied",
        "write": "AccessDenied",
        "list": "AccessDenied",
        "models": "AccessDeniedException",
        "users": "AccessDenied",
    }
    # Who got the role, and that what it did came from no address.
    given = _events(yard, "AssumeRole", reader)[0]
    assert given["userIdentity"]["invokedBy"] == "sagemaker.amazonaws.com"
    assert given["sourceIPAddress"] == "sagemaker.amazonaws.com"
    assert given["requestParameters"]["sourceArn"].endswith(f":endpoint/{reader}")
    assert given["responseElements"]["credentials"]["accessKeyId"].startswith("ASIA")
    denied = next(one for one in _events(yard, "PutObject", "SageMaker") if "errorCode" in one)
    assert denied["userIdentity"]["arn"] == found["who"]
    assert denied["sourceIPAddress"] == "AWS Internal"


def _events(yard: Yard, name: str, of: str) -> list[dict[str, Any]]:
    """CloudTrail's records of an operation that mention `of`, newest first."""
    wanted = [{"AttributeKey": "EventName", "AttributeValue": name}]
    pages = yard.server.client("cloudtrail").get_paginator("lookup_events")
    events = [one for page in pages.paginate(LookupAttributes=wanted) for one in page["Events"]]
    return [json.loads(one["CloudTrailEvent"]) for one in events if of in one["CloudTrailEvent"]]


def test_large_objects_pass_whole_in_both_directions(yard: Yard) -> None:
    role = yard.role("mover", allowing("s3:*", resource="*"))
    yard.deploy("mover", role)
    content = os.urandom(9 << 20)
    yard.s3.put_object(Bucket=BUCKET, Key="large", Body=content)

    yard.run(
        "mover",
        BOTO3
        + f"""
content = client("s3").get_object(Bucket={BUCKET!r}, Key="large")["Body"].read()
client("s3").put_object(Bucket={BUCKET!r}, Key="copy", Body=content)
answer = len(content)
""",
    )

    assert yard.s3.get_object(Bucket=BUCKET, Key="copy")["Body"].read() == content


def test_credentials_are_made_anew_when_they_run_out(yard: Yard, reader: str) -> None:
    found = yard.run(
        reader,
        BOTO3
        + """
import datetime
session = boto3.Session()
credentials = session.get_credentials()
first = credentials.get_frozen_credentials().access_key
again = credentials.get_frozen_credentials().access_key
left = credentials._expiry_time - datetime.datetime.now(datetime.timezone.utc)
credentials._expiry_time -= datetime.timedelta(hours=1)
second = credentials.get_frozen_credentials().access_key
who = session.client("sts", config=quick).get_caller_identity()
answer = {"keys": [first, again, second], "left": left.total_seconds(), "who": who["Arn"],
    "method": credentials.method}
""",
    )

    first, again, second = found["keys"]
    assert first == again != second
    assert 3500 < found["left"] <= 3600
    assert found["who"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/reader/SageMaker"
    assert found["method"] == "container-role"


def test_the_credentials_endpoint_wants_its_token_and_answers_as_in_aws(
    yard: Yard, reader: str
) -> None:
    found = yard.run(
        reader,
        ASK
        + """
answer = [ask(), ask(Authorization="wrong"), ask("/other", Authorization=token),
    ask(Authorization=token)]
""",
    )

    without, wrong, elsewhere, right = found
    assert (without[0], wrong[0], elsewhere[0], right[0]) == (403, 403, 404, 200)
    assert set(without[1]) == set(elsewhere[1]) == {"code", "message"}
    assert right[1]["RoleArn"] == f"arn:aws:iam::{ACCOUNT}:role/reader"
    members = {"RoleArn", "AccessKeyId", "SecretAccessKey", "Token", "Expiration"}
    assert set(right[1]) == members


@pytest.mark.parametrize(
    ("name", "trusted", "why"),
    [
        ("nobody-made-it", None, "There is no role"),
        ("trusts-others", trust("ec2.amazonaws.com"), "does not let sagemaker.amazonaws.com"),
        (
            "trusts-another-account",
            trust(StringEquals={"aws:SourceAccount": "999999999999"}),
            "does not let sagemaker.amazonaws.com",
        ),
    ],
)
def test_without_a_role_that_trusts_sagemaker_a_model_serves_and_has_no_credentials(
    yard: Yard, name: str, trusted: str | None, why: str
) -> None:
    role = f"arn:aws:iam::{ACCOUNT}:role/{name}"
    if trusted is not None:
        yard.role(name, allowing("s3:*", resource="*"), trusted)
    yard.deploy(name, role)

    found = yard.run(
        name,
        ASK
        + BOTO3
        + "answer = [ask(Authorization=token), attempt(lambda: client('s3').list_buckets())]",
    )

    (status, document), tried = found
    assert status == 400
    assert document["code"] == "AccessDenied"
    assert why in document["message"]
    assert why in tried
    lines = [line for line in yard.server.log.splitlines() if "execution_role_not_usable" in line]
    assert any(role in line and why in line for line in lines)


def test_a_trust_policy_may_ask_for_the_endpoint_and_its_account(yard: Yard) -> None:
    arn = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:endpoint/careful"
    trusted = trust(StringEquals={"aws:SourceAccount": ACCOUNT}, ArnLike={"aws:SourceArn": arn})
    yard.deploy("careful", yard.role("careful", trusted=trusted))

    who = yard.run("careful", BOTO3 + "answer = client('sts').get_caller_identity()['Arn']")

    assert who == f"arn:aws:sts::{ACCOUNT}:assumed-role/careful/SageMaker"


def test_a_policy_that_is_taken_away_holds_for_the_next_request_of_model_code(yard: Yard) -> None:
    yard.s3.put_object(Bucket=BUCKET, Key="changing", Body=b"read")
    role = yard.role("changing", allowing("s3:GetObject", resource="*"))
    yard.deploy("changing", role)
    source = (
        BOTO3
        + f"""
s3 = model.setdefault("s3", client("s3"))
answer = attempt(lambda: s3.get_object(Bucket={BUCKET!r}, Key="changing")["Body"].read().decode())
"""
    )
    assert yard.run("changing", source) == "read"

    yard.iam.delete_role_policy(RoleName="changing", PolicyName="own")
    assert yard.run("changing", source) == "AccessDenied"

    yard.iam.put_role_policy(
        RoleName="changing", PolicyName="own", PolicyDocument=allowing("s3:*", resource="*")
    )
    assert yard.run("changing", source) == "read"


def test_an_endpoint_keeps_the_role_it_was_deployed_with(yard: Yard) -> None:
    yard.role("other")
    yard.deploy("kept", yard.role("kept"))
    source = BOTO3 + "answer = client('sts').get_caller_identity()['Arn']"
    before = yard.run("kept", source)

    yard.sagemaker.delete_model(ModelName="kept")
    yard.sagemaker.create_model(
        ModelName="kept",
        ExecutionRoleArn=f"arn:aws:iam::{ACCOUNT}:role/other",
        PrimaryContainer={"Image": SKLEARN, "ModelDataUrl": f"s3://{MODELS}/obedient.tar.gz"},
    )
    with pytest.raises(yard.runtime.exceptions.ClientError):
        yard.run("kept", "import os; os._exit(3)")

    # Another replica, made after the model was changed.
    assert yard.run("kept", source) == before
    assert before == f"arn:aws:sts::{ACCOUNT}:assumed-role/kept/SageMaker"


def test_an_isolated_model_has_no_door(yard: Yard) -> None:
    role = yard.role("isolated", allowing("s3:*", resource="*"))
    yard.deploy("isolated", role, EnableNetworkIsolation=True)

    found = yard.run(
        "isolated",
        """
import os, socket
answer = [name for name in os.environ if name.startswith("AWS_")]
try:
    socket.socket()
    answer.append("a socket")
except PermissionError:
    pass
""",
    )

    assert found == []


def test_what_the_container_says_itself_about_endpoint_and_region_stays(yard: Yard) -> None:
    own = {
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        "AWS_REGION": "eu-west-1",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:2/own",
    }
    yard.deploy("opinionated", yard.role("opinionated"), environment=own)

    found = yard.run("opinionated", "import os; answer = dict(os.environ)")

    assert own.items() <= found.items()
    assert found["AWS_DEFAULT_REGION"] == REGION
    assert "AWS_CONTAINER_AUTHORIZATION_TOKEN" not in found


def test_model_code_may_use_its_role_while_it_loads(yard: Yard) -> None:
    yard.s3.put_object(Bucket=BUCKET, Key="weights", Body=b"1.5")
    source = f"""
import boto3
def model_fn(model_dir):
    return boto3.client("s3").get_object(Bucket={BUCKET!r}, Key="weights")["Body"].read()
def transform_fn(model, data, content_type, accept):
    return '{{"answer": %s}}' % model.decode(), "application/json"
"""
    yard.s3.put_object(Bucket=MODELS, Key="loading.tar.gz", Body=scripted(source))
    role = yard.role("loading", allowing("s3:GetObject", resource="*"))

    yard.deploy("loading", role, key="loading.tar.gz")

    assert yard.run("loading", "") == 1.5


def test_a_role_reads_on_each_database(server_on_each_database: ServerProcess) -> None:
    require("door to" in sandbox.level(), "a network namespace for each replica")
    own = Yard(server_on_each_database)
    own.s3.put_object(Bucket=BUCKET, Key="allowed", Body=b"read")
    own.s3.put_object(Bucket=BUCKET, Key="secret", Body=b"not read")
    arn = f"arn:aws:s3:::{BUCKET}/allowed"
    own.deploy("reader", own.role("reader", allowing("s3:GetObject", resource=arn)))

    found = own.run(
        "reader",
        BOTO3
        + f"""
get = lambda key: client("s3").get_object(Bucket={BUCKET!r}, Key=key)["Body"].read().decode()
answer = [attempt(lambda: get("allowed")), attempt(lambda: get("secret"))]
""",
    )

    assert found == ["read", "AccessDenied"]


def test_killing_the_server_leaves_no_door(make_server: Callable[..., ServerProcess]) -> None:
    require("door to" in sandbox.level(), "a network namespace for each replica")
    own = Yard(make_server())
    own.deploy("left", own.role("left"))
    children = own.server.children()
    assert [listening(one) for one in replicas(own.server)] == [2]
    answer = own.run("left", BOTO3 + "answer = client('sts').get_caller_identity()['Account']")
    assert answer == ACCOUNT

    own.server.kill()

    _, alive = psutil.wait_procs(children, timeout=60)
    assert not alive


def test_a_built_in_runtime_has_no_door(
    make_server: Callable[..., ServerProcess], xgboost_archive: Path
) -> None:
    require("door to" in sandbox.level(), "a network namespace for each replica")
    own = Yard(make_server())
    own.s3.upload_file(str(xgboost_archive), MODELS, "xgboost.tar.gz")
    image = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
    role = own.role("builtin")
    container = {"Image": image, "ModelDataUrl": f"s3://{MODELS}/xgboost.tar.gz"}
    own.deploy("builtin", role, container=container)

    (replica,) = replicas(own.server)

    assert listening(replica) == 0
