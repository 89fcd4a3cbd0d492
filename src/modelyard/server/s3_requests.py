"""Reading S3's requests: the bucket may be in the host, and bodies may stream past the door."""

import hashlib
from collections.abc import AsyncIterator
from urllib.parse import quote

from modelyard.access.signing.authenticate import Caller, Pending
from modelyard.call import Document
from modelyard.contract import model
from modelyard.contract.http import HttpRequest
from modelyard.objects import checksums, refusals, upload
from modelyard.server.hosts import bucket_of_host
from modelyard.server.incoming import Incoming
from modelyard.server.services import Read, Service, with_body
from modelyard.settings import Settings

# Operations that S3 does not carry out without a digest of their body.
_NEEDS_DIGEST = frozenset({"DeleteObjects"})


async def read(
    service: Service, http: HttpRequest, incoming: Incoming, pending: Pending, settings: Settings
) -> Read:
    """Prove who asks, and read the request; the bytes of an object stay on the wire for now.

    Raises: NotAuthenticated, errors.Refusal, ClientGone.
    """
    body: bytes | None = None
    if pending.needs_body:
        body = await incoming.whole(settings.body_bytes_max, settings.body_seconds_max)
    caller = pending.finish(hashlib.sha256(body).hexdigest() if body is not None else None)
    if caller.host_signed:
        http = _with_bucket_in_path(http)
    operation = service.name_operation(http)
    if _takes_stream(operation):
        chunks = incoming.stream(settings.idle_seconds_max) if body is None else _once(body)
        announced = upload.read(http.headers, chunks, caller.chunks)
        request = _as_s3_reads(operation, service.codec.decode(operation, with_body(http, None)))
        return Read(caller, operation, {**request, "Body": announced})
    if body is None:
        body = await _collected(http, incoming, caller, settings)
    checksums.check_body(http.headers, body, required=operation.name in _NEEDS_DIGEST)
    request = service.codec.decode(operation, with_body(http, body))
    return Read(caller, operation, _as_s3_reads(operation, request))


def _as_s3_reads(operation: model.Operation, request: Document) -> Document:
    """Where S3 is milder than its model: upper and lower case, and refusals of its own.

    AWS's SDK for C++ (and with it pyarrow 26) sends `x-amz-checksum-mode: enabled`; the model's
    word is ENABLED.
    Raises: InvalidLocationConstraint.
    """
    members = operation.input.members if operation.input is not None else {}
    for name, value in request.items():
        words = members[name].enum if name in members else None
        if words and isinstance(value, str) and value not in words:
            folded = value.casefold()
            request[name] = next((word for word in words if word.casefold() == folded), value)
    configuration = request.get("CreateBucketConfiguration")
    if isinstance(configuration, dict) and "LocationConstraint" in configuration:
        place = configuration["LocationConstraint"]
        offered = members["CreateBucketConfiguration"].members["LocationConstraint"].enum
        if place not in (offered or ()):
            raise refusals.InvalidLocationConstraint(
                "The specified location-constraint is not valid", LocationConstraint=str(place)
            )
    return request


async def _once(body: bytes) -> AsyncIterator[bytes]:
    yield body


def _takes_stream(operation: model.Operation) -> bool:
    shape = operation.input
    payload = shape.payload if shape is not None else None
    return shape is not None and payload is not None and shape.members[payload].is_streaming


async def _collected(
    http: HttpRequest, incoming: Incoming, caller: Caller, settings: Settings
) -> bytes:
    """The body of an operation that needs it whole, and is bound to its signature."""
    if not {"content-length", "transfer-encoding"} & http.headers.keys():
        body = b""
    else:
        chunks = incoming.stream(settings.idle_seconds_max)
        announced = upload.read(
            http.headers, chunks, caller.chunks, bytes_max=settings.body_bytes_max
        )
        body = b"".join([piece async for piece in announced.payload()])
    expected = caller.expected_sha256
    if expected is not None and hashlib.sha256(body).hexdigest() != expected:
        raise refusals.ContentSha256Mismatch(
            "The provided 'x-amz-content-sha256' header does not match what was computed."
        )
    return body


def _with_bucket_in_path(http: HttpRequest) -> HttpRequest:
    bucket = bucket_of_host(http.headers.get("host", ""))
    if bucket is None:
        return http
    path = b"/" + quote(bucket).encode() + http.raw_path
    return HttpRequest(http.method, path, http.query, http.headers, http.body)
