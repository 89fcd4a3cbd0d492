"""Temporary credentials for `modelyard login`, by a password or by a browser's consent.

They are sealed, as all temporary credentials are, and end with the sign-in they came from: when it
is ended, when the user's password changes, when the user, the role or the provider goes.
"""

from dataclasses import dataclass, field

from modelyard.access.people import command_codes, sign_in_events, sign_in_sessions
from modelyard.access.people.password_sign_in import Attempt, PasswordSignIn
from modelyard.access.people.sign_in_events import Origin, Record, SignInEvent
from modelyard.access.people.sign_in_sessions import SignedIn
from modelyard.access.people.temporary_credentials import seal
from modelyard.access.sessions.session_tokens import SessionTokens
from modelyard.call import Document
from modelyard.errors import NotAuthenticated
from modelyard.storage.database import Database
from modelyard.storage.transaction import Transaction

LASTS_SECONDS_MAX = 12 * 3600
LASTS_SECONDS_MIN = 900
_SECOND_US = 1_000_000


class BadCode(Exception):
    """No such code, or not for whoever showed it."""


@dataclass(frozen=True, slots=True)
class Issued:
    """What a command gets: AWS's Credentials, and whose they are."""

    credentials: Document = field(repr=False)
    arn: str
    expires_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Redemption:
    """A code, and what proves that it is shown by the command it was meant for."""

    code: str = field(repr=False)
    verifier: str = field(repr=False)
    redirect_uri: str


class Commands:
    """Gives credentials to commands, and takes them back."""

    def __init__(
        self,
        database: Database,
        passwords: PasswordSignIn,
        sessions: SessionTokens,
        record: Record,
    ) -> None:
        self._database = database
        self._passwords = passwords
        self._sessions = sessions
        self._record = record

    async def by_password(self, attempt: Attempt, seconds: int, now_us: int) -> Issued:
        """Raises: SignInFailed, TooManyAttempts, TooBusy, MustChangePassword."""
        lasts_us = _lasts(seconds) * _SECOND_US
        signed_in = await self._passwords.open_command(attempt, now_us, lasts_us)
        return self._issued(signed_in)

    async def consent(
        self, signed_in: SignedIn, challenge: str, redirect_uri: str, now_us: int
    ) -> str:
        """The code for a command that asked this browser."""
        return await self._database.write(
            lambda tx: command_codes.give(tx, signed_in.id, challenge, redirect_uri, now_us)
        )

    async def by_code(self, shown: Redemption, seconds: int, origin: Origin, now_us: int) -> Issued:
        """Raises: BadCode. No longer than the browser's session, for a role."""

        async def work(tx: Transaction) -> SignedIn | None:
            session = await command_codes.take(
                tx, shown.code, shown.verifier, shown.redirect_uri, now_us
            )
            browser = session and await sign_in_sessions.by_id(tx, session, now_us)
            if not browser or browser.must_change:
                return None
            lasts_us = _lasts(seconds) * _SECOND_US
            if browser.role_arn:
                lasts_us = min(lasts_us, browser.expires_us - now_us)
            opened = await sign_in_sessions.open_command(tx, browser.who, now_us, lasts_us)
            found = await sign_in_sessions.by_id(tx, opened, now_us)
            assert found is not None  # opened in this transaction
            await self._record(tx, _event(sign_in_events.CREATE_TOKEN, found, origin, now_us))
            return found

        signed_in = await self._database.write(work)
        if signed_in is None:
            raise BadCode
        return self._issued(signed_in)

    async def end(self, access_key_id: str, token: str, origin: Origin, now_us: int) -> bool:
        """End the sign-in that credentials came from; whether it still held.

        Their session token is the proof: only who holds it can show it.
        """
        try:
            statement, _ = self._sessions.open(access_key_id, token, now_us)
        except NotAuthenticated:
            return False
        session = statement.session.sign_in

        async def work(tx: Transaction) -> bool:
            found = await sign_in_sessions.by_id(tx, session, now_us)
            if found is None:
                return False
            await sign_in_sessions.end(tx, found.id)
            await self._record(tx, _event(sign_in_events.LOGOUT, found, origin, now_us))
            return True

        return bool(session) and await self._database.write(work)

    def _issued(self, signed_in: SignedIn) -> Issued:
        expires_us = signed_in.expires_us - signed_in.expires_us % _SECOND_US
        principal = signed_in.principal
        assert principal.session is not None  # of whoever signed in
        credentials = seal(self._sessions, principal, principal.session, expires_us)
        return Issued(credentials, signed_in.principal.arn, expires_us)


def _lasts(seconds: int) -> int:
    return min(max(seconds, LASTS_SECONDS_MIN), LASTS_SECONDS_MAX)


def _event(name: str, signed_in: SignedIn, origin: Origin, now_us: int) -> SignInEvent:
    return SignInEvent(
        name=name,
        account=signed_in.who.account,
        origin=origin,
        now_us=now_us,
        arn=signed_in.principal.arn,
        principal_id=signed_in.principal.id,
        user_name=signed_in.user_name,
    )
