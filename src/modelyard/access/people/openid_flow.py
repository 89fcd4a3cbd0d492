"""Signing in through a provider in the browser: authorization code, PKCE, state and nonce.

Nothing is stored between leaving and coming back. All three secrets of a flow are derived from one
random value, which the browser that left keeps in a sealed cookie: another browser has none.
"""

import base64
import hashlib
import hmac
import os
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode

import msgspec

from modelyard.access.people.fetching import Fetcher, NotFetched
from modelyard.access.people.issuers import Discovery, Issuers

LASTS_SECONDS = 600  # to sign in at the provider
COOKIE_CHARS_MAX = 4000
_MAC_BYTES = 32


class FlowFailed(Exception):
    """What came back does not belong to what was begun, or the provider refused. Says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """This server as the provider knows it."""

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    scopes: str


class Begun(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """A flow, as the browser keeps it."""

    random: bytes
    redirect_uri: str
    role: str
    next: str
    expires_us: int


@dataclass(frozen=True, slots=True)
class Returned:
    """What came of it: a token that is still to be proved, and the nonce it must carry."""

    token: str = field(repr=False)
    nonce: str
    begun: Begun


class OpenIdFlow:
    """Begins and ends flows with one provider."""

    def __init__(self, client: Client, issuers: Issuers, fetcher: Fetcher, secret: bytes) -> None:
        self.client = client
        self._issuers = issuers
        self._fetcher = fetcher
        self._secret = secret

    async def begin(
        self, redirect_uri: str, role: str, next_path: str, now_us: int
    ) -> tuple[str, str]:
        """Where to send the browser, and the cookie it keeps. Raises: FlowFailed."""
        discovery = await self._discovery()
        begun = Begun(
            random=os.urandom(32),
            redirect_uri=redirect_uri,
            role=role,
            next=next_path,
            expires_us=now_us + LASTS_SECONDS * 1_000_000,
        )
        challenge = hashlib.sha256(self._derived(begun, "verifier").encode()).digest()
        query = {
            "response_type": "code",
            "client_id": self.client.client_id,
            "redirect_uri": redirect_uri,
            "scope": self.client.scopes,
            "state": self._derived(begun, "state"),
            "nonce": self._derived(begun, "nonce"),
            "code_challenge": _text(challenge),
            "code_challenge_method": "S256",
        }
        where = discovery.authorization_endpoint
        joint = "&" if "?" in where else "?"
        return f"{where}{joint}{urlencode(query)}", self._seal(begun)

    async def finish(self, cookie: str, answer: dict[str, str], now_us: int) -> Returned:
        """`answer`: the query that the provider sent the browser back with. Raises: FlowFailed."""
        begun = self._open(cookie, now_us)
        state = self._derived(begun, "state")
        if not hmac.compare_digest(state.encode(), answer.get("state", "").encode()):
            raise FlowFailed("the answer belongs to another sign-in")
        if answer.get("iss", self.client.issuer) != self.client.issuer:  # RFC 9207
            raise FlowFailed("the answer is another provider's")
        if "error" in answer or not answer.get("code"):
            raise FlowFailed("the provider refused")
        token = await self._redeem(begun, answer["code"])
        return Returned(token, self._derived(begun, "nonce"), begun)

    async def _redeem(self, begun: Begun, code: str) -> str:
        discovery = await self._discovery()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": begun.redirect_uri,
            "code_verifier": self._derived(begun, "verifier"),
        }
        headers = {}
        secret = self.client.client_secret
        if secret and discovery.takes_basic:
            pair = f"{quote(self.client.client_id, safe='')}:{quote(secret, safe='')}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        else:
            form |= {"client_id": self.client.client_id}
            form |= {"client_secret": secret} if secret else {}
        try:
            answer = await self._fetcher.post(discovery.token_endpoint, form, headers)
        except NotFetched as problem:
            raise FlowFailed(f"the provider did not redeem the code: {problem}") from None
        token = answer.get("id_token") if isinstance(answer, dict) else None
        if not isinstance(token, str):
            raise FlowFailed("the provider gave no ID token")
        return token

    async def _discovery(self) -> Discovery:
        try:
            discovery = await self._issuers.discovery(self.client.issuer)
        except NotFetched as problem:
            raise FlowFailed(f"the provider cannot be used: {problem}") from None
        if not discovery.authorization_endpoint or not discovery.token_endpoint:
            raise FlowFailed("the provider names no place to sign in")
        return discovery

    def _derived(self, begun: Begun, what: str) -> str:
        return _text(hmac.digest(self._secret, what.encode() + b"/" + begun.random, "sha256"))

    def _seal(self, begun: Begun) -> str:
        body = msgspec.msgpack.encode(begun)
        return _text(hmac.digest(self._secret, b"seal/" + body, "sha256") + body)

    def _open(self, cookie: str, now_us: int) -> Begun:
        try:
            if len(cookie) > COOKIE_CHARS_MAX:
                raise ValueError
            raw = base64.urlsafe_b64decode(cookie + "=" * (-len(cookie) % 4))
        except ValueError:
            raise FlowFailed("this browser has begun no sign-in") from None
        mac, body = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
        if not hmac.compare_digest(mac, hmac.digest(self._secret, b"seal/" + body, "sha256")):
            raise FlowFailed("this browser has begun no sign-in")
        begun = msgspec.msgpack.decode(body, type=Begun)
        if now_us >= begun.expires_us:
            raise FlowFailed("it took too long")
        return begun


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
