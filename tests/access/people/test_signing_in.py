"""Signing in with a name and a password, by the pages themselves, over real HTTP."""

import sqlite3
import time
from collections.abc import Callable

import pytest
from botocore.exceptions import ClientError

from modelyard.access.people import sign_in_sessions
from modelyard.server.sign_in import visits
from tests.access.people.browsing import Browser
from tests.access.people.conftest import ACCOUNT, OTHER_PASSWORD, PASSWORD, add_user
from tests.server_process import ServerProcess

ANA = f"arn:aws:iam::{ACCOUNT}:user/ana"


def test_a_person_signs_in_looks_who_they_are_and_signs_out(browser: Browser) -> None:
    assert browser.get("/sign-in/me").location == "/sign-in?next=%2Fsign-in%2Fme"

    signed_in = browser.sign_in("ana", PASSWORD)

    assert (signed_in.status, signed_in.location) == (303, "/sign-in/me")
    assert browser.who() == ANA
    kept = dict(browser.cookies)
    out = browser.post("/sign-in/out", browser.get("/sign-in/me").fields)
    assert out.location == "/sign-in"
    assert browser.who() == ""
    browser.cookies = kept  # whoever copied the cookie
    assert browser.who() == ""


def test_the_cookie_is_for_this_server_alone(browser: Browser) -> None:
    seen = browser.sign_in("ana", PASSWORD)

    (cookie,) = [one for one in seen.headers.get_all("set-cookie") or [] if "modelyard=" in one]
    for word in ("HttpOnly", "SameSite=Strict", "Path=/"):
        assert word in cookie
    assert "Domain" not in cookie


def test_behind_a_proxy_with_tls_the_cookie_is_bound_to_the_host(
    make_server: Callable[..., ServerProcess],
) -> None:
    server = make_server(environment={"MODELYARD_PUBLIC_URL": "https://models.example.org"})
    add_user(server, "ana")
    browser = Browser(server.url)
    public = {"Host": "models.example.org"}
    form = browser.get("/sign-in", **public).fields
    given = {"account": ACCOUNT, "user_name": "ana", "password": PASSWORD}

    seen = browser.post("/sign-in", form | given, Origin="https://models.example.org", **public)

    (cookie,) = [one for one in seen.headers.get_all("set-cookie") or [] if "Max-Age" not in one]
    assert cookie.startswith("__Host-modelyard=")
    for word in ("Secure", "HttpOnly", "SameSite=Strict", "Path=/"):
        assert word in cookie


def test_every_failure_is_one_sentence(ana: ServerProcess, browser: Browser) -> None:
    ana.client("iam").create_user(UserName="bob")  # without a password
    tries = {
        "a wrong password": {"user_name": "ana", "password": "wrong"},
        "a name nobody has": {"user_name": "nobody", "password": PASSWORD},
        "a user without a password": {"user_name": "bob", "password": PASSWORD},
        "another account": {"user_name": "ana", "password": PASSWORD, "account": "999999999999"},
        "no account": {"user_name": "ana", "password": PASSWORD, "account": "me"},
        "no name": {"user_name": "", "password": PASSWORD},
        "no name of anybody": {"user_name": "a'; --", "password": PASSWORD},
        "no password": {"user_name": "ana", "password": ""},
        "a long password": {"user_name": "ana", "password": "x" * 5000},
    }
    said = {}
    for what, given in tries.items():
        form = browser.get("/sign-in").fields
        seen = browser.post("/sign-in", {**form, "account": ACCOUNT, **given})
        alert = seen.text.partition('role="alert">')[2].partition("<")[0]
        said[what] = (seen.status, alert)

    assert set(said.values()) == {(403, "The account, the user name or the password is not right.")}
    assert browser.who() == ""


def test_who_fails_too_often_waits_and_so_does_a_name_that_nobody_has(browser: Browser) -> None:
    for name in ("ana", "nobody"):
        answers = [browser.sign_in(name, "wrong") for _ in range(5)]
        # The waits double, so that one is longer than a slow machine takes for a try.
        while answers[-1].status == 403 and len(answers) < 12:
            answers.append(browser.sign_in(name, "wrong"))

        assert [seen.status for seen in answers[:5]] == [403] * 5
        assert answers[-1].status == 429
        assert 1 <= int(answers[-1].headers["retry-after"]) <= 60


def test_who_waited_may_try_again(browser: Browser) -> None:
    while (seen := browser.sign_in("ana", "wrong")).status != 429:
        pass

    deadline = time.monotonic() + 60
    while (seen := browser.sign_in("ana", PASSWORD)).status == 429:
        assert time.monotonic() < deadline
        time.sleep(int(seen.headers["retry-after"]))

    assert seen.status == 303


@pytest.mark.parametrize(
    ("given", "leads_to"),
    [
        ("/sign-in/password", "/sign-in/password"),
        ("/console?tab=models&page=2", "/console?tab=models&page=2"),
        ("//evil.example", "/sign-in/me"),
        ("/\\evil.example", "/sign-in/me"),
        ("https://evil.example/", "/sign-in/me"),
        ("javascript:alert(1)", "/sign-in/me"),
        ("/a\r\nset-cookie: x=y", "/sign-in/me"),
        ("/" + "a" * 3000, "/sign-in/me"),
        ("", "/sign-in/me"),
    ],
)
def test_signing_in_leads_to_local_pages_only(given: str, leads_to: str) -> None:
    assert (visits.local_path(given) or "/sign-in/me") == leads_to


def test_signing_in_leads_on(browser: Browser) -> None:
    asked = browser.get("/sign-in?next=%2Fsign-in%2Fpassword").fields

    assert asked["next"] == "/sign-in/password"
    assert browser.sign_in("ana", PASSWORD, **asked).location == "/sign-in/password"


def test_a_password_that_must_be_changed_is_good_for_that_alone(server: ServerProcess) -> None:
    add_user(server, "ana", PasswordResetRequired=True)
    browser = Browser(server.url)

    browser.sign_in("ana", PASSWORD)

    assert browser.get("/sign-in/me").location == "/sign-in/password"
    page = browser.get("/sign-in/password")
    assert "Choose a new password" in page.text
    new = {"old": PASSWORD, "new": OTHER_PASSWORD, "again": OTHER_PASSWORD}
    assert browser.post("/sign-in/password", page.fields | new).status == 303
    assert browser.who() == ANA
    assert Browser(server.url).sign_in("ana", PASSWORD).status == 403
    assert Browser(server.url).sign_in("ana", OTHER_PASSWORD).location == "/sign-in/me"


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"new": "short", "again": "short"}, "minimum length"),
        ({"new": OTHER_PASSWORD, "again": "typo"}, "both times"),
        ({"old": "wrong", "new": OTHER_PASSWORD, "again": OTHER_PASSWORD}, "current password"),
        ({"new": "", "again": ""}, "characters"),
    ],
)
def test_a_new_password_that_will_not_do_is_refused_with_the_reason(
    browser: Browser, given: dict[str, str], says: str
) -> None:
    browser.sign_in("ana", PASSWORD)
    form = browser.get("/sign-in/password").fields

    seen = browser.post("/sign-in/password", {**form, "old": PASSWORD, **given})

    assert says in seen.text
    assert browser.who() == ANA


def gone(server: ServerProcess) -> None:
    iam = server.client("iam")
    iam.delete_login_profile(UserName="ana")
    iam.delete_user(UserName="ana")


CHANGES: dict[str, Callable[[ServerProcess], object]] = {
    "another password": lambda server: server.client("iam").update_login_profile(
        UserName="ana", Password=OTHER_PASSWORD
    ),
    "no password any more": lambda server: server.client("iam").delete_login_profile(
        UserName="ana"
    ),
    "no user any more": gone,
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_of_the_user_ends_all_sessions_at_once(
    ana: ServerProcess, browser: Browser, change: str
) -> None:
    other = Browser(ana.url)
    for one in (browser, other):
        one.sign_in("ana", PASSWORD)
        assert one.who() == ANA

    CHANGES[change](ana)

    assert browser.who() == other.who() == ""


def test_a_new_user_of_an_old_name_has_no_old_session(ana: ServerProcess, browser: Browser) -> None:
    browser.sign_in("ana", PASSWORD)

    gone(ana)
    add_user(ana, "ana")

    assert browser.who() == ""


def test_a_session_follows_its_user_to_another_name(ana: ServerProcess, browser: Browser) -> None:
    browser.sign_in("ana", PASSWORD)

    ana.client("iam").update_user(UserName="ana", NewUserName="anna")

    assert browser.who() == f"arn:aws:iam::{ACCOUNT}:user/anna"


def test_a_user_with_a_password_is_not_deleted(ana: ServerProcess) -> None:
    with pytest.raises(ClientError) as refused:
        ana.client("iam").delete_user(UserName="ana")

    assert refused.value.response["Error"]["Code"] == "DeleteConflict"


def test_sessions_outlive_a_restart(ana: ServerProcess, browser: Browser) -> None:
    browser.sign_in("ana", PASSWORD)

    ana.restart()

    assert browser.who() == ANA


def test_it_works_on_each_database(server_on_each_database: ServerProcess) -> None:
    add_user(server_on_each_database, "ana")
    browser = Browser(server_on_each_database.url)

    assert browser.sign_in("ana", "wrong").status == 403
    browser.sign_in("ana", PASSWORD)
    assert browser.who() == ANA
    browser.post("/sign-in/out", browser.get("/sign-in/me").fields)

    assert browser.who() == ""


def test_a_session_that_rests_too_long_is_none(ana: ServerProcess, browser: Browser) -> None:
    """The clock is the database's rows here: the session is made older than it is."""
    browser.sign_in("ana", PASSWORD)
    ana.stop()
    with sqlite3.connect(ana.data / "modelyard.db") as rows:
        sql = "UPDATE sign_in_session SET seen_us = seen_us - ?"
        rows.execute(sql, (sign_in_sessions.IDLE_US + 1,))
    rows.close()
    ana.start()

    assert browser.who() == ""
