"""A server that people sign in to, and the providers they come from, each in its own process."""

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.access.people.browsing import Browser
from tests.access.people.provider import CLIENT_ID, CLIENT_SECRET, RunningProvider
from tests.server_process import ServerProcess, free_port_pair

ACCOUNT = "123456789012"
PASSWORD = "Correct-horse-battery-1"
OTHER_PASSWORD = "Another-staple-2"
MakeServer = Callable[..., ServerProcess]


@pytest.fixture(scope="session")
def shared_provider() -> Iterator[RunningProvider]:
    """For tests that leave it as it is."""
    running = RunningProvider()
    yield running
    running.close()


@pytest.fixture
def provider() -> Iterator[RunningProvider]:
    running = RunningProvider()
    yield running
    running.close()


@pytest.fixture
def standard_provider() -> Iterator[str]:
    """The issuer of a provider that others wrote (oidc-provider-mock)."""
    port = free_port_pair()
    command = [sys.executable, "-m", "oidc_provider_mock", "--port", str(port), "--require-nonce"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    issuer = f"http://127.0.0.1:{port}"
    try:
        _wait_for(f"{issuer}/.well-known/openid-configuration", process)
        yield issuer
    finally:
        process.terminate()
        process.wait(30)


@pytest.fixture
def joined(make_server: MakeServer, provider: RunningProvider) -> ServerProcess:
    """A server whose people come through `provider`, where the account knows it."""
    server = make_server(environment=settings_for(provider.issuer))
    know(server, provider.issuer)
    return server


@pytest.fixture
def ana(server: ServerProcess) -> ServerProcess:
    """A server with the user ana, who has a password."""
    add_user(server, "ana")
    return server


@pytest.fixture
def browser(ana: ServerProcess) -> Browser:
    return Browser(ana.url)


def settings_for(issuer: str, **more: str) -> dict[str, str]:
    return {
        "MODELYARD_OIDC_ISSUER": issuer,
        "MODELYARD_OIDC_CLIENT_ID": CLIENT_ID,
        "MODELYARD_OIDC_CLIENT_SECRET": CLIENT_SECRET,
        **more,
    }


def add_user(server: ServerProcess, name: str, **profile: Any) -> None:
    iam = server.client("iam")
    iam.create_user(UserName=name)
    iam.create_login_profile(UserName=name, Password=PASSWORD, **profile)


def know(server: ServerProcess, issuer: str, client_id: str = CLIENT_ID) -> str:
    made = server.client("iam").create_open_id_connect_provider(
        Url=issuer, ClientIDList=[client_id]
    )
    return str(made["OpenIDConnectProviderArn"])


def add_role(
    server: ServerProcess, name: str, issuer: str, conditions: Any = None, **more: Any
) -> str:
    """A role that trusts the provider of `issuer`."""
    federated = f"arn:aws:iam::{ACCOUNT}:oidc-provider/{issuer.partition('://')[2]}"
    statement = {
        "Effect": "Allow",
        "Principal": {"Federated": federated},
        "Action": "sts:AssumeRoleWithWebIdentity",
        **({"Condition": conditions} if conditions else {}),
    }
    trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    made = server.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=trust, **more)
    return str(made["Role"]["Arn"])


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except OSError:
            assert process.poll() is None, "the provider ended"
            assert time.monotonic() < deadline, "the provider does not answer"
            time.sleep(0.05)
