"""Writing the trail: one record a call, in the transaction of what it changes.

Knows no operation. What cannot be recorded does not happen: the record's INSERT fails the change.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import msgspec

from modelyard.audit import free_names, redaction
from modelyard.audit.records import COLUMNS, Record
from modelyard.audit.summaries import Summaries
from modelyard.call import Change, Document, Principal
from modelyard.contract.model import Operation
from modelyard.errors import Refusal
from modelyard.storage.transaction import Transaction

TOPIC = "audit"  # woken by every record
RECORD_BYTES_MAX = 128 << 10
MEMBER_BYTES_MAX = 2 << 10  # of a record that is too large: a member beyond is cut
USER_AGENT_CHARACTERS_MAX = 512
RESOURCE_CHARACTERS_MAX = 1200  # an S3 key has up to 1,024 bytes
CHANGES_MAX = 200  # told with before and after
RESOURCES_MAX = 1000  # DeleteObjects

# The codes under which AWS's services say that a call was denied.
DENIALS = frozenset({"AccessDeniedException", "AccessDenied", "UnauthorizedOperation"})

# Of these, AWS's answers and CloudTrail's records have the second spelling.
_OLDER_SERVICES = frozenset({"iam", "s3", "sts"})

_READ_ONLY = re.compile(
    r"Get|List|Describe|Head|Search|BatchDescribe|Lookup|Simulate|Filter|Query|AssumeRole|Invoke"
)
_INSERT = (
    f"INSERT INTO audit_record ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})"
)
_WAITS = "INSERT INTO audit_waiting (id) VALUES (?)"
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a call came from. `source_ip` is the connection's, whatever a header claims."""

    source_ip: str = ""
    user_agent: str = ""


INSIDE = Origin()  # of this process itself


class Trail:
    """Makes records under one server's seal."""

    def __init__(self, seal_key: bytes, *, environment_kept: bool = False) -> None:
        self._seal_key = seal_key
        self._environment_kept = environment_kept
        self.summaries = Summaries()  # what is too much for a record each

    def entry(
        self,
        principal: Principal,
        *,
        region: str,
        request_id: str,
        now_us: int,
        service: str,
        operation: str,
        request: Document,
        origin: Origin,
        contract: Operation | None = None,
    ) -> "Entry":
        """What the record of a call will say of who asked for what."""
        return Entry(
            self,
            principal,
            region,
            request_id,
            now_us,
            service,
            operation,
            request,
            origin,
            contract,
        )

    def encoded(self, document: Document, contract: Operation | None = None) -> bytes:
        """A record's document without secrets, cut to a size that can be kept.

        With `contract` its Parameters and Answer are as that operation has them.
        """
        harmless = contract is not None and _names_are_harmless(document, contract)
        clean = redaction.encoded_if_clean(document, names_are_harmless=harmless)
        if clean is not None:
            return clean
        kept = {"Resources": document["Resources"]} if "Resources" in document else {}
        blanked = redaction.blanked(document, environment_kept=self._environment_kept) | kept
        encoded = _encode(blanked)
        return encoded if len(encoded) <= RECORD_BYTES_MAX else _encode(_cut(blanked))

    async def insert(self, tx: Transaction, record: Record, resources: Sequence[str]) -> None:
        """Raises: Unavailable, Conflict: then nothing of the transaction may be kept."""
        await tx.run(_INSERT, *record.sealed(self._seal_key).columns())
        await tx.run(_WAITS, record.id)
        if len(resources) > 1:
            await _also(tx, record, resources[1:])
        tx.wake(TOPIC)


class Entry(msgspec.Struct, frozen=True):
    """The record of one call, before its outcome is known. Satisfies `call.Audit`."""

    _trail: Trail
    principal: Principal
    region: str
    request_id: str
    now_us: int
    service: str
    operation: str
    request: Document
    origin: Origin
    contract: Operation | None = None

    def __repr__(self) -> str:
        return f"Entry({self.service}:{self.operation}, {self.request_id})"

    async def record(
        self, tx: Transaction, changes: Sequence[Change] = (), answer: Document | None = None
    ) -> None:
        """Record that the call was carried out, in the transaction of what it changed."""
        await self.put(tx, changes, answer)

    async def denied(
        self, tx: Transaction, refusal: Refusal, resources: Sequence[str] = ()
    ) -> None:
        """Record that the call was denied; `resources` are what it was judged on."""
        changes = [Change(resource) for resource in resources]
        code = "AccessDenied" if self.service in _OLDER_SERVICES else refusal.code
        await self.put(tx, changes, None, code, refusal.message)

    async def put(
        self,
        tx: Transaction,
        changes: Sequence[Change],
        answer: Document | None,
        error_code: str = "",
        message: str = "",
    ) -> None:
        resources = _resources(changes, answer or {}, self.request)
        principal = self.principal
        record = Record(
            id=self.request_id,
            account=principal.account,
            region=self.region,
            at_us=self.now_us,
            principal=principal.arn,
            user_name=user_name(principal.arn),
            access_key_id=principal.access_key_id,
            service=self.service,
            operation=self.operation,
            read_only=int(is_read_only(self.operation)),
            resource=resources[0] if resources else "",
            error_code=error_code,
            document=self._document(changes, answer, resources, message),
        )
        await self._trail.insert(tx, record, resources)

    def _document(
        self,
        changes: Sequence[Change],
        answer: Document | None,
        resources: Sequence[str],
        message: str,
    ) -> str:
        principal = self.principal
        document: Document = {"PrincipalId": principal.id}
        if principal.source_identity:
            document["SourceIdentity"] = principal.source_identity
        issuer = session_issuer(principal)
        if issuer:
            document["SessionIssuer"] = issuer
        document["SourceIp"] = self.origin.source_ip
        document["UserAgent"] = self.origin.user_agent[:USER_AGENT_CHARACTERS_MAX]
        if message:
            document["Message"] = message
        document["Parameters"] = self.request
        if answer:
            document["Answer"] = answer
        if resources:
            document["Resources"] = resources
        told = [_told(change) for change in changes if not change.is_bare]
        if told:
            document["Changes"] = told[:CHANGES_MAX]
        if len(told) > CHANGES_MAX:
            document["ChangesInAll"] = len(told)  # Resources names them all
        return self._trail.encoded(document, self.contract).decode()


def _names_are_harmless(document: Document, contract: Operation) -> bool:
    """What is told of changes is of no shape, so it is looked through like everything else."""
    if "Changes" in document:
        return False
    of_request, of_answer = free_names.doubts(contract)
    if of_request is not None and of_request(document["Parameters"]):
        return False
    return of_answer is None or "Answer" not in document or not of_answer(document["Answer"])


def user_name(arn: str) -> str:
    """CloudTrail's Username: of a user its name, of a session its own, of the root "root"."""
    return arn.rsplit("/", 1)[-1] if "/" in arn else arn.rsplit(":", 1)[-1]


def session_issuer(principal: Principal) -> str:
    """The ARN of the role that a session is of, with its path; "" for who is no session."""
    if principal.session is not None:
        return principal.session.role_arn
    parts = principal.arn.split(":", 5)
    if len(parts) < 6 or parts[2] != "sts" or not parts[5].startswith("assumed-role/"):
        return ""
    return f"{parts[0]}:{parts[1]}:iam::{parts[4]}:role/{parts[5].split('/')[1]}"


@lru_cache(4096)
def is_read_only(operation: str) -> bool:
    """As CloudTrail's readOnly says it. AssumeRole is read-only, and is recorded all the same."""
    return _READ_ONLY.match(operation) is not None or operation == "ConsoleLogin"


def _told(change: Change) -> Document:
    """Before and after of the members that differ."""
    before, after = change.before, change.after
    if before is not None and after is not None:
        differing = [m for m in {**before, **after} if before.get(m) != after.get(m)]
        before = {m: before[m] for m in differing if m in before}
        after = {m: after[m] for m in differing if m in after}
    return {"Resource": change.resource, "Before": before, "After": after}


def _resources(changes: Sequence[Change], answer: Document, request: Document) -> list[str]:
    """What the call touched: as it told, else as its answer names it, else its request."""
    found = [change.resource for change in changes]
    for document in () if found else (answer, request):
        found = found or _arns(document)
    return [one[:RESOURCE_CHARACTERS_MAX] for one in dict.fromkeys(found)][:RESOURCES_MAX]


def _arns(document: Document) -> list[str]:
    named = [value for key, value in document.items() if key.endswith("Arn")]
    structures = [value for value in document.values() if type(value) is dict]
    named += [one["Arn"] for one in structures if "Arn" in one]
    return [value for value in named if isinstance(value, str) and value.startswith("arn:")]


def _cut(document: Document) -> Document:
    """The same, with a digest in place of each member that is large."""

    def smaller(members: Any) -> Any:
        if not isinstance(members, dict):
            return members
        return {
            name: redaction.digest_of(value) if len(_encode(value)) > MEMBER_BYTES_MAX else value
            for name, value in members.items()
        }

    changes = [
        {**change, "Before": smaller(change["Before"]), "After": smaller(change["After"])}
        for change in document.get("Changes", [])
    ]
    cut = {**document, "Parameters": smaller(document["Parameters"])}
    if "Answer" in cut:
        cut["Answer"] = smaller(cut["Answer"])
    if changes:
        cut["Changes"] = changes
        if len(_encode(changes)) > RECORD_BYTES_MAX:
            cut["Changes"] = [{"Resource": redaction.digest_of(changes), "Before": {}, "After": {}}]
    return cut


async def _also(tx: Transaction, record: Record, resources: Sequence[str]) -> None:
    """The resources beside the first, so that the call is found by each."""
    for start in range(0, len(resources), 100):
        some = resources[start : start + 100]
        rows = ", ".join(["(?, ?, ?, ?)"] * len(some))
        values = [part for one in some for part in (record.account, one, record.at_us, record.id)]
        await tx.run(
            f"INSERT INTO audit_resource (account, resource, at_us, id) VALUES {rows}", *values
        )
