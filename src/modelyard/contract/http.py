"""A request and an answer as bytes and headers. Knows no server and no protocol."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

Headers = list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """What arrived. `raw_path` and `query` are percent-encoded as sent, without the `?`."""

    method: str
    raw_path: bytes
    query: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)  # names in lower case
    body: bytes | None = b""  # None: the body streams past the contract


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What is sent. The server adds Content-Length to a bytes body, and cuts the body of a HEAD."""

    status: int
    headers: Headers
    body: bytes | AsyncIterator[bytes]
