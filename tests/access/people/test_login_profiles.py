"""Passwords by IAM's own operations, as boto3 calls them, on each database; and their rules."""

import string
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from modelyard.access.people.password_policy import LENGTH_DEFAULT, SYMBOLS, PasswordPolicy
from modelyard.access.people.refusals import PasswordPolicyViolation
from tests.access.people.browsing import Browser
from tests.access.people.conftest import ACCOUNT, OTHER_PASSWORD, PASSWORD, add_user
from tests.server_process import ServerProcess


@pytest.fixture
def iam(server_on_each_database: ServerProcess) -> Iterator[Any]:
    client = server_on_each_database.client("iam")
    client.create_user(UserName="ana")
    return client


def code(call: Any, **given: Any) -> str:
    with pytest.raises(ClientError) as refused:
        call(**given)
    return str(refused.value.response["Error"]["Code"])


def test_a_login_profile_lives(iam: Any) -> None:
    made = iam.create_login_profile(UserName="ana", Password=PASSWORD, PasswordResetRequired=True)
    assert made["LoginProfile"]["UserName"] == "ana"
    assert made["LoginProfile"]["PasswordResetRequired"] is True
    again = {"UserName": "ana", "Password": PASSWORD}
    assert code(iam.create_login_profile, **again) == "EntityAlreadyExists"

    iam.update_login_profile(UserName="ana", PasswordResetRequired=False)
    shown = iam.get_login_profile(UserName="ana")["LoginProfile"]
    assert shown["PasswordResetRequired"] is False
    assert shown["CreateDate"] == made["LoginProfile"]["CreateDate"]

    iam.delete_login_profile(UserName="ana")
    assert code(iam.get_login_profile, UserName="ana") == "NoSuchEntity"
    assert code(iam.delete_login_profile, UserName="ana") == "NoSuchEntity"
    assert code(iam.update_login_profile, UserName="ana", Password=PASSWORD) == "NoSuchEntity"


def test_what_cannot_have_a_password_gets_none(iam: Any) -> None:
    nobody = {"UserName": "nobody", "Password": PASSWORD}
    assert code(iam.create_login_profile, **nobody) == "NoSuchEntity"
    assert code(iam.create_login_profile, Password=PASSWORD) == "ValidationError"
    assert code(iam.create_login_profile, UserName="ana") == "ValidationError"
    change = {"OldPassword": PASSWORD, "NewPassword": OTHER_PASSWORD}
    assert code(iam.change_password, **change) == "InvalidUserType"


def test_a_password_policy_lives_and_is_kept_to(iam: Any) -> None:
    assert code(iam.get_account_password_policy) == "NoSuchEntity"
    iam.update_account_password_policy(
        MinimumPasswordLength=14, RequireNumbers=True, MaxPasswordAge=90, PasswordReusePrevention=2
    )
    policy = iam.get_account_password_policy()["PasswordPolicy"]
    assert policy["ExpirePasswords"] is True
    assert policy["RequireSymbols"] is False
    short = {"UserName": "ana", "Password": "short-1"}
    assert code(iam.create_login_profile, **short) == "PasswordPolicyViolation"
    without = {"UserName": "ana", "Password": "long-enough-but-no-digit"}
    assert code(iam.create_login_profile, **without) == "PasswordPolicyViolation"

    iam.create_login_profile(UserName="ana", Password="first-password-1")
    iam.update_login_profile(UserName="ana", Password="second-password-2")
    for old in ("first-password-1", "second-password-2"):
        same = {"UserName": "ana", "Password": old}
        assert code(iam.update_login_profile, **same) == "PasswordPolicyViolation"
    iam.update_login_profile(UserName="ana", Password="third-password-3")
    iam.update_login_profile(UserName="ana", Password="first-password-1")

    iam.delete_account_password_policy()
    assert code(iam.delete_account_password_policy) == "NoSuchEntity"


def test_a_user_changes_the_own_password_if_the_policy_lets_them(server: ServerProcess) -> None:
    add_user(server, "ana")
    iam = server.client("iam")
    allow = '{"Statement": {"Effect": "Allow", "Action": "iam:ChangePassword", "Resource": "*"}}'
    iam.put_user_policy(UserName="ana", PolicyName="own", PolicyDocument=allow)
    own = signed_in_client(server)
    wrong = {"OldPassword": "wrong", "NewPassword": OTHER_PASSWORD}
    assert code(own.change_password, **wrong) == "AccessDenied"
    iam.update_account_password_policy(AllowUsersToChangePassword=False)
    right = {"OldPassword": PASSWORD, "NewPassword": OTHER_PASSWORD}
    assert code(own.change_password, **right) == "AccessDenied"
    iam.update_account_password_policy(AllowUsersToChangePassword=True)

    own.change_password(**right)

    assert code(own.change_password, **right) == "InvalidClientTokenId"  # signed out everywhere
    browser = Browser(server.url)
    browser.sign_in("ana", OTHER_PASSWORD)
    assert browser.who() == f"arn:aws:iam::{ACCOUNT}:user/ana"


def test_who_signs_in_may_do_what_their_policies_say(server: ServerProcess) -> None:
    add_user(server, "ana")

    own = signed_in_client(server)

    assert code(own.list_users) == "AccessDenied"


def signed_in_client(server: ServerProcess) -> Any:
    """IAM, with the temporary credentials of ana's sign-in."""
    import json

    asked = {"grantType": "password", "userName": "ana", "password": PASSWORD}
    seen = Browser(server.url).send(
        "POST", "/sign-in/token", json.dumps(asked), {"Content-Type": "application/json"}
    )
    keys = json.loads(seen.text)["accessToken"]
    return server.client(
        "iam",
        aws_access_key_id=keys["accessKeyId"],
        aws_secret_access_key=keys["secretAccessKey"],
        aws_session_token=keys["sessionToken"],
    )


def test_attempts_are_in_the_trail_and_no_password_is(server: ServerProcess) -> None:
    add_user(server, "ana")
    browser = Browser(server.url)
    browser.sign_in("ana", "wrong-by-a-bit")
    browser.sign_in("my-password-in-the-wrong-field", "x")
    browser.sign_in("ana", PASSWORD)
    browser.post("/sign-in/out", browser.get("/sign-in/me").fields)

    found = server.client("cloudtrail").lookup_events()["Events"]

    told = [one["CloudTrailEvent"] for one in found]
    names = [one["EventName"] for one in found]
    assert names.count("ConsoleLogin") == 3
    assert "Logout" in names
    assert sum("Failed authentication" in one for one in told) >= 2
    server.stop()
    texts = [*told, server.log]
    blobs = [path.read_bytes() for path in server.data.rglob("*") if path.is_file()]
    for secret in (PASSWORD, "wrong-by-a-bit", "my-password-in-the-wrong-field"):
        assert not any(secret in text for text in texts), secret
        assert not any(secret.encode() in blob for blob in blobs), secret
    assert any(b"$argon2id$v=19$m=65536,t=3,p=4$" in blob for blob in blobs)


@given(st.text(alphabet=string.printable, max_size=40), st.text(max_size=10))
def test_aws_default_policy_asks_for_eight_characters_of_three_kinds(
    password: str, user: str
) -> None:
    kinds = (string.ascii_uppercase, string.ascii_lowercase, string.digits, "".join(SYMBOLS))
    of = sum(any(character in kind for character in password) for kind in kinds)
    good = len(password) >= LENGTH_DEFAULT and of >= 3 and password.lower() != user.lower()

    try:
        PasswordPolicy(None).check(password, user)
        accepted = True
    except PasswordPolicyViolation:
        accepted = False

    assert accepted is good
