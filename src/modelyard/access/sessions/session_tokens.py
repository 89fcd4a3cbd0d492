"""Temporary credentials without a store: the session token is a sealed statement of who and when.

Pure but for the id's randomness, which arrives as an argument. The secret access key is derived
from the statement, so a server that knows its own secret knows every key it gave out.
"""

import base64
import hashlib
import hmac
import re
import zlib
from functools import lru_cache

import msgspec

from modelyard.call import Principal, Session
from modelyard.errors import Doubt, NotAuthenticated

TOKEN_CHARS_MAX = 8192
PACKED_BYTES_MAX = 4096  # of session policies and tags, compressed; AWS does not tell its limit
_KEY_ID = re.compile(r"ASIA[A-Z2-7]{16}")
_VERSION = b"\x02"
_MAC_BYTES = 32


class Statement(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """Who a session is. `arn` and `id` are what GetCallerIdentity answers."""

    access_key_id: str
    account: str
    arn: str
    id: str
    source_identity: str
    expires_us: int
    session: Session

    @property
    def principal(self) -> Principal:
        return Principal(
            self.account,
            self.arn,
            self.id,
            self.access_key_id,
            self.source_identity,
            self.session,
        )


class SessionTokens:
    """Seals and opens statements under one secret of this server."""

    def __init__(self, secret: bytes) -> None:
        self._seal_key = hmac.digest(secret, b"seal", "sha256")
        self._secret_key = hmac.digest(secret, b"secret-access-key", "sha256")
        # A session signs many requests with one token; bounded, and it holds no right answer long:
        # expiry is judged at every call.
        self._opened = lru_cache(maxsize=1024)(self._open)

    def __repr__(self) -> str:
        return "SessionTokens(...)"

    @staticmethod
    def made(access_key_id: str) -> bool:
        """Whether an id has the form of those that are sealed here."""
        return _KEY_ID.fullmatch(access_key_id) is not None

    def seal(self, statement: Statement) -> tuple[str, str]:
        """The secret access key and the session token of a statement."""
        body = _VERSION + zlib.compress(msgspec.msgpack.encode(statement))
        mac = hmac.digest(self._seal_key, body, "sha256")
        return self._secret(body), base64.b64encode(mac + body).decode()

    def open(self, access_key_id: str, token: str | None, now_us: int) -> tuple[Statement, str]:
        """The statement in a token, and the secret access key that belongs to it.

        Raises: NotAuthenticated: BAD_TOKEN when it is missing, altered or of another key,
        EXPIRED_TOKEN from its end on.
        """
        if token is None or len(token) > TOKEN_CHARS_MAX:
            raise _bad()
        statement, secret = self._opened(token)
        if not hmac.compare_digest(statement.access_key_id.encode(), access_key_id.encode()):
            raise _bad()
        if now_us >= statement.expires_us:
            raise NotAuthenticated(
                Doubt.EXPIRED_TOKEN, "The security token included in the request is expired."
            )
        return statement, secret

    def _open(self, token: str) -> tuple[Statement, str]:
        try:
            raw = base64.b64decode(token, validate=True)
        except ValueError:
            raise _bad() from None
        mac, body = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
        if not hmac.compare_digest(mac, hmac.digest(self._seal_key, body, "sha256")):
            raise _bad()
        # The last base64 digit has bits that decode to nothing; only one spelling is the token.
        if base64.b64encode(raw).decode() != token or body[:1] != _VERSION:
            raise _bad()
        statement = msgspec.msgpack.decode(zlib.decompress(body[1:]), type=Statement)
        return statement, self._secret(body)

    def _secret(self, body: bytes) -> str:
        digest = hmac.digest(self._secret_key, hashlib.sha256(body).digest(), "sha256")
        return base64.b64encode(digest, altchars=b"ab").decode()[:40]


def packed_bytes(session: Session) -> int:
    """How much of PACKED_BYTES_MAX the policies and tags of a session take."""
    narrowing = (session.policies, session.policy_arns, session.tags)
    return len(zlib.compress(msgspec.msgpack.encode(narrowing)))


def _bad() -> NotAuthenticated:
    return NotAuthenticated(
        Doubt.BAD_TOKEN, "The security token included in the request is invalid."
    )
