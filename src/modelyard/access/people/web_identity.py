"""From an ID token to a role: AssumeRoleWithWebIdentity, and the same for a browser.

The call is unsigned, as at AWS: the token is the proof. Asks a provider only after it was found
among the account's own.
"""

import re
from dataclasses import dataclass

from msgspec import structs

from modelyard import call as calls
from modelyard.access.accounts import accounts
from modelyard.access.identities import identity, roles
from modelyard.access.identities.roles import Role
from modelyard.access.people import federated_trust, id_tokens, openid_providers
from modelyard.access.people.fetching import NotFetched
from modelyard.access.people.id_tokens import BadToken, IdToken, TokenExpired
from modelyard.access.people.issuers import Issuers
from modelyard.access.people.openid_providers import OpenIdProvider
from modelyard.access.people.refusals import (
    ExpiredToken,
    IDPCommunicationError,
    InvalidIdentityToken,
)
from modelyard.access.people.temporary_credentials import seal
from modelyard.access.sessions import session_requests
from modelyard.access.sessions.session_tokens import SessionTokens
from modelyard.call import Change, Document, OpenCall, Principal, Session
from modelyard.contract.http import HttpRequest
from modelyard.errors import AccessDeniedException, ValidationException
from modelyard.storage import records
from modelyard.storage.database import Database
from modelyard.storage.transaction import Transaction

OPERATION = "AssumeRoleWithWebIdentity"
REQUEST_BYTES_MAX = 64 << 10  # a form with one token of at most 20,000 characters
SESSION_SECONDS_DEFAULT = 3600
ROLES_MAX = 1000  # of an account, looked through for the first that accepts a person
_SECOND_US = 1_000_000
_ROLE = re.compile(r"arn:aws:iam::([0-9]{12}):role/(?:[\x21-\x7e]*/)?([\w+=,.@-]{1,64})", re.ASCII)
_NO_NAME = re.compile(r"[^\w+=,.@-]+", re.ASCII)


class NoRole(Exception):
    """No role of the account accepts this person."""


@dataclass(frozen=True, slots=True)
class Proved:
    """A token that holds, and the provider of the account that it is of."""

    provider: OpenIdProvider
    token: IdToken

    def session_name(self) -> str:
        """A name for the person's sessions, from the claims that name people."""
        for claim in ("preferred_username", "email", "name"):
            text = self.token.claims.get(claim)
            name = _NO_NAME.sub("-", text)[:64] if isinstance(text, str) else ""
            if len(name.strip("-")) >= 2:
                return name
        return _NO_NAME.sub("-", self.token.subject)[:64].ljust(2, "-")


class WebIdentity:
    """Proves ID tokens and finds the role for them."""

    def __init__(self, database: Database, issuers: Issuers, sessions: SessionTokens) -> None:
        self._database = database
        self._issuers = issuers
        self._sessions = sessions

    @calls.open_ended
    async def assume_role_with_web_identity(self, call: OpenCall, request: Document) -> Document:
        """Raises: InvalidIdentityToken, ExpiredToken, IDPCommunicationError.

        AccessDeniedException: no such role, or it does not trust the token.
        MalformedPolicyDocument, PackedPolicyTooLarge: of the session policies.
        """
        account = account_of_role(request["RoleArn"])
        proved = await self.proved(account, request["WebIdentityToken"], call.now_us)
        role = await self._database.read(lambda tx: _trusting(tx, request["RoleArn"], proved))
        seconds = request.get("DurationSeconds", SESSION_SECONDS_DEFAULT)
        if seconds > role.session_seconds_max:
            raise ValidationException(
                "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
            )
        name = request["RoleSessionName"]
        principal = Principal(
            account,
            f"arn:aws:sts::{account}:assumed-role/{role.name}/{name}",
            f"{role.id}:{name}",
            "",
        )
        expires_us = call.now_us + seconds * _SECOND_US
        session = _session(call, request, role, proved)
        answer: Document = {
            "Credentials": seal(self._sessions, principal, session, expires_us),
            "SubjectFromWebIdentityToken": proved.token.subject,
            "AssumedRoleUser": {"AssumedRoleId": principal.id, "Arn": principal.arn},
            "Provider": proved.provider.arn,
            "Audience": proved.token.audience,
        }
        percent = session_requests.packed_percent(session)
        if percent is not None:
            answer["PackedPolicySize"] = percent
        change = Change(role.arn)
        await self._database.write(lambda tx: call.audit.record(tx, [change], answer))
        return answer

    async def proved(
        self, account: str, token: str, now_us: int, nonce: str | None = None
    ) -> Proved:
        """Raises: InvalidIdentityToken, ExpiredToken, IDPCommunicationError."""
        try:
            claimed = id_tokens.read(token)
            provider = await self._database.read(lambda tx: _provider(tx, account, claimed.issuer))
            if provider is None:
                raise BadToken(
                    "No OpenIDConnect provider found in your account for"
                    f" {openid_providers.name_of(claimed.issuer)[:255]}"
                )
            keys = await self._issuers.keys(provider.url, claimed)
            found = id_tokens.prove(
                claimed,
                keys,
                issuer=provider.url,
                client_ids=provider.client_ids,
                now=now_us // _SECOND_US,
                nonce=nonce,
            )
        except TokenExpired as problem:
            raise ExpiredToken(str(problem)) from None
        except BadToken as problem:
            raise InvalidIdentityToken(str(problem)) from None
        except NotFetched as problem:
            raise IDPCommunicationError(
                f"The identity provider's keys could not be fetched: {problem}."
            ) from None
        return Proved(provider, found)

    async def role_for(self, tx: Transaction, proved: Proved, wanted: str) -> Role:
        """The role that was asked for (a name or an ARN), else the first by name that accepts.

        Raises: NoRole.
        """
        account = proved.provider.account
        if wanted:
            role = await roles.find(tx, account, wanted.rpartition("/")[2])
            if role is None or wanted not in (role.name, role.arn) or not _accepts(role, proved):
                raise NoRole
            return role
        equal = {"account": account}
        table = identity.ROLE.table
        page = await records.page(tx, table, equal=equal, order=("name",), limit=ROLES_MAX)
        for record in page.records:
            role = Role(identity.ROLE, **record)
            if _accepts(role, proved):
                return role
        raise NoRole


def may_be_asked_by(http: HttpRequest) -> bool:
    """Whether an unsigned request may be the operation; its body, still unread, decides."""
    length = http.headers.get("content-length", "")
    return (
        http.method == "POST"
        and http.raw_path == b"/"
        and not http.query
        and "authorization" not in http.headers
        and "x-www-form-urlencoded" in http.headers.get("content-type", "")
        and length.isascii()
        and length.isdigit()
        and int(length) <= REQUEST_BYTES_MAX
    )


def account_asked(request: Document) -> str:
    """The account whose role is asked for; "" where none can be read."""
    match = _ROLE.fullmatch(str(request.get("RoleArn", "")))
    return "" if match is None else match[1]


def account_of_role(arn: str) -> str:
    """Raises: ValidationException: it is no role's ARN."""
    match = _ROLE.fullmatch(arn)
    if match is None:
        raise ValidationException(f"{arn} is invalid")
    return match[1]


def _session(call: OpenCall, request: Document, role: Role, proved: Proved) -> Session:
    """Raises: ValidationException, MalformedPolicyDocument, PackedPolicyTooLarge."""
    session = session_requests.read(request, call.principal, role.arn, call.now_us)
    return structs.replace(session, provider=proved.provider.arn)


async def _provider(tx: Transaction, account: str, issuer: str) -> OpenIdProvider | None:
    """None too in an account that is closed, or is none: nobody can tell which."""
    if await accounts.is_closed(tx, account):
        return None
    return await openid_providers.find(tx, account, issuer)


async def _trusting(tx: Transaction, arn: str, proved: Proved) -> Role:
    role = await roles.find(tx, proved.provider.account, arn.rpartition("/")[2])
    if role is None or role.arn != arn or not _accepts(role, proved):
        # AWS does not tell a role that is missing from one that does not trust the token.
        raise AccessDeniedException("Not authorized to perform sts:AssumeRoleWithWebIdentity")
    return role


def _accepts(role: Role, proved: Proved) -> bool:
    return federated_trust.allowed(
        role.arn, role.trust_policy, proved.provider.arn, proved.token.context()
    )
