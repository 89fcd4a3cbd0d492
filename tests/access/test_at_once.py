"""What is taken away is gone when the change is answered, on every server of the database.

A caller keeps asking one server, which so has all it needs in memory; the change is made on the
other. On SQLite one server is both.
"""

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.access.iam_words import trust
from tests.postgresql_cluster import PostgresqlCluster
from tests.server_process import ServerProcess

ROUNDS = 3  # of each change: one that is only nearly at once fails sooner or later
ACCOUNT = "123456789012"
GROUP = "churn"
BUCKET = "models"


def document(effect: str = "Allow", **members: Any) -> str:
    statement = {"Effect": effect, "Action": "*", "Resource": "*"} | members
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@dataclass(frozen=True)
class World:
    """A caller by a key, and what they are answered by each server."""

    first: ServerProcess
    second: ServerProcess
    iam: Any
    key: dict[str, str] = field(default_factory=dict)

    def outcome(self, server: ServerProcess, ask: Callable[[Any], Any], service: str) -> str:
        """The code of the refusal, "" for a caller who is served."""
        client = self._client(server, service)
        try:
            ask(client)
        except ClientError as refused:
            return str(refused.response["Error"]["Code"])
        return ""

    def _client(self, server: ServerProcess, service: str) -> Any:
        kept = f"{server.url} {service}"
        clients: dict[str, Any] = self.__dict__.setdefault("clients", {})
        if kept not in clients:
            clients[kept] = server.client(service, **self.key)
        return clients[kept]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def servers(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[ServerProcess, ServerProcess]]:
    """Where changes are made, and where calls are: two servers of one database, if it can."""
    if request.param == "sqlite":
        started = [ServerProcess(tmp_path_factory.mktemp("only"))]
        url = None
    else:
        cluster: PostgresqlCluster = request.getfixturevalue("postgresql_cluster")
        url = cluster.new_database()
        started = [
            ServerProcess(tmp_path_factory.mktemp(name), database_url=url)
            for name in ("first", "second")
        ]
    started[0].start()
    for other in started[1:]:  # servers of one database share its secret
        other.data.mkdir(mode=0o700)
        (other.data / "secret").write_bytes((started[0].data / "secret").read_bytes())
        (other.data / "secret").chmod(0o600)
        other.start()
    started[0].client("sagemaker").create_model_package_group(ModelPackageGroupName=GROUP)
    started[0].client("s3").create_bucket(Bucket=BUCKET)
    yield started[0], started[-1]
    complaints = [complaint for server in started for complaint in server.close()]
    for server in started:
        shutil.rmtree(server.data)
    if url is not None:
        cluster.drop_database(url)
    assert complaints == []


def user(servers: tuple[ServerProcess, ServerProcess], name: str) -> World:
    iam = servers[0].client("iam")
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    keys = {
        "aws_access_key_id": key["AccessKeyId"],
        "aws_secret_access_key": key["SecretAccessKey"],
    }
    return World(*servers, iam, keys)


def session(servers: tuple[ServerProcess, ServerProcess], role: str) -> World:
    iam = servers[0].client("iam")
    made = iam.create_role(RoleName=role, AssumeRolePolicyDocument=trust())["Role"]
    given = servers[0].client("sts").assume_role(RoleArn=made["Arn"], RoleSessionName="me")
    credentials = given["Credentials"]
    keys = {
        "aws_access_key_id": credentials["AccessKeyId"],
        "aws_secret_access_key": credentials["SecretAccessKey"],
        "aws_session_token": credentials["SessionToken"],
    }
    return World(*servers, iam, keys)


def describe(client: Any) -> Any:
    return client.describe_model_package_group(ModelPackageGroupName=GROUP)


def both(world: World) -> list[str]:
    """What the caller gets of the other server, first of all, and of the one that was changed."""
    return [world.outcome(server, describe, "sagemaker") for server in (world.second, world.first)]


SERVED, DENIED, UNKNOWN = (
    [""] * 2,
    ["AccessDeniedException"] * 2,
    ["UnrecognizedClientException"] * 2,
)


def test_a_key_stops_and_goes_on_at_once(servers: tuple[ServerProcess, ServerProcess]) -> None:
    world = user(servers, "keys")
    world.iam.put_user_policy(UserName="keys", PolicyName="p", PolicyDocument=document())
    key = {"UserName": "keys", "AccessKeyId": world.key["aws_access_key_id"]}
    assert both(world) == SERVED
    for _ in range(ROUNDS):
        world.iam.update_access_key(**key, Status="Inactive")
        assert both(world) == UNKNOWN
        world.iam.update_access_key(**key, Status="Active")
        assert both(world) == SERVED

    world.iam.delete_access_key(**key)

    assert both(world) == UNKNOWN


def _inline(iam: Any, name: str) -> tuple[Callable[[], Any], Callable[[], Any]]:
    p = {"UserName": name, "PolicyName": "p"}
    return (
        lambda: iam.put_user_policy(**p, PolicyDocument=document()),
        lambda: iam.delete_user_policy(**p),
    )


def _inline_deny(iam: Any, name: str) -> tuple[Callable[[], Any], Callable[[], Any]]:
    p = {"UserName": name, "PolicyName": "p"}
    return (
        lambda: iam.put_user_policy(**p, PolicyDocument=document()),
        lambda: iam.put_user_policy(**p, PolicyDocument=document("Deny")),
    )


def _managed(iam: Any, name: str) -> tuple[Callable[[], Any], Callable[[], Any]]:
    p = {"UserName": name, "PolicyArn": "arn:aws:iam::aws:policy/AdministratorAccess"}
    return lambda: iam.attach_user_policy(**p), lambda: iam.detach_user_policy(**p)


def _version(iam: Any, name: str) -> tuple[Callable[[], Any], Callable[[], Any]]:
    arn = iam.create_policy(PolicyName=name, PolicyDocument=document("Deny"))["Policy"]["Arn"]
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=document())
    iam.attach_user_policy(UserName=name, PolicyArn=arn)
    choose = iam.set_default_policy_version
    return (
        lambda: choose(PolicyArn=arn, VersionId="v2"),
        lambda: choose(PolicyArn=arn, VersionId="v1"),
    )


def _group(iam: Any, name: str) -> tuple[Callable[[], Any], Callable[[], Any]]:
    iam.create_group(GroupName=name)
    iam.put_group_policy(GroupName=name, PolicyName="p", PolicyDocument=document())
    p = {"GroupName": name, "UserName": name}
    return lambda: iam.add_user_to_group(**p), lambda: iam.remove_user_from_group(**p)


def _boundary(iam: Any, name: str) -> tuple[Callable[[], Any], Callable[[], Any]]:
    iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=document())
    everything, s3 = (
        f"arn:aws:iam::aws:policy/{p}" for p in ("AdministratorAccess", "AmazonS3FullAccess")
    )
    put = iam.put_user_permissions_boundary
    return (
        lambda: put(UserName=name, PermissionsBoundary=everything),
        lambda: put(UserName=name, PermissionsBoundary=s3),
    )


CHANGES: Mapping[str, Callable[[Any, str], tuple[Callable[[], Any], Callable[[], Any]]]] = {
    "inline-policy-deleted": _inline,
    "inline-policy-denies": _inline_deny,
    "managed-policy-detached": _managed,
    "policy-version-chosen": _version,
    "left-a-group": _group,
    "boundary-set": _boundary,
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_policy_counts_at_once(servers: tuple[ServerProcess, ServerProcess], change: str) -> None:
    world = user(servers, change)
    give, take = CHANGES[change](world.iam, change)
    for _ in range(ROUNDS):
        give()
        assert both(world) == SERVED
        take()
        assert both(world) == DENIED


def test_a_sessions_role_counts_at_once(servers: tuple[ServerProcess, ServerProcess]) -> None:
    world = session(servers, "roles")
    policy = {"RoleName": "roles", "PolicyName": "p"}
    for _ in range(ROUNDS):
        world.iam.put_role_policy(**policy, PolicyDocument=document())
        assert both(world) == SERVED
        world.iam.delete_role_policy(**policy)
        assert both(world) == DENIED

    world.iam.delete_role(RoleName="roles")

    assert both(world) == UNKNOWN


def test_a_user_who_is_deleted_is_nobody_at_once(
    servers: tuple[ServerProcess, ServerProcess],
) -> None:
    world = user(servers, "gone")
    world.iam.put_user_policy(UserName="gone", PolicyName="p", PolicyDocument=document())
    given = servers[0].client("sts", **world.key).get_session_token()["Credentials"]
    keys = {
        "aws_access_key_id": given["AccessKeyId"],
        "aws_secret_access_key": given["SecretAccessKey"],
        "aws_session_token": given["SessionToken"],
    }
    temporary = World(*servers, world.iam, keys)
    assert both(temporary) == SERVED
    key = world.key["aws_access_key_id"]
    world.iam.delete_access_key(UserName="gone", AccessKeyId=key)
    world.iam.delete_user_policy(UserName="gone", PolicyName="p")

    assert both(temporary) == DENIED
    world.iam.delete_user(UserName="gone")
    assert both(temporary) == UNKNOWN


def test_a_buckets_policy_counts_at_once(servers: tuple[ServerProcess, ServerProcess]) -> None:
    world = user(servers, "buckets")
    s3 = servers[0].client("s3")
    policy = document(
        Principal={"AWS": f"arn:aws:iam::{ACCOUNT}:user/buckets"},
        Action="s3:ListBucket",
        Resource=f"arn:aws:s3:::{BUCKET}",
    )

    def both_list() -> list[str]:
        return [
            world.outcome(server, lambda s3: s3.list_objects_v2(Bucket=BUCKET), "s3")
            for server in (world.second, world.first)
        ]

    for _ in range(ROUNDS):
        s3.put_bucket_policy(Bucket=BUCKET, Policy=policy)
        assert both_list() == SERVED
        s3.delete_bucket_policy(Bucket=BUCKET)
        assert both_list() == ["AccessDenied"] * 2
