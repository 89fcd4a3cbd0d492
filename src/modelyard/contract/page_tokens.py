"""Continuation tokens: opaque, sealed, and good only for the query they came from."""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

import msgspec

from modelyard.errors import ValidationException

_MAC_BYTES = 16
# What a client may change from page to page without asking another question.
_NOT_THE_QUESTION = frozenset({"NextToken", "MaxResults", "Marker", "MaxItems"})


class PageTokens:
    """Seals the last key of a page together with the question, under a secret of this server."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def seal(self, question: "Question", position: list[Any]) -> str:
        """The token that continues `question` after `position` (a list of strings and integers)."""
        body = msgspec.msgpack.encode(position)
        return base64.urlsafe_b64encode(self._mac(question, body) + body).rstrip(b"=").decode()

    def open(self, question: "Question", token: str) -> list[Any]:
        """The position a token carries.

        Raises: ValidationException: it was altered, or belongs to another question or caller.
        """
        try:
            raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        except ValueError:
            raise ValidationException("Invalid NextToken.") from None
        mac, body = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
        if not hmac.compare_digest(mac, self._mac(question, body)):
            raise ValidationException("Invalid NextToken.")
        position: list[Any] = msgspec.msgpack.decode(body)
        return position

    def _mac(self, question: "Question", body: bytes) -> bytes:
        whole = hmac.new(self._secret, question.digest + body, hashlib.sha256)
        return whole.digest()[:_MAC_BYTES]


class Question:
    """Who asks what: account, region, operation and request, without the paging members."""

    def __init__(
        self, account: str, region: str, operation: str, request: Mapping[str, Any]
    ) -> None:
        asked = {k: v for k, v in request.items() if k not in _NOT_THE_QUESTION}
        encoded = msgspec.json.encode([account, region, operation, asked], order="deterministic")
        self.digest = hashlib.sha256(encoded).digest()
