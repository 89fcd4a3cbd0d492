"""The one door. Every operation, whoever asks, is validated, authorised, run and recorded here.

Knows no HTTP and no particular operation.
"""

import hashlib
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import msgspec

from modelyard import errors
from modelyard.access.policy import rule
from modelyard.call import Call, Document, Mode, OpenCall, Principal
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
    ) -> None:
        self.offered = offered
        self._database = database
        self._page_tokens = page_tokens

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

        Raises: errors.Refusal, and nothing else that a client could have caused.
        """
        offered = self.find(service, name)
        validate.check(offered.operation, request)
        rule.authorise(asked.principal, offered.operation.service.signing_name, name)
        call = OpenCall(
            operation=name,
            principal=asked.principal,
            region=asked.region,
            request_id=asked.request_id,
            now_us=asked.now_us,
            page_tokens=self._page_tokens,
        )
        try:
            return await self._run(offered, call, request)
        except errors.Unavailable as fact:
            raise errors.ServiceUnavailable(
                "The registry's storage cannot take the request now; nothing was changed."
                " Try again."
            ) from fact

    async def _run(self, offered: Offered, call: OpenCall, request: Document) -> Document:
        if offered.mode is Mode.OPEN:
            answer: Document = await offered.run(call, request)
            return answer

        async def work(tx: Transaction) -> Document:
            inner = Call(
                operation=call.operation,
                principal=call.principal,
                region=call.region,
                request_id=call.request_id,
                now_us=call.now_us,
                page_tokens=call.page_tokens,
                tx=tx,
            )
            if offered.mode is Mode.WRITE:
                return await _once(offered, inner, request)
            result: Document = await offered.run(inner, request)
            return result

        mode = offered.mode_for(request)
        if mode is Mode.WRITE:
            return await self._write(work)
        if mode is Mode.SCAN:
            return await self._database.scan(work)
        return await self._database.read(work)

    async def _write(self, work: Callable[[Transaction], Awaitable[Document]]) -> Document:
        try:
            return await self._database.write(work)
        except errors.Conflict:
            # Another request with the same client token was faster: its answer is there now.
            return await self._database.write(work)


async def _once(offered: Offered, call: Call, request: Document) -> Document:
    """Run a write; a client token that was seen before gets the answer it got then."""
    member = offered.operation.idempotency_token
    token = request.get(member) if member else None
    if not token:
        result: Document = await offered.run(call, request)
        return result
    digest = _digest({k: v for k, v in request.items() if k != member})
    key = (call.account, call.region, call.operation, token)
    earlier = await client_tokens.find(call.tx, *key)
    if earlier is not None:
        if earlier.request_digest != digest:
            raise _token_reused(offered.operation, str(token))
        repeated: Document = msgspec.json.decode(earlier.answer)
        return repeated
    result = await offered.run(call, request)
    answer = client_tokens.EarlierAnswer(digest, msgspec.json.encode(result).decode())
    await client_tokens.remember(call.tx, *key, answer, now_us=call.now_us)
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
