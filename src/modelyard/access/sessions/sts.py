"""STS: who am I, and temporary credentials for a role or for myself.

Knows roles and the seal of session tokens; stores nothing. Whether the caller may assume a role was
decided before: by its trust policy, like every access to a resource.
"""

import re

from modelyard import call as calls
from modelyard.access.accounts import accounts
from modelyard.access.identities import roles, unique_ids
from modelyard.access.identities.roles import Role
from modelyard.access.sessions import session_requests
from modelyard.access.sessions.session_tokens import SessionTokens, Statement
from modelyard.call import Call, Document, OpenCall, Session
from modelyard.errors import AccessDeniedException, ValidationException

ROOT_SECONDS_MAX = 3600  # AWS: GetSessionToken of the root key gives an hour, whatever is asked
OWN_SECONDS_DEFAULT = 43_200  # GetSessionToken, DurationSeconds
_SECOND_US = 1_000_000
_ROLE = re.compile(
    r"arn:aws:iam::([0-9]{12}):role(/(?:[\x21-\x7e]*/)?)([\w+=,.@-]{1,64})", re.ASCII
)


class SecurityTokenService:
    """The operations of STS; they need the seal of session tokens."""

    def __init__(self, sessions: SessionTokens) -> None:
        self._sessions = sessions

    @calls.open_ended
    async def get_caller_identity(self, call: OpenCall, request: Document) -> Document:
        principal = call.principal
        return {"UserId": principal.id, "Account": principal.account, "Arn": principal.arn}

    @calls.write  # changes nothing, but hands out nothing that is not recorded
    async def assume_role(self, call: Call, request: Document) -> Document:
        """Raises: AccessDeniedException: no such role. ValidationException, PackedPolicyTooLarge.

        MalformedPolicyDocument: of the session policy.
        """
        if request.get("ProvidedContexts"):
            raise ValidationException("ProvidedContexts are not offered by this server.")
        session_requests.check_no_mfa(request)
        account, role = await _role(call, request["RoleArn"])
        seconds = session_requests.role_seconds(request, call.principal, role.session_seconds_max)
        session = session_requests.read(request, call.principal, role.arn, call.now_us)
        name = request["RoleSessionName"]
        statement = Statement(
            access_key_id=unique_ids.new("ASIA", 16),
            account=account,
            arn=f"arn:aws:sts::{account}:assumed-role/{role.name}/{name}",
            id=f"{role.id}:{name}",
            source_identity=_source_identity(call, request),
            expires_us=call.now_us + seconds * _SECOND_US,
            session=session,
        )
        call.changed(role.arn)
        answer: Document = {
            "Credentials": self._sealed(statement),
            "AssumedRoleUser": {"AssumedRoleId": statement.id, "Arn": statement.arn},
        }
        if statement.source_identity:
            answer["SourceIdentity"] = statement.source_identity
        percent = session_requests.packed_percent(session)
        if percent is not None:
            answer["PackedPolicySize"] = percent
        return answer

    @calls.write  # as AssumeRole
    async def get_session_token(self, call: Call, request: Document) -> Document:
        """Raises: AccessDeniedException: the caller has a session already, or sends an MFA code."""
        principal = call.principal
        if principal.session is not None:
            raise AccessDeniedException("Cannot call GetSessionToken with session credentials")
        session_requests.check_no_mfa(request)
        seconds = request.get("DurationSeconds", OWN_SECONDS_DEFAULT)
        if principal.arn.endswith(":root"):
            seconds = min(seconds, ROOT_SECONDS_MAX)
        statement = Statement(
            access_key_id=unique_ids.new("ASIA", 16),
            account=call.account,
            arn=principal.arn,
            id=principal.id,
            source_identity="",
            expires_us=call.now_us + seconds * _SECOND_US,
            session=Session(role_arn="", issued_us=call.now_us),
        )
        call.changed(call.principal.arn)
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


def _source_identity(call: Call, request: Document) -> str:
    """Once set it stays, through every role that the session assumes.

    Raises: AccessDeniedException: another one is asked for.
    """
    own, asked = call.principal.source_identity, request.get("SourceIdentity", "")
    if own and asked and own != asked:
        raise AccessDeniedException(
            f"User: {call.principal.arn} is not authorized to perform: sts:SetSourceIdentity"
            f" on resource: {request['RoleArn']}: the session's source identity cannot be changed"
        )
    return own or asked


async def _role(call: Call, arn: str) -> tuple[str, Role]:
    """The role, in its account, which need not be the caller's."""
    match = _ROLE.fullmatch(arn)
    if match is None:
        raise ValidationException(f"{arn} is invalid")
    role = None
    if not await accounts.is_closed(call.tx, match[1]):
        role = await roles.find(call.tx, match[1], match[3])
    if role is None or role.arn != arn:
        # AWS does not tell a role that is missing from one that does not trust the caller.
        raise AccessDeniedException(
            f"User: {call.principal.arn} is not authorized to perform: sts:AssumeRole"
            f" on resource: {arn}"
        )
    return match[1], role
