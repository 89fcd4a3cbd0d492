"""What one record is: its columns, the bytes that are sealed and chained, its seal. Pure."""

import hmac
from typing import Any

import msgspec

_encode = msgspec.json.Encoder().encode


class Record(msgspec.Struct, frozen=True, array_like=True, gc=False):
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
        return _encode(self if not self.seal else msgspec.structs.replace(self, seal=""))

    def seal_by(self, key: bytes) -> str:
        """The seal that belongs to this content."""
        return hmac.digest(key, self.content(), "sha256").hex()

    def sealed(self, key: bytes) -> "Record":
        return msgspec.structs.replace(self, seal=self.seal_by(key))

    def columns(self) -> tuple[Any, ...]:
        """The values of COLUMNS."""
        return msgspec.structs.astuple(self)

    def canonical(self) -> bytes:
        """What the chain covers: everything."""
        return _encode(self)

    def opened(self) -> dict[str, Any]:
        """The document, decoded."""
        found: dict[str, Any] = msgspec.json.decode(self.document)
        return found


COLUMNS = Record.__struct_fields__
SELECTED = ", ".join(COLUMNS)
