"""Signing in with a name and a password.

One sentence for every failure, and one path: a name that nobody has costs the same work, the same
waiting and the same words as a wrong password.
"""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import TypeVar

from modelyard.access.accounts import accounts
from modelyard.access.people import (
    attempts,
    login_profiles,
    password_policy,
    sign_in_events,
    sign_in_sessions,
    users,
)
from modelyard.access.people.login_profiles import LoginProfile, LoginProfiles
from modelyard.access.people.password_policy import PasswordPolicy
from modelyard.access.people.passwords import Passwords
from modelyard.access.people.sign_in_events import Origin, Record, SignInEvent, TurnedAway
from modelyard.access.people.sign_in_sessions import SignedIn
from modelyard.access.people.users import User
from modelyard.storage.database import Database
from modelyard.storage.transaction import Transaction

T = TypeVar("T")

NAME_CHARS_MAX = 64  # of an IAM user
PASSWORD_CHARS_MAX = 128  # of a LoginProfile
_ACCOUNT = re.compile(r"[0-9]{12}")
_NAME = re.compile(rf"[\w+=,.@-]{{1,{NAME_CHARS_MAX}}}", re.ASCII)
FAILED = "The account, the user name or the password is not right."


class SignInFailed(Exception):
    """It says FAILED, whatever the reason was."""

    def __init__(self) -> None:
        super().__init__(FAILED)


class MustChangePassword(Exception):
    """The password was right, and is good for choosing another one only."""


class _Changed(Exception):
    """The password was changed while it was checked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    account: str
    user_name: str
    password: str = field(repr=False)
    origin: Origin

    def bounded(self) -> "Attempt":
        """The attempt; if it can be no one's, one that is no one's, to go the same way."""
        fits = (
            _ACCOUNT.fullmatch(self.account)
            and _NAME.fullmatch(self.user_name)
            and len(self.password) <= PASSWORD_CHARS_MAX
        )
        return self if fits else replace(self, account="", user_name="", password="")


@dataclass(frozen=True, slots=True)
class _Found:
    """What the database knows of a name; all None for one that cannot sign in."""

    user: User | None
    profile: LoginProfile | None
    policy: PasswordPolicy

    def reason(self) -> str:
        """Why a sign-in failed, for the trail alone."""
        if self.user is None:
            return "No username found in supplied account"
        return "Failed authentication" if self.profile is not None else "The user has no password"


class PasswordSignIn:
    """Proves passwords and opens sessions."""

    def __init__(
        self,
        database: Database,
        passwords: Passwords,
        profiles: LoginProfiles,
        record: Record,
        turned_away: TurnedAway,
        secret: bytes,
    ) -> None:
        self._database = database
        self._passwords = passwords
        self._profiles = profiles
        self._record = record
        self._turned_away = turned_away
        self._secret = secret

    async def open_browser(self, attempt: Attempt, now_us: int) -> str:
        """The token for the browser's cookie.

        Raises: SignInFailed, TooManyAttempts, TooBusy.
        """

        async def opened(tx: Transaction, profile: LoginProfile, must_change: bool) -> str:
            who = sign_in_sessions.of_user(profile.user)
            return await sign_in_sessions.open_browser(tx, who, now_us, must_change=must_change)

        return await self._prove(attempt, now_us, sign_in_events.CONSOLE_LOGIN, opened)

    async def open_command(self, attempt: Attempt, now_us: int, lasts_us: int) -> SignedIn:
        """The session behind temporary credentials.

        Raises: SignInFailed, TooManyAttempts, TooBusy, MustChangePassword.
        """

        async def opened(tx: Transaction, profile: LoginProfile, must_change: bool) -> SignedIn:
            who = sign_in_sessions.of_user(profile.user)
            session = await sign_in_sessions.open_command(tx, who, now_us, lasts_us)
            found = await sign_in_sessions.by_id(tx, session, now_us)
            assert found is not None  # opened in this transaction
            return found

        return await self._prove(
            attempt, now_us, sign_in_events.CREATE_TOKEN, opened, as_it_is=True
        )

    async def change_password(
        self, signed_in: SignedIn, old: str, new: str, origin: Origin, now_us: int
    ) -> str:
        """Take a new password and sign out everywhere; the token of a fresh session here.

        Raises: SignInFailed: the old one is not right. TooManyAttempts, TooBusy,
        PasswordPolicyViolation, AccessDeniedException: users may not change theirs.
        """
        attempt = Attempt(
            account=signed_in.who.account,
            user_name=signed_in.user_name,
            password=old,
            origin=origin,
        )

        async def nothing(
            tx: Transaction, profile: LoginProfile, must_change: bool
        ) -> LoginProfile:
            return profile

        profile = await self._prove(attempt, now_us, "", nothing)
        stored = await self._profiles.accepted(profile, new)

        async def work(tx: Transaction) -> str:
            changed = {"hash": stored, "reset_required": 0}
            if not await login_profiles.replace(tx, profile, changed, now_us):
                raise SignInFailed
            event = _event(attempt, now_us, sign_in_events.PASSWORD_UPDATED, profile.user)
            await self._record(tx, event)
            who = sign_in_sessions.of_user(profile.user)
            return await sign_in_sessions.open_browser(tx, who, now_us)

        return await self._database.write(work)

    async def _prove(
        self,
        attempt: Attempt,
        now_us: int,
        event: str,
        then: Callable[[Transaction, LoginProfile, bool], Awaitable[T]],
        *,
        as_it_is: bool = False,
    ) -> T:
        """Count, look, check, and open: `then` runs in the transaction that records the success.

        Without an `event` only the failure is recorded. With `as_it_is` a password that has to be
        changed is refused.
        """
        tried = attempts.subjects(
            self._secret, attempt.account, attempt.user_name, attempt.origin.source_ip
        )
        name = event or sign_in_events.PASSWORD_UPDATED
        try:
            await self._database.write(lambda tx: attempts.charge(tx, tried, now_us))
        except attempts.TooManyAttempts:
            found = await self._database.read(lambda tx: _look(tx, attempt))
            self._turned_away(_event(attempt, now_us, name, found.user, "Too many failed attempts"))
            raise
        found = await self._database.read(lambda tx: _look(tx, attempt))
        profile = found.profile
        stored = None if profile is None else profile.hash
        right = await self._passwords.matches(stored, attempt.password)
        expired = profile is not None and found.policy.has_expired(profile.changed_us, now_us)
        if not right or profile is None or (expired and found.policy.hard_expiry):
            await self._fail(attempt, now_us, name, found)
            raise SignInFailed
        must_change = profile.reset_required or expired
        if must_change and as_it_is:
            await self._fail(attempt, now_us, name, found, "The password must be changed")
            raise MustChangePassword

        async def work(tx: Transaction) -> T:
            now = await login_profiles.find(tx, profile.user)
            if now is None or now.hash != profile.hash:
                raise _Changed
            await attempts.refund(tx, tried)
            result = await then(tx, profile, must_change)
            if event:
                await self._record(tx, _event(attempt, now_us, event, profile.user))
            return result

        try:
            return await self._database.write(work)
        except _Changed:
            await self._fail(attempt, now_us, name, found)
            raise SignInFailed from None

    async def _fail(
        self, attempt: Attempt, now_us: int, name: str, found: _Found, error: str = ""
    ) -> None:
        event = _event(attempt, now_us, name, found.user, error or found.reason())
        await self._database.write(lambda tx: self._record(tx, event))


async def _look(tx: Transaction, attempt: Attempt) -> _Found:
    user = None
    if not await accounts.is_closed(tx, attempt.account):
        user = await users.find(tx, attempt.account, attempt.user_name)
    profile = None if user is None else await login_profiles.find(tx, user)
    return _Found(user, profile, await password_policy.of(tx, attempt.account))


def _event(
    attempt: Attempt, now_us: int, name: str, user: User | None, error: str = ""
) -> SignInEvent:
    return SignInEvent(
        name=name,
        account=attempt.account,
        origin=attempt.origin,
        now_us=now_us,
        arn="" if user is None else user.arn,
        principal_id="" if user is None else user.id,
        user_name=sign_in_events.HIDDEN if user is None else user.name,
        error=error,
    )
