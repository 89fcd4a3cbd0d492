"""Which refused calls get a record each, and which are summed up. Decides by counts alone."""

from modelyard.audit.summaries import DENIALS_A_MINUTE, Summaries, What
from modelyard.audit.trail import Entry, session_issuer
from modelyard.call import Principal

# What a record of many is called; it is of no operation.
SERVICE = "modelyard"
OPERATION = "DeniedCalls"
_CODE = "AccessDenied"


def has_its_record(summaries: Summaries, entry: Entry) -> bool:
    """Whether a denied call is recorded by itself; else it was counted.

    The limit is a user's or role's, whatever keys and sessions they call with.
    """
    principal = entry.principal
    who = session_issuer(principal) or principal.arn
    if summaries.admits(f"{principal.account} {who}", DENIALS_A_MINUTE, entry.now_us):
        return True
    what = What(
        principal=Principal(principal.account, who, principal.id.partition(":")[0], ""),
        service=SERVICE,
        operation=OPERATION,
        error_code=_CODE,
        why=f"Calls that were denied beyond {DENIALS_A_MINUTE} in a minute",
    )
    summaries.count(
        what,
        entry.now_us,
        Actions=f"{entry.service}:{entry.operation}",
        SourceIPAddresses=entry.origin.source_ip,
        AccessKeyIds=principal.access_key_id,
    )
    return False


def unproved(summaries: Summaries, entry: Entry, code: str) -> None:
    """Count a call whose token did not prove who asks."""
    what = What(
        principal=entry.principal,
        service=entry.service,
        operation=entry.operation,
        error_code=code,
        why="Calls whose token proved nobody",
        source_ip=entry.origin.source_ip,
    )
    summaries.count(what, entry.now_us, RoleArns=str(entry.request.get("RoleArn", "")))
