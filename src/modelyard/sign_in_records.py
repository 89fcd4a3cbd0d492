"""Attempts to sign in, as records of the audit trail: ConsoleLogin of signin and its like."""

import uuid

from modelyard.access.people.sign_in_events import Record, SignInEvent
from modelyard.audit.trail import Origin, Trail
from modelyard.call import Principal
from modelyard.storage.transaction import Transaction

SERVICE = "signin"
FAILED = "Failed authentication"  # CloudTrail's words; the reason is in the record's message
_IDS = uuid.UUID("5b3f6f0e-6f6b-4e6c-9a64-1f0c6a3c8f50")


def recording(trail: Trail, region: str) -> Record:
    """Writes each event into `trail`, in the transaction of what it is about."""

    async def record(tx: Transaction, event: SignInEvent) -> None:
        unproved = f"arn:aws:iam::{event.account}:user/{event.user_name}"
        who = Principal(event.account, event.arn or unproved, event.principal_id, "")
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
