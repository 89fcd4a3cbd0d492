"""An OpenID Connect provider of the tests' own, in a process of its own, that can also misbehave.

It signs whatever it is told to, with whatever it is told to. Its discovery, keys, authorization and
token endpoints are those of any provider; `/mint` and `/rotate` are the tests'. What it was asked
for is listed at `/asked`.
"""

import base64
import hashlib
import hmac
import json
import secrets
import subprocess
import sys
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, unquote, urlencode, urlsplit

from joserfc import jws
from joserfc.jwk import ECKey, RSAKey

CLIENT_ID = "modelyard"
CLIENT_SECRET = "the-provider-knows-this-secret-too"
PERSON = {"sub": "person-1", "email": "ana@example.org", "groups": ["science", "review"]}
REALM = "/realms/people"


class Keys:
    """The provider's keys now; those of before are gone from its JWKS, but it can still sign."""

    def __init__(self) -> None:
        self.number = 0
        self.rotate()
        self.foreign = RSAKey.generate_key(2048)

    def rotate(self) -> None:
        self.number += 1
        self.rsa = RSAKey.generate_key(2048, {"kid": f"rsa-{self.number}", "use": "sig"})
        self.ec = ECKey.generate_key("P-256", {"kid": f"ec-{self.number}", "use": "sig"})

    def public(self) -> dict[str, Any]:
        odd = {"kty": "oct", "k": "c2VjcmV0", "kid": "shared"}
        return {"keys": [odd, self.rsa.as_dict(private=False), self.ec.as_dict(private=False)]}

    def sign(self, claims: dict[str, Any], how: str, kid: str | None) -> str:
        payload = json.dumps(claims).encode()
        if how in ("none", "None"):
            return f"{_text(json.dumps({'alg': how}).encode())}.{_text(payload)}."
        if how == "HS256 under the public key":
            head = _text(json.dumps({"alg": "HS256", "kid": self.rsa.kid}).encode())
            signed = f"{head}.{_text(payload)}"
            mac = hmac.digest(self.rsa.as_pem(private=False), signed.encode(), "sha256")
            return f"{signed}.{_text(mac)}"
        key = {"ES256": self.ec, "foreign": self.foreign}.get(how, self.rsa)
        header = {"alg": "ES256" if key is self.ec else "RS256"}
        shown = kid if kid is not None else (self.rsa if key is self.foreign else key).kid
        if shown:
            header["kid"] = shown
        return jws.serialize_compact(header, payload, key, algorithms=[header["alg"]])


class Provider(BaseHTTPRequestHandler):
    keys: Keys
    issuer: str
    asked: list[str]
    codes: dict[str, dict[str, str]]
    overrides: dict[str, Any]  # of the next token of the code flow
    moved_to = ""

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        if url.path != "/asked":
            self.asked.append(url.path)
        if url.path.endswith("/.well-known/openid-configuration"):
            self._discovery(url.path.removesuffix("/.well-known/openid-configuration"))
        elif url.path == f"{REALM}/keys":
            self._json(self.keys.public())
        elif url.path == f"{REALM}/authorize":
            query = dict(parse_qsl(url.query))
            code = secrets.token_urlsafe(16)
            self.codes[code] = query
            back = urlencode({"code": code, "state": query["state"]})
            self._redirect(f"{query['redirect_uri']}?{back}")
        elif url.path == "/asked":
            self._json(self.asked)
        else:
            self.send_error(404)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.asked.append(self.path)
        if self.path == f"{REALM}/token":
            self._redeem({k: v[0] for k, v in parse_qs(body.decode()).items()})
            return
        told = json.loads(body)
        if self.path == "/mint":
            claims = self._claims(told.get("claims", {}))
            token = self.keys.sign(claims, told.get("how", "RS256"), told.get("kid"))
            self._json({"token": token})
        elif self.path == "/rotate":
            self.keys.rotate()
            self._json({})
        elif self.path == "/next":
            type(self).overrides = told
            self._json({})

    def _discovery(self, path: str) -> None:
        if path == "/moved":
            self._redirect(f"{self.issuer}/.well-known/openid-configuration")
            return
        here = self.issuer
        self._json(
            {
                "issuer": here,
                "jwks_uri": f"{here}/keys",
                "authorization_endpoint": f"{here}/authorize",
                "token_endpoint": f"{here}/token",
            }
        )

    def _redeem(self, form: dict[str, str]) -> None:
        begun = self.codes.pop(form["code"], None)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        pair = f"{CLIENT_ID}:{CLIENT_SECRET}"
        given = self.headers.get("authorization", "").removeprefix("Basic ")
        right = (
            begun is not None
            and unquote(base64.b64decode(given).decode()) == pair
            and begun["redirect_uri"] == form["redirect_uri"]
            and begun["code_challenge"] == _text(digest)
        )
        if not right:
            self.send_error(400)
            return
        overrides, type(self).overrides = self.overrides, {}
        claims = self._claims({"nonce": begun["nonce"], **overrides.get("claims", {})})
        token = self.keys.sign(claims, overrides.get("how", "RS256"), None)
        self._json({"id_token": token, "access_token": "unused", "token_type": "Bearer"})

    def _claims(self, overrides: dict[str, Any]) -> dict[str, Any]:
        now = int(time.time())
        claims = {**PERSON, "iss": self.issuer, "aud": CLIENT_ID, "iat": now, "exp": now + 600}
        for name in ("iat", "exp", "nbf"):
            if isinstance(overrides.get(name), str):  # "+60": from now
                overrides[name] = now + int(overrides[name])
        return {name: v for name, v in (claims | overrides).items() if v is not None}

    def _json(self, document: Any) -> None:
        body = json.dumps(document).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _redirect(self, where: str) -> None:
        self.send_response(302)
        self.send_header("location", where)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *args: Any) -> None:
        """Nothing."""


class RunningProvider:
    """The process, and what a test tells it."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).resolve())], stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        self.origin = self._process.stdout.readline().strip()
        self.issuer = self.origin + REALM

    @property
    def name(self) -> str:
        return self.issuer.removeprefix("http://")

    def mint(self, how: str = "RS256", kid: str | None = None, **claims: Any) -> str:
        """A token of PERSON; a claim of None is left out, of "+60" is a minute from now."""
        told = {"how": how, "kid": kid, "claims": claims}
        return str(self._tell("/mint", told)["token"])

    def rotate(self) -> None:
        self._tell("/rotate", {})

    def next_token(self, **overrides: Any) -> None:
        """What the next token of the code flow is like."""
        self._tell("/next", overrides)

    def asked(self) -> list[str]:
        with urllib.request.urlopen(f"{self.origin}/asked", timeout=30) as answer:
            return list(json.load(answer))

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(30)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _tell(self, path: str, told: dict[str, Any]) -> dict[str, Any]:
        request = urllib.request.Request(self.origin + path, json.dumps(told).encode())
        with urllib.request.urlopen(request, timeout=30) as answer:
            return dict(json.load(answer))


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def main() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
    origin = f"http://127.0.0.1:{server.server_port}"
    Provider.keys, Provider.issuer = Keys(), origin + REALM
    Provider.asked, Provider.codes, Provider.overrides = [], {}, {}
    sys.stdout.write(f"{origin}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()
