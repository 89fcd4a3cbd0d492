"""What OpenID Connect providers publish: their addresses and their keys, kept for a while.

Keys are asked for again when they are old, or when a token names one that is not there yet (they
rotate). However many tokens a stranger sends, a provider is asked a few times a minute at most.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from modelyard.access.people import id_tokens
from modelyard.access.people.fetching import NotFetched
from modelyard.access.people.id_tokens import Claimed
from modelyard.access.people.openid_providers import may_be_spoken_to

if TYPE_CHECKING:
    from joserfc.jwk import Key

FRESH_SECONDS = 600.0  # a key that its provider takes back is good for that long at most
STALE_SECONDS = 3600.0  # while the provider is away
ISSUERS_MAX = 256
ASKED_MAX = 6  # times in ASKED_SECONDS
ASKED_SECONDS = 60.0
_DISCOVERY = "/.well-known/openid-configuration"


class Fetches(Protocol):
    async def get(self, url: str) -> Any: ...


@dataclass(frozen=True, slots=True)
class Discovery:
    """A provider's addresses, as its discovery document names them."""

    issuer: str
    jwks_uri: str
    authorization_endpoint: str
    token_endpoint: str
    takes_basic: bool  # whether the client's secret may be in the Authorization header


@dataclass(slots=True)
class _Known:
    discovery: Discovery | None = None
    keys: "tuple[Key, ...]" = ()
    fetched: float = float("-inf")
    asked: list[float] = field(default_factory=list)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Issuers:
    """The providers that were needed lately."""

    def __init__(self, fetcher: Fetches, clock: Callable[[], float] = time.monotonic) -> None:
        self._fetcher = fetcher
        self._clock = clock
        self._known: OrderedDict[str, _Known] = OrderedDict()

    async def discovery(self, issuer: str) -> Discovery:
        """Raises: NotFetched."""
        known = await self._fresh(issuer, lambda known: known.discovery is not None)
        assert known.discovery is not None  # `_fresh` answers no other
        return known.discovery

    async def keys(self, issuer: str, claimed: Claimed) -> "tuple[Key, ...]":
        """The provider's keys; anew, if none of those that are known may have signed the token.

        Raises: NotFetched. id_tokens.BadToken: its algorithm is not accepted.
        """
        id_tokens.fits(claimed, ())  # before anybody is asked
        known = await self._fresh(issuer, lambda known: bool(id_tokens.fits(claimed, known.keys)))
        return known.keys

    async def _fresh(self, issuer: str, suffices: Callable[[_Known], bool]) -> _Known:
        known = self._entry(issuer)
        if self._age(known) < FRESH_SECONDS and suffices(known):
            return known
        seen = known.fetched
        async with known.lock:
            if known.fetched > seen:  # somebody else asked while this one waited
                return known
            try:
                await self._fetch(issuer, known)
            except NotFetched:
                if self._age(known) < STALE_SECONDS and suffices(known):
                    return known
                raise
        return known

    async def _fetch(self, issuer: str, known: _Known) -> None:
        now = self._clock()
        known.asked = [at for at in known.asked if at > now - ASKED_SECONDS]
        if len(known.asked) >= ASKED_MAX:
            raise NotFetched("it was asked too often in the last minute")
        known.asked.append(now)
        discovery = _discovery(issuer, await self._fetcher.get(issuer.rstrip("/") + _DISCOVERY))
        try:
            keys = id_tokens.keys_of(await self._fetcher.get(discovery.jwks_uri))
        except id_tokens.BadToken as problem:
            raise NotFetched(str(problem)) from None
        known.discovery, known.keys, known.fetched = discovery, keys, now

    def _entry(self, issuer: str) -> _Known:
        known = self._known.setdefault(issuer, _Known())
        self._known.move_to_end(issuer)
        if len(self._known) > ISSUERS_MAX:
            self._known.popitem(last=False)
        return known

    def _age(self, known: _Known) -> float:
        return self._clock() - known.fetched


def _discovery(issuer: str, document: Any) -> Discovery:
    if not isinstance(document, dict) or document.get("issuer") != issuer:
        raise NotFetched("its discovery document is another issuer's")
    urls = [document.get(name) for name in ("jwks_uri", "authorization_endpoint", "token_endpoint")]
    if not all(_is_as_safe(issuer, url) for url in urls if url is not None) or urls[0] is None:
        raise NotFetched("its discovery document names addresses that are not https")
    methods = document.get("token_endpoint_auth_methods_supported")
    takes_basic = not isinstance(methods, list) or "client_secret_basic" in methods
    return Discovery(issuer, urls[0], urls[1] or "", urls[2] or "", takes_basic)


def _is_as_safe(issuer: str, url: Any) -> bool:
    """A provider elsewhere leads to https only; one on this machine may stay on it."""
    if not isinstance(url, str) or not may_be_spoken_to(url):
        return False
    return url.startswith("https://") or issuer.startswith("http://")
