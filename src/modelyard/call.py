"""One call: who asks, where, when, and in which transaction. Frozen and complete."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Protocol, TypeVar

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


@dataclass(frozen=True, slots=True)
class Change:
    """What a call did to one resource. `before` is None for what was made, `after` for what went.

    With neither it only says that the call was about this resource. Secrets may be in both: whoever
    records them blanks them.
    """

    resource: str  # an ARN
    before: Document | None = None
    after: Document | None = None

    @property
    def is_bare(self) -> bool:
        return self.before is None and self.after is None


class Audit(Protocol):
    """The audit record of one call that is under way."""

    async def record(
        self, tx: Transaction, changes: Sequence[Change] = (), answer: Document | None = None
    ) -> None:
        """Record that the call was carried out, in the transaction of what it changes, once."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenCall:
    """A call of an operation that opens its own transactions (streams, invocations).

    In each of those that changes something it records itself: `await call.audit.record(tx, ...)`.
    """

    operation: str
    principal: Principal
    region: str
    request_id: str
    now_us: int
    page_tokens: PageTokens
    audit: Audit

    @property
    def account(self) -> str:
        return self.principal.account


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(OpenCall):
    """A call inside one transaction, which commits after the operation returns.

    A write operation may be run again from the start (serialisation failure), so it has no effect
    outside `tx`. On SQLite it runs in one go and must await nothing but `tx`.

    A write operation says what it changes with `changed`, for the audit trail; one that makes
    something need not: what was asked and the ARN in its answer say it. One that finds nothing to
    do says `unchanged`, and is not recorded.
    """

    tx: Transaction
    changes: list[Change | None] = field(default_factory=list)  # None: nothing was changed

    def changed(
        self, resource: str, before: Document | None = None, after: Document | None = None
    ) -> None:
        """Members that are the same before and after need not be left out."""
        self.changes.append(Change(resource, before, after))

    def unchanged(self) -> None:
        self.changes.append(None)


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
