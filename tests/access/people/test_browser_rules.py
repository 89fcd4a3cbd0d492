"""What a page of another site could try through somebody's browser, and what every answer says."""

import re

import pytest

from modelyard.server.sign_in import visits
from tests.access.people.browsing import Browser, Seen
from tests.access.people.conftest import PASSWORD, add_user
from tests.server_process import ServerProcess

FORM = "a=b"
POSTED = ("/sign-in", "/sign-in/out", "/sign-in/password", "/sign-in/command")


@pytest.fixture(scope="module")
def signed_in(tmp_path_factory: pytest.TempPathFactory) -> object:
    """A browser that ana has signed in with; the server serves the whole module."""
    server = ServerProcess(tmp_path_factory.mktemp("rules"))
    server.start()
    add_user(server, "ana")
    browser = Browser(server.url)
    browser.sign_in("ana", PASSWORD)
    yield browser
    assert not server.close()


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:9000", "127.0.0.1.evil.example", "localhost.evil", "[::2]"],
)
@pytest.mark.parametrize(
    "path", ["/sign-in", "/sign-in/me", "/sign-in/token", "/sign-in/style.css"]
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_a_host_that_is_not_ours_is_refused(
    signed_in: Browser, host: str, path: str, method: str
) -> None:
    headers = {"Host": host, "Origin": f"http://{host}", "Content-Type": "application/json"}

    seen = signed_in.send(method, path, None if method == "GET" else "{}", headers)

    assert seen.status == 421
    assert "set-cookie" not in seen.headers


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "", "http://127.0.0.1:1"])
@pytest.mark.parametrize("path", POSTED)
def test_a_form_of_another_site_is_refused(signed_in: Browser, path: str, origin: str) -> None:
    seen = signed_in.send(
        "POST",
        path,
        FORM,
        {"Origin": origin, "Content-Type": "application/x-www-form-urlencoded"},
    )

    assert seen.status == 403
    assert signed_in.who()


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
def test_every_other_method_needs_our_origin_and_does_nothing(
    signed_in: Browser, method: str
) -> None:
    for path in (*POSTED, "/sign-in/me", "/sign-in/nothing"):
        foreign = signed_in.send(method, path, FORM, {"Origin": "https://evil.example"})
        own = signed_in.send(method, path, FORM, {"Origin": signed_in.url})

        assert foreign.status == 403
        assert own.status in (404, 405)
    assert signed_in.who()


def test_what_a_browser_says_of_the_sender_counts_too(signed_in: Browser) -> None:
    fields = signed_in.get("/sign-in/me").fields

    seen = signed_in.post("/sign-in/out", fields, **{"Sec-Fetch-Site": "cross-site"})

    assert seen.status == 403
    assert signed_in.who()


@pytest.mark.parametrize("token", ["", "0" * 64, None])
def test_a_form_without_its_token_is_refused(signed_in: Browser, token: str | None) -> None:
    for path in ("/sign-in/out", "/sign-in/password"):
        form = {"a": "b"} if token is None else {"token": token}
        assert signed_in.post(path, form).status == 403
    assert signed_in.who()


def test_a_token_of_another_session_is_refused(signed_in: Browser) -> None:
    stranger = Browser(signed_in.url)
    theirs = stranger.get("/sign-in").fields["token"]

    assert signed_in.post("/sign-in/out", {"token": theirs}).status == 403


def test_nobody_is_signed_in_by_another_sites_form() -> None:
    """Without the cookie of our own page its token is worth nothing (test below by HTTP)."""
    token = visits.form_token(b"secret", "cookie")
    for cookie in ("", "another"):
        with pytest.raises(visits.NotHeard):
            visits.check_form_token(b"secret", cookie, token)
    visits.check_form_token(b"secret", "cookie", token)


def test_a_sign_in_form_is_good_in_the_browser_it_was_shown_in(signed_in: Browser) -> None:
    one, two = Browser(signed_in.url), Browser(signed_in.url)
    form = one.get("/sign-in").fields
    two.get("/sign-in")
    given = {"account": "123456789012", "user_name": "ana", "password": PASSWORD}

    assert two.post("/sign-in", form | given).status == 403
    assert two.who() == ""


def pages(browser: Browser) -> list[Seen]:
    paths = ("/sign-in/me", "/sign-in/password", "/sign-in/nothing", "/sign-in/oidc", "/sign-in")
    stranger = Browser(browser.url)
    return [*(browser.get(path) for path in paths), stranger.get("/sign-in")]


def test_every_answer_keeps_scripts_and_frames_out(signed_in: Browser) -> None:
    for seen in pages(signed_in):
        assert seen.headers["x-content-type-options"] == "nosniff"
        assert seen.headers["cache-control"] == "no-store"
        if seen.text:
            policy = seen.headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "frame-ancestors 'none'" in policy
            assert "unsafe" not in policy
            assert not re.search(r"<script|<style|\son\w+=|\sstyle=", seen.text, re.IGNORECASE)


@pytest.mark.parametrize(
    "text",
    ['"><script>alert(1)</script>', "' onfocus=alert(1) x='", "</title><svg/onload=1>", "&lt;"],
)
def test_what_is_typed_is_shown_as_text(signed_in: Browser, text: str) -> None:
    stranger = Browser(signed_in.url)
    form = stranger.get("/sign-in").fields
    given = {"account": text, "user_name": text, "password": "x", "next": f"/{text}"}

    seen = stranger.post("/sign-in", form | given)

    assert seen.status == 403
    assert "<script>alert" not in seen.text
    assert "<svg" not in seen.text
    assert "' onfocus" not in seen.text.replace("&#x27; onfocus", "")


@pytest.mark.parametrize(
    "body", ["a=1&a=2", "a", "%zz=%ff", "&".join(f"f{n}=1" for n in range(50)), "token=%FF"]
)
def test_a_form_that_cannot_be_read_is_refused(signed_in: Browser, body: str) -> None:
    seen = signed_in.send(
        "POST",
        "/sign-in",
        body,
        {"Origin": signed_in.url, "Content-Type": "application/x-www-form-urlencoded"},
    )

    assert 400 <= seen.status < 500


def test_a_form_that_is_too_long_is_refused(signed_in: Browser) -> None:
    assert signed_in.post("/sign-in", {"password": "x" * 100_000}).status == 413


def test_a_bucket_of_that_name_is_reached_by_whoever_signs(server: ServerProcess) -> None:
    s3 = server.client("s3")
    s3.create_bucket(Bucket="sign-in")
    s3.put_object(Bucket="sign-in", Key="me", Body=b"bytes")

    assert s3.get_object(Bucket="sign-in", Key="me")["Body"].read() == b"bytes"
