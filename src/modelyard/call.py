"""One call: who asks, where, when, and in which transaction. Frozen and complete."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol, TypeVar

import msgspec

from modelyard.contract.page_tokens import PageTokens
from modelyard.errors import AccessDeniedException
from modelyard.storage.transaction import Transaction

# An AWS document: member names exactly as AWS spells them. Timestamps are integer microseconds
# since the epoch, blobs are bytes; the contract translates both at the edge.
Document = dict[str, Any]


class Session(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """What temporary credentials say beyond whose they are."""

    role_arn: str  # "" for GetSessionToken
    issued_us: int
    policies: tuple[str, ...] = ()  # documents of session policies, each of which narrows it
    policy_arns: tuple[str, ...] = ()
    tags: tuple[tuple[str, str], ...] = ()
    transitive_tag_keys: tuple[str, ...] = ()
    provider: str = ""  # the identity provider that vouched, for AssumeRoleWithWebIdentity
    sign_in: str = ""  # the sign-in that it ends with, of whoever signed in as a person

    @property
    def is_narrowed(self) -> bool:
        return bool(self.policies or self.policy_arns)


NOBODY = "anonymous"  # the ARN and id of who asks unsigned, before a token tells


@dataclass(frozen=True, slots=True)
class Principal:
    """Whoever signed. `arn` is what GetCallerIdentity answers, `id` its UserId."""

    account: str
    arn: str
    id: str
    access_key_id: str
    source_identity: str = ""  # what a session's AssumeRole named, if it did
    session: Session | None = None  # of temporary credentials

    @property
    def user_context(self) -> Document:
        """Who did it, as AWS's UserContext."""
        return {"IamIdentity": {"Arn": self.arn, "PrincipalId": self.id}}


@dataclass(frozen=True, slots=True)
class Manner:
    """How a request was sent and signed, for policies that ask. "" where it is not known."""

    referer: str = ""
    auth_type: str = ""  # S3's words: REST-HEADER, REST-QUERY-STRING
    signature_version: str = ""  # S3's words: AWS, AWS4-HMAC-SHA256
    signed_at_us: int | None = None  # of a presigned URL; None for others and Version 2
    payload: str = ""  # what the signature says of an S3 body: a digest, or UNSIGNED-PAYLOAD...


UNKNOWN_MANNER = Manner()

May = Callable[[Transaction, str, str], Awaitable[bool]]


async def nothing(tx: Transaction, action: str, resource: str) -> bool:
    """The answer to whether a caller of whom nothing is known may do `action` to `resource`."""
    return False


MayAs = Callable[[Transaction, str, str, str], Awaitable[bool]]


async def nothing_as(tx: Transaction, arn: str, action: str, resource: str) -> bool:
    """The same about the user or role `arn`."""
    return False


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


# Two are made for a request, and a dataclass takes six times as long to be made.
class OpenCall(msgspec.Struct, frozen=True, kw_only=True):
    """A call of an operation that opens its own transactions (streams, invocations).

    What belongs to another account is not there for an operation, with two exceptions. `shared`
    names what the request may touch of others, as was decided before the operation began: the ARN
    that carries the policy (a group for its packages, a bucket for its objects) and the account
    that owns it. `may` decides about what the operation meets on its way: an item of a list, the
    bytes behind a URL.

    In each of its transactions that changes something it records itself:
    `await call.audit.record(tx, ...)`.
    """

    operation: str
    principal: Principal
    region: str
    request_id: str
    now_us: int
    page_tokens: PageTokens
    audit: Audit
    source_ip: str = ""  # of the connection, never of a header; "" for the server itself
    user_agent: str = ""
    manner: Manner = UNKNOWN_MANNER
    # Of a listing that its caller may see a part of: whether it may see what has this ARN.
    sees: Callable[[str], Awaitable[bool]] | None = None
    may: May = nothing
    may_as: MayAs = nothing_as  # as `may`, about another of the caller's account: a role's ARN
    shared: Mapping[str, str] = msgspec.field(default_factory=dict)
    # Of an operation that refuses its items one by one: the number of an item, and the sentence.
    refused: Mapping[int, str] = msgspec.field(default_factory=dict)

    @property
    def account(self) -> str:
        return self.principal.account

    def reaches(self, holder: str, owner: str) -> bool:
        """Whether this call may touch what is `owner`'s and what `holder`'s policy is about."""
        return owner == self.account or self.shared.get(holder) == owner

    def denied(self, resource: str) -> AccessDeniedException:
        """AWS's sentence; the SDKs look for its words."""
        return AccessDeniedException(
            f"User: {self.principal.arn} is not authorized to perform:"
            f" sagemaker:{self.operation} on resource: {resource}"
        )


class Call(OpenCall, frozen=True, kw_only=True):
    """A call inside one transaction, which commits after the operation returns.

    A write operation may be run again from the start (serialisation failure), so it has no effect
    outside `tx`. On SQLite it runs in one go and must await nothing but `tx`.

    A write operation says what it changes with `changed`, for the audit trail; one that makes
    something need not: what was asked and the ARN in its answer say it. One that finds nothing to
    do says `unchanged`, and is not recorded.
    """

    tx: Transaction
    changes: list[Change | None] = msgspec.field(default_factory=list)  # None: nothing was changed

    def changed(
        self, resource: str, before: Document | None = None, after: Document | None = None
    ) -> None:
        """Members that are the same before and after need not be left out.

        Where all are the same, nothing was changed.
        """
        same = before is not None and before == after
        self.changes.append(None if same else Change(resource, before, after))

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
