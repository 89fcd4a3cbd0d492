"""LookupEvents as boto3 and the AWS CLI ask it, and `modelyard audit`, on a real server."""

import json
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.audit.conftest import events, keys_of, rows_of, url_of, wait_until_chained
from tests.client_environments import client_python
from tests.server_process import ServerProcess, program

ACCOUNT = "123456789012"
GROUP = f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:model-package-group"


def names(found: list[dict[str, Any]]) -> list[str]:
    return [event["eventName"] for event in found]


def attribute(key: str, value: str) -> list[dict[str, str]]:
    return [{"AttributeKey": key, "AttributeValue": value}]


def audit(server: ServerProcess, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(program()), "audit", *arguments, "--data", str(server.data)]
    environment = {k: v for k, v in server._server_environment().items() if "AWS" not in k}
    return subprocess.run(
        command, capture_output=True, text=True, timeout=120, env=environment, check=False
    )


def test_events_are_found_by_every_attribute_newest_first(
    server_on_each_database: ServerProcess,
) -> None:
    server = server_on_each_database
    sagemaker, s3 = server.client("sagemaker"), server.client("s3")
    began = datetime.now(UTC)
    for name in ("churn", "fraud"):
        sagemaker.create_model_package_group(ModelPackageGroupName=name)
    s3.create_bucket(Bucket="models")
    s3.put_object(Bucket="models", Key="a/b.bin", Body=b"x")
    server.client("sts").get_session_token()
    sagemaker.delete_model_package_group(ModelPackageGroupName="fraud")

    everything = events(server)
    assert names(everything) == [
        "DeleteModelPackageGroup",
        "GetSessionToken",
        "PutObject",
        "CreateBucket",
        "CreateModelPackageGroup",
        "CreateModelPackageGroup",
    ]
    for key, value, wanted in (
        ("EventName", "CreateModelPackageGroup", ["CreateModelPackageGroup"] * 2),
        ("EventSource", "s3.amazonaws.com", ["PutObject", "CreateBucket"]),
        ("EventId", everything[0]["eventID"], ["DeleteModelPackageGroup"]),
        ("ReadOnly", "true", ["GetSessionToken"]),
        ("Username", "root", names(everything)),
        ("Username", "nobody", []),
        ("AccessKeyId", server.access_key_id, names(everything)),
        ("ResourceName", f"{GROUP}/fraud", [names(everything)[0], names(everything)[-1]]),
        ("ResourceName", "churn", ["CreateModelPackageGroup"]),
        ("ResourceName", "models", ["CreateBucket"]),
        ("ResourceType", "AWS::S3::Object", ["PutObject"]),
        ("ResourceType", "AWS::S3::Bucket", ["CreateBucket"]),
        ("ResourceType", "AWS::SageMaker::Model", []),
        ("ResourceType", "AWS::No::Such", []),
    ):
        found = events(server, LookupAttributes=attribute(key, value))
        assert names(found) == wanted, (key, value)
    ahead = began + timedelta(hours=1)
    assert names(events(server, StartTime=began - timedelta(seconds=2), EndTime=ahead)) == names(
        everything
    )
    assert events(server, StartTime=ahead) == []
    paged = events(server, PaginationConfig={"PageSize": 2})
    assert [one["eventID"] for one in paged] == [one["eventID"] for one in everything]


def test_wrong_questions_are_refused_in_cloudtrails_words(server: ServerProcess) -> None:
    client = server.client("cloudtrail")
    now = datetime.now(UTC)
    two = attribute("EventName", "x") * 2
    for code, request in (
        ("InvalidLookupAttributesException", {"LookupAttributes": two}),
        ("InvalidLookupAttributesException", {"LookupAttributes": attribute("ReadOnly", "x")}),
        ("InvalidTimeRangeException", {"StartTime": now, "EndTime": now - timedelta(days=1)}),
        ("InvalidNextTokenException", {"NextToken": "nonsense"}),
    ):
        with pytest.raises(ClientError) as refused:
            client.lookup_events(**request)
        assert refused.value.response["Error"]["Code"] == code


def test_the_aws_cli_looks_events_up(server: ServerProcess) -> None:
    server.client("sagemaker").create_model_package_group(ModelPackageGroupName="churn")

    ran = subprocess.run(
        [
            str(Path(client_python("awscli")).parent / "aws"),
            "cloudtrail",
            "lookup-events",
            "--lookup-attributes",
            "AttributeKey=EventName,AttributeValue=CreateModelPackageGroup",
        ],
        capture_output=True,
        text=True,
        timeout=120,
        env=server.env(),
        check=False,
    )

    assert ran.returncode == 0, ran.stderr
    (listed,) = json.loads(ran.stdout)["Events"]
    assert listed["Resources"] == [
        {
            "ResourceName": f"{GROUP}/churn",
            "ResourceType": "AWS::SageMaker::ModelPackageGroup",
        }
    ]
    event = json.loads(listed["CloudTrailEvent"])
    assert event["userIdentity"]["type"] == "Root"
    assert event["requestParameters"] == {"modelPackageGroupName": "churn"}
    assert event["additionalEventData"]["changes"][0]["resource"] == f"{GROUP}/churn"


def test_a_forwarding_header_is_not_where_a_call_came_from(server: ServerProcess) -> None:
    client = server.client("sagemaker")

    def add(request: Any, **_: Any) -> None:
        request.headers["X-Forwarded-For"] = "203.0.113.66"
        request.headers["Forwarded"] = "for=203.0.113.66"

    client.meta.events.register("before-send", add)
    client.create_model_package_group(ModelPackageGroupName="churn")

    (event,) = events(server)
    assert event["sourceIPAddress"] == "127.0.0.1"
    assert "203.0.113.66" not in json.dumps(event)


def test_the_command_lists_verifies_and_signs(
    server_on_each_database: ServerProcess, tmp_path: Path
) -> None:
    server = server_on_each_database
    database = ["--database", url_of(server)]
    sagemaker = server.client("sagemaker")
    for number in range(3):
        sagemaker.create_model_package_group(ModelPackageGroupName=f"g{number}")
    arn = f"{GROUP}/g1"
    sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "team", "Value": "churn"}])
    wait_until_chained(url_of(server))

    listed = audit(server, "list", "--resource", "g1", "--person", "root", "--since", "1h")
    assert "AddTags" in listed.stdout and "g2" not in listed.stdout, listed
    assert '{"team": "churn"}' in listed.stdout
    as_json = audit(server, "list", "--outcome", "denied", "--json")
    assert json.loads(as_json.stdout) == []

    file, key = tmp_path / "checkpoint.json", tmp_path / "key.pem"
    signed = audit(
        server, "checkpoint", *database, "--out", str(file), "--public-key-out", str(key)
    )
    assert signed.returncode == 0, signed
    whole = audit(server, "verify", *database, "--checkpoint", str(file))
    assert (whole.returncode, "The trail is whole" in whole.stdout) == (0, True), whole
    by_key = audit(server, "verify", *database, "--public-key", str(key))
    assert by_key.returncode == 0, by_key

    with rows_of(url_of(server)) as rows:
        request = rows("SELECT id FROM audit_chain WHERE sequence = 2")[0][0]
        rows("UPDATE audit_record SET principal = 'eve' WHERE id = ?", request)
    server.stop()

    broken = audit(server, "verify", *database)
    assert broken.returncode == 1
    assert "ALTERED    record 2" in broken.stdout and request in broken.stdout
    found = json.loads(audit(server, "verify", *database, "--json").stdout)
    assert not found["whole"]
    assert [one["sequence"] for one in found["findings"]] == [2]
    assert audit(server, "verify", *database, "--public-key", str(key)).returncode == 1


def test_verifying_makes_nothing_where_there_is_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "nothing"

    ran = subprocess.run(
        [str(program()), "audit", "verify", "--data", str(folder)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert ran.returncode == 1
    assert "--data" in ran.stderr
    assert not folder.exists()


def test_the_keys_of_a_trail_come_from_the_servers_secret(server: ServerProcess) -> None:
    server.client("sagemaker").create_model_package_group(ModelPackageGroupName="churn")
    wait_until_chained(url_of(server))

    with rows_of(url_of(server)) as rows:
        ((signed_by,),) = rows("SELECT signed_by FROM audit_head")

    assert signed_by == keys_of(server).public.id
