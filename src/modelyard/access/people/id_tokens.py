"""ID tokens of OpenID Connect: read, and proved against keys that somebody else fetched. Pure.

Time and keys arrive as arguments. Only signatures by a private key are taken, never "none" and
never an HMAC, which anybody who knows the public key could make. joserfc is imported with the first
token: it is a tenth of what a start costs, and most servers are joined to no provider.
"""

import base64
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from joserfc.jwk import Key

ALGORITHMS: Mapping[str, str] = {  # to the type of key
    "RS256": "RSA",
    "RS384": "RSA",
    "RS512": "RSA",
    "ES256": "EC",
    "ES384": "EC",
    "ES512": "EC",
}
TOKEN_CHARS_MAX = 20_000  # WebIdentityToken
SKEW_SECONDS = 60
KEYS_MAX = 50  # of one provider
RSA_BITS_MIN = 2048
CLAIM_VALUES_MAX = 100  # of one claim, for conditions
CLAIM_CHARS_MAX = 1024
_TOKEN = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")


class BadToken(Exception):
    """Not a token of this provider for this client. Says why, without the token."""


class TokenExpired(BadToken):
    """It was good once."""

    def __init__(self, now: int, expires: int) -> None:
        super().__init__(
            f"Token expired: current date/time {now} must be before the expiration date/time"
            f" {expires}"
        )


@dataclass(frozen=True, slots=True)
class Claimed:
    """What an unproved token says of itself; enough to know whose keys to ask for."""

    token: str
    issuer: str
    algorithm: str
    key_id: str | None


@dataclass(frozen=True, slots=True)
class IdToken:
    """A proved token."""

    issuer: str
    subject: str
    audience: str  # of `aud` (or `azp`), the one that is a client of ours
    claims: dict[str, Any]

    def context(self) -> dict[str, tuple[str, ...]]:
        """Its claims as condition keys, `<issuer without scheme>:<claim>`, in lower case."""
        name = self.issuer.partition("://")[2]
        found: dict[str, tuple[str, ...]] = {}
        for claim, value in self.claims.items():
            texts = _texts(value)
            if texts is not None:
                found[f"{name}:{claim}".lower()] = texts
        found[f"{name}:aud".lower()] = (self.audience,)
        found[f"{name}:oaud".lower()] = tuple(_audiences(self.claims))
        return found


def read(token: str) -> Claimed:
    """Raises: BadToken: it has not the form of a signed token."""
    if len(token) > TOKEN_CHARS_MAX or not _TOKEN.fullmatch(token):
        raise BadToken("The ID Token provided is not a valid JWT.")
    header, payload = (_part(text) for text in token.split(".")[:2])
    issuer, algorithm, key_id = payload.get("iss"), header.get("alg"), header.get("kid")
    if not isinstance(issuer, str) or not isinstance(algorithm, str):
        raise BadToken("The ID Token provided names no issuer or no algorithm.")
    if key_id is not None and not isinstance(key_id, str):
        raise BadToken("The ID Token provided is not a valid JWT.")
    return Claimed(token, issuer, algorithm, key_id)


def keys_of(document: Any) -> "tuple[Key, ...]":
    """The signing keys of a JWKS document; what is not one of those we take is left out.

    Raises: BadToken: it is no JWKS.
    """
    listed = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(listed, list):
        raise BadToken("The provider's keys are not a JWK set.")
    return tuple(key for one in listed[:KEYS_MAX] if (key := _key(one)) is not None)


def fits(claimed: Claimed, keys: "Iterable[Key]") -> "list[Key]":
    """Those of `keys` that may have signed it.

    Raises: BadToken: the algorithm is none of those we take.
    """
    kind = ALGORITHMS.get(claimed.algorithm)
    if kind is None:
        raise BadToken(f"The ID Token's algorithm {claimed.algorithm[:20]} is not accepted.")
    return [
        key
        for key in keys
        if key.key_type == kind
        and (claimed.key_id is None or key.kid == claimed.key_id)
        and key.get("alg") in (None, claimed.algorithm)
    ]


def prove(
    claimed: Claimed,
    keys: "Iterable[Key]",
    *,
    issuer: str,
    client_ids: Iterable[str],
    now: int,
    nonce: str | None = None,
) -> IdToken:
    """The token, if one of `keys` signed it for one of `client_ids` and it is good at `now`.

    Raises: BadToken, TokenExpired.
    """
    claims = _signed(claimed, fits(claimed, keys))
    if claims.get("iss") != issuer:
        raise BadToken("The ID Token is another issuer's.")
    audience = _audience(claims, set(client_ids))
    _check_times(claims, now)
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 1 <= len(subject) <= 255:
        raise BadToken("The ID Token has no subject.")
    if nonce is not None and claims.get("nonce") != nonce:
        raise BadToken("The ID Token was not made for this sign-in: its nonce is another.")
    return IdToken(issuer, subject, audience, claims)


def _signed(claimed: Claimed, keys: "list[Key]") -> dict[str, Any]:
    from joserfc import jws
    from joserfc.errors import JoseError

    for key in keys:
        try:
            signed = jws.deserialize_compact(claimed.token, key, algorithms=[claimed.algorithm])
            claims = msgspec.json.decode(signed.payload)
        except (JoseError, ValueError, msgspec.DecodeError):
            continue
        if isinstance(claims, dict):
            return claims
    raise BadToken("The ID Token's signature is not valid.")


def _audience(claims: dict[str, Any], client_ids: set[str]) -> str:
    ours = [one for one in _audiences(claims) if one in client_ids]
    party = claims.get("azp")
    if not ours or (party is not None and party not in client_ids):
        raise BadToken("Incorrect token audience")
    return str(party or ours[0])


def _audiences(claims: dict[str, Any]) -> list[str]:
    value = claims.get("aud")
    listed = value if isinstance(value, list) else [value]
    return [one for one in listed if isinstance(one, str)][:CLAIM_VALUES_MAX]


def _check_times(claims: dict[str, Any], now: int) -> None:
    expires, issued, begins = (_seconds(claims, name) for name in ("exp", "iat", "nbf"))
    if expires is None or issued is None:
        raise BadToken("The ID Token has no exp or no iat.")
    if now >= expires + SKEW_SECONDS:
        raise TokenExpired(now, expires)
    if issued > now + SKEW_SECONDS or (begins is not None and begins > now + SKEW_SECONDS):
        raise BadToken("The ID Token is not good yet.")


def _seconds(claims: dict[str, Any], name: str) -> int | None:
    value = claims.get(name)
    if value is None:
        return None
    # 2**53: where a double of the provider's stops telling seconds apart
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 2**53:
        raise BadToken(f"The ID Token's {name} is no time.")
    return int(value)


def _part(text: str) -> dict[str, Any]:
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        value = msgspec.json.decode(raw)
    except (ValueError, msgspec.DecodeError, RecursionError):
        raise BadToken("The ID Token provided is not a valid JWT.") from None
    if not isinstance(value, dict):
        raise BadToken("The ID Token provided is not a valid JWT.")
    return value


def _key(value: Any) -> "Key | None":
    from joserfc.errors import JoseError
    from joserfc.jwk import ECKey, KeySet, RSAKey

    if not isinstance(value, dict) or value.get("use", "sig") != "sig":
        return None
    if value.get("kty") not in ("RSA", "EC") or "d" in value or _is_weak(value):
        return None
    try:
        (key,) = KeySet.import_key_set({"keys": [value]}).keys
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    return key if isinstance(key, RSAKey | ECKey) else None


def _is_weak(value: dict[str, Any]) -> bool:
    """Whether an RSA modulus is too short; looked at first, as the library warns of such keys."""
    modulus = value.get("n", "")
    return value["kty"] == "RSA" and len(str(modulus)) * 6 < RSA_BITS_MIN


def _texts(value: Any) -> tuple[str, ...] | None:
    """A claim's values as conditions compare them; None for what is no text, number or list."""
    listed = value if isinstance(value, list) else [value]
    texts = []
    for one in listed[:CLAIM_VALUES_MAX]:
        if isinstance(one, bool):
            texts.append("true" if one else "false")
        elif isinstance(one, str | int | float) and len(str(one)) <= CLAIM_CHARS_MAX:
            texts.append(str(one))
        else:
            return None
    return tuple(texts)
