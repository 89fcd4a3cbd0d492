"""The sign-in pages in a real browser, which keeps the rules of cookies, policies and forms."""

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

from tests.access.people.conftest import (
    ACCOUNT,
    OTHER_PASSWORD,
    PASSWORD,
    add_role,
    add_user,
    know,
    settings_for,
)
from tests.access.people.provider import RunningProvider
from tests.loud_skip import require
from tests.server_process import ServerProcess

PATIENCE_MS = 60_000
ANA = f"arn:aws:iam::{ACCOUNT}:user/ana"
FEDERATED = f"arn:aws:sts::{ACCOUNT}:assumed-role/scientist/ana@example.org"

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("chromium")]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    path = shutil.which("chromium") or shutil.which("google-chrome")
    require(path, "chromium (scripts/system-packages.sh tests)")
    with sync_playwright() as playwright:
        # As root there is no sandbox; the pages are our own.
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def joined_server(
    tmp_path_factory: pytest.TempPathFactory, shared_provider: RunningProvider
) -> Iterator[ServerProcess]:
    folder = tmp_path_factory.mktemp("chromium")
    server = ServerProcess(folder, environment=settings_for(shared_provider.issuer))
    server.start()
    know(server, shared_provider.issuer)
    add_role(server, "scientist", shared_provider.issuer)
    add_user(server, "ana")
    add_user(server, "eve", PasswordResetRequired=True)
    yield server
    assert not server.close()


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """A fresh browser; whatever the pages complain about in its console fails the test."""
    context = chromium.new_context(viewport={"width": 900, "height": 900})
    opened = context.new_page()
    opened.set_default_timeout(PATIENCE_MS)
    complaints: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        # the status of a refused sign-in is one, and meant
        if message.type == "error" and "status of 4" not in message.text:
            complaints.append(message.text)

    opened.on("console", hear)
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    yield opened
    context.close()
    assert complaints == []


def sign_in(page: Page, server: ServerProcess, user: str, password: str) -> None:
    page.goto(f"{server.url}/sign-in")
    page.get_by_label("User name").fill(user)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def test_a_person_signs_in_and_out(page: Page, joined_server: ServerProcess) -> None:
    sign_in(page, joined_server, "ana", "wrong")
    assert page.get_by_role("alert").inner_text().startswith("The account, the user name")
    assert page.get_by_label("User name").input_value() == "ana"

    sign_in(page, joined_server, "ana", PASSWORD)

    assert page.get_by_role("heading").inner_text() == "Signed in as ana"
    assert page.get_by_text(ANA).is_visible()
    assert page.evaluate("document.cookie") == ""  # no script can read it
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/sign-in")
    page.goto(f"{joined_server.url}/sign-in/me")
    assert page.get_by_role("heading").inner_text() == "Sign in"


def test_a_new_password_is_chosen_where_it_must_be(
    page: Page, joined_server: ServerProcess
) -> None:
    sign_in(page, joined_server, "eve", PASSWORD)
    assert page.get_by_text("Choose a new password").is_visible()

    page.get_by_label("Current password").fill(PASSWORD)
    page.get_by_label("New password", exact=True).fill(OTHER_PASSWORD)
    page.get_by_label("New password, once more").fill(OTHER_PASSWORD)
    page.get_by_role("button", name="Change password").click()

    page.wait_for_url("**/sign-in/me")
    assert page.get_by_role("heading").inner_text() == "Signed in as eve"


def test_the_way_through_the_provider_ends_signed_in(
    page: Page, joined_server: ServerProcess
) -> None:
    """The session's cookie is strict: the browser sends it only because a page of ours leads on."""
    page.goto(f"{joined_server.url}/sign-in")

    page.get_by_role("link", name="Sign in with your organisation").click()

    page.wait_for_url("**/sign-in/me")
    assert page.get_by_text(FEDERATED).is_visible()
    cookies = {one["name"]: one for one in page.context.cookies()}
    assert cookies["modelyard"]["sameSite"] == "Strict"
    assert cookies["modelyard"]["httpOnly"]
    assert "modelyard-oidc" not in cookies


def test_consent_takes_the_browser_to_the_command(page: Page, joined_server: ServerProcess) -> None:
    """The policy of the page lets its form lead to the command's port, and nowhere else."""
    asked = (
        "/sign-in/command?redirect_uri=http%3A%2F%2F127.0.0.1%3A9%2Fdone"
        f"&code_challenge={'c' * 43}&state=state&via=oidc"
    )
    page.goto(joined_server.url + asked)
    page.wait_for_url("**/sign-in/command?**")
    went: list[str] = []
    page.route(
        re.compile(r"^http://127\.0\.0\.1:9/"),
        lambda route: (
            went.append(route.request.url),
            route.fulfill(body="You can close this page."),
        ),
    )

    page.get_by_role("button", name="Give it credentials").click()

    page.wait_for_url("http://127.0.0.1:9/done?**")
    assert re.fullmatch(r"http://127\.0\.0\.1:9/done\?code=[\w-]{43}&state=state", page.url)
    assert went == [page.url]


def test_the_form_can_be_used_with_the_keyboard_alone(
    page: Page, joined_server: ServerProcess
) -> None:
    page.goto(f"{joined_server.url}/sign-in")

    page.keyboard.type("ana")  # the first empty field has the focus
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")

    page.wait_for_url("**/sign-in/me")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 900])
def test_the_page_fits_and_every_field_has_a_label(
    page: Page, joined_server: ServerProcess, scheme: str, width: int, tmp_path: Path
) -> None:
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.set_viewport_size({"width": width, "height": 800})

    page.goto(f"{joined_server.url}/sign-in")

    page.screenshot(path=tmp_path / "sign-in.png")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    fields = "[...document.querySelectorAll('input:not([type=hidden])')]"
    unlabelled = f"{fields}.filter(field => !field.labels.length).length"
    assert page.evaluate(unlabelled) == 0
    assert page.locator("html").get_attribute("lang") == "en"
    card = page.locator("main").evaluate("e => getComputedStyle(e).backgroundColor")
    assert card == ("rgb(28, 35, 45)" if scheme == "dark" else "rgb(255, 255, 255)")
