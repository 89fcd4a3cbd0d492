"""HTTP in, operations out: from a request's bytes to the service, protocol and operation it means.

The client chooses the service by what it signs. Every answer, refusals too, carries a request id
and is worded in the service's own protocol. Knows no operation but by its name.
"""

import asyncio
import hashlib
import logging
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Protocol

from modelyard import errors, logs
from modelyard.access.keys.credentials import KeyHolder
from modelyard.access.people import sign_in_events, web_identity
from modelyard.access.signing import authenticate
from modelyard.access.signing.authenticate import Pending
from modelyard.access.signing.sigv4 import Form
from modelyard.audit.trail import Origin
from modelyard.call import NOBODY, UNKNOWN_MANNER, Manner, Principal
from modelyard.contract import query
from modelyard.contract.http import Headers, HttpAnswer, HttpRequest
from modelyard.dispatch import Asked, Dispatch
from modelyard.server import s3_requests
from modelyard.server.incoming import ClientGone, Incoming
from modelyard.server.services import Service, Services, with_body
from modelyard.server.sign_in.door import SignInDoor
from modelyard.server.sign_in.visits import FORM_BYTES_MAX
from modelyard.server.wire import EXTENSION, Wire
from modelyard.settings import Settings

log = logging.getLogger("modelyard.server")

Scope = dict[str, Any]
Send = Callable[[dict[str, Any]], Awaitable[None]]
SEND_SECONDS_MAX = 60.0  # a client that takes no byte of its answer for this long is cut


class Holders(Protocol):
    """Whoever knows the keys."""

    async def holder(self, access_key_id: str, token: str | None, now_us: int) -> KeyHolder:
        """Raises: NotAuthenticated, Unavailable."""
        ...

    def used(self, principal: Principal, now_us: int, service: str, region: str) -> None:
        """Hear of a key that proved a request."""
        ...


@dataclass(slots=True)
class Exchange:
    """What becomes known of one request on its way, for its log line."""

    request_id: str
    http: HttpRequest
    started: float
    client: str | None
    service: str | None = None
    operation: str | None = None
    principal: str | None = None
    error: str | None = None


class Server:
    """The ASGI application."""

    def __init__(
        self,
        dispatch: Dispatch,
        holders: Holders,
        services: Services,
        settings: Settings,
        ready: Callable[[], bool],
        sign_in: SignInDoor,
    ) -> None:
        self._sign_in = sign_in
        self._dispatch = dispatch
        self._holders = holders
        self._services = services
        self._settings = settings
        self._ready = ready

    async def __call__(self, scope: Scope, receive: Any, send: Send) -> None:
        http = _request(scope)
        wire: Wire = scope["extensions"][EXTENSION]["wire"]
        exchange = Exchange(
            request_id=_request_id(),
            http=http,
            started=time.perf_counter(),
            client=scope["client"][0] if scope.get("client") else None,
        )
        incoming = Incoming(
            receive,
            wire.has_message,
            declared_bytes=_content_length(http),
            chunked="transfer-encoding" in http.headers,
            awaits_continue=http.headers.get("expect", "").lower() == "100-continue",
        )
        try:
            answer = await self._answer(exchange, incoming)
            if not incoming.finished and answer.status >= 400:
                await incoming.drain()
            await _send(wire, send, answer, close=not incoming.finished)
        except ClientGone:
            exchange.error = "ClientGone"
            self._log(exchange, 499)
            return
        except (TimeoutError, errors.Refusal, OSError) as failure:
            # The head of the answer is out already: the connection is all that can tell the client.
            exchange.error = type(failure).__name__
            self._log(exchange, answer.status)
            raise ConnectionAbortedError("the answer could not be completed") from failure
        self._log(exchange, answer.status)

    async def _answer(self, exchange: Exchange, incoming: Incoming) -> HttpAnswer:
        probe = self._probe(exchange.http)
        if probe is not None:
            return probe
        service = self._services.guess(exchange.http)
        try:
            # A replica's door has no address: nobody signs in, or tries passwords, from a model.
            if exchange.client is not None and self._sign_in.is_for(exchange.http):
                return await self._people_page(exchange, incoming)
            if web_identity.may_be_asked_by(exchange.http):
                return await self._unsigned(exchange, incoming)
            now_us = _now_us()
            signed = authenticate.claim(exchange.http)
            holder = await self._holders.holder(signed.access_key_id, signed.token, now_us)
            pending = authenticate.precheck(signed, exchange.http, holder, now_us)
            service = self._services.named(pending.service, exchange.http)
            exchange.service = service.name
            return await self._operate(exchange, incoming, pending, service)
        except errors.NotAuthenticated as doubt:
            exchange.error = doubt.doubt.value
            return service.codec.encode_not_authenticated(service.model, doubt, exchange.request_id)
        except errors.Unavailable:
            exchange.error = errors.ServiceUnavailable.code
            away = errors.ServiceUnavailable(
                "Whose key this is cannot be looked up now. Try again."
            )
            return service.codec.encode_refusal(service.model, away, exchange.request_id)
        except errors.Refusal as refusal:
            exchange.error = refusal.code
            return service.codec.encode_refusal(service.model, refusal, exchange.request_id)
        except ClientGone:
            raise
        except Exception:  # the client is told an id and may repeat; the trace is for the operator
            exchange.error = errors.InternalFailure.code
            log.exception("request_failed", extra={"request_id": exchange.request_id})
            failure = errors.InternalFailure(
                f"The request could not be completed (request id {exchange.request_id})."
            )
            return service.codec.encode_refusal(service.model, failure, exchange.request_id)

    async def _operate(
        self, exchange: Exchange, incoming: Incoming, pending: Pending, service: Service
    ) -> HttpAnswer:
        http, settings = exchange.http, self._settings
        if service.streams:
            read = await s3_requests.read(service, http, incoming, pending, settings)
        else:
            limit = (
                settings.invocation_bytes_max
                if service.carries_payloads
                else settings.body_bytes_max
            )
            body = await incoming.whole(limit, settings.body_seconds_max)
            caller = pending.finish(hashlib.sha256(body).hexdigest(), settings.region)
            exchange.principal = caller.principal.arn
            read = service.read(caller, with_body(http, body))
        exchange.operation = read.operation.name
        exchange.principal = read.caller.principal.arn
        caller = read.caller
        self._holders.used(caller.principal, _now_us(), caller.service, caller.region)
        origin = Origin(exchange.client or "", http.headers.get("user-agent", ""))
        asked = Asked(
            read.caller.principal,
            read.caller.region,
            exchange.request_id,
            _now_us(),
            origin,
            _manner(http, pending, service),
        )
        result = await self._dispatch.invoke(asked, service.name, read.operation.name, read.request)
        return service.codec.encode(read.operation, result, exchange.request_id)

    async def _people_page(self, exchange: Exchange, incoming: Incoming) -> HttpAnswer:
        exchange.service = "sign-in"
        origin = sign_in_events.Origin(
            source_ip=exchange.client or "",
            user_agent=exchange.http.headers.get("user-agent", "")[:256],
            request_id=exchange.request_id,
        )
        return await self._sign_in.answer(
            exchange.http,
            lambda: incoming.whole(FORM_BYTES_MAX, self._settings.body_seconds_max),
            origin,
            _now_us(),
        )

    async def _unsigned(self, exchange: Exchange, incoming: Incoming) -> HttpAnswer:
        """AssumeRoleWithWebIdentity: its token is its proof. Nothing else is heard unsigned."""
        limit = web_identity.REQUEST_BYTES_MAX
        http = with_body(
            exchange.http, await incoming.whole(limit, self._settings.body_seconds_max)
        )
        if query.action(http)[0] != web_identity.OPERATION:
            raise errors.NotAuthenticated(errors.Doubt.MISSING, "Missing Authentication Token")
        service = self._services.all["sts"]
        operation = service.name_operation(http)
        request = service.codec.decode(operation, http)
        exchange.service, exchange.operation = service.name, operation.name
        account = web_identity.account_asked(request) or self._settings.account
        nobody = Principal(account, NOBODY, NOBODY, "")
        origin = Origin(exchange.client or "", http.headers.get("user-agent", ""))
        asked = Asked(nobody, self._settings.region, exchange.request_id, _now_us(), origin)
        result = await self._dispatch.invoke(asked, service.name, operation.name, request)
        return service.codec.encode(operation, result, exchange.request_id)

    def _probe(self, http: HttpRequest) -> HttpAnswer | None:
        if http.method not in ("GET", "HEAD") or "authorization" in http.headers or http.query:
            return None
        if http.raw_path == b"/health":
            return _text(200, b"ok\n")
        if http.raw_path == b"/ready":
            return _text(200, b"ready\n") if self._ready() else _text(503, b"starting\n")
        return None

    def _log(self, exchange: Exchange, status: int) -> None:
        if exchange.operation == "InvokeEndpoint" and status < 400:
            return
        level = logging.INFO if status < 500 else logging.ERROR
        if exchange.service is None and exchange.error is None:
            level = logging.DEBUG
        logs.event(
            log,
            level,
            "request",
            {
                "request_id": exchange.request_id,
                "status": status,
                "service": exchange.service,
                "operation": exchange.operation,
                "method": exchange.http.method,
                "path": exchange.http.raw_path[:200].decode("latin-1"),
                "principal": exchange.principal,
                "client": exchange.client,
                "error": exchange.error,
                "ms": round((time.perf_counter() - exchange.started) * 1000, 2),
            },
        )


def _request(scope: Scope) -> HttpRequest:
    headers: dict[str, str] = {}
    for name, value in scope["headers"]:
        key, text = name.decode("latin-1"), value.decode("latin-1")
        headers[key] = f"{headers[key]},{text}" if key in headers else text
    return HttpRequest(
        method=scope["method"],
        raw_path=scope["raw_path"],
        query=scope["query_string"],
        headers=headers,
        body=None,
    )


def _manner(http: HttpRequest, pending: Pending, service: Service) -> Manner:
    referer = http.headers.get("referer", "")
    if not service.streams:  # the other keys are S3's
        return Manner(referer) if referer else UNKNOWN_MANNER
    signed = pending.signed
    first = signed.form is Form.QUERY_V2
    return Manner(
        referer,
        auth_type="REST-HEADER" if signed.form is Form.HEADER else "REST-QUERY-STRING",
        signature_version="AWS" if first else "AWS4-HMAC-SHA256",
        signed_at_us=signed.signed_at_us if signed.form is Form.QUERY else None,
        payload="" if first else signed.payload,
    )


def _content_length(http: HttpRequest) -> int | None:
    text = http.headers.get("content-length")
    return int(text) if text is not None and text.isascii() and text.isdigit() else None


def _request_id() -> str:
    """A UUID of version 7: ids of one time sort together, which the index of the trail likes."""
    raw = f"{_now_us() // 1000:012x}{os.urandom(10).hex()}"
    return f"{raw[:8]}-{raw[8:12]}-7{raw[13:16]}-a{raw[17:20]}-{raw[20:]}"


def _now_us() -> int:
    return time.time_ns() // 1000


def _text(status: int, body: bytes) -> HttpAnswer:
    return HttpAnswer(status, [(b"content-type", b"text/plain")], body)


async def _send(wire: Wire, send: Send, answer: HttpAnswer, *, close: bool) -> None:
    headers = answer.headers
    if close:
        headers = [*headers, (b"connection", b"close")]
    if isinstance(answer.body, bytes) and not _is_sized(headers):
        await wire.answer(answer.status, headers, answer.body)
        return
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    if isinstance(answer.body, bytes):  # of a HEAD, whose length is that of another body
        await send({"type": "http.response.body", "body": answer.body})
    else:
        await _send_stream(send, answer.body)


def _is_sized(headers: Headers) -> bool:
    return any(name == b"content-length" for name, _ in headers)


async def _send_stream(send: Send, chunks: AsyncIterator[bytes]) -> None:
    async for chunk in chunks:
        # uvicorn waits here while the client does not read
        await _bounded(send({"type": "http.response.body", "body": chunk, "more_body": True}))
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _bounded(sending: Awaitable[None]) -> None:
    async with asyncio.timeout(SEND_SECONDS_MAX):
        await sending
