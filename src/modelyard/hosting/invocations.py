"""InvokeEndpoint. No database on this path: look up the route, pass bytes there and back.

A request that a replica had begun when it died is tried once more. Those that are tried again go
one at a time: the request that kills its process would otherwise take the same innocent ones down
with it a second time. Whoever sees a second death has caused it.
"""

import time
from typing import NamedTuple

from modelyard import errors
from modelyard.call import Document, OpenCall, open_ended
from modelyard.hosting.refusals import ModelError, ValidationError
from modelyard.hosting.replicas import (
    Answer,
    Invocation,
    InvocationTimedOut,
    ReplicaBusy,
    ReplicaGone,
)
from modelyard.hosting.routing import (
    WAIT_SECONDS_MAX,
    EndpointKey,
    Route,
    RoutingTable,
    Slot,
)

_CUSTOM_ATTRIBUTES = "x-amzn-sagemaker-custom-attributes"
_INFERENCE_ID = "x-amzn-sagemaker-inference-id"
_ORIGINAL_MESSAGE_CHARACTERS_MAX = 4096
MOVES_MAX = 10  # replicas that may end before they begin a request
_NOT_OFFERED = {
    "TargetModel": "is not a multi-model endpoint: leave TargetModel out.",
    "TargetContainerHostname": "does not invoke containers directly: leave "
    "TargetContainerHostname out.",
    "InferenceComponentName": "has no inference components: leave InferenceComponentName out.",
    "EnableExplanations": "has no explainer: leave EnableExplanations out.",
    "SessionId": "does not hold sessions: leave SessionId out.",
}


class _Asked(NamedTuple):
    """One request that did not get its answer at the first go."""

    call: OpenCall
    request: Document
    route: Route
    invocation: Invocation


class InvocationDoor:
    """The way in for InvokeEndpoint."""

    def __init__(self, routing: RoutingTable, wait_seconds_max: float = WAIT_SECONDS_MAX) -> None:
        self._routing = routing
        self._wait_seconds_max = wait_seconds_max

    @open_ended
    async def invoke_endpoint(self, call: OpenCall, request: Document) -> Document:
        route = self._route(call, request)
        invocation = Invocation(
            request["Body"],
            request.get("ContentType", ""),
            request.get("Accept", ""),
            _headers(request),
        )
        slot = route.fleet.choose(request.get("TargetVariant"))
        try:
            try:
                if slot is None:
                    slot = await self._slot(_Asked(call, request, route, invocation))
                answer = await slot.invoke(invocation)
            except ReplicaGone as gone:
                asked = _Asked(call, request, route, invocation)
                slot, answer = await self._again(asked, gone)
        except ReplicaBusy as busy:
            raise errors.ServiceUnavailable(
                f"Endpoint {request['EndpointName']} is overloaded: {busy} Try again."
            ) from None
        except InvocationTimedOut as late:
            raise _model_error(call, request, 0, f"{late} Your invocation timed out.") from None
        if not 200 <= answer.status < 300:
            text = answer.body.decode(errors="replace")
            raise _model_error(call, request, answer.status, text)
        return _document(slot, answer)

    def _route(self, call: OpenCall, request: Document) -> Route:
        name = request["EndpointName"]
        route = self._routing.get(EndpointKey(call.principal.account, call.region, name))
        if route is None:
            raise _not_found(call, request)
        if not _NOT_OFFERED.keys().isdisjoint(request):
            member = next(member for member in _NOT_OFFERED if member in request)
            raise ValidationError(
                f"Endpoint {name} of account {call.account} {_NOT_OFFERED[member]}"
            )
        _check_variant(call, request, route)
        return route

    async def _again(self, asked: _Asked, gone: ReplicaGone) -> tuple[Slot, Answer]:
        """On another replica: as often as it takes to be begun, once more if it was begun."""
        if not gone.started:
            done = await self._begin(asked)
            if done is not None:
                return done
        async with asked.route.suspects:
            done = await self._begin(asked)
        if done is None:
            text = "The replica ended while it answered this request, and so did another one."
            raise _model_error(asked.call, asked.request, 500, text)
        return done

    async def _begin(self, asked: _Asked) -> tuple[Slot, Answer] | None:
        """The answer of the first replica that begins; None if that one ends over it."""
        for _ in range(MOVES_MAX):
            slot = await self._slot(asked)
            try:
                return slot, await slot.invoke(asked.invocation)
            except ReplicaGone as gone:
                if gone.started:
                    return None
        raise _no_replica(asked.request)

    async def _slot(self, asked: _Asked) -> Slot:
        """A living replica, waiting for one to come back if there is none just now."""
        until = time.monotonic() + self._wait_seconds_max
        while not asked.route.closed:
            _check_variant(asked.call, asked.request, asked.route)
            slot = asked.route.fleet.choose(asked.request.get("TargetVariant"))
            if slot is not None:
                return slot
            if not await asked.route.changed(until - time.monotonic()):
                raise _no_replica(asked.request)
        raise _not_found(asked.call, asked.request)


def _check_variant(call: OpenCall, request: Document, route: Route) -> None:
    variant = request.get("TargetVariant")
    if variant is not None and not route.fleet.has(variant):
        raise ValidationError(
            f"Variant {variant} of endpoint {request['EndpointName']} of account "
            f"{call.account} not found."
        )


def _headers(request: Document) -> dict[str, str]:
    headers = {}
    if "CustomAttributes" in request:
        headers[_CUSTOM_ATTRIBUTES] = request["CustomAttributes"]
    if "InferenceId" in request:
        headers[_INFERENCE_ID] = request["InferenceId"]
    return headers


def _document(slot: Slot, answer: Answer) -> Document:
    document = {
        "Body": answer.body,
        "ContentType": answer.content_type,
        "InvokedProductionVariant": slot.variant,
    }
    attributes = answer.headers.get(_CUSTOM_ATTRIBUTES)
    if attributes:
        document["CustomAttributes"] = attributes
    return document


def _not_found(call: OpenCall, request: Document) -> ValidationError:
    return ValidationError(
        f"Endpoint {request['EndpointName']} of account {call.account} not found."
    )


def _no_replica(request: Document) -> errors.ServiceUnavailable:
    return errors.ServiceUnavailable(
        f"No replica of endpoint {request['EndpointName']} is ready. Replicas are being started; "
        "try again."
    )


def _model_error(call: OpenCall, request: Document, status: int, text: str) -> ModelError:
    text = text[:_ORIGINAL_MESSAGE_CHARACTERS_MAX]
    group = f"/aws/sagemaker/Endpoints/{request['EndpointName']}"
    kind = "client" if 400 <= status < 500 else "server"
    return ModelError(
        f'Received {kind} error ({status}) from primary with message "{text}". '
        f"See the log group {group} in account {call.account} for more information.",
        OriginalStatusCode=status,
        OriginalMessage=text,
        LogStreamArn=f"arn:aws:logs:{call.region}:{call.account}:log-group:{group}",
    )
