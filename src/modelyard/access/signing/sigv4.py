"""AWS Signature Version 4: read a signed request, and prove it. Pure.

Knows no keys of its own, no clock, no storage, and no operation. Two forms (header and presigned
query) and two ways to canonicalise: S3's path is taken as it was sent, every other service's is
normalised and encoded once more. Whatever can be read in two ways is refused, because verifier and
handler would otherwise not see the same request.
"""

import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import Enum
from functools import lru_cache
from itertools import pairwise
from urllib.parse import quote, unquote

from modelyard.access.signing import sigv2
from modelyard.access.signing.chunk_signatures import ALGORITHM, ChunkSignatures
from modelyard.contract.http import HttpRequest
from modelyard.errors import Doubt, NotAuthenticated

SKEW_SECONDS_MAX = 15 * 60  # AWS: 15 minutes, both ways
PRESIGNED_SECONDS_MAX = 604_800  # AWS: seven days
AUTHORIZATION_CHARS_MAX = 4096  # SDKs send about 300
SIGNING_KEYS_MAX = 1024  # cached; one a secret, day, region and service

UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"
STREAMING_UNSIGNED = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
STREAMING_SIGNED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
STREAMING_SIGNED_TRAILER = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
_STREAMING = frozenset({STREAMING_UNSIGNED, STREAMING_SIGNED, STREAMING_SIGNED_TRAILER})

_SECOND_US = 1_000_000
_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 +Credential=([^\s,=]+), *SignedHeaders=([^\s,=]+), *Signature=([^\s,=]+) *"
)
_ACCESS_KEY_ID = re.compile(r"[A-Za-z0-9_]{3,128}")
_SCOPE_WORD = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_SIGNATURE = re.compile(r"[0-9a-f]{64}")
_TIMESTAMP = re.compile(r"[0-9]{8}T[0-9]{6}Z")
_EXPIRES = re.compile(r"[0-9]{1,6}")
_SPACES = re.compile(" {2,}")
_PLAIN_PATH = re.compile(rb"(?:/[A-Za-z0-9_~-][A-Za-z0-9_.~-]*)*/?")
# The parameters that make a request a presigned one; a request may carry each once.
_QUERY_V4 = frozenset(
    "X-Amz-" + name
    for name in (
        "Algorithm",
        "Credential",
        "Date",
        "Expires",
        "SignedHeaders",
        "Signature",
        "Security-Token",
    )
)
_ONCE = _QUERY_V4 | {"X-Amz-Content-Sha256"}


class Form(Enum):
    """Where a request carries its signature."""

    HEADER = "header"
    QUERY = "query"
    QUERY_V2 = "query_v2"  # S3 only; what boto3 makes for a custom endpoint


@dataclass(frozen=True, slots=True)
class Scope:
    """What a signing key is good for."""

    date: str
    region: str
    service: str

    def __str__(self) -> str:
        return f"{self.date}/{self.region}/{self.service}/aws4_request"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedRequest:
    """What a request says about its signature; nothing of it is proved yet.

    `payload` is the hash or word the signature covers, "" when it is the hash of the body.
    `query` is the canonical query string. `expires_us` is the end of a presigned URL.
    """

    form: Form
    access_key_id: str
    scope: Scope
    signed_headers: tuple[str, ...]
    signature: str
    timestamp: str
    signed_at_us: int
    expires_us: int | None
    payload: str
    token: str | None
    query: str

    @property
    def expected_sha256(self) -> str | None:
        """The digest the body must have, or None when the signature does not say (yet)."""
        return self.payload if _SIGNATURE.fullmatch(self.payload) else None


def parse(http: HttpRequest) -> SignedRequest | None:
    """Read the credentials of a request, or None when it carries none.

    Raises: NotAuthenticated: they cannot be read, are sent twice, or leave out what must be signed.
    """
    authorization = http.headers.get("authorization")
    pairs = _pairs(http.query)
    named = {name for name, _ in pairs}
    in_query = bool(named & _QUERY_V4)
    in_query_v2 = sigv2.is_presigned(named)
    if (authorization is not None) + in_query + in_query_v2 > 1:
        raise _malformed("Only one authentication mechanism is allowed in a request.")
    if in_query_v2:
        return _parse_query_v2(http, pairs)
    if in_query:
        return _parse_query(http, pairs)
    if authorization is not None:
        return _parse_header(http, authorization, pairs)
    return None


def check_time(signed: SignedRequest, now_us: int) -> None:
    """Raises: NotAuthenticated: signed too long ago, too far ahead, or the URL is past its end."""
    early = signed.signed_at_us - now_us > SKEW_SECONDS_MAX * _SECOND_US
    if signed.expires_us is None:
        late = now_us - signed.signed_at_us > SKEW_SECONDS_MAX * _SECOND_US
        if early or late:
            raise NotAuthenticated(
                Doubt.SKEWED,
                f"Signature not valid at this time: the request is dated {signed.timestamp}, which "
                "is more than 15 minutes from the server's clock.",
            )
    elif early:
        raise NotAuthenticated(Doubt.SKEWED, "Request is not yet valid.")
    elif now_us >= signed.expires_us:
        raise NotAuthenticated(Doubt.EXPIRED_URL, "Request has expired.")


def verify(
    signed: SignedRequest, http: HttpRequest, secret: str, body_sha256: str | None, now_us: int
) -> None:
    """Prove that whoever holds `secret` signed exactly this request.

    `body_sha256` may be None only where the signature does not depend on having read the body: the
    caller then compares `signed.expected_sha256` or the chunk signatures itself.
    Raises: NotAuthenticated.
    """
    check_time(signed, now_us)
    if signed.form is Form.QUERY_V2:
        expected = sigv2.signature(http, _pairs(http.query), secret)
    else:
        expected = _signature(signed, _canonical(signed, http, body_sha256), secret)
    if not hmac.compare_digest(expected.encode(), signed.signature.encode("latin-1")):
        raise NotAuthenticated(
            Doubt.BAD_SIGNATURE,
            "The request signature we calculated does not match the signature you provided. Check "
            "your AWS Secret Access Key and signing method. Consult the service documentation for "
            "details.",
        )
    if body_sha256 is not None and (signed.expected_sha256 or body_sha256) != body_sha256:
        raise NotAuthenticated(Doubt.BAD_SIGNATURE, "The body is not the one that was signed.")


def chunk_signatures(signed: SignedRequest, secret: str) -> ChunkSignatures | None:
    """The verifier of a chunk-signed S3 body, or None for every other body."""
    if signed.payload not in (STREAMING_SIGNED, STREAMING_SIGNED_TRAILER):
        return None
    return ChunkSignatures(
        seed=signed.signature,
        timestamp=signed.timestamp,
        scope=str(signed.scope),
        key=signing_key(secret, signed.scope),
        trailer=signed.payload == STREAMING_SIGNED_TRAILER,
    )


@lru_cache(maxsize=SIGNING_KEYS_MAX)
def signing_key(secret: str, scope: Scope) -> bytes:
    """The key of one day, region and service. Costs four HMACs, hence cached."""
    key = ("AWS4" + secret).encode()
    for word in (scope.date, scope.region, scope.service, "aws4_request"):
        key = hmac.digest(key, word.encode(), "sha256")
    return key


def reads_one_way(http: HttpRequest, service: str) -> bool:
    """Whether the signature leaves a handler no second reading of the path or the query.

    What is signed is the normalised path (S3's aside) and the sorted query: a path with `..`, or a
    parameter given twice, could be rearranged under the same signature.
    """
    names = [name for name, _ in _pairs(http.query)]
    if len(names) != len(set(names)):
        return False
    path = http.raw_path
    return service == "s3" or bool(_PLAIN_PATH.fullmatch(path)) or _normalised(path) == path


# -- reading -----------------------------------------------------------------------------------


def _parse_header(
    http: HttpRequest, authorization: str, pairs: list[tuple[str, str]]
) -> SignedRequest:
    if len(authorization) > AUTHORIZATION_CHARS_MAX:
        raise _malformed("The Authorization header is too long.")
    match = _AUTHORIZATION.fullmatch(authorization)
    if match is None:
        raise _malformed(
            "Authorization header requires 'AWS4-HMAC-SHA256' with exactly one 'Credential', "
            "'SignedHeaders' and 'Signature'."
        )
    access_key_id, scope = _credential(match[1])
    timestamp = http.headers.get("x-amz-date")
    signed_headers = _signed_headers(http, match[2])
    if timestamp is None:
        timestamp = _from_date_header(http, signed_headers)
    return SignedRequest(
        form=Form.HEADER,
        access_key_id=access_key_id,
        scope=scope,
        signed_headers=signed_headers,
        signature=_hexadecimal(match[3]),
        timestamp=timestamp,
        signed_at_us=_dated(timestamp, scope),
        expires_us=None,
        payload=_header_payload(http, scope),
        token=http.headers.get("x-amz-security-token"),
        query=_canonical_query(pairs),
    )


def _parse_query(http: HttpRequest, pairs: list[tuple[str, str]]) -> SignedRequest:
    given: dict[str, str] = {}
    for name, value in pairs:
        if name in given:
            raise _malformed(f"{name} is given more than once.")
        if name in _ONCE:
            given[name] = unquote(value, "latin-1")
    missing = sorted(_QUERY_V4 - {"X-Amz-Security-Token"} - given.keys())
    if missing:
        raise _malformed(f"Query-string authentication requires {', '.join(missing)}.")
    if given["X-Amz-Algorithm"] != ALGORITHM:
        raise _malformed(f"X-Amz-Algorithm only supports {ALGORITHM}.")
    for header in ("x-amz-date", "x-amz-security-token"):
        if header in http.headers:
            raise _malformed(f"{header} is not allowed beside query-string authentication.")
    access_key_id, scope = _credential(given["X-Amz-Credential"])
    signed_at_us = _dated(given["X-Amz-Date"], scope)
    return SignedRequest(
        form=Form.QUERY,
        access_key_id=access_key_id,
        scope=scope,
        signed_headers=_signed_headers(http, given["X-Amz-SignedHeaders"]),
        signature=_hexadecimal(given["X-Amz-Signature"]),
        timestamp=given["X-Amz-Date"],
        signed_at_us=signed_at_us,
        expires_us=signed_at_us + _expires(given["X-Amz-Expires"]) * _SECOND_US,
        payload=_query_payload(http, scope, given.get("X-Amz-Content-Sha256")),
        token=given.get("X-Amz-Security-Token"),
        query=_canonical_query([pair for pair in pairs if pair[0] != "X-Amz-Signature"]),
    )


def _parse_query_v2(http: HttpRequest, pairs: list[tuple[str, str]]) -> SignedRequest:
    presigned = sigv2.parse(http, pairs)
    if not _ACCESS_KEY_ID.fullmatch(presigned.access_key_id):
        raise _malformed("The access key id is not well-formed.")
    return SignedRequest(
        form=Form.QUERY_V2,
        access_key_id=presigned.access_key_id,
        scope=Scope("", "", "s3"),
        signed_headers=(),
        signature=presigned.signature,
        timestamp="",
        signed_at_us=0,
        expires_us=presigned.expires * _SECOND_US,
        payload=UNSIGNED_PAYLOAD,
        token=presigned.token,
        query="",
    )


def _pairs(query: bytes) -> list[tuple[str, str]]:
    """Names and values exactly as sent: nothing is decoded, so nothing is decoded differently."""
    if not query:
        return []
    parts = query.decode("latin-1").split("&")
    return [(name, value) for name, _, value in (part.partition("=") for part in parts if part)]


@lru_cache(maxsize=256)  # a client sends the same one all day
def _credential(credential: str) -> tuple[str, Scope]:
    parts = credential.split("/")
    if len(parts) != 5 or not _ACCESS_KEY_ID.fullmatch(parts[0]):
        raise _malformed(
            "Credential must be '<access key id>/<date>/<region>/<service>/aws4_request'."
        )
    access_key_id, date, region, service, terminator = parts
    if terminator != "aws4_request":
        raise _mismatch("Credential should be scoped with a valid terminator: 'aws4_request'.")
    if not _SCOPE_WORD.fullmatch(region) or not _SCOPE_WORD.fullmatch(service):
        raise _mismatch("Credential should be scoped to a valid region and service.")
    return access_key_id, Scope(date, region, service)


def _signed_headers(http: HttpRequest, listed: str) -> tuple[str, ...]:
    signed = _sorted_names(listed)
    headers = http.headers
    for name in signed:
        if name not in headers:
            raise _mismatch("SignedHeaders names a header that is not in the request.")
    for name in headers:
        if name.startswith("x-amz-") and name not in signed:
            raise _malformed(f"'{name}' must be a 'SignedHeader' in the request.")
    if "," in headers["host"]:
        raise _malformed("More than one Host header.")
    return signed


@lru_cache(maxsize=256)  # a client signs the same few sets of headers
def _sorted_names(listed: str) -> tuple[str, ...]:
    signed = tuple(listed.split(";"))
    if any(one >= other for one, other in pairwise(signed)):
        raise _malformed("SignedHeaders must be sorted, and name each header once.")
    if "host" not in signed:
        raise _malformed("'Host' must be a 'SignedHeader' in the request.")
    return signed


def _hexadecimal(signature: str) -> str:
    if not _SIGNATURE.fullmatch(signature):
        raise _mismatch("The signature is not 64 lower-case hexadecimal digits.")
    return signature


def _dated(timestamp: str, scope: Scope) -> int:
    at_us = _instant_us(timestamp)
    if at_us is None:
        raise _malformed(
            "Date must be in ISO-8601 'basic format', as in 20250131T235959Z, and given once."
        )
    if timestamp[:8] != scope.date:
        raise _mismatch("Date in Credential scope does not match the date of the request.")
    return at_us


@lru_cache(maxsize=256)
def _instant_us(timestamp: str) -> int | None:
    if not _TIMESTAMP.fullmatch(timestamp):
        return None
    try:
        # Not strptime: it takes a locale's digits and costs five times as much.
        numbers = [
            int(timestamp[a:b]) for a, b in ((0, 4), (4, 6), (6, 8), (9, 11), (11, 13), (13, 15))
        ]
        year, month, day, hour, minute, second = numbers
        at = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
    return int(at.timestamp()) * _SECOND_US


def _from_date_header(http: HttpRequest, signed_headers: tuple[str, ...]) -> str:
    """A request may be dated by Date alone, in either format, if the signature covers it."""
    date = http.headers.get("date")
    if date is None or "date" not in signed_headers:
        raise _malformed("Authorization header requires a signed 'X-Amz-Date' or 'Date' header.")
    if _TIMESTAMP.fullmatch(date):
        return date
    try:
        return parsedate_to_datetime(date).astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    except (ValueError, OverflowError):
        raise _malformed("The Date header cannot be read.") from None


def _expires(seconds: str) -> int:
    # \d and int() take digits of every script; AWS takes ASCII's.
    if not _EXPIRES.fullmatch(seconds) or not 1 <= int(seconds) <= PRESIGNED_SECONDS_MAX:
        raise _malformed(f"X-Amz-Expires must be 1 to {PRESIGNED_SECONDS_MAX} seconds.")
    return int(seconds)


def _header_payload(http: HttpRequest, scope: Scope) -> str:
    word = http.headers.get("x-amz-content-sha256")
    if scope.service != "s3":
        if word is not None and not _SIGNATURE.fullmatch(word):
            raise _mismatch("x-amz-content-sha256 must be the SHA-256 of the body.")
        return word or ""
    if word is None:
        raise _malformed("Missing required header for this request: x-amz-content-sha256.")
    if word != UNSIGNED_PAYLOAD and word not in _STREAMING and not _SIGNATURE.fullmatch(word):
        raise _malformed(
            "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, a supported STREAMING value or a valid "
            "SHA-256 in lower-case hexadecimal."
        )
    return word


def _query_payload(http: HttpRequest, scope: Scope, word: str | None) -> str:
    header = http.headers.get("x-amz-content-sha256")
    if word is not None and header is not None and word != header:
        raise _malformed("x-amz-content-sha256 differs between header and query string.")
    word = word or header
    if scope.service != "s3":
        if word is not None and not _SIGNATURE.fullmatch(word):
            raise _mismatch("x-amz-content-sha256 must be the SHA-256 of the body.")
        return word or ""
    if word is not None and word != UNSIGNED_PAYLOAD and not _SIGNATURE.fullmatch(word):
        raise _malformed("x-amz-content-sha256 must be UNSIGNED-PAYLOAD or a valid SHA-256.")
    return word or UNSIGNED_PAYLOAD


# -- proving -----------------------------------------------------------------------------------


def _canonical(signed: SignedRequest, http: HttpRequest, body_sha256: str | None) -> bytes:
    payload = signed.payload or body_sha256
    if payload is None:
        raise ValueError("the digest of the body is needed to verify this request")
    headers = http.headers
    lines = [f"{name}:{_trimmed(headers[name])}" for name in signed.signed_headers]
    path = _canonical_path(signed.scope.service, http.raw_path)
    listed = ";".join(signed.signed_headers)
    text = "\n".join((http.method, path, signed.query, *lines, "", listed, payload))
    return text.encode("latin-1")


def _signature(signed: SignedRequest, canonical: bytes, secret: str) -> str:
    digest = hashlib.sha256(canonical).hexdigest()
    text = f"{ALGORITHM}\n{signed.timestamp}\n{signed.scope}\n{digest}"
    return hmac.digest(signing_key(secret, signed.scope), text.encode(), "sha256").hex()


def _trimmed(value: str) -> str:
    # Only the ASCII space folds: str.split() would also fold U+00A0, which is one bit away.
    value = value.strip(" \t")
    return _SPACES.sub(" ", value) if "  " in value else value


def _canonical_query(pairs: list[tuple[str, str]]) -> str:
    return "&".join([f"{name}={value}" for name, value in sorted(pairs)]) if pairs else ""


def _canonical_path(service: str, raw_path: bytes) -> str:
    if service == "s3":
        return raw_path.decode("latin-1")
    if _PLAIN_PATH.fullmatch(raw_path):
        return raw_path.decode("ascii") or "/"
    return quote(_normalised(raw_path), safe="/~")


def _normalised(raw_path: bytes) -> bytes:
    """Without empty, `.` and `..` segments, as RFC 3986 removes them."""
    kept: list[bytes] = []
    segments = raw_path.split(b"/")
    for segment in segments:
        if segment == b"..":
            del kept[-1:]
        elif segment not in (b"", b"."):
            kept.append(segment)
    trailing = kept and segments[-1] in (b"", b".", b"..")
    return b"/" + b"/".join(kept) + (b"/" if trailing else b"")


def _malformed(message: str) -> NotAuthenticated:
    return NotAuthenticated(Doubt.MALFORMED, message)


def _mismatch(message: str) -> NotAuthenticated:
    return NotAuthenticated(Doubt.BAD_SIGNATURE, message)
