"""The trail of real servers: secrets, kill -9 under load, and two servers on one database."""

import asyncio
import json
import threading
import time
import urllib.request
from pathlib import Path

import pytest
from botocore.config import Config

from modelyard.audit.verification import Report, Trust, verify
from modelyard.storage import database
from tests import aws_sessions
from tests.access.people.browsing import Browser
from tests.audit.conftest import events, keys_of, rows_of, url_of, wait_until_chained
from tests.conftest import MakeServer
from tests.reliability.clients import Clients
from tests.reliability.history import ACKNOWLEDGED, History
from tests.reliability.load import Load, prepare
from tests.server_process import ServerProcess

HUSH = "hush-4711-of-an-environment"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": "123456789012"}, "Action": "sts:AssumeRole"}
    ],
}
# A kind of call in the history of a load, and the operations that make it.
OPERATIONS = {
    "register": "CreateModelPackage",
    "decide": "UpdateModelPackage",
    "tag": "AddTags",
    "delete": "DeleteModelPackage",
}


def verified(server: ServerProcess) -> Report:
    async def whole() -> Report:
        opened = await database.connect(url_of(server))
        try:
            keys = keys_of(server)
            return await verify(opened, Trust(keys.public, keys.seal))
        finally:
            await opened.close()

    return asyncio.run(whole())


def test_no_secret_is_in_the_trail(server: ServerProcess) -> None:
    iam, s3 = server.client("iam"), server.client("s3")
    role = iam.create_role(RoleName="reader", AssumeRolePolicyDocument=json.dumps(TRUST))
    iam.attach_role_policy(
        RoleName="reader", PolicyArn="arn:aws:iam::aws:policy/AmazonS3FullAccess"
    )
    sts = server.client("sts")
    session = sts.assume_role(RoleArn=role["Role"]["Arn"], RoleSessionName="mine")["Credentials"]
    own = sts.get_session_token()["Credentials"]
    server.client("sagemaker").create_model(
        ModelName="m",
        ExecutionRoleArn=role["Role"]["Arn"],
        PrimaryContainer={"Image": "image:1", "Environment": {"LEVEL": HUSH}},
    )
    s3.create_bucket(Bucket="models")
    temporary = aws_sessions.session(
        session["AccessKeyId"], session["SecretAccessKey"], session["SessionToken"], "us-east-1"
    ).client("s3", endpoint_url=server.url, config=Config(signature_version="s3v4"))
    url = temporary.generate_presigned_url("put_object", Params={"Bucket": "models", "Key": "k"})
    put = urllib.request.Request(url, data=b"x", method="PUT")
    assert urllib.request.urlopen(put, timeout=60).status == 200

    with rows_of(url_of(server)) as rows:
        text = json.dumps(rows("SELECT * FROM audit_record"))
    assert {"AssumeRole", "GetSessionToken", "CreateModel", "PutObject"} <= {
        event["eventName"] for event in events(server)
    }
    for secret in (
        session["SecretAccessKey"],
        session["SessionToken"],
        own["SecretAccessKey"],
        own["SessionToken"],
        server.secret_access_key,
        HUSH,
        url.partition("X-Amz-Signature=")[2][:64],
    ):
        assert secret not in text
    assert session["AccessKeyId"] in text


def test_no_password_and_no_secret_key_is_in_the_trail(server: ServerProcess) -> None:
    first, second, wrong = "First-staple-horse-1", "Second-staple-horse-2", "Wrong-staple-horse-3"
    iam = server.client("iam")
    iam.create_user(UserName="ana")
    own_password = {"Effect": "Allow", "Action": "iam:ChangePassword", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [own_password]})
    iam.put_user_policy(UserName="ana", PolicyName="own", PolicyDocument=policy)
    made = iam.create_access_key(UserName="ana")["AccessKey"]
    iam.create_login_profile(UserName="ana", Password=first)
    own = aws_sessions.session(made["AccessKeyId"], made["SecretAccessKey"])
    mine = own.client("iam", endpoint_url=server.url)
    with pytest.raises(mine.exceptions.ClientError, match="AccessDenied"):
        mine.change_password(OldPassword=wrong, NewPassword=second)
    mine.change_password(OldPassword=first, NewPassword=second)
    browser = Browser(server.url)
    browser.sign_in("ana", wrong)
    browser.sign_in("ana", second)
    assert browser.who().endswith(":user/ana")

    with rows_of(url_of(server)) as rows:
        text = json.dumps(rows("SELECT * FROM audit_record"))
        (kept,) = rows("SELECT hash FROM login_profile")
    told = [(event["eventName"], event.get("errorCode")) for event in events(server)]
    for name, code in (
        ("CreateAccessKey", None),
        ("CreateLoginProfile", None),
        ("ChangePassword", "AccessDenied"),
        ("ChangePassword", None),
        ("ConsoleLogin", "Failed authentication"),
        ("ConsoleLogin", None),
    ):
        assert (name, code) in told
    hidden = (first, second, wrong, made["SecretAccessKey"], kept[0], *browser.cookies.values())
    for secret in hidden:
        assert secret not in text
    assert made["AccessKeyId"] in text


def test_a_record_is_chained_within_a_second_on_an_idle_server(
    server_on_each_database: ServerProcess,
) -> None:
    server = server_on_each_database
    server.client("sagemaker").create_model_package_group(ModelPackageGroupName="churn")
    began = time.monotonic()

    wait_until_chained(url_of(server))

    assert time.monotonic() - began < 5  # a second, and room for a busy machine
    assert verified(server).findings == ()


def test_a_change_that_cannot_be_recorded_is_refused(
    server_on_each_database: ServerProcess,
) -> None:
    server = server_on_each_database
    client = server.client("sagemaker", config=Config(retries={"total_max_attempts": 1}))
    with rows_of(url_of(server)) as rows:
        rows("DROP TABLE audit_record")

    with pytest.raises(client.exceptions.ClientError, match="InternalFailure"):
        client.create_model_package_group(ModelPackageGroupName="churn")

    assert client.list_model_package_groups()["ModelPackageGroupSummaryList"] == []


@pytest.mark.slow
@pytest.mark.timeout(280)
def test_every_acknowledged_change_has_one_record_whenever_the_server_is_killed(
    server_on_each_database: ServerProcess,
) -> None:
    server = server_on_each_database
    clients = Clients(server)
    prepare(clients)
    history = History()
    for cycle in range(4):
        with Load(history, [clients], workers=6, seed=cycle):
            before, until = len(history.of("register", ACKNOWLEDGED)), time.monotonic() + 40
            while len(history.of("register", ACKNOWLEDGED)) < before + 10:
                assert time.monotonic() < until, "the load does not get through"
                time.sleep(0.02)
            server.kill()
        server.start()

    wait_until_chained(url_of(server))
    report = verified(server)
    assert report.findings == ()
    assert report.head.sequence == report.records
    with rows_of(url_of(server)) as rows:
        recorded = rows("SELECT operation, document FROM audit_record")
    for kind, operation in OPERATIONS.items():
        asked = [json.loads(text)["Parameters"] for name, text in recorded if name == operation]
        texts = [json.dumps(parameters) for parameters in asked]
        for call in history.of(kind, ACKNOWLEDGED):
            mark = call.subject if kind == "delete" else call.value
            found = sum(f'"{mark}"' in text for text in texts)
            assert found == 1, f"{operation} of {mark} has {found} records"
    assert len(history.of("register", ACKNOWLEDGED)) >= 40


@pytest.mark.slow
def test_two_servers_on_one_database_make_one_chain(
    make_server: MakeServer, postgresql_cluster: object, tmp_path: Path
) -> None:
    url = postgresql_cluster.new_database()  # type: ignore[attr-defined]
    first = make_server(database_url=url)
    second = make_server(database_url=url)
    second.stop()
    # Servers of one database share its secret.
    (second.data / "secret").write_bytes((first.data / "secret").read_bytes())
    second.start()

    def register(server: ServerProcess, name: str) -> None:
        client = server.client("sagemaker")
        for number in range(40):
            client.create_model_package_group(ModelPackageGroupName=f"{name}-{number}")

    threads = [
        threading.Thread(target=register, args=(server, name))
        for server, name in ((first, "first"), (second, "second"))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    wait_until_chained(url)
    first.kill()  # whoever chained until now, the other goes on
    register(second, "after")
    wait_until_chained(url)

    report = verified(second)
    assert report.findings == ()
    assert report.records == 120
    first.start()
