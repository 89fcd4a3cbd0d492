"""A browser without a window: cookies, forms and redirects over real HTTP, one step at a time."""

import html
import http.client
import re
from dataclasses import dataclass, field
from urllib.parse import urlencode, urljoin, urlsplit

_FIELD = re.compile(r'<input[^>]*? name="(?P<name>\w+)"[^>]*?(?: value="(?P<value>[^"]*)")?[^>]*>')


@dataclass
class Seen:
    """One answer."""

    status: int
    headers: http.client.HTTPMessage
    text: str

    @property
    def location(self) -> str:
        return self.headers["location"] or ""

    @property
    def fields(self) -> dict[str, str]:
        """The fields of the page's form that are filled in."""
        found = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', self.text)
        return {name: html.unescape(value) for name, value in found}


@dataclass
class Browser:
    """Keeps cookies for one server."""

    url: str
    cookies: dict[str, str] = field(default_factory=dict)

    def get(self, path: str, **headers: str) -> Seen:
        return self.send("GET", path, None, headers)

    def post(self, path: str, form: dict[str, str], **headers: str) -> Seen:
        """As a form of the server's own page is sent."""
        return self.send("POST", path, urlencode(form), {"Origin": self.url, **headers})

    def send(
        self, method: str, path: str, body: str | None, headers: dict[str, str] | None = None
    ) -> Seen:
        """`headers` may be given with underscores for hyphens; an empty value leaves one out."""
        parts = urlsplit(urljoin(self.url, path))
        sent = {"Content-Type": "application/x-www-form-urlencoded"} if body is not None else {}
        sent |= {name.replace("_", "-"): value for name, value in (headers or {}).items()}
        if self.cookies and "Cookie" not in sent:
            sent["Cookie"] = "; ".join(f"{k}={v}" for k, v in self.cookies.items())
        link = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
        try:
            target = parts.path + (f"?{parts.query}" if parts.query else "")
            link.request(method, target, body, {k: v for k, v in sent.items() if v})
            answer = link.getresponse()
            seen = Seen(answer.status, answer.headers, answer.read().decode())
        finally:
            link.close()
        for line in seen.headers.get_all("set-cookie") or []:
            name, _, value = line.partition(";")[0].partition("=")
            self.cookies[name] = value
            if "max-age=0" in line.lower():
                del self.cookies[name]
        return seen

    def sign_in(self, user: str, password: str, **more: str) -> Seen:
        form = self.get("/sign-in").fields
        given = {"account": "123456789012", "user_name": user, "password": password, **more}
        return self.post("/sign-in", form | given)

    def who(self) -> str:
        """The ARN that the page shows, "" when it sends to the sign-in page."""
        match = re.search(r"<dt>Who</dt><dd>([^<]*)</dd>", self.get("/sign-in/me").text)
        return "" if match is None else html.unescape(match[1])
