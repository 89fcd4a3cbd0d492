"""What a sign-in does, step by step: the same for every name, and nothing without its record."""

import asyncio
from typing import Any

import pytest

from modelyard.access.people import attempts, sign_in_events
from modelyard.access.people.login_profiles import LoginProfiles
from modelyard.access.people.password_sign_in import Attempt, PasswordSignIn, SignInFailed
from modelyard.access.people.passwords import WAITING_MAX, Passwords, TooBusy
from modelyard.access.people.sign_in_events import HIDDEN, Origin, SignInEvent
from modelyard.storage.database import Database
from modelyard.storage.transaction import Transaction

ACCOUNT = "123456789012"
NOW_US = 1_790_000_000_000_000
ORIGIN = Origin(source_ip="192.0.2.7", user_agent="a browser", request_id="r-1")
USER = (
    "INSERT INTO iam_user (account, name, path, id, arn, created_us, document)"
    " VALUES (?, ?, '/', ?, ?, 0, '{}')"
)
PROFILE = (
    "INSERT INTO login_profile"
    " (account, user_id, hash, reset_required, created_us, changed_us, document)"
    " VALUES (?, ?, ?, 0, 0, 0, '[]')"
)


class Watched(Passwords):
    """Notes what is asked of it; does the work all the same."""

    def __init__(self, steps: list[str]) -> None:
        super().__init__()
        self._steps = steps

    async def matches(self, stored: str | None, password: str) -> bool:
        self._steps.append("checked a password")
        return await super().matches(stored, password)

    def _verify(self, stored: str, password: str) -> bool:
        self._steps.append(stored.rpartition("p=")[0])  # the costs, not the salt
        return super()._verify(stored, password)


class WatchedDatabase:
    """The database, with a note of each transaction."""

    def __init__(self, database: Database, steps: list[str]) -> None:
        self._database = database
        self._steps = steps

    def __getattr__(self, name: str) -> Any:
        if name in ("read", "write"):
            self._steps.append(name)
        return getattr(self._database, name)


async def prepared(
    database: Database, steps: list[str], record: sign_in_events.Record
) -> PasswordSignIn:
    watched, passwords = WatchedDatabase(database, steps), Watched(steps)
    stored = await passwords.hash("right")

    async def make(tx: Transaction) -> None:
        arn = f"arn:aws:iam::{ACCOUNT}:user/"
        await tx.run(USER, ACCOUNT, "ana", "AIDAANA", f"{arn}ana")
        await tx.run(USER, ACCOUNT, "bob", "AIDABOB", f"{arn}bob")
        await tx.run(PROFILE, ACCOUNT, "AIDAANA", stored)

    await database.write(make)
    steps.clear()
    profiles = LoginProfiles(watched, passwords)
    return PasswordSignIn(watched, passwords, profiles, record, lambda event: None, b"secret")


def attempt(name: str, password: str = "wrong") -> Attempt:
    return Attempt(account=ACCOUNT, user_name=name, password=password, origin=ORIGIN)


async def test_a_strangers_name_costs_the_same_as_a_known_one(database: Database) -> None:
    steps: list[str] = []
    told: list[SignInEvent] = []

    async def record(tx: Transaction, event: SignInEvent) -> None:
        told.append(event)

    sign_in = await prepared(database, steps, record)
    taken = {}
    for name in ("ana", "bob", "nobody"):
        with pytest.raises(SignInFailed) as refused:
            await sign_in.open_browser(attempt(name), NOW_US)
        taken[name] = (str(refused.value), tuple(steps))
        steps.clear()

    assert taken["ana"] == taken["bob"] == taken["nobody"]
    assert "checked a password" in taken["ana"][1]
    assert [event.user_name for event in told] == ["ana", "bob", HIDDEN]
    assert [event.outcome for event in told] == ["Failure"] * 3


async def test_what_cannot_be_recorded_does_not_happen(database: Database) -> None:
    class NoRoom(Exception):
        pass

    async def record(tx: Transaction, event: SignInEvent) -> None:
        raise NoRoom

    sign_in = await prepared(database, [], record)

    with pytest.raises(NoRoom):
        await sign_in.open_browser(attempt("ana", "right"), NOW_US)

    row = await database.read(lambda tx: tx.one("SELECT COUNT(*) FROM sign_in_session"))
    assert row == (0,)


async def test_many_attempts_at_once_are_counted_before_they_are_made(database: Database) -> None:
    tried = attempts.subjects(b"secret", ACCOUNT, "ana", "192.0.2.7")

    async def one() -> bool:
        try:
            await database.write(lambda tx: attempts.charge(tx, tried, NOW_US))
        except attempts.TooManyAttempts:
            return False
        return True

    went = await asyncio.gather(*(one() for _ in range(40)))

    assert sum(went) == tried[0].free


async def test_who_rests_starts_afresh_and_success_forgives(database: Database) -> None:
    tried = attempts.subjects(b"secret", ACCOUNT, "ana", "192.0.2.7")
    later = NOW_US + attempts.FORGET_US + 61_000_000

    async def charge(now_us: int) -> None:
        await database.write(lambda tx: attempts.charge(tx, tried, now_us))

    for _ in range(tried[0].free):
        await charge(NOW_US)
    with pytest.raises(attempts.TooManyAttempts):
        await charge(NOW_US)
    for _ in range(tried[0].free - 1):
        await charge(later)
    await database.write(lambda tx: attempts.refund(tx, tried))
    for _ in range(tried[0].free):
        await charge(later)
    with pytest.raises(attempts.TooManyAttempts):
        await charge(later)
    assert await database.write(lambda tx: attempts.sweep(tx, later * 2)) == 2


def test_an_ipv6_network_is_one_address_and_a_mapped_one_its_ipv4() -> None:
    def of(address: str) -> str:
        return attempts.subjects(b"secret", ACCOUNT, "ana", address)[1].key

    assert of("2001:db8:1:2::1") == of("2001:db8:1:2:ffff::9")
    assert of("2001:db8:1:2::1") != of("2001:db8:1:3::1")
    assert of("::ffff:192.0.2.7") == of("192.0.2.7")


async def test_too_many_passwords_at_once_are_refused_not_queued() -> None:
    passwords = Passwords()
    passwords._waiting = WAITING_MAX

    with pytest.raises(TooBusy):
        await passwords.hash("x")
