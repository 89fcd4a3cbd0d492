"""After a whole story with the log at its most talkative, no secret is where it should not be."""

import json
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests import aws_sessions
from tests.conftest import MakeServer
from tests.reliability.clients import Clients
from tests.reliability.endpoints import Hosting, scripted
from tests.reliability.wire import Wire
from tests.server_process import REGION, ServerProcess

DATABASE_PASSWORD = "a-database-password-nobody-should-read"
MODEL_SECRET = "an-environment-value-of-a-model"
# What the credentials file and the server's own secret are for.
KEEPERS = {"secret", "credentials.json"}
ECHO = """
import json, os, sys
print("loading with", dict(os.environ))
def model_fn(model_dir):
    return None
def transform_fn(model, data, content_type, accept):
    return json.dumps(dict(os.environ)), "application/json"
"""
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"AWS": "arn:aws:iam::123456789012:root"},
            "Action": "sts:AssumeRole",
        }
    ],
}

pytestmark = pytest.mark.slow


@pytest.fixture
def talkative(make_server: MakeServer, engine: str, database_url: str) -> ServerProcess:
    """A server that logs everything, on each database; PostgreSQL's URL holds a password."""
    url = re.sub(r"//([^:@/]*):?[^@/]*@", rf"//\1:{DATABASE_PASSWORD}@", database_url)
    return make_server(database_url=url, environment={"MODELYARD_LOG_LEVEL": "debug"})


def test_no_secret_is_in_the_log_the_database_or_an_answer(talkative: ServerProcess) -> None:
    server = talkative
    clients = Clients(server)
    session = _session(clients)
    secrets = {
        "the root secret": server.secret_access_key,
        "the session's secret": session["SecretAccessKey"],
        "the session's token": session["SessionToken"],
        "the database's password": DATABASE_PASSWORD,
    }

    answers = _story(server, clients, session)

    told = json.dumps(answers, default=str)
    for name, secret in secrets.items():
        assert secret not in server.log, f"{name} is in the log"
        assert secret not in told, f"{name} is in an answer"
        assert _holders(server.data, secret) == set(), f"{name} is in the data folder"
    own = (server.data / "secret").read_bytes().strip()
    assert own.decode("latin-1") not in server.log
    assert _holders(server.data, own) == set()
    assert MODEL_SECRET not in server.log
    assert '"level":"debug"' in server.log, "the log was not at its most talkative"


def test_models_do_not_see_the_servers_environment(server: ServerProcess) -> None:
    hosting = Hosting(Clients(server))
    hosting.deployable("echo", scripted(ECHO))
    hosting.create("echo")

    seen = json.loads(hosting.invoke())

    assert server.secret_access_key not in json.dumps(seen)
    assert not [name for name in seen if name.startswith("MODELYARD_ROOT")]
    for child in server.children():
        environment = json.dumps(child.environ())
        assert server.secret_access_key not in environment, f"{child} was given the root secret"


def test_the_data_folder_is_its_owners_alone(
    server: ServerProcess, make_server: MakeServer
) -> None:
    clients = Clients(server)
    hosting = Hosting(clients)
    hosting.deployable("echo", scripted(ECHO))
    hosting.create("echo")
    session = _session(clients)
    assert session["SessionToken"]

    root = server.data
    # Root's replicas have users of their own, who pass through the folder but cannot list it.
    assert stat.S_IMODE(root.stat().st_mode) in (0o700, 0o711)
    open_to_others = {
        str(path.relative_to(root)): oct(stat.S_IMODE(path.lstat().st_mode))
        for path in root.rglob("*")
        if path.is_file() and not path.is_symlink() and not path.is_relative_to(root / "compute")
        if path.lstat().st_mode & 0o077
    }
    listable = [
        str(path.relative_to(root))
        for path in (root / "compute", root / "compute" / "artifacts", root / "blobs")
        if path.stat().st_mode & 0o044 and stat.S_IMODE(root.stat().st_mode) != 0o700
    ]
    assert open_to_others == {}
    assert listable == []


def test_a_key_made_at_the_first_start_is_shown_once_and_never_logged(tmp_path: Path) -> None:
    server = ServerProcess(
        tmp_path / "own",
        environment={
            "MODELYARD_ROOT_ACCESS_KEY_ID": "",
            "MODELYARD_ROOT_SECRET_ACCESS_KEY": "",
            "MODELYARD_LOG_LEVEL": "debug",
        },
    )
    server.folder.mkdir()
    server.start()
    try:
        made = json.loads((server.data / "credentials.json").read_bytes())
        secret = next(str(v) for v in _leaves(made) if re.fullmatch(r"[A-Za-z0-9/+]{40}", str(v)))
        server.restart()
        assert server.log.count(secret) == 1
        shown = next(line for line in server.log.splitlines() if secret in line)
        assert not shown.startswith("{"), "it was logged, not printed"
        assert _holders(server.data, secret) == set()
    finally:
        assert server.close() == []


def _session(clients: Clients) -> dict[str, str]:
    role = clients("iam").create_role(
        RoleName="reader", AssumeRolePolicyDocument=json.dumps(TRUST)
    )["Role"]["Arn"]
    answer = clients("sts").assume_role(RoleArn=role, RoleSessionName="secrets")
    return dict(answer["Credentials"])


def _story(
    server: ServerProcess, clients: Clients, session: dict[str, str]
) -> list[dict[str, Any]]:
    """Right and wrong uses of every secret; the answers that describe what is there."""
    hosting = Hosting(clients)
    hosting.deployable("echo", scripted(ECHO))
    sagemaker, s3 = clients("sagemaker"), clients("s3")
    package = sagemaker.list_model_packages(ModelPackageGroupName="reliable-endpoints")
    arn = package["ModelPackageSummaryList"][0]["ModelPackageArn"]
    role = clients("iam").get_role(RoleName="reader")["Role"]["Arn"]
    sagemaker.create_model(
        ModelName="with-environment",
        ExecutionRoleArn=role,
        PrimaryContainer={"ModelPackageName": arn, "Environment": {"TOKEN": MODEL_SECRET}},
    )
    hosting.create("echo")
    temporary = aws_sessions.session(
        session["AccessKeyId"], session["SecretAccessKey"], session["SessionToken"], REGION
    )
    config = Config(retries={"total_max_attempts": 1})
    answers = [
        sagemaker.describe_model(ModelName="echo"),
        sagemaker.describe_model_package(ModelPackageName=arn),
        sagemaker.describe_endpoint(EndpointName="reliable"),
        sagemaker.describe_endpoint_config(EndpointConfigName="echo"),
        clients("sts").get_caller_identity(),
        temporary.client("sts", endpoint_url=server.url, config=config).get_caller_identity(),
        clients("iam").get_role(RoleName="reader"),
        clients("modelyard").list_endpoint_deployments(EndpointName="reliable"),
        {"invoked": hosting.invoke()},
    ]
    _present_url(server, temporary, s3, config)
    for key, secret, token in (
        (session["AccessKeyId"], session["SecretAccessKey"], session["SessionToken"] + "x"),
        (session["AccessKeyId"], session["SecretAccessKey"], None),
        (server.access_key_id, server.secret_access_key, session["SessionToken"]),
        (server.access_key_id, "wrong", None),
    ):
        wrong: Any = aws_sessions.session(key, secret, token, REGION)
        for service, ask in (("s3", "list_buckets"), ("sagemaker", "list_models")):
            with pytest.raises(ClientError) as refused:
                getattr(wrong.client(service, endpoint_url=server.url, config=config), ask)()
            answers.append(refused.value.response)
    _misplaced(server)
    return answers


def _present_url(server: ServerProcess, session: boto3.Session, s3: Any, config: Config) -> None:
    """A presigned URL carries the session's token in its query."""
    client = session.client("s3", endpoint_url=server.url, config=config)
    url = client.generate_presigned_url(
        "get_object", Params={"Bucket": "reliable-models", "Key": "echo.tar.gz"}
    )
    wire = Wire(server)
    for path in (url.removeprefix(server.url), url.removeprefix(server.url) + "0"):
        wire.exchange("GET", path, b"", {"host": server.url.removeprefix("http://")})
    wire.close()


def _misplaced(server: ServerProcess) -> None:
    """A secret where a careless client puts it: the key id, a header, a body that is no JSON."""
    secret = server.secret_access_key
    wire = Wire(server)
    wire.exchange(
        "POST",
        "/",
        json.dumps({"Secret": secret})[:-1].encode(),
        {
            "X-Amz-Target": "SageMaker.ListModels",
            "Authorization": f"Bearer {secret}",
            "X-Amz-Security-Token": secret,
        },
    )
    wire.rpc("sagemaker", "ListModels", json.dumps({"Secret": secret})[:-1].encode())
    wire.close()


def _holders(folder: Path, secret: str | bytes) -> set[str]:
    """Files that hold it, but for those that are there to hold it."""
    wanted = secret.encode() if isinstance(secret, str) else secret
    return {
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and path.name not in KEEPERS and wanted in path.read_bytes()
    }


def _leaves(document: Any) -> Iterator[Any]:
    if isinstance(document, dict):
        for value in document.values():
            yield from _leaves(value)
    else:
        yield document
