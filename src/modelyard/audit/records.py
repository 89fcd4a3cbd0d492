"""What one record is: its columns, the bytes that are sealed and chained, its seal. Pure."""

import hmac
from dataclasses import astuple, dataclass
from typing import Any

import msgspec

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Record:
    """One call. `id` is its request's; `document` JSON text with what is no column:

    PrincipalId, SourceIdentity, SessionIssuer, SourceIp, UserAgent, Message, Parameters, Answer,
    Resources [ARN], Changes [{Resource, Before, After}]
    """

    id: str
    account: str
    region: str
    at_us: int
    principal: str
    user_name: str
    access_key_id: str
    service: str
    operation: str
    read_only: int
    resource: str  # the first of several; "" for none
    error_code: str  # "" for a call that was carried out
    document: str
    seal: str = ""

    def content(self) -> bytes:
        """All but the seal, in one spelling."""
        return _encode(astuple(self)[:-1])

    def sealed(self, key: bytes) -> str:
        """The seal that belongs to this content."""
        return hmac.digest(key, self.content(), "sha256").hex()

    def canonical(self) -> bytes:
        """What the chain covers: everything."""
        return _encode(astuple(self))

    def opened(self) -> dict[str, Any]:
        """The document, decoded."""
        found: dict[str, Any] = msgspec.json.decode(self.document)
        return found


COLUMNS = tuple(Record.__dataclass_fields__)
SELECTED = ", ".join(COLUMNS)
