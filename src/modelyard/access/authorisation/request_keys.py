"""Condition keys that every request carries, whatever it asks: when, from where, how. Pure.

S3's own about the signature: https://docs.aws.amazon.com/AmazonS3/latest/API/
bucket-policy-s3-sigv4-conditions.html
"""

from collections.abc import Callable, Collection, Mapping

from modelyard.call import OpenCall
from modelyard.contract import timestamps

_SECOND_US = 1_000_000
_MILLISECOND_US = 1_000


def _signature_age_ms(call: OpenCall) -> str:
    """Of a presigned URL. AWS: of Version 2 always 0, and other requests do not have it."""
    manner = call.manner
    if manner.auth_type == "REST-QUERY-STRING":
        signed_at_us = manner.signed_at_us
        age_us = 0 if signed_at_us is None else max(0, call.now_us - signed_at_us)
        return str(age_us // _MILLISECOND_US)
    return ""


_KEYS: Mapping[str, Callable[[OpenCall], str]] = {
    "aws:currenttime": lambda call: timestamps.iso_8601(call.now_us),
    "aws:epochtime": lambda call: str(call.now_us // _SECOND_US),
    "aws:requestedregion": lambda call: call.region,
    "aws:sourceip": lambda call: call.source_ip,
    "aws:useragent": lambda call: call.user_agent,
    # The server speaks HTTP; whoever ends TLS in front of it is not believed.
    "aws:securetransport": lambda call: "false",
    "aws:referer": lambda call: call.manner.referer,
    "s3:authtype": lambda call: call.manner.auth_type,
    "s3:signatureversion": lambda call: call.manner.signature_version,
    "s3:signatureage": _signature_age_ms,
    "s3:x-amz-content-sha256": lambda call: call.manner.payload,
}


def of(call: OpenCall, wanted: Collection[str]) -> dict[str, tuple[str, ...]]:
    """Those of `wanted` that the request has. `wanted` and the answer's keys are in lower case."""
    found: dict[str, tuple[str, ...]] = {}
    for key in wanted:
        read = _KEYS.get(key)
        if read is not None and (value := read(call)):
            found[key] = (value,)
    return found
