"""One call: who asks, where, when, and in which transaction. Frozen and complete."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeVar

from modelyard.contract.page_tokens import PageTokens
from modelyard.storage.transaction import Transaction

# An AWS document: member names exactly as AWS spells them. Timestamps are integer microseconds
# since the epoch, blobs are bytes; the contract translates both at the edge.
Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Principal:
    """Whoever signed. `arn` is what GetCallerIdentity answers, `id` its UserId."""

    account: str
    arn: str
    id: str
    access_key_id: str
    source_identity: str = ""  # what a session's AssumeRole named, if it did
    sign_in: str = ""  # the sign-in session that credentials end with, if they came from one


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenCall:
    """A call of an operation that opens its own transactions (streams, invocations)."""

    operation: str
    principal: Principal
    region: str
    request_id: str
    now_us: int
    page_tokens: PageTokens

    @property
    def account(self) -> str:
        return self.principal.account


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(OpenCall):
    """A call inside one transaction, which commits after the operation returns.

    A write operation may be run again from the start (serialisation failure), so it has no effect
    outside `tx`. On SQLite it runs in one go and must await nothing but `tx`.
    """

    tx: Transaction


class Mode(Enum):
    """How an operation meets storage."""

    WRITE = "write"  # one durable transaction
    READ = "read"  # a few rows by key or keyset
    SCAN = "scan"  # may look at many rows; kept off the event loop
    OPEN = "open"  # no transaction of dispatch's; receives an OpenCall


Operation = TypeVar("Operation", bound=Callable[..., Awaitable[Document]])


def _mark(mode: Mode) -> Callable[[Operation], Operation]:
    def mark(function: Operation) -> Operation:
        function.mode = mode  # type: ignore[attr-defined]
        return function

    return mark


write = _mark(Mode.WRITE)
read = _mark(Mode.READ)
scan = _mark(Mode.SCAN)
open_ended = _mark(Mode.OPEN)


def scan_unless(few: Callable[[Document], bool]) -> Callable[[Operation], Operation]:
    """Mark an operation that reads a few rows for requests of which `few` says so, else many."""

    def mark(function: Operation) -> Operation:
        function.few = few  # type: ignore[attr-defined]
        return scan(function)

    return mark
