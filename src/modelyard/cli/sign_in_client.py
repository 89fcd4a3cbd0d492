"""What `modelyard login` and `logout` say to a server; and the loopback end of the browser's way.

A password never goes over plain HTTP to another machine.
"""

import base64
import hashlib
import http.client
import http.server
import json
import os
import secrets
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import click

from modelyard.cli import connection, output

SECONDS_MAX = 30.0
BROWSER_SECONDS_MAX = 600.0  # to sign in at a provider
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_DONE = b"""<!doctype html><html lang="en"><meta charset="utf-8"><title>Modelyard</title>
<p>You can close this page and go back to the command line.</p></html>"""


def server(url: str | None, data: Path | None) -> str:
    """The address to sign in at. Raises: output.Stop: there is none, or it is not safe."""
    found = url or (None if data else os.environ.get("AWS_ENDPOINT_URL"))
    if not found:
        found = connection.by_server_file(data).url
    parts = urlsplit(found)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        raise output.Stop(
            f"{found} is not https: whoever listens on the way would read what signs you in."
        )
    return found.rstrip("/")


def by_password(
    address: str, account: str, user: str, password: str, seconds: int
) -> dict[str, Any]:
    asked = {
        "grantType": "password",
        "account": account,
        "userName": user,
        "password": password,
        "durationSeconds": seconds,
    }
    return _post(address, "/sign-in/token", asked)


def by_browser(address: str, seconds: int, *, open_it: bool) -> dict[str, Any]:
    """RFC 8252: the browser comes back to a port of this command's own, with a code for it.

    Raises: output.Stop: the server has no provider, or nobody came back in time.
    """
    if _ask(address, "GET", "/sign-in/oidc").status == 404:
        raise output.Stop(
            f"{address} is not joined to an identity provider (MODELYARD_OIDC_ISSUER). Sign in with"
            " --user NAME, or ask who runs the server."
        )
    verifier, state = secrets.token_urlsafe(48), secrets.token_urlsafe(24)
    digest = hashlib.sha256(verifier.encode()).digest()
    challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    with _Loopback(state) as loopback:
        redirect_uri = f"http://127.0.0.1:{loopback.server_port}/done"
        query = {
            "redirect_uri": redirect_uri,
            "code_challenge": challenge,
            "state": state,
            "via": "oidc",
        }
        where = f"{address}/sign-in/command?{urlencode(query)}"
        click.echo(f"Sign in with your browser at:\n  {where}", err=True)
        if open_it:
            click.launch(where)
        code = loopback.wait()
    asked = {
        "grantType": "authorization_code",
        "code": code,
        "codeVerifier": verifier,
        "redirectUri": redirect_uri,
        "durationSeconds": seconds,
    }
    return _post(address, "/sign-in/token", asked)


def end(address: str, access_key_id: str, session_token: str) -> bool:
    """Whether there was a sign-in to end."""
    asked = {"accessKeyId": access_key_id, "sessionToken": session_token}
    return bool(_post(address, "/sign-in/token/end", asked)["ended"])


class _Loopback(http.server.HTTPServer):
    """Waits for the one request that carries our state."""

    def __init__(self, state: str) -> None:
        super().__init__(("127.0.0.1", 0), _handler(self._take))
        self._state = state
        self._code: str | None = None
        self.timeout = 1.0

    def wait(self) -> str:
        """The code. Raises: output.Stop: nobody came in time."""
        deadline = time.monotonic() + BROWSER_SECONDS_MAX
        while self._code is None:
            if time.monotonic() > deadline:
                raise output.Stop("Nobody signed in with the browser in time. Start it again.")
            self.handle_request()
        return self._code

    def _take(self, path: str) -> bool:
        query = parse_qs(urlsplit(path).query)
        state, code = query.get("state", [""])[0], query.get("code", [""])[0]
        if not secrets.compare_digest(state.encode(), self._state.encode()) or not code:
            return False
        self._code = code
        return True


def _handler(take: Callable[[str], bool]) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        timeout = 5.0

        def do_GET(self) -> None:
            right = take(self.path)
            self.send_response(200 if right else 404)
            self.send_header("content-type", "text/html; charset=utf-8")
            self.send_header("cache-control", "no-store")
            self.send_header("referrer-policy", "no-referrer")
            self.end_headers()
            self.wfile.write(_DONE if right else b"Not what this command waits for.\n")

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """Nothing: the line would show the code."""

    return Handler


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    body: bytes


def _post(address: str, path: str, asked: dict[str, Any]) -> dict[str, Any]:
    answer = _ask(address, "POST", path, json.dumps(asked))
    try:
        document = json.loads(answer.body)
    except ValueError:
        raise output.Stop(f"{address} does not answer as a Modelyard server does.") from None
    if answer.status != 200:
        text = document.get("message") if isinstance(document, dict) else None
        raise output.Stop(str(text or f"{address} answered {answer.status}."))
    return dict(document)


def _ask(address: str, method: str, path: str, body: str | None = None) -> _Answer:
    """Raises: output.Unreachable."""
    parts = urlsplit(address)
    host = parts.hostname or ""
    link = http.client.HTTPConnection(host, parts.port, timeout=SECONDS_MAX)
    if parts.scheme == "https":
        tls = ssl.create_default_context(cafile=os.environ.get("AWS_CA_BUNDLE") or None)
        link = http.client.HTTPSConnection(host, parts.port, timeout=SECONDS_MAX, context=tls)
    try:
        headers = {"Content-Type": "application/json", "User-Agent": "modelyard-login"}
        link.request(method, path, body, headers)
        answer = link.getresponse()
        return _Answer(answer.status, answer.read(1 << 20))
    except (OSError, http.client.HTTPException) as problem:
        reason = getattr(problem, "strerror", None) or type(problem).__name__
        raise output.Unreachable(f"{address} cannot be reached: {reason}.") from None
    finally:
        link.close()
