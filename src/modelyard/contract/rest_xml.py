"""REST-XML, which is S3: members in the path, query and headers, an XML body or raw bytes."""

from collections.abc import Mapping
from typing import Any

from modelyard.contract import bindings, refusals, xml_text, xml_values
from modelyard.contract.http import Headers, HttpAnswer, HttpRequest
from modelyard.contract.model import Operation, Service
from modelyard.contract.shapes import Shape
from modelyard.contract.xml_text import escaped
from modelyard.errors import NotAuthenticated, Refusal

_NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'

# Root elements of answers, which the service model leaves out because its readers ignore them.
_ROOTS: Mapping[str, str] = {
    "CompleteMultipartUpload": "CompleteMultipartUploadResult",
    "CreateMultipartUpload": "InitiateMultipartUploadResult",
    "DeleteObjects": "DeleteResult",
    "GetBucketAcl": "AccessControlPolicy",
    "GetBucketTagging": "Tagging",
    "GetBucketVersioning": "VersioningConfiguration",
    "GetObjectAcl": "AccessControlPolicy",
    "GetObjectTagging": "Tagging",
    "ListBuckets": "ListAllMyBucketsResult",
    "ListMultipartUploads": "ListMultipartUploadsResult",
    "ListObjectVersions": "ListVersionsResult",
    "ListObjects": "ListBucketResult",
    "ListObjectsV2": "ListBucketResult",
    "ListParts": "ListPartsResult",
}
_NOT_MODIFIED = 304
_PARTIAL_CONTENT = 206


def decode(operation: Operation, http: HttpRequest) -> dict[str, Any]:
    """The request document. A streaming payload stays out of it when the body is None.

    Raises: SerializationException, ValidationException.
    """
    shape = operation.input
    if shape is None:
        return {}
    found = bindings.members(operation, http)
    body = http.body
    if shape.payload is not None:
        payload = shape.members[shape.payload]
        if payload.type == "blob":
            return found if body is None else {**found, shape.payload: body}
        if body and payload.type == "string":
            return {**found, shape.payload: body.decode("utf-8", "replace")}
        if body and body.strip():
            found[shape.payload] = xml_values.read(payload, xml_text.read(body))
        return found
    if body and bindings.body_members(shape):
        found = {**xml_values.read(shape, xml_text.read(body)), **found}
    return found


def encode(operation: Operation, result: dict[str, Any], request_id: str) -> HttpAnswer:
    """The answer. A blob payload, bytes or an iterator of bytes, is passed on untouched."""
    shape = operation.output
    headers = bindings.header_members(shape, result)
    status = _PARTIAL_CONTENT if result.get("ContentRange") else operation.status
    if shape is None:
        return _answer(status, headers, b"", request_id)
    if operation.name == "GetBucketLocation":
        return _answer(status, headers, _location(result), request_id)
    if shape.payload is None:
        if not bindings.body_members(shape):
            return _answer(status, headers, b"", request_id)
        root = _ROOTS.get(operation.name) or shape.location_name or shape.name
        return _answer(status, headers, _document(root, shape, result), request_id)
    payload, value = shape.members[shape.payload], result.get(shape.payload)
    if payload.type == "blob" or payload.is_event_stream:
        return _answer(status, headers, b"" if value is None else value, request_id, xml=False)
    if payload.type == "string" or value is None:
        return _answer(status, headers, (value or "").encode(), request_id, xml=False)
    root = payload.location_name or shape.payload
    return _answer(status, headers, _document(root, payload, value), request_id)


def _location(result: Mapping[str, Any]) -> bytes:
    """The one answer whose root element is the value. us-east-1 is the empty one."""
    place = escaped(result.get("LocationConstraint") or "")
    text = f'<LocationConstraint xmlns="{_NAMESPACE}">{place}</LocationConstraint>'
    return (_DECLARATION + text).encode()


def _document(root: str, shape: Shape, value: dict[str, Any]) -> bytes:
    out = [_DECLARATION, f'<{root} xmlns="{_NAMESPACE}">']
    xml_values.write_members(shape, value, out)
    out.append(f"</{root}>")
    return "".join(out).encode()


def encode_refusal(
    service: Service, refusal: Refusal, request_id: str, resource: str | None = None
) -> HttpAnswer:
    """`resource` is the path asked for; the refusal's details become further elements."""
    code, status = refusals.named(service, refusal, refusals.S3_NAMES)
    return _failure(status, code, refusal.message, refusal.details, resource, request_id)


def encode_not_authenticated(
    service: Service, doubt: NotAuthenticated, request_id: str, resource: str | None = None
) -> HttpAnswer:
    code, status = refusals.S3_DOUBTS[doubt.doubt]
    return _failure(status, code, doubt.message, {}, resource, request_id)


def _failure(
    status: int,
    code: str,
    message: str,
    details: Mapping[str, object],
    resource: str | None,
    request_id: str,
) -> HttpAnswer:
    if status == _NOT_MODIFIED:
        return _answer(status, [], b"", request_id)
    members = {"Code": code, "Message": message, "Resource": resource, **details}
    members["RequestId"] = request_id
    inside = "".join(
        f"<{name}>{escaped(str(value))}</{name}>"
        for name, value in members.items()
        if value is not None
    )
    return _answer(status, [], f"{_DECLARATION}<Error>{inside}</Error>".encode(), request_id)


def _answer(
    status: int, headers: Headers, body: Any, request_id: str, *, xml: bool = True
) -> HttpAnswer:
    headers = [*headers, (b"x-amz-request-id", request_id.encode())]
    if xml and body and not any(name == b"content-type" for name, _ in headers):
        headers.append((b"content-type", b"application/xml"))
    return HttpAnswer(status, headers, body)
