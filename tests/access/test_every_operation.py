"""Whoever may not is refused, for every offered operation; whoever may is not.

One server for all of it. The operations come from the table that the server serves by.
"""

import json
import shutil
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from modelyard.contract import model
from tests.access import test_isolation, unauthorised
from tests.access.unauthorised import Caller, Operation
from tests.audit.conftest import rows_of, url_of
from tests.server_process import ServerProcess

SETTLED_SECONDS_MAX = 60.0
ALLOW_EVERYTHING = {"Effect": "Allow", "Action": "*", "Resource": "*"}


class World:
    """An account that has one of everything, and users who may do this or that."""

    def __init__(self, server: ServerProcess) -> None:
        self.server = server
        self.names = test_isolation.furnish(server)
        self._iam = server.client("iam")
        self._wait_until_settled()

    def user(self, name: str) -> Caller:
        self._iam.create_user(UserName=name)
        key = self._iam.create_access_key(UserName=name)["AccessKey"]
        return Caller(self.server, key["AccessKeyId"], key["SecretAccessKey"])

    def may(self, name: str, *statements: Mapping[str, Any]) -> None:
        document = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
        self._iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=document)

    def asked(self) -> Iterator[tuple[Operation, dict[str, Any]]]:
        """Every operation, in each way that it may be asked for what is there."""
        for operation in unauthorised.cases():
            for request in unauthorised.requests(operation, self.names):
                yield operation, request

    def denied(self, user: str) -> Counter[tuple[str, str]]:
        """How often the trail says that an operation was denied to a user, by signing name."""
        with rows_of(url_of(self.server)) as rows:
            found = rows(
                "SELECT service, operation FROM audit_record"
                " WHERE user_name = ? AND error_code IN ('AccessDenied', 'AccessDeniedException')",
                user,
            )
        return Counter((service, operation) for service, operation in found)

    def _wait_until_settled(self) -> None:
        """The endpoint's model is none; until that is found out, the server changes its state."""
        deadline = time.monotonic() + SETTLED_SECONDS_MAX
        sagemaker = self.server.client("sagemaker")
        while True:
            status = sagemaker.describe_endpoint(EndpointName="amethyst")["EndpointStatus"]
            if status == "Failed":
                return
            assert time.monotonic() < deadline, status
            time.sleep(0.1)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    server = ServerProcess(tmp_path_factory.mktemp("every"))
    server.start()
    yield World(server)
    complaints = server.close()
    shutil.rmtree(server.data)
    assert complaints == []


def test_every_offered_operation_is_asked() -> None:
    assert unauthorised.without_test() == []
    assert len(unauthorised.cases()) > 100


def test_what_everybody_may_is_listed_with_the_reason_of_the_table() -> None:
    assert unauthorised.free_by_the_table() == unauthorised.FREE


def test_nobody_without_credentials_gets_anything(world: World) -> None:
    nobody = Caller(world.server, None)
    before = unauthorised.state(world.server)
    wrong = []
    for operation, request in world.asked():
        code = nobody.ask(operation, request)
        wanted = unauthorised.expected(unauthorised.UNSIGNED_CODES, operation)
        if operation == ("sts", "AssumeRoleWithWebIdentity"):
            wanted = "InvalidIdentityToken"  # asked unsigned by everybody: the token decides
        if code != wanted:
            wrong.append(f"{operation}: {code!r} instead of {wanted}: {request}")
    assert not wrong, "\n".join(wrong)
    assert unauthorised.state(world.server) == before


def test_a_key_that_nobody_has_gets_nothing(world: World) -> None:
    stranger = Caller(world.server, "AKIA" + "Z" * 16, "secret" * 6)
    before = unauthorised.state(world.server)
    wrong = []
    for operation, request in world.asked():
        if operation == ("sts", "AssumeRoleWithWebIdentity"):
            continue  # clients never sign it
        code = stranger.ask(operation, request)
        wanted = unauthorised.expected(unauthorised.UNKNOWN_CODES, operation)
        if code != wanted:
            wrong.append(f"{operation}: {code!r} instead of {wanted}: {request}")
    assert not wrong, "\n".join(wrong)
    assert unauthorised.state(world.server) == before


def test_a_user_without_policies_is_denied_and_it_is_recorded(world: World) -> None:
    powerless = world.user("powerless")
    before = unauthorised.state(world.server)
    denied: Counter[tuple[str, str]] = Counter()
    wrong = []
    for operation, request in world.asked():
        code = powerless.ask(operation, request)
        if operation in unauthorised.FREE:
            continue
        service, name = operation
        denied[model.load(service).signing_name, name] += 1
        wanted = unauthorised.expected(unauthorised.DENIED_CODES, operation)
        if code != wanted:
            wrong.append(f"{operation}: {code!r} instead of {wanted}: {request}")
    assert not wrong, "\n".join(wrong)
    assert unauthorised.state(world.server) == before
    assert world.denied("powerless") == denied


def test_an_explicit_deny_of_the_one_action_denies(world: World) -> None:
    almost = world.user("almost")
    before = unauthorised.state(world.server)
    wrong = []
    for operation, request in world.asked():
        if operation in unauthorised.FREE:
            continue
        own = unauthorised.judged_actions(operation, request, "almost")[0]
        world.may("almost", ALLOW_EVERYTHING, {"Effect": "Deny", "Action": own, "Resource": "*"})
        code = almost.ask(operation, request)
        wanted = unauthorised.expected(unauthorised.DENIED_CODES, operation)
        if code != wanted:
            wrong.append(f"{operation}: {code!r} instead of {wanted}: {request}")
    assert not wrong, "\n".join(wrong)
    assert unauthorised.state(world.server) == before


def test_what_everybody_may_no_policy_denies(world: World) -> None:
    barred = world.user("barred")
    world.may("barred", {"Effect": "Deny", "Action": "*", "Resource": "*"})

    assert barred.client("sts").get_caller_identity()["Arn"].endswith("user/barred")
    assert barred.client("sts").get_session_token()["Credentials"]


def test_exactly_the_one_action_is_enough(server: ServerProcess) -> None:
    """With what goes with it by the table of actions. A server of its own: much is deleted."""
    world = World(server)
    modest = world.user("modest")
    wrong = []
    for operation, request in world.asked():
        actions = unauthorised.judged_actions(operation, request, "modest")
        if actions:
            if operation[0] == "s3":  # without it a key that is not there is a denial, as in AWS
                actions = [*actions, "s3:ListBucket"]
            world.may("modest", {"Effect": "Allow", "Action": actions, "Resource": "*"})
        code = modest.ask(operation, request)
        if code in unauthorised.DENIALS:
            wrong.append(f"{operation}: {code} with {actions}: {request}")
    assert not wrong, "\n".join(wrong)
    assert not world.denied("modest")
