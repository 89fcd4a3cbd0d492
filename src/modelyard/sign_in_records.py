"""Attempts to sign in, as records of the audit trail: ConsoleLogin of signin and its like."""

import uuid
from collections.abc import Callable

from modelyard.access.people.sign_in_events import Record, SignInEvent
from modelyard.audit.summaries import STRANGERS_A_MINUTE, What
from modelyard.audit.trail import Origin, Trail
from modelyard.call import Principal
from modelyard.storage.transaction import Transaction

SERVICE = "signin"
FAILED = "Failed authentication"  # CloudTrail's words; the reason is in the record's message
_IDS = uuid.UUID("5b3f6f0e-6f6b-4e6c-9a64-1f0c6a3c8f50")


def recording(trail: Trail, region: str) -> Record:
    """Writes each event into `trail`, in the transaction of what it is about."""

    async def record(tx: Transaction, event: SignInEvent) -> None:
        key = f"{SERVICE} {event.account}"
        if event.error and not trail.summaries.admits(key, STRANGERS_A_MINUTE, event.now_us):
            _count(trail, event, "Sign-ins that failed")
            return
        who = _who(event)
        entry = trail.entry(
            who,
            region=region,
            # One request may sign one person out and another in.
            request_id=str(uuid.uuid5(_IDS, f"{event.origin.request_id}/{event.name}")),
            now_us=event.now_us,
            service=SERVICE,
            operation=event.name,
            request=event.details,
            origin=Origin(event.origin.source_ip, event.origin.user_agent),
        )
        answer = {event.name: event.outcome}
        await entry.put(tx, (), answer, FAILED if event.error else "", event.error)

    return record


def counting(trail: Trail) -> Callable[[SignInEvent], None]:
    """Counts attempts that were turned away, for one record a minute."""
    return lambda event: _count(trail, event, "Sign-ins that were turned away unheard")


def _count(trail: Trail, event: SignInEvent, why: str) -> None:
    what = What(
        principal=_who(event),
        service=SERVICE,
        operation=event.name,
        error_code=FAILED,
        why=why,
        source_ip=event.origin.source_ip,
    )
    trail.summaries.count(what, event.now_us, Reasons=event.error)


def _who(event: SignInEvent) -> Principal:
    unproved = f"arn:aws:iam::{event.account}:user/{event.user_name}"
    return Principal(event.account, event.arn or unproved, event.principal_id, "")
