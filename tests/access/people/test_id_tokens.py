"""ID tokens and their providers' documents, without a network: what is taken, and what is not."""

import json
import time
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import ECKey, RSAKey

from modelyard.access.people import id_tokens
from modelyard.access.people.fetching import NotFetched
from modelyard.access.people.id_tokens import BadToken
from modelyard.access.people.issuers import ASKED_MAX, FRESH_SECONDS, Issuers
from modelyard.access.people.openid_providers import may_be_spoken_to

KEY = ECKey.generate_key("P-256", {"kid": "one"})
ISSUER = "https://issuer.example.org/realm"
NOW = int(time.time())
CLAIMS = {"iss": ISSUER, "aud": "us", "sub": "person", "iat": NOW, "exp": NOW + 60}


def token(**claims: Any) -> str:
    payload = json.dumps(CLAIMS | claims).encode()
    return jws.serialize_compact({"alg": "ES256", "kid": "one"}, payload, KEY)


def prove(text: str, keys: Any = None) -> id_tokens.IdToken:
    found = id_tokens.keys_of({"keys": [KEY.as_dict(private=False)]}) if keys is None else keys
    claimed = id_tokens.read(text)
    return id_tokens.prove(claimed, found, issuer=ISSUER, client_ids=["us"], now=NOW)


GOOD = token()


@given(st.integers(0, len(GOOD) - 1), st.characters(codec="ascii"))
def test_no_character_of_a_token_can_change(position: int, character: str) -> None:
    changed = GOOD[:position] + character + GOOD[position + 1 :]
    if changed == GOOD:
        return

    # The last digit of base64 has bits that mean nothing.
    if position == len(GOOD) - 1 or GOOD[position + 1] == ".":
        return
    with pytest.raises(BadToken):
        prove(changed)


@given(st.text(max_size=200) | st.from_regex(r"[\w-]+\.[\w-]+\.[\w-]+", fullmatch=True))
def test_any_text_is_a_token_or_refused(text: str) -> None:
    with pytest.raises(BadToken):
        prove(text)


@given(st.recursive(st.none() | st.booleans() | st.text(max_size=5) | st.integers(), st.lists))
def test_any_document_is_a_key_set_or_refused(document: Any) -> None:
    for given_keys in (document, {"keys": document}, {"keys": [document]}):
        with suppress(BadToken):
            assert id_tokens.keys_of(given_keys) == ()


def test_keys_that_cannot_prove_anything_are_left_out() -> None:
    strong = RSAKey.generate_key(2048).as_dict(private=False)
    weak = strong | {"n": str(strong["n"])[:171]}  # 1024 bits
    private = KEY.as_dict(private=True)
    encrypting = KEY.as_dict(private=False) | {"use": "enc"}
    shared = {"kty": "oct", "k": "c2VjcmV0"}

    listed = [private, encrypting, shared, weak, {}, 1, None]

    assert id_tokens.keys_of({"keys": listed}) == ()
    assert len(id_tokens.keys_of({"keys": [strong]})) == 1


def test_claims_become_condition_keys() -> None:
    context = prove(token(groups=["a", "b"], admin=True, level=3, deep={"x": 1})).context()

    name = "issuer.example.org/realm"
    assert context[f"{name}:sub"] == ("person",)
    assert context[f"{name}:groups"] == ("a", "b")
    assert context[f"{name}:admin"] == ("true",)
    assert context[f"{name}:level"] == ("3",)
    assert f"{name}:deep" not in context


class Published:
    """What a provider publishes, as a test sets it. Stands for the network alone."""

    def __init__(self) -> None:
        self.discovery: Any = {"issuer": ISSUER, "jwks_uri": "https://keys.example.net/keys"}
        self.keys: Any = {"keys": [KEY.as_dict(private=False)]}
        self.away = False
        self.asked: list[str] = []

    async def get(self, url: str) -> Any:
        self.asked.append(url)
        if self.away:
            raise NotFetched("away")
        return self.keys if url.endswith("/keys") else self.discovery


async def test_keys_are_kept_for_a_while_and_longer_while_the_provider_is_away() -> None:
    published, now = Published(), [0.0]
    issuers = Issuers(published, lambda: now[0])
    claimed = id_tokens.read(GOOD)

    for _ in range(5):
        await issuers.keys(ISSUER, claimed)
    assert len(published.asked) == 2
    published.keys = {"keys": []}  # the provider takes its key back
    now[0] += FRESH_SECONDS + 1
    published.away = True
    assert prove(GOOD, await issuers.keys(ISSUER, claimed)).subject == "person"
    published.away = False
    with pytest.raises(BadToken):
        prove(GOOD, await issuers.keys(ISSUER, claimed))


async def test_a_provider_is_asked_a_few_times_a_minute_at_most() -> None:
    published, now = Published(), [0.0]
    issuers = Issuers(published, lambda: now[0])
    published.away = True

    for _ in range(50):
        with pytest.raises(NotFetched):
            await issuers.discovery(ISSUER)
    assert len(published.asked) == ASKED_MAX
    published.away = False
    now[0] += 61
    await issuers.discovery(ISSUER)


@pytest.mark.parametrize(
    "discovery",
    [
        None,
        [],
        {},
        {"issuer": "https://evil.example", "jwks_uri": "https://keys.example.net/keys"},
        {"issuer": ISSUER},
        {"issuer": ISSUER, "jwks_uri": "http://keys.example.net/keys"},
        {"issuer": ISSUER, "jwks_uri": "http://127.0.0.1/keys"},
        {"issuer": ISSUER, "jwks_uri": "file:///etc/passwd"},
        {"issuer": ISSUER, "jwks_uri": "https://k.example/keys", "token_endpoint": "http://k/t"},
    ],
)
async def test_a_discovery_document_leads_to_safe_places_only(discovery: Any) -> None:
    published = Published()
    published.discovery = discovery

    with pytest.raises(NotFetched):
        await Issuers(published).discovery(ISSUER)
    assert len(published.asked) == 1


@pytest.mark.parametrize(
    ("url", "safe"),
    [
        ("https://issuer.example.org", True),
        ("http://127.0.0.1:8080/realm", True),
        ("http://localhost/realm", True),
        ("http://issuer.example.org", False),
        ("http://127.0.0.1.example.org", False),
        ("https://user@issuer.example.org", False),
        ("https://", False),
        ("https://host:99999", False),
        ("ftp://127.0.0.1", False),
        ("//issuer.example.org", False),
    ],
)
def test_only_https_is_spoken_and_http_to_this_machine(url: str, safe: bool) -> None:
    assert may_be_spoken_to(url) is safe
