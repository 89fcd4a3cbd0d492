"""The routes of browsers below /sign-in. Every one is listed in ROUTES; there are no others.

A browser's request is heard only by a name of ours; one that changes something, only from a page of
ours. Knows no passwords and no tokens: it asks `People`.
"""

import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from modelyard import errors
from modelyard.access.people import command_codes
from modelyard.access.people.attempts import TooManyAttempts
from modelyard.access.people.openid_flow import LASTS_SECONDS, FlowFailed
from modelyard.access.people.password_sign_in import (
    NAME_CHARS_MAX,
    PASSWORD_CHARS_MAX,
    Attempt,
    SignInFailed,
)
from modelyard.access.people.passwords import TooBusy
from modelyard.access.people.people import People
from modelyard.access.people.refusals import PasswordPolicyViolation
from modelyard.access.people.sign_in_events import Origin
from modelyard.access.people.sign_in_sessions import SignedIn
from modelyard.contract.http import HttpAnswer, HttpRequest
from modelyard.server.sign_in import answers, pages, tokens, visits
from modelyard.server.sign_in.visits import FLOW, SESSION, VISIT, NotHeard, Visit
from modelyard.settings import Settings

log = logging.getLogger("modelyard.sign_in")

ME = "/sign-in/me"
_STATE = re.compile(r"[A-Za-z0-9_-]{0,128}")

Form = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Page:
    """A visit, and whoever is signed in."""

    visit: Visit
    signed_in: SignedIn | None

    @property
    def person(self) -> pages.Person:
        signed_in = self.signed_in
        assert signed_in is not None  # asked for after it was checked
        return pages.Person(
            name=signed_in.user_name or signed_in.who.session_name,
            arn=signed_in.principal.arn,
            account=signed_in.who.account,
            expires_us=signed_in.expires_us,
            has_password=bool(signed_in.user_name),
        )


class SignInDoor:
    """Answers what is below /sign-in."""

    def __init__(self, people: People, settings: Settings, secret: bytes) -> None:
        self._people = people
        self._settings = settings
        self._secret = secret
        self._tokens = tokens.TokenDoor(people, settings)
        self.routes: Mapping[tuple[str, str], Callable[[Page, Form], Awaitable[HttpAnswer]]] = {
            ("GET", "/sign-in"): self._sign_in_page,
            ("POST", "/sign-in"): self._sign_in,
            ("GET", ME): self._me,
            ("POST", "/sign-in/out"): self._sign_out,
            ("GET", "/sign-in/password"): self._password_page,
            ("POST", "/sign-in/password"): self._password,
            ("GET", "/sign-in/oidc"): self._to_provider,
            ("GET", "/sign-in/oidc/return"): self._from_provider,
            ("GET", "/sign-in/command"): self._command_page,
            ("POST", "/sign-in/command"): self._command,
        }

    @staticmethod
    def is_for(http: HttpRequest) -> bool:
        """Whether a request is a browser's: below our path, and not signed."""
        path, query = http.raw_path, http.query.lower()
        ours = path == b"/sign-in" or path.startswith(b"/sign-in/")
        signed = (
            "authorization" in http.headers or b"x-amz-" in query or b"awsaccesskeyid=" in query
        )
        return ours and not signed

    async def answer(
        self,
        http: HttpRequest,
        body: Callable[[], Awaitable[bytes]],
        origin: Origin,
        now_us: int,
    ) -> HttpAnswer:
        """Whatever it is, a page (or JSON, for a command) that says what happened."""
        freshness = self._people.freshness
        changes = freshness.changes
        answer = await self._answer(http, body, origin, now_us)
        await freshness.settle(changes)
        return answer

    async def _answer(
        self,
        http: HttpRequest,
        body: Callable[[], Awaitable[bytes]],
        origin: Origin,
        now_us: int,
    ) -> HttpAnswer:
        try:
            visit = visits.visit(http, self._settings.public_url, origin, now_us)
            if http.raw_path.decode("latin-1") in tokens.PATHS:
                return await self._tokens.answer(visit, body)
            return await self._page(visit, body)
        except NotHeard as problem:
            return _message(problem.status, "That did not work", problem.sentence)
        except errors.Refusal as refusal:
            return _message(refusal.status, "That did not work", refusal.message)
        except errors.Unavailable:
            text = "The registry's storage cannot be reached now. Nothing was changed; try again."
            return _message(503, "Not now", text)

    async def _page(self, visit: Visit, body: Callable[[], Awaitable[bytes]]) -> HttpAnswer:
        method = "GET" if visit.http.method == "HEAD" else visit.http.method
        if method == "GET" and visit.path == pages.STYLE_PATH:
            return answers.style(pages.STYLE)
        if method != "GET":
            visit.check_origin()
        route = self.routes.get((method, visit.path))
        if route is None:
            known = any(path == visit.path for _, path in self.routes)
            text = "There is no such page, or it does not take this method."
            return _message(405 if known else 404, "Nothing here", text)
        form = visits.fields(await body()) if method == "POST" else {}
        token = visit.cookie(SESSION)
        signed_in = await self._people.signed_in(token, visit.now_us) if token else None
        try:
            return await route(Page(visit, signed_in), form)
        except TooManyAttempts as problem:
            more = [(b"retry-after", str(problem.seconds).encode())]
            text = f"Too many attempts failed. Try again in {problem.seconds} seconds."
            return answers.page(pages.message("Wait a moment", text), status=429, more=more)
        except TooBusy:
            text = "Many people are signing in. Try again in a few seconds."
            return _message(503, "Not now", text)

    async def _sign_in_page(self, page: Page, form: Form) -> HttpAnswer:
        if page.signed_in is not None:
            return self._onward(page.visit.next)
        return self._sign_in_form(page.visit, page.visit.query, "", 200)

    async def _sign_in(self, page: Page, form: Form) -> HttpAnswer:
        visit = page.visit
        visits.check_form_token(self._secret, visit.cookie(VISIT), form.get("token", ""))
        attempt = Attempt(
            account=form.get("account", "").strip(),
            user_name=form.get("user_name", "").strip(),
            password=form.get("password", ""),
            origin=visit.origin,
        )
        try:
            token = await self._people.passwords.open_browser(attempt.bounded(), visit.now_us)
        except SignInFailed as failed:
            return self._sign_in_form(visit, form, str(failed), 403)
        if page.signed_in is not None:
            await self._people.sign_out(page.signed_in, visit.origin, visit.now_us)
        return self._onward(visits.local_path(form.get("next", "")), self._session(visit, token))

    async def _me(self, page: Page, form: Form) -> HttpAnswer:
        if page.signed_in is None:
            return _to_sign_in(ME)
        if page.signed_in.must_change:
            return answers.see_other("/sign-in/password")
        return answers.page(pages.signed_in(person=page.person, token=self._form_token(page)))

    async def _sign_out(self, page: Page, form: Form) -> HttpAnswer:
        visit = page.visit
        if page.signed_in is not None:
            self._check_form(page, form)
            await self._people.sign_out(page.signed_in, visit.origin, visit.now_us)
        return answers.see_other("/sign-in", [_cookie(visit, SESSION, "", seconds=0)])

    async def _password_page(self, page: Page, form: Form) -> HttpAnswer:
        if page.signed_in is None:
            return _to_sign_in("/sign-in/password")
        return self._password_form(page, page.visit.next, "", 200)

    async def _password(self, page: Page, form: Form) -> HttpAnswer:
        visit, signed_in = page.visit, page.signed_in
        if signed_in is None:
            return _to_sign_in("/sign-in/password")
        self._check_form(page, form)
        next_path = visits.local_path(form.get("next", ""))
        old, new = form.get("old", ""), form.get("new", "")
        if new != form.get("again"):
            problem = "The new password is not the same both times."
            return self._password_form(page, next_path, problem, 400)
        if not 1 <= len(new) <= PASSWORD_CHARS_MAX or len(old) > PASSWORD_CHARS_MAX:
            problem = f"A password has 1 to {PASSWORD_CHARS_MAX} characters."
            return self._password_form(page, next_path, problem, 400)
        try:
            token = await self._people.passwords.change_password(
                signed_in, old, new, visit.origin, visit.now_us
            )
        except SignInFailed:
            return self._password_form(page, next_path, "The current password is not right.", 403)
        except (PasswordPolicyViolation, errors.AccessDeniedException) as refusal:
            return self._password_form(page, next_path, refusal.message, 400)
        return self._onward(next_path, self._session(visit, token))

    async def _to_provider(self, page: Page, form: Form) -> HttpAnswer:
        visit, openid = page.visit, self._people.openid
        if openid is None:
            return _message(404, "Nothing here", "This server is not joined to a provider.")
        redirect_uri = f"{visit.site}/sign-in/oidc/return"
        role = visit.query.get("role", "")[:2048]
        try:
            where, kept = await openid.begin(redirect_uri, role, visit.next, visit.now_us)
        except FlowFailed as failed:
            return _failed(visit, failed, 502)
        # Lax, because the way back from the provider is another site's; it signs nobody in alone.
        more = [_cookie(visit, FLOW, kept, seconds=LASTS_SECONDS, same_site="Lax")]
        return answers.see_other(where, more)

    async def _from_provider(self, page: Page, form: Form) -> HttpAnswer:
        visit, openid = page.visit, self._people.openid
        if openid is None:
            return _message(404, "Nothing here", "This server is not joined to a provider.")
        try:
            token, next_path = await openid.finish(
                visit.cookie(FLOW), dict(visit.query), visit.origin, visit.now_us
            )
        except FlowFailed as failed:
            return _failed(visit, failed, 403)
        more = [*self._session(visit, token), _cookie(visit, FLOW, "", seconds=0, same_site="Lax")]
        return answers.page(pages.going_on(next_path or ME), more=more)

    async def _command_page(self, page: Page, form: Form) -> HttpAnswer:
        visit = page.visit
        fields = _command_fields(visit.query)
        if page.signed_in is None:
            here = f"{visit.path}?{visit.http.query.decode('ascii')}"
            return _to_sign_in(here, by_provider=visit.query.get("via") == "oidc")
        if page.signed_in.must_change:
            return answers.see_other("/sign-in/password")
        html = pages.consent(person=page.person, token=self._form_token(page), fields=fields)
        leads_to = fields["redirect_uri"].rpartition("/")[0]
        return answers.page(html, posts_to=leads_to)

    async def _command(self, page: Page, form: Form) -> HttpAnswer:
        visit, signed_in = page.visit, page.signed_in
        fields = _command_fields(form)
        if signed_in is None or signed_in.must_change:
            return _to_sign_in(ME)
        self._check_form(page, form)
        code = await self._people.commands.consent(
            signed_in, fields["code_challenge"], fields["redirect_uri"], visit.now_us
        )
        query = urlencode({"code": code, "state": fields["state"]})
        return answers.see_other(f"{fields['redirect_uri']}?{query}")

    def _sign_in_form(self, visit: Visit, given: Form, problem: str, status: int) -> HttpAnswer:
        kept = visit.cookie(VISIT) or tokens.random()
        html = pages.sign_in(
            token=visits.form_token(self._secret, kept),
            account=given.get("account", self._settings.account)[:12],
            user_name=given.get("user_name", "")[:NAME_CHARS_MAX],
            next_path=visits.local_path(given.get("next", "")),
            openid=self._people.openid is not None,
            problem=problem,
        )
        return answers.page(html, status=status, more=[_cookie(visit, VISIT, kept)])

    def _password_form(self, page: Page, next_path: str, problem: str, status: int) -> HttpAnswer:
        signed_in = page.signed_in
        if signed_in is None or not signed_in.user_name:
            text = "You signed in through your organisation; your password is kept there."
            return _message(404, "No password here", text)
        html = pages.change_password(
            token=self._form_token(page),
            next_path=next_path,
            must_change=signed_in.must_change,
            problem=problem,
        )
        return answers.page(html, status=status)

    def _form_token(self, page: Page) -> str:
        return visits.form_token(self._secret, page.visit.cookie(SESSION))

    def _check_form(self, page: Page, form: Form) -> None:
        """Raises: NotHeard."""
        visits.check_form_token(self._secret, page.visit.cookie(SESSION), form.get("token", ""))

    def _session(self, visit: Visit, token: str) -> list[answers.Header]:
        return [_cookie(visit, SESSION, token), _cookie(visit, VISIT, "", seconds=0)]

    def _onward(self, next_path: str, more: list[answers.Header] | None = None) -> HttpAnswer:
        return answers.see_other(next_path or ME, more or [])


def _command_fields(given: Form) -> dict[str, str]:
    """Raises: NotHeard."""
    fields = {name: given.get(name, "") for name in ("redirect_uri", "code_challenge", "state")}
    if (
        not command_codes.is_loopback(fields["redirect_uri"])
        or not command_codes.is_challenge(fields["code_challenge"])
        or not _STATE.fullmatch(fields["state"])
    ):
        raise NotHeard(400, "This is not what `modelyard login` opens. Start it again.")
    return fields


def _to_sign_in(next_path: str, *, by_provider: bool = False) -> HttpAnswer:
    path = "/sign-in/oidc" if by_provider else "/sign-in"
    return answers.see_other(f"{path}?{urlencode({'next': next_path})}")


def _cookie(
    visit: Visit, name: str, value: str, *, seconds: int | None = None, same_site: str = "Strict"
) -> answers.Header:
    text = visits.cookie(name, value, secure=visit.is_secure, same_site=same_site, seconds=seconds)
    return (b"set-cookie", text)


def _failed(visit: Visit, failed: FlowFailed, status: int) -> HttpAnswer:
    fields = {"request_id": visit.origin.request_id, "reason": str(failed)}
    log.warning("openid_sign_in_failed", extra=fields)
    text = f"Signing in through your organisation did not work: {failed}."
    return _message(status, "Not signed in", text)


def _message(status: int, title: str, text: str) -> HttpAnswer:
    return answers.page(pages.message(title, text), status=status)
