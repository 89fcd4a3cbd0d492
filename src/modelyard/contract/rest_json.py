"""REST-JSON: members in the path, query and headers, the rest a JSON object or one raw payload."""

from typing import Any

import msgspec

from modelyard.contract import bindings, refusals
from modelyard.contract.http import Headers, HttpAnswer, HttpRequest
from modelyard.contract.json_values import reading, written
from modelyard.contract.model import Operation, Service
from modelyard.contract.shapes import Shape
from modelyard.contract.strict_json import read_object
from modelyard.errors import NotAuthenticated, Refusal


def decode(operation: Operation, http: HttpRequest) -> dict[str, Any]:
    """The request document. A blob payload is the body as it came, None of it decoded.

    Raises: SerializationException, ValidationException.
    """
    shape = operation.input
    if shape is None:
        return {}
    found = bindings.members(operation, http)
    if shape.payload is not None:
        payload = shape.members[shape.payload]
        if payload.type in ("blob", "string"):
            return (
                found if http.body is None else {**found, shape.payload: _raw(payload, http.body)}
            )
        body, convert = read_object(http.body or b""), reading.of(payload)
        return {**found, shape.payload: body if convert is None else convert(body)}
    inside = bindings.body_members(shape)
    if inside:
        body, convert = read_object(http.body or b""), reading.of(shape)
        body = {name: value for name, value in body.items() if name in inside}
        found = {**(body if convert is None else convert(body)), **found}
    return found


def _raw(payload: Shape, body: bytes) -> bytes | str:
    return body if payload.type == "blob" else body.decode("utf-8", "replace")


def encode(operation: Operation, result: dict[str, Any], request_id: str) -> HttpAnswer:
    shape = operation.output
    headers = bindings.header_members(shape, result)
    status = bindings.status_of(operation, result)
    if shape is not None and shape.payload is not None:
        payload = shape.members[shape.payload]
        value = result.get(shape.payload)
        if payload.type == "blob" or payload.is_event_stream:
            return HttpAnswer(status, [*headers, _identified(request_id)], value or b"")
        return _answer(status, headers, written(payload, value or {}), request_id)
    if shape is None:
        return _answer(status, headers, b"", request_id)
    inside = bindings.body_members(shape)
    body = {name: value for name, value in result.items() if name in inside}
    return _answer(status, headers, written(shape, body), request_id)


def encode_refusal(service: Service, refusal: Refusal, request_id: str) -> HttpAnswer:
    names = {"ValidationException": ("ValidationError", 400)}
    own = names if "ValidationError" in service.errors else {}
    code, status = refusals.named(service, refusal, own)
    return _failure(status, code, refusals.members(service, refusal), request_id)


def encode_not_authenticated(
    service: Service, doubt: NotAuthenticated, request_id: str
) -> HttpAnswer:
    code, status = refusals.REST_JSON_DOUBTS[doubt.doubt]
    return _failure(status, code, {"message": doubt.message}, request_id)


def _failure(status: int, code: str, document: dict[str, Any], request_id: str) -> HttpAnswer:
    headers = [(b"x-amzn-errortype", code.encode())]
    return _answer(status, headers, msgspec.json.encode(document), request_id)


def _answer(status: int, headers: Headers, body: bytes, request_id: str) -> HttpAnswer:
    headers = [*headers, _identified(request_id), (b"content-type", b"application/json")]
    return HttpAnswer(status, headers, body)


def _identified(request_id: str) -> tuple[bytes, bytes]:
    return b"x-amzn-requestid", request_id.encode()
