"""The one door. Every operation, whoever asks, is validated, authorised, run and recorded here.

Knows no HTTP and no particular operation.
"""

import hashlib
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import msgspec

from modelyard import errors
from modelyard.access.authorisation import authoriser
from modelyard.access.authorisation.authoriser import Authoriser, Case
from modelyard.audit import denials, trail
from modelyard.audit.trail import Entry, Origin, Trail
from modelyard.call import NOBODY, UNKNOWN_MANNER, Call, Document, Manner, Mode, OpenCall, Principal
from modelyard.contract import model, validate
from modelyard.contract.page_tokens import PageTokens
from modelyard.storage import client_tokens
from modelyard.storage.database import Database
from modelyard.storage.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asks for what, as the edge established it."""

    principal: Principal
    region: str
    request_id: str
    now_us: int
    origin: Origin = trail.INSIDE
    manner: Manner = UNKNOWN_MANNER


@dataclass(frozen=True, slots=True)
class Offered:
    """An operation of the contract and the function that carries it out."""

    operation: model.Operation
    run: Callable[[Any, Document], Any]
    mode: Mode
    few: Callable[[Document], bool] | None = None  # of a scan: when it reads a few rows only

    def mode_for(self, request: Document) -> Mode:
        return Mode.READ if self.few is not None and self.few(request) else self.mode


class Dispatch:
    """Every offered operation by service and name, and the way each of them is invoked."""

    def __init__(
        self,
        database: Database,
        page_tokens: PageTokens,
        offered: Mapping[str, Mapping[str, Offered]],
        audit: Trail,
        authoriser: Authoriser,
    ) -> None:
        self.offered = offered
        self._database = database
        self._page_tokens = page_tokens
        self._trail = audit
        self._authoriser = authoriser

    def find(self, service: str, name: str) -> Offered:
        """The offered operation, or a refusal that SDKs show and do not repeat."""
        found = self.offered.get(service, {}).get(name)
        if found is None:
            raise errors.UnknownOperationException(
                f"The operation {name[:100]} of {service} is not offered by Modelyard."
                " The table of offered operations is in the README."
            )
        return found

    async def invoke(self, asked: Asked, service: str, name: str, request: Document) -> Document:
        """Run one operation and return its answer, with AWS's member names.

        Raises: errors.Refusal, NotAuthenticated (the caller is no more), and nothing else that a
        client could have caused.
        """
        offered = self.find(service, name)
        validate.check(offered.operation, request)
        entry = self._trail.entry(
            asked.principal,
            region=asked.region,
            request_id=asked.request_id,
            now_us=asked.now_us,
            service=offered.operation.service.signing_name,
            operation=name,
            request=request,
            origin=asked.origin,
            contract=offered.operation,
        )
        call = OpenCall(
            operation=name,
            principal=asked.principal,
            region=asked.region,
            request_id=asked.request_id,
            now_us=asked.now_us,
            page_tokens=self._page_tokens,
            audit=entry,
            source_ip=asked.origin.source_ip,
            user_agent=asked.origin.user_agent,
            manner=asked.manner,
        )
        try:
            try:
                return await self._authorised(offered, call, entry, service, request)
            except errors.Refusal as refusal:
                if refusal.code in trail.DENIALS:
                    judged = authoriser.judged(call, service, request)
                    await self._denied(entry, refusal, judged)
                elif call.principal.arn == NOBODY:
                    denials.unproved(self._trail.summaries, entry, refusal.code)
                raise
        except errors.Unavailable as fact:
            raise errors.ServiceUnavailable(
                "The registry's storage cannot take the request now; nothing was changed."
                " Try again."
            ) from fact

    async def _authorised(
        self, offered: Offered, call: OpenCall, entry: Entry, service: str, request: Document
    ) -> Document:
        case = await self._authoriser.prepare(call, service, call.operation, request)
        mode = offered.mode_for(request)
        answer = await self._carried_out(offered, mode, case, call, request)
        # An answer that only says of every item that it is refused is a denial. What was changed
        # beside refused items has its record already, with the answer.
        looked = mode is Mode.READ or mode is Mode.SCAN
        if case.refused and (looked or len(case.refused) == len(case.checks)):
            await self._denied(entry, errors.AccessDeniedException(case.refused[0]), ())
        return answer

    async def _denied(self, entry: Entry, refusal: errors.Refusal, judged: Sequence[str]) -> None:
        if denials.has_its_record(self._trail.summaries, entry):
            await self._database.write(lambda tx: entry.denied(tx, refusal, judged))

    async def _carried_out(
        self, offered: Offered, mode: Mode, case: Case, call: OpenCall, request: Document
    ) -> Document:
        if mode is Mode.READ or mode is Mode.SCAN:
            look = self._database.scan if mode is Mode.SCAN else self._database.read
            return await look(lambda tx: _looked(offered, case, call, request, tx))
        freshness = self._authoriser.freshness
        changes = freshness.changes
        if mode is Mode.WRITE:
            answer = await self._write(lambda tx: _written(offered, case, call, request, tx))
        else:
            if case.needs_storage:
                permit = await self._database.read(case.decide)
            else:
                permit = await case.decide(None)
            answer = await offered.run(authoriser.permitted(call, case, permit), request)
        await freshness.settle(changes)
        return answer

    async def _write(self, work: Callable[[Transaction], Awaitable[Document]]) -> Document:
        try:
            return await self._database.write(work)
        except errors.Conflict:
            # Another request with the same client token was faster: its answer is there now.
            return await self._database.write(work)


async def _looked(
    offered: Offered, case: Case, call: OpenCall, request: Document, tx: Transaction
) -> Document:
    inner = await _permitted(case, call, tx)
    result: Document = await offered.run(inner, request)
    return result


async def _written(
    offered: Offered, case: Case, call: OpenCall, request: Document, tx: Transaction
) -> Document:
    return await _once(offered, await _permitted(case, call, tx), request)


async def _permitted(case: Case, call: OpenCall, tx: Transaction) -> Call:
    """The call in its transaction, with what was allowed there and then.

    Raises: AccessDeniedException.
    """
    permit = await case.decide(tx)
    return Call(
        operation=call.operation,
        principal=call.principal,
        region=call.region,
        request_id=call.request_id,
        now_us=call.now_us,
        page_tokens=call.page_tokens,
        audit=call.audit,
        source_ip=call.source_ip,
        user_agent=call.user_agent,
        manner=call.manner,
        sees=case.sees(tx, permit),
        may=case.may,
        may_as=case.may_as,
        shared=permit.shared,
        refused=permit.refused,
        tx=tx,
    )


async def _once(offered: Offered, call: Call, request: Document) -> Document:
    """Run a write; a client token that was seen before gets the answer it got then."""
    member = offered.operation.idempotency_token
    token = request.get(member) if member else None
    if not token:
        return await _recorded(offered, call, request)
    digest = _digest({k: v for k, v in request.items() if k != member})
    key = (call.account, call.region, call.operation, token)
    earlier = await client_tokens.find(call.tx, *key)
    if earlier is not None:
        if earlier.request_digest != digest:
            raise _token_reused(offered.operation, str(token))
        repeated: Document = msgspec.json.decode(earlier.answer)
        return repeated
    result = await _recorded(offered, call, request)
    answer = client_tokens.EarlierAnswer(digest, msgspec.json.encode(result).decode())
    await client_tokens.remember(call.tx, *key, answer, now_us=call.now_us)
    return result


async def _recorded(offered: Offered, call: Call, request: Document) -> Document:
    """Run a write, and record it in its own transaction: neither is there without the other."""
    result: Document = await offered.run(call, request)
    changes = [change for change in call.changes if change is not None]
    if changes or not call.changes:
        await call.audit.record(call.tx, changes, result)
    return result


def _digest(request: Document) -> str:
    return hashlib.sha256(msgspec.json.encode(request, order="deterministic")).hexdigest()


def _token_reused(operation: model.Operation, token: str) -> errors.Refusal:
    text = f"The client token {token} was used before with different parameters."
    if errors.ConflictException.code in operation.error_codes:
        return errors.ConflictException(text)
    return errors.ValidationException(text)


def collect(service: model.Service, *providers: object) -> dict[str, Offered]:
    """The operations that modules and objects offer: every marked coroutine, by AWS's name.

    Raises: LookupError: a marked coroutine whose name is no operation of the service.
    """
    names = {name.lower(): name for name in service.operations}
    found: dict[str, Offered] = {}
    for attribute in _marked(providers):
        key = attribute.__name__.replace("_", "")
        if key not in names:
            raise LookupError(f"{attribute.__name__} is no operation of {service.name}")
        name = names[key]
        if name in found:
            raise LookupError(f"{service.name} {name} is offered twice")
        few = getattr(attribute, "few", None)
        found[name] = Offered(service.operations[name], attribute, attribute.mode, few)
    return found


def _marked(providers: Iterable[object]) -> Iterable[Any]:
    """What a module defines (not what it imports), and a class's or object's methods, if marked."""
    for provider in providers:
        holder = provider if isinstance(provider, ModuleType | type) else type(provider)
        for name in dir(holder):
            value = getattr(provider, name)
            if not isinstance(getattr(value, "mode", None), Mode):
                continue
            if not isinstance(provider, ModuleType) or value.__module__ == provider.__name__:
                yield value
