"""What a refusal and a doubt are called on the wire, per protocol. Writes no body."""

from collections.abc import Mapping
from typing import Any

from modelyard.contract.model import Service
from modelyard.errors import Doubt, Refusal

# JSON services: 400 but for a signature, a key or a token that is not valid, as AWS answers.
JSON_DOUBTS: Mapping[Doubt, tuple[str, int]] = {
    Doubt.MISSING: ("MissingAuthenticationTokenException", 400),
    Doubt.MALFORMED: ("IncompleteSignatureException", 400),
    Doubt.UNKNOWN_KEY: ("UnrecognizedClientException", 400),
    Doubt.BAD_SIGNATURE: ("InvalidSignatureException", 400),
    Doubt.SKEWED: ("InvalidSignatureException", 400),
    Doubt.EXPIRED_TOKEN: ("ExpiredTokenException", 400),
    Doubt.BAD_TOKEN: ("UnrecognizedClientException", 400),
    Doubt.EXPIRED_URL: ("InvalidSignatureException", 400),
}
REST_JSON_DOUBTS: Mapping[Doubt, tuple[str, int]] = {
    doubt: (code, 400 if doubt is Doubt.MALFORMED else 403)
    for doubt, (code, _) in JSON_DOUBTS.items()
}
QUERY_DOUBTS: Mapping[Doubt, tuple[str, int]] = {
    Doubt.MISSING: ("MissingAuthenticationToken", 403),
    Doubt.MALFORMED: ("IncompleteSignature", 400),
    Doubt.UNKNOWN_KEY: ("InvalidClientTokenId", 403),
    Doubt.BAD_SIGNATURE: ("SignatureDoesNotMatch", 403),
    Doubt.SKEWED: ("SignatureDoesNotMatch", 403),
    Doubt.EXPIRED_TOKEN: ("ExpiredToken", 403),
    Doubt.BAD_TOKEN: ("InvalidClientTokenId", 403),
    Doubt.EXPIRED_URL: ("RequestExpired", 400),
}
S3_DOUBTS: Mapping[Doubt, tuple[str, int]] = {
    Doubt.MISSING: ("AccessDenied", 403),
    Doubt.MALFORMED: ("AuthorizationHeaderMalformed", 400),
    Doubt.UNKNOWN_KEY: ("InvalidAccessKeyId", 403),
    Doubt.BAD_SIGNATURE: ("SignatureDoesNotMatch", 403),
    Doubt.SKEWED: ("RequestTimeTooSkewed", 403),
    Doubt.EXPIRED_TOKEN: ("ExpiredToken", 400),
    Doubt.BAD_TOKEN: ("InvalidToken", 400),
    Doubt.EXPIRED_URL: ("AccessDenied", 403),
}

# Codes that JSON services spell one way and the older protocols another.
QUERY_NAMES: Mapping[str, tuple[str, int]] = {
    "ValidationException": ("ValidationError", 400),
    "SerializationException": ("MalformedInput", 400),
    "AccessDeniedException": ("AccessDenied", 403),
    "ThrottlingException": ("Throttling", 400),
    "UnknownOperationException": ("InvalidAction", 400),
    "RequestEntityTooLargeException": ("RequestEntityTooLarge", 413),
    "RequestTimeoutException": ("RequestTimeout", 408),
}
S3_NAMES: Mapping[str, tuple[str, int]] = {
    "ValidationException": ("InvalidArgument", 400),
    "SerializationException": ("MalformedXML", 400),
    "AccessDeniedException": ("AccessDenied", 403),
    "ThrottlingException": ("SlowDown", 503),
    "UnknownOperationException": ("NotImplemented", 501),
    "RequestEntityTooLargeException": ("EntityTooLarge", 400),
    "RequestTimeoutException": ("RequestTimeout", 400),
    "InternalFailure": ("InternalError", 500),
}


def named(
    service: Service, refusal: Refusal, names: Mapping[str, tuple[str, int]]
) -> tuple[str, int]:
    """The code and the HTTP status; the service model's own status wins."""
    shape = service.errors.get(refusal.code)
    if shape is None and refusal.code in names:
        return names[refusal.code]
    if shape is not None:
        own = shape.error_status or (500 if shape.is_fault else None)
        return refusal.code, own or refusal.status
    return refusal.code, refusal.status


def members(service: Service, refusal: Refusal) -> dict[str, Any]:
    """The error's members: its message, under the model's name for it, and its details."""
    shape = service.errors.get(refusal.code)
    message = "Message" if shape is not None and "Message" in shape.members else "message"
    details = {name: value for name, value in refusal.details.items() if value is not None}
    return {message: refusal.message, **details}
