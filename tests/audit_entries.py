"""Audit entries for calls that tests make without dispatch."""

import itertools

from modelyard.audit.trail import Entry, Origin, Trail
from modelyard.call import Document, Principal

SEAL_KEY = b"seal of a test"
TRAIL = Trail(SEAL_KEY)
_NUMBERS = itertools.count(1)


def entry(
    principal: Principal,
    operation: str,
    request: Document | None = None,
    *,
    service: str = "s3",
    region: str = "us-east-1",
    now_us: int = 1,
) -> Entry:
    """The entry of a call with a request id of its own."""
    return TRAIL.entry(
        principal,
        region=region,
        request_id=f"request-{next(_NUMBERS):08}",
        now_us=now_us,
        service=service,
        operation=operation,
        request=request or {},
        origin=Origin("192.0.2.1", "a-test/1"),
    )
