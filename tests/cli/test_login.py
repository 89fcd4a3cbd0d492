"""`modelyard login` and `logout` as a person runs them, and AWS's clients with what they write."""

import configparser
import json
import re
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError

from modelyard.access.people import command_codes
from tests import aws_sessions
from tests.access.people.browsing import Browser
from tests.access.people.conftest import (
    ACCOUNT,
    OTHER_PASSWORD,
    PASSWORD,
    add_role,
    add_user,
    joined,
    provider,
)
from tests.access.people.provider import RunningProvider
from tests.cli.conftest import Command, Ran
from tests.server_process import ServerProcess, program

__all__ = ["joined", "provider"]  # fixtures

ANA = f"arn:aws:iam::{ACCOUNT}:user/ana"


def login(
    server: ServerProcess, shell: dict[str, str], *more: str, password: str = PASSWORD
) -> Ran:
    return subprocess.run(
        [program(), "login", "--user", "ana", "--password-stdin", "--url", server.url, *more],
        env=shell,
        input=f"{password}\n",
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def profile(home: Path, name: str = "modelyard") -> dict[str, str]:
    read = configparser.RawConfigParser()
    read.read(home / ".aws/credentials")
    return dict(read[name]) if read.has_section(name) else {}


def who(server: ServerProcess, keys: dict[str, str]) -> str:
    session = aws_sessions.session(
        keys["aws_access_key_id"], keys["aws_secret_access_key"], keys["aws_session_token"]
    )
    return str(session.client("sts", endpoint_url=server.url).get_caller_identity()["Arn"])


@pytest.fixture
def ana(server: ServerProcess) -> ServerProcess:
    add_user(server, "ana")
    return server


def test_a_person_logs_in_with_a_password_works_and_logs_out(
    ana: ServerProcess, shell: dict[str, str], home: Path, modelyard: Command
) -> None:
    ran = login(ana, shell)

    assert ran.returncode == 0, ran.stderr
    keys = profile(home)
    assert f"Signed in as {ANA} until {keys['x_security_token_expires']}." in ran.stdout
    assert stat.S_IMODE((home / ".aws/credentials").stat().st_mode) == 0o600
    assert PASSWORD not in ran.stdout + ran.stderr + (home / ".aws/credentials").read_text()
    assert who(ana, keys) == ANA

    out = modelyard("logout")
    assert out.returncode == 0, out.stderr
    assert profile(home) == {}
    with pytest.raises(ClientError) as refused:
        who(ana, keys)
    assert refused.value.response["Error"]["Code"] == "InvalidClientTokenId"
    assert modelyard("logout").returncode == 1


def test_the_aws_cli_uses_the_profile(
    ana: ServerProcess, shell: dict[str, str], client_env: Callable[[str], Path]
) -> None:
    login(ana, shell)

    aws = client_env("awscli").parent / "aws"
    ran = subprocess.run(
        [aws, "--profile", "modelyard", "sts", "get-caller-identity", "--query", "Arn"],
        env=shell,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert ran.stdout.strip() == f'"{ANA}"', ran.stderr


def test_credentials_end_when_the_password_changes(
    ana: ServerProcess, shell: dict[str, str], home: Path
) -> None:
    login(ana, shell)
    keys = profile(home)

    ana.client("iam").update_login_profile(UserName="ana", Password=OTHER_PASSWORD)

    with pytest.raises(ClientError):
        who(ana, keys)


def test_a_wrong_password_is_one_sentence_and_writes_nothing(
    ana: ServerProcess, shell: dict[str, str], home: Path
) -> None:
    ran = login(ana, shell, password="wrong")

    assert ran.returncode == 1
    assert ran.stderr.strip() == "The account, the user name or the password is not right."
    assert not (home / ".aws").exists()


def test_a_password_that_must_be_changed_is_changed_in_the_browser_first(
    server: ServerProcess, shell: dict[str, str]
) -> None:
    add_user(server, "ana", PasswordResetRequired=True)

    ran = login(server, shell)

    assert ran.returncode == 1
    assert f"{server.url}/sign-in" in ran.stderr


def test_a_permanent_key_is_not_written_over(
    ana: ServerProcess, shell: dict[str, str], home: Path, modelyard: Command
) -> None:
    modelyard("configure", "--data", ana.data, **ana.keys())

    ran = login(ana, shell)

    assert ran.returncode == 1
    assert "permanent key" in ran.stderr
    assert profile(home)["aws_access_key_id"] == ana.access_key_id
    assert login(ana, shell, "--profile", "me").returncode == 0
    assert who(ana, profile(home, "me")) == ANA


def test_configure_takes_a_sign_ins_token_out_of_its_profile(
    ana: ServerProcess, shell: dict[str, str], home: Path, modelyard: Command
) -> None:
    login(ana, shell)

    modelyard("configure", "--data", ana.data, **ana.keys())

    assert sorted(profile(home)) == ["aws_access_key_id", "aws_secret_access_key"]


def test_a_password_is_not_sent_in_clear_to_another_machine(modelyard: Command) -> None:
    ran = modelyard("login", "--user", "ana", "--url", "http://models.example.org:9000")

    assert ran.returncode == 1
    assert "is not https" in ran.stderr


def test_a_person_logs_in_with_the_browser(
    joined: ServerProcess, provider: RunningProvider, shell: dict[str, str], home: Path
) -> None:
    add_role(joined, "scientist", provider.issuer)
    command = [program(), "login", "--oidc", "--no-browser", "--url", joined.url]
    with subprocess.Popen(
        command, env=shell, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        assert process.stdout is not None
        process.stderr.readline()
        asked = process.stderr.readline().strip()
        browser = Browser(joined.url)
        leave = browser.get(browser.get(asked).location).location
        came = urlsplit(Browser(provider.origin).get(leave).location)
        between = browser.get(f"{came.path}?{came.query}")
        on = re.search(r'href="(/sign-in/command[^"]*)"', between.text)
        assert on is not None
        consent = browser.get(on[1].replace("&amp;", "&"))
        assert "Let the command line in?" in consent.text
        assert "form-action 'self' http://127.0.0.1:" in consent.headers["content-security-policy"]
        given = browser.post("/sign-in/command", consent.fields)
        loopback = urlsplit(given.location)
        wrong = Browser(f"http://{loopback.netloc}").get("/done?code=x&state=guessed")
        assert wrong.status == 404
        done = Browser(f"http://{loopback.netloc}").get(f"{loopback.path}?{loopback.query}")
        assert "You can close this page" in done.text
        output, errors = process.stdout.read(), process.stderr.read()
        assert process.wait(60) == 0, errors

    arn = f"arn:aws:sts::{ACCOUNT}:assumed-role/scientist/ana@example.org"
    assert output.startswith(f"Signed in as {arn} until ")
    assert who(joined, profile(home)) == arn
    again = browser.send(
        "POST",
        "/sign-in/token",
        json.dumps(
            {
                "grantType": "authorization_code",
                "code": loopback.query.partition("code=")[2].partition("&")[0],
                "codeVerifier": "v" * 43,
            }
        ),
        {"Content-Type": "application/json"},
    )
    assert (again.status, "AUTHCODE_EXPIRED" in again.text) == (403, True)


@pytest.mark.parametrize(
    "redirect_uri",
    [
        "https://evil.example/done",
        "http://evil.example:80/done",
        "http://127.0.0.1.evil.example:80/done",
        "http://localhost:80/done",
        "http://user@127.0.0.1:80/done",
        "http://127.0.0.1/done",
        "http://127.0.0.1:80/done?x=y",
        "http://127.0.0.1:80/done%0d%0a",
        "http://127.0.0.1:99999/done",
        "javascript:alert(1)",
    ],
)
def test_consent_leads_to_this_machine_only(redirect_uri: str) -> None:
    assert not command_codes.is_loopback(redirect_uri)
    assert command_codes.is_loopback("http://127.0.0.1:49152/done")


def test_a_server_without_a_provider_is_told_at_once(
    server: ServerProcess, modelyard: Command
) -> None:
    answer = modelyard("login", "--oidc", "--no-browser", "--url", server.url)

    assert answer.returncode == 1
    assert "is not joined to an identity provider" in answer.stderr
    assert "Sign in with your browser" not in answer.stderr


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (("--user", "ana", "--account", "abc"), "'abc' is no account"),
        (("--user", "ana", "--account", "12345678901"), "is no account"),
        (("--oidc", "--account", ACCOUNT), "--account belongs to --user"),
    ],
)
def test_an_account_that_is_none_is_told(
    modelyard: Command, given: tuple[str, ...], says: str
) -> None:
    answer = modelyard("login", *given, "--url", "http://127.0.0.1:9")

    assert answer.returncode == 2
    assert says in answer.stderr
