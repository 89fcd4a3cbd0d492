"""Signing in through a provider, by redirects over real HTTP, and what must not be accepted."""

import re
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.access.people.browsing import Browser, Seen
from tests.access.people.conftest import ACCOUNT, add_role, know, settings_for
from tests.access.people.provider import CLIENT_SECRET, RunningProvider
from tests.server_process import ServerProcess


def to_provider(browser: Browser, query: str = "") -> str:
    """Where the server sends the browser."""
    seen = browser.get(f"/sign-in/oidc{query}")
    assert seen.status == 303, seen.text
    return seen.location


def back(browser: Browser, provider: RunningProvider, leave: str) -> Seen:
    """The provider says yes and sends the browser back."""
    said = Browser(provider.origin).get(leave)
    where = urlsplit(said.location)
    return browser.get(f"{where.path}?{where.query}")


def refused(seen: Seen) -> str:
    assert seen.status == 403, seen.text
    assert "modelyard=" not in (seen.headers["set-cookie"] or "")
    return seen.text


def test_a_person_signs_in_through_the_provider(
    joined: ServerProcess, provider: RunningProvider
) -> None:
    add_role(joined, "scientist", provider.issuer)
    browser = Browser(joined.url)
    leave = to_provider(browser, "?next=/sign-in/password")

    seen = back(browser, provider, leave)

    asked = parse_qs(urlsplit(leave).query)
    assert asked["redirect_uri"] == [f"{joined.url}/sign-in/oidc/return"]
    assert asked["code_challenge_method"] == ["S256"]
    # A page between, because the browser keeps a strict cookie back on the provider's redirect.
    assert seen.status == 200
    assert '<meta http-equiv="refresh" content="0;url=/sign-in/password">' in seen.text
    assert browser.who() == f"arn:aws:sts::{ACCOUNT}:assumed-role/scientist/ana@example.org"
    assert "modelyard-oidc" not in browser.cookies


def test_the_cookie_of_the_way_there_is_lax_and_the_session_strict(
    joined: ServerProcess, provider: RunningProvider
) -> None:
    add_role(joined, "scientist", provider.issuer)
    browser = Browser(joined.url)
    begun = browser.get("/sign-in/oidc")

    seen = back(browser, provider, begun.location)

    assert "SameSite=Lax" in begun.headers["set-cookie"]
    assert "Max-Age=600" in begun.headers["set-cookie"]
    session = [one for one in seen.headers.get_all("set-cookie") or [] if "Max-Age" not in one]
    assert len(session) == 1
    assert "SameSite=Strict" in session[0]


def test_it_works_with_a_provider_that_others_wrote(
    make_server: Callable[..., ServerProcess], standard_provider: str
) -> None:
    server = make_server(environment=settings_for(standard_provider))
    know(server, standard_provider)
    add_role(server, "scientist", standard_provider)
    browser, elsewhere = Browser(server.url), Browser(standard_provider)
    leave = to_provider(browser)
    where = urlsplit(leave)

    said = elsewhere.post(f"{where.path}?{where.query}", {"sub": "ana@example.org"})
    came = urlsplit(said.location)
    browser.get(f"{came.path}?{came.query}")

    assert browser.who() == f"arn:aws:sts::{ACCOUNT}:assumed-role/scientist/ana@example.org"


def test_the_role_is_the_one_asked_for_else_the_first_that_accepts(
    joined: ServerProcess, provider: RunningProvider
) -> None:
    never = {"StringEquals": {f"{provider.name}:sub": "somebody-else"}}
    add_role(joined, "a-stranger", provider.issuer, never)
    add_role(joined, "b-reader", provider.issuer)
    writer = add_role(joined, "c-writer", provider.issuer)

    for query, name in (
        ("", "b-reader"),
        ("?role=c-writer", "c-writer"),
        (f"?role={writer}", "c-writer"),
    ):
        browser = Browser(joined.url)
        back(browser, provider, to_provider(browser, query))
        assert f"assumed-role/{name}/" in browser.who()
    for name in ("a-stranger", "missing"):
        browser = Browser(joined.url)
        seen = back(browser, provider, to_provider(browser, f"?role={name}"))
        assert "no role of the account accepts you" in refused(seen)


def test_the_settings_name_the_role_for_those_who_ask_for_none(
    make_server: Callable[..., ServerProcess], provider: RunningProvider
) -> None:
    environment = settings_for(provider.issuer, MODELYARD_OIDC_ROLE="c-writer")
    server = make_server(environment=environment)
    know(server, provider.issuer)
    for name in ("b-reader", "c-writer"):
        add_role(server, name, provider.issuer)
    browser = Browser(server.url)

    back(browser, provider, to_provider(browser))

    assert "assumed-role/c-writer/" in browser.who()


@pytest.mark.parametrize(
    "next_token",
    [
        {"claims": {"nonce": "of another sign-in"}},
        {"claims": {"nonce": None}},
        {"claims": {"aud": "somebody-else"}},
        {"claims": {"exp": "-120"}},
        {"claims": {"iss": "https://issuer.example.org"}},
        {"how": "none"},
        {"how": "HS256 under the public key"},
        {"how": "foreign"},
    ],
)
def test_a_bad_token_signs_nobody_in(
    joined_for_long: tuple[ServerProcess, RunningProvider], next_token: dict[str, object]
) -> None:
    server, provider = joined_for_long
    browser = Browser(server.url)
    leave = to_provider(browser)
    provider.next_token(**next_token)

    seen = back(browser, provider, leave)

    assert "could not be proved" in refused(seen)
    assert browser.who() == ""


@pytest.fixture(scope="module")
def joined_for_long(tmp_path_factory: pytest.TempPathFactory) -> object:
    provider = RunningProvider()
    server = ServerProcess(
        tmp_path_factory.mktemp("joined"), environment=settings_for(provider.issuer)
    )
    server.start()
    know(server, provider.issuer)
    add_role(server, "scientist", provider.issuer)
    yield server, provider
    complaints = server.close()
    provider.close()
    assert not complaints


def test_another_browser_cannot_come_back_with_the_answer(
    joined_for_long: tuple[ServerProcess, RunningProvider],
) -> None:
    server, provider = joined_for_long
    attacker, victim = Browser(server.url), Browser(server.url)
    leave = to_provider(attacker)
    to_provider(victim)

    refused(back(victim, provider, leave))
    refused(back(Browser(server.url), provider, to_provider(attacker)))

    assert victim.who() == ""


def test_an_answer_is_good_once(joined_for_long: tuple[ServerProcess, RunningProvider]) -> None:
    server, provider = joined_for_long
    browser = Browser(server.url)
    said = urlsplit(Browser(provider.origin).get(to_provider(browser)).location)
    kept = dict(browser.cookies)
    assert browser.get(f"{said.path}?{said.query}").status == 200

    browser.cookies = kept

    refused(browser.get(f"{said.path}?{said.query}"))


@pytest.mark.parametrize("cookie", ["", "x", "A" * 5000, "e30", "!"])
def test_a_cookie_that_is_not_ours_begins_nothing(
    joined_for_long: tuple[ServerProcess, RunningProvider], cookie: str
) -> None:
    server, _ = joined_for_long
    browser = Browser(server.url, {"modelyard-oidc": cookie})

    assert "begun no sign-in" in refused(browser.get("/sign-in/oidc/return?code=a&state=b"))


def test_a_provider_that_says_no_signs_nobody_in(
    joined_for_long: tuple[ServerProcess, RunningProvider],
) -> None:
    server, _ = joined_for_long
    browser = Browser(server.url)
    state = parse_qs(urlsplit(to_provider(browser)).query)["state"][0]

    text = refused(browser.get(f"/sign-in/oidc/return?error=access_denied&state={state}"))

    assert "the provider refused" in text


def test_a_session_ends_with_its_role_and_with_its_provider(
    joined: ServerProcess, provider: RunningProvider
) -> None:
    iam = joined.client("iam")
    arn = f"arn:aws:iam::{ACCOUNT}:oidc-provider/{provider.name}"
    for end in (
        lambda: iam.delete_role(RoleName="scientist"),
        lambda: iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=arn),
    ):
        add_role(joined, "scientist", provider.issuer)
        browser = Browser(joined.url)
        back(browser, provider, to_provider(browser))
        assert browser.who()

        end()

        assert browser.who() == ""


def test_the_clients_secret_is_shown_nowhere(
    joined: ServerProcess, provider: RunningProvider
) -> None:
    add_role(joined, "scientist", provider.issuer)
    browser = Browser(joined.url)
    seen = back(browser, provider, to_provider(browser))

    joined.stop()

    assert CLIENT_SECRET not in joined.log + seen.text
    assert not re.search(r"eyJ[\w-]+\.eyJ", joined.log)
    for path in joined.data.rglob("*"):
        if path.is_file():
            assert CLIENT_SECRET.encode() not in path.read_bytes(), path
