"""One request of a browser: whether it may be heard at all, its cookies, its form. Pure.

A page of another site cannot speak through somebody's browser: the Host has to be ours (DNS
rebinding), and what changes something has to come from a page of ours, by its Origin and by a token
that only our page knows.
"""

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

from modelyard.access.people.sign_in_events import Origin
from modelyard.contract.http import HttpRequest

SESSION, VISIT, FLOW = "modelyard", "modelyard-visit", "modelyard-oidc"
FIELDS_MAX = 20
FORM_BYTES_MAX = 16 << 10
PATH_CHARS_MAX = 2048
LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})
_HOST = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[a-z0-9.-]+)(?::[0-9]{1,5})?")
_LOCAL_PATH = re.compile(r"/(?![/\\])[\x21-\x5b\x5d-\x7e]*")  # no backslash: some browsers turn it


class NotHeard(Exception):
    """A request that is refused before it is looked at. Says why, in a sentence."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A request to one of our own addresses."""

    http: HttpRequest
    site: str  # scheme and host, as an Origin header spells them
    cookies: Mapping[str, str]
    query: Mapping[str, str]
    origin: Origin
    now_us: int

    @property
    def is_secure(self) -> bool:
        return self.site.startswith("https://")

    @property
    def path(self) -> str:
        return self.http.raw_path.decode("latin-1")

    def cookie(self, name: str) -> str:
        """A cookie of ours; only this host can have set one that is secure."""
        return self.cookies.get(cookie_name(name, secure=self.is_secure), "")

    @property
    def next(self) -> str:
        return local_path(self.query.get("next", ""))

    def check_origin(self, *, required: bool = True) -> None:
        """Raises: NotHeard: another site's page sent it."""
        given = self.http.headers.get("origin")
        if given is None and not required:
            return
        if given != self.site or self.http.headers.get("sec-fetch-site") == "cross-site":
            raise NotHeard(403, "This request did not come from a page of this server.")


def visit(http: HttpRequest, public_url: str, origin: Origin, now_us: int) -> Visit:
    """Raises: NotHeard: the Host is not one of ours, or the query cannot be read."""
    return Visit(
        http=http,
        site=_site(http, public_url),
        cookies=_cookies(http.headers.get("cookie", "")),
        query=fields(http.query),
        origin=origin,
        now_us=now_us,
    )


def fields(raw: bytes) -> Mapping[str, str]:
    """A query's or a form's fields. Raises: NotHeard: not one value a name, or not UTF-8."""
    try:
        pairs = parse_qsl(
            raw.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=bool(raw),
            errors="strict",
            max_num_fields=FIELDS_MAX,
        )
    except ValueError:
        raise NotHeard(400, "The form cannot be read.") from None
    found = dict(pairs)
    if len(found) != len(pairs):
        raise NotHeard(400, "The form cannot be read.")
    return found


def local_path(text: str) -> str:
    """`text`, if it leads to a page of this server; else nothing."""
    if len(text) <= PATH_CHARS_MAX and _LOCAL_PATH.fullmatch(text):
        return text
    return ""


def cookie_name(name: str, *, secure: bool) -> str:
    return f"__Host-{name}" if secure else name


def cookie(name: str, value: str, *, secure: bool, same_site: str, seconds: int | None) -> bytes:
    """A Set-Cookie header; `seconds` None: until the browser is closed, 0: away with it."""
    parts = [f"{cookie_name(name, secure=secure)}={value}", "Path=/", "HttpOnly"]
    parts.append(f"SameSite={same_site}")
    if secure:
        parts.append("Secure")
    if seconds is not None:
        parts.append(f"Max-Age={seconds}")
    return "; ".join(parts).encode()


def form_token(secret: bytes, cookie_value: str) -> str:
    """What a form carries beside the cookie: another site can have neither."""
    return hmac.digest(secret, b"form/" + cookie_value.encode(), "sha256").hex()


def check_form_token(secret: bytes, cookie_value: str, given: str) -> None:
    """Raises: NotHeard."""
    right = form_token(secret, cookie_value)
    if not cookie_value or not hmac.compare_digest(right.encode(), given.encode()):
        raise NotHeard(403, "This page is too old. Go back, load it again, and try once more.")


def _site(http: HttpRequest, public_url: str) -> str:
    host = http.headers.get("host", "").lower()
    match = _HOST.fullmatch(host)
    if public_url and host == urlsplit(public_url).netloc.lower():
        return f"{urlsplit(public_url).scheme}://{host}"
    if match is not None and match["name"] in LOOPBACK:
        return f"http://{host}"
    raise NotHeard(
        421,
        "This server does not know the address you called it by. Its operator sets"
        " MODELYARD_PUBLIC_URL to the address that people use.",
    )


def _cookies(header: str) -> Mapping[str, str]:
    """The first of each name, as browsers send the most specific one first."""
    found: dict[str, str] = {}
    for part in header.replace(",", ";").split(";"):
        name, _, value = part.strip().partition("=")
        found.setdefault(name, value)
    return found
