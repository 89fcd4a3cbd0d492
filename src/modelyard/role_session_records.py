"""Sessions of execution roles, as records of the audit trail: AssumeRole by SageMaker itself."""

import uuid

from modelyard.access.sessions import execution_roles
from modelyard.access.sessions.execution_roles import HandedOut, Record
from modelyard.audit.trail import Origin, Trail
from modelyard.call import Change, Principal
from modelyard.storage.transaction import Transaction


def recording(trail: Trail, region: str) -> Record:
    """Writes who got a session for which role into `trail`; without it there is none."""

    async def record(tx: Transaction, given: HandedOut) -> None:
        service = execution_roles.SERVICE
        entry = trail.entry(
            Principal(given.account, service, service, ""),
            region=region,
            request_id=str(uuid.uuid4()),
            now_us=given.now_us,
            service="sts",
            operation="AssumeRole",
            request={
                "RoleArn": given.role_arn,
                "RoleSessionName": execution_roles.SESSION_NAME,
                "SourceArn": given.source_arn,
                "DurationSeconds": execution_roles.SESSION_SECONDS,
            },
            origin=Origin(service),
        )
        answer = {
            "Credentials": {"AccessKeyId": given.access_key_id},
            "AssumedRoleUser": {"Arn": given.session_arn},
        }
        await entry.record(tx, [Change(given.role_arn), Change(given.source_arn)], answer)

    return record
