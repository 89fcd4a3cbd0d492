"""Temporary credentials, as STS answers them, for whoever was proved without a key."""

from modelyard.access.identities import unique_ids
from modelyard.access.sessions.session_tokens import SessionTokens, Statement
from modelyard.call import Document, Principal, Session

_SECOND_US = 1_000_000


def seal(
    sessions: SessionTokens, principal: Principal, session: Session, expires_us: int
) -> Document:
    """AWS's Credentials; they end with the sign-in that `session` names, if it names one."""
    statement = Statement(
        access_key_id=unique_ids.new("ASIA", 16),
        account=principal.account,
        arn=principal.arn,
        id=principal.id,
        source_identity="",
        expires_us=expires_us,
        session=session,
    )
    secret, token = sessions.seal(statement)
    return {
        "AccessKeyId": statement.access_key_id,
        "SecretAccessKey": secret,
        "SessionToken": token,
        # AWS's Expiration has whole seconds; the token does not outlive what it says.
        "Expiration": expires_us - expires_us % _SECOND_US,
    }
