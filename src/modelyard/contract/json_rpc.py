"""JSON 1.0 and 1.1: the operation is in X-Amz-Target, everything else in the body."""

from typing import Any

import msgspec

from modelyard.contract import refusals
from modelyard.contract.http import HttpAnswer, HttpRequest
from modelyard.contract.json_values import reading, written
from modelyard.contract.model import Operation, Service
from modelyard.contract.strict_json import read_object
from modelyard.errors import NotAuthenticated, Refusal


def decode(operation: Operation, http: HttpRequest) -> dict[str, Any]:
    """The request document: microseconds for timestamps, bytes for blobs.

    Raises: SerializationException.
    """
    request = read_object(http.body or b"")
    convert = None if operation.input is None else reading.of(operation.input)
    return request if convert is None else convert(request)


def encode(operation: Operation, result: dict[str, Any], request_id: str) -> HttpAnswer:
    """The answer; an operation without an output shape answers an empty body, as AWS does."""
    output = operation.output
    body = b"" if output is None else written(output, result)
    return _answer(operation.service, 200, body, request_id)


def encode_refusal(service: Service, refusal: Refusal, request_id: str) -> HttpAnswer:
    code, status = refusals.named(service, refusal, {})
    members = refusals.members(service, refusal)
    return _failure(service, status, {"__type": code, **members}, request_id)


def encode_not_authenticated(
    service: Service, doubt: NotAuthenticated, request_id: str
) -> HttpAnswer:
    code, status = refusals.JSON_DOUBTS[doubt.doubt]
    return _failure(service, status, {"__type": code, "message": doubt.message}, request_id)


def _failure(
    service: Service, status: int, document: dict[str, Any], request_id: str
) -> HttpAnswer:
    return _answer(service, status, msgspec.json.encode(document), request_id)


def _answer(service: Service, status: int, body: bytes, request_id: str) -> HttpAnswer:
    headers = [
        (b"content-type", f"application/x-amz-json-{service.json_version}".encode()),
        (b"x-amzn-requestid", request_id.encode()),
    ]
    return HttpAnswer(status, headers, body)
