"""STS: who am I, and temporary credentials for a role or for myself.

Knows roles and the seal of session tokens; stores nothing.
"""

import re

from modelyard import call as calls
from modelyard.access.identities import roles, unique_ids
from modelyard.access.identities.roles import Role
from modelyard.access.policy import documents, rule, trust
from modelyard.access.sessions.session_tokens import SessionTokens, Statement
from modelyard.call import Call, Document, OpenCall
from modelyard.errors import AccessDeniedException, ValidationException

SESSION_SECONDS_DEFAULT = 3600
CHAINED_SECONDS_MAX = 3600  # AWS: a session that assumes a role gets an hour
OWN_SECONDS_MAX = 3600  # AWS: GetSessionToken of the root key gives an hour, whatever is asked
_SECOND_US = 1_000_000
_ROLE = re.compile(
    r"arn:aws:iam::([0-9]{12}):role(/(?:[\x21-\x7e]*/)?)([\w+=,.@-]{1,64})", re.ASCII
)
# Each would narrow the session, and is not evaluated yet: better refused than taken for granted.
_NOT_OFFERED = ("Policy", "PolicyArns", "Tags", "TransitiveTagKeys", "ProvidedContexts")


class SecurityTokenService:
    """The operations of STS; they need the seal of session tokens."""

    def __init__(self, sessions: SessionTokens) -> None:
        self._sessions = sessions

    @calls.open_ended
    async def get_caller_identity(self, call: OpenCall, request: Document) -> Document:
        principal = call.principal
        return {"UserId": principal.id, "Account": principal.account, "Arn": principal.arn}

    @calls.read
    async def assume_role(self, call: Call, request: Document) -> Document:
        """Raises: AccessDeniedException: no such role, or it does not trust the caller.

        ValidationException: the duration is too long, or what is asked is not offered.
        """
        for name in _NOT_OFFERED:
            if request.get(name):
                raise ValidationException(
                    f"{name} of AssumeRole is not offered by this server yet."
                )
        if request.get("SerialNumber") or request.get("TokenCode"):
            raise AccessDeniedException(
                "MultiFactorAuthentication failed with invalid MFA one time pass code."
            )
        role = await _trusted_role(call, request)
        seconds = _duration(call, request, role)
        session_name = request["RoleSessionName"]
        source_identity = call.principal.source_identity or request.get("SourceIdentity", "")
        user = {
            "AssumedRoleId": f"{role.id}:{session_name}",
            "Arn": f"arn:aws:sts::{call.account}:assumed-role/{role.name}/{session_name}",
        }
        statement = Statement(
            access_key_id=unique_ids.new("ASIA", 16),
            account=call.account,
            arn=user["Arn"],
            id=user["AssumedRoleId"],
            role_arn=role.arn,
            source_identity=source_identity,
            issued_us=call.now_us,
            expires_us=call.now_us + seconds * _SECOND_US,
            sign_in=call.principal.sign_in,
        )
        answer: Document = {"Credentials": self._sealed(statement), "AssumedRoleUser": user}
        if source_identity:
            answer["SourceIdentity"] = source_identity
        return answer

    @calls.open_ended
    async def get_session_token(self, call: OpenCall, request: Document) -> Document:
        """Raises: AccessDeniedException: the caller has a session already, or sends an MFA code."""
        if SessionTokens.made(call.principal.access_key_id):
            raise AccessDeniedException("Cannot call GetSessionToken with session credentials")
        if request.get("SerialNumber") or request.get("TokenCode"):
            raise AccessDeniedException(
                "MultiFactorAuthentication failed with invalid MFA one time pass code."
            )
        seconds = min(request.get("DurationSeconds", OWN_SECONDS_MAX), OWN_SECONDS_MAX)
        statement = Statement(
            access_key_id=unique_ids.new("ASIA", 16),
            account=call.account,
            arn=call.principal.arn,
            id=call.principal.id,
            role_arn="",
            source_identity="",
            issued_us=call.now_us,
            expires_us=call.now_us + seconds * _SECOND_US,
        )
        return {"Credentials": self._sealed(statement)}

    def _sealed(self, statement: Statement) -> Document:
        secret, token = self._sessions.seal(statement)
        return {
            "AccessKeyId": statement.access_key_id,
            "SecretAccessKey": secret,
            "SessionToken": token,
            # AWS's Expiration has whole seconds; the token does not outlive what it says.
            "Expiration": statement.expires_us - statement.expires_us % _SECOND_US,
        }


async def _trusted_role(call: Call, request: Document) -> Role:
    arn = request["RoleArn"]
    match = _ROLE.fullmatch(arn)
    if match is None:
        raise ValidationException(f"{arn} is invalid")
    context = {
        "sts:externalid": request.get("ExternalId"),
        "sts:rolesessionname": request["RoleSessionName"],
        "sts:sourceidentity": request.get("SourceIdentity"),
        "aws:principalarn": call.principal.arn,
        "aws:principalaccount": call.principal.account,
    }
    known = {key: value for key, value in context.items() if value is not None}
    role = None
    if match[1] == call.account:
        role = await roles.find(call.tx, call.account, match[3])
    if role is not None and role.arn == arn:
        statements = documents.read_trust(role.trust_policy)
        if trust.allows(statements, call.principal, known):
            return role
    # AWS does not tell a role that is missing from one that does not trust the caller.
    raise AccessDeniedException(rule.denied(call.principal, trust.ASSUME_ROLE, arn))


def _duration(call: Call, request: Document, role: Role) -> int:
    seconds = int(request.get("DurationSeconds", SESSION_SECONDS_DEFAULT))
    if seconds > role.session_seconds_max:
        raise ValidationException(
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
        )
    if SessionTokens.made(call.principal.access_key_id) and seconds > CHAINED_SECONDS_MAX:
        raise ValidationException(
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by "
            "role chaining"
        )
    return seconds
