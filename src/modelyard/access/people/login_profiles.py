"""A user's password: CreateLoginProfile to DeleteLoginProfile, and ChangePassword.

A password is hashed before the transaction that stores it; whatever changes one ends every session
of its user in the same transaction.
"""

from dataclasses import dataclass, field
from typing import Any

from modelyard import call as calls
from modelyard.access.identities.refusals import EntityAlreadyExists, NoSuchEntity
from modelyard.access.people import password_policy, sign_in_sessions, users
from modelyard.access.people.passwords import Passwords, TooBusy
from modelyard.access.people.refusals import InvalidUserType, PasswordPolicyViolation
from modelyard.access.people.users import User
from modelyard.call import Call, Change, Document, OpenCall
from modelyard.errors import (
    AccessDeniedException,
    Conflict,
    ServiceUnavailable,
    ValidationException,
)
from modelyard.storage import access_changes, records
from modelyard.storage.database import Database
from modelyard.storage.transaction import Transaction

REMEMBERED_MAX = 24  # PasswordReusePrevention, at most
PROFILE = records.Table(
    "login_profile",
    ("account", "user_id"),
    ("account", "user_id", "hash", "reset_required", "created_us", "changed_us", "document"),
)


@dataclass(frozen=True, slots=True)
class LoginProfile:
    """A stored password. `earlier` are the hashes of those before, newest first."""

    user: User
    hash: str = field(repr=False)
    reset_required: bool
    created_us: int
    changed_us: int
    earlier: tuple[str, ...] = field(repr=False)

    @property
    def told(self) -> Document:
        """What the audit trail says of it: never a password, nor what is kept of one."""
        shown = _shown(self.user.name, self.created_us, self.reset_required)
        return shown | {"ChangeDate": self.changed_us}


async def find(tx: Transaction, user: User) -> LoginProfile | None:
    record = await records.find(tx, PROFILE, user.account, user.id)
    if record is None:
        return None
    return LoginProfile(
        user,
        record["hash"],
        bool(record["reset_required"]),
        record["created_us"],
        record["changed_us"],
        tuple(record["document"]),
    )


async def get(tx: Transaction, user: User) -> LoginProfile:
    """Raises: NoSuchEntity."""
    profile = await find(tx, user)
    if profile is None:
        raise NoSuchEntity(f"Login Profile for User {user.name} cannot be found.")
    return profile


async def replace(
    tx: Transaction, profile: LoginProfile, changed: dict[str, Any], now_us: int
) -> bool:
    """Store a change of a profile that is as it was read, and sign its user out everywhere.

    Answers whether it still was so.
    """
    if "hash" in changed:
        earlier = [profile.hash, *profile.earlier][:REMEMBERED_MAX]
        changed = changed | {"changed_us": now_us, "document": earlier}
    user = profile.user
    await access_changes.bump(tx)
    same = await records.update(
        tx, PROFILE, (user.account, user.id), changed, expected={"hash": profile.hash}
    )
    if same and "hash" in changed:
        await sign_in_sessions.end_all_of_user(tx, user.account, user.id)
    return same


class LoginProfiles:
    """The operations; they need the database, because hashing takes its time outside of it."""

    def __init__(self, database: Database, passwords: Passwords) -> None:
        self._database = database
        self._passwords = passwords

    @calls.open_ended
    async def create_login_profile(self, call: OpenCall, request: Document) -> Document:
        """Raises: NoSuchEntity, EntityAlreadyExists, PasswordPolicyViolation."""
        password = request.get("Password")
        if password is None:
            raise ValidationException("A password is required to create a login profile.")

        async def check(tx: Transaction) -> User:
            user = await _user(tx, call, request)
            (await password_policy.of(tx, call.account)).check(password, user.name)
            return user

        name = (await self._database.read(check)).name
        stored = await self._hashed(password)

        async def work(tx: Transaction) -> Document:
            await access_changes.bump(tx)
            user = await users.get(tx, call.account, name)
            record = {
                "account": call.account,
                "user_id": user.id,
                "hash": stored,
                "reset_required": int(request.get("PasswordResetRequired", False)),
                "created_us": call.now_us,
                "changed_us": call.now_us,
                "document": [],
            }
            try:
                await records.insert(tx, PROFILE, record)
            except Conflict:
                raise EntityAlreadyExists(
                    f"Login Profile for user {name} already exists."
                ) from None
            shown = _shown(name, call.now_us, bool(record["reset_required"]))
            await call.audit.record(tx, [Change(user.arn, after={"LoginProfile": shown})])
            return record

        record = await self._database.write(work)
        return {"LoginProfile": _shown(name, call.now_us, bool(record["reset_required"]))}

    @calls.read
    async def get_login_profile(self, call: Call, request: Document) -> Document:
        """Raises: NoSuchEntity."""
        profile = await get(call.tx, await _user(call.tx, call, request))
        shown = _shown(profile.user.name, profile.created_us, profile.reset_required)
        return {"LoginProfile": shown}

    @calls.open_ended
    async def update_login_profile(self, call: OpenCall, request: Document) -> Document:
        """Raises: NoSuchEntity, PasswordPolicyViolation."""

        async def look(tx: Transaction) -> LoginProfile:
            return await get(tx, await users.get(tx, call.account, request["UserName"]))

        profile = await self._database.read(look)
        changed: dict[str, Any] = {}
        if "PasswordResetRequired" in request:
            changed["reset_required"] = int(request["PasswordResetRequired"])
        if "Password" in request:
            changed["hash"] = await self.accepted(profile, request["Password"])
        if changed:
            await self._store(call, profile, changed)
        return {}

    @calls.write
    async def delete_login_profile(self, call: Call, request: Document) -> Document:
        """Raises: NoSuchEntity."""
        await access_changes.bump(call.tx)
        user = await _user(call.tx, call, request)
        profile = await get(call.tx, user)
        await records.delete(call.tx, PROFILE, call.account, user.id)
        await sign_in_sessions.end_all_of_user(call.tx, call.account, user.id)
        call.changed(user.arn, before={"LoginProfile": profile.told})
        return {}

    @calls.open_ended
    async def change_password(self, call: OpenCall, request: Document) -> Document:
        """The caller's own.

        Raises: InvalidUserType: the caller is no user. AccessDeniedException: the old password is
        not right, or the policy does not let users change theirs. PasswordPolicyViolation.
        """
        if f":iam::{call.account}:user/" not in call.principal.arn:
            raise InvalidUserType("Only an IAM user has a password that can be changed.")

        async def look(tx: Transaction) -> LoginProfile:
            user = await users.by_id(tx, call.account, call.principal.id)
            if user is None:
                raise NoSuchEntity("The user cannot be found.")
            if not (await password_policy.of(tx, call.account)).users_may_change:
                raise AccessDeniedException("The password policy lets no user change a password.")
            return await get(tx, user)

        profile = await self._database.read(look)
        if not await self._matches(profile, request["OldPassword"]):
            raise AccessDeniedException("The old password was incorrect.")
        stored = await self.accepted(profile, request["NewPassword"])
        await self._store(call, profile, {"hash": stored, "reset_required": 0})
        return {}

    async def accepted(self, profile: LoginProfile, password: str) -> str:
        """The hash of a new password that the policy accepts.

        Raises: PasswordPolicyViolation.
        """
        user = profile.user
        policy = await self._database.read(lambda tx: password_policy.of(tx, user.account))
        policy.check(password, user.name)
        remembered = (profile.hash, *profile.earlier)[: policy.remembered]
        if remembered and await self._reused(remembered, password):
            raise PasswordPolicyViolation(
                f"Password should not be one of the last {policy.remembered}."
            )
        return await self._hashed(password)

    async def _store(self, call: OpenCall, profile: LoginProfile, changed: dict[str, Any]) -> None:
        """Raises: NoSuchEntity: the profile was deleted or changed meanwhile."""

        async def work(tx: Transaction) -> bool:
            same = await replace(tx, profile, changed, call.now_us)
            if same:
                after = profile.told
                if "hash" in changed:
                    after |= {"ChangeDate": call.now_us}
                if "reset_required" in changed:
                    after |= {"PasswordResetRequired": bool(changed["reset_required"])}
                told = Change(profile.user.arn, profile.told, after)
                await call.audit.record(tx, [told])
            return same

        if not await self._database.write(work):
            raise NoSuchEntity(f"Login Profile for User {profile.user.name} was changed meanwhile.")

    async def _hashed(self, password: str) -> str:
        try:
            return await self._passwords.hash(password)
        except TooBusy:
            raise _too_busy() from None

    async def _matches(self, profile: LoginProfile, password: str) -> bool:
        try:
            return await self._passwords.matches(profile.hash, password)
        except TooBusy:
            raise _too_busy() from None

    async def _reused(self, remembered: tuple[str, ...], password: str) -> bool:
        try:
            return await self._passwords.matches_any(remembered, password)
        except TooBusy:
            raise _too_busy() from None


async def _user(tx: Transaction, call: OpenCall, request: Document) -> User:
    """The one that UserName names; without it the caller, as AWS takes it."""
    if request.get("UserName"):
        return await users.get(tx, call.account, request["UserName"])
    user = await users.by_id(tx, call.account, call.principal.id)
    if user is None:
        raise ValidationException("Must specify userName when calling with non-User credentials")
    return user


def _shown(name: str, created_us: int, reset_required: bool) -> Document:
    return {
        "UserName": name,
        "CreateDate": created_us,
        "PasswordResetRequired": reset_required,
    }


def _too_busy() -> ServiceUnavailable:
    return ServiceUnavailable("Too many passwords are being checked. Try again in a moment.")
