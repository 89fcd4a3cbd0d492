"""Who is signed in: opened by a proved sign-in, found by what the person's side holds, and ended.

A browser holds a random token, of which only the digest is stored. A command holds temporary
credentials, whose sealed statement names the session. Every look asks anew whether the user, or
the role and the provider, are still there.
"""

import hashlib
import secrets
from dataclasses import dataclass

from modelyard.access.accounts import accounts
from modelyard.access.people.users import User
from modelyard.call import Principal, Session
from modelyard.storage import access_changes, records
from modelyard.storage.transaction import Transaction

BROWSER, COMMAND = "browser", "command"
LASTS_US = 12 * 3_600_000_000  # AWS's console: twelve hours
IDLE_US = 3_600_000_000
SEEN_EVERY_US = 60_000_000  # how often a look is written down
SWEEP_MAX = 1000  # rows to a transaction
TOKEN_CHARS_MAX = 64
SESSION = records.Table(
    "sign_in_session",
    ("id",),
    (
        "id",
        "account",
        "user_id",
        "role_id",
        "provider",
        "session_name",
        "kind",
        "must_change",
        "created_us",
        "seen_us",
        "idle_us",
        "expires_us",
    ),
)
_FIND = (
    "SELECT s.account, s.user_id, s.role_id, s.provider, s.session_name, s.kind, s.must_change,"
    " s.created_us, s.seen_us, s.idle_us, s.expires_us, u.name, u.arn, r.name, r.arn, p.name"
    " FROM sign_in_session s"
    " LEFT JOIN iam_user u ON u.account = s.account AND u.id = s.user_id"
    " LEFT JOIN role r ON r.account = s.account AND r.id = s.role_id"
    " LEFT JOIN openid_provider p ON p.account = s.account AND p.name = s.provider"
    " WHERE s.id = ?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Who:
    """Whom a session is of: a user, or a session of a role that a provider's person took on."""

    account: str
    user_id: str = ""
    role_id: str = ""
    provider: str = ""  # the name of an OpenID Connect provider
    session_name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """A session that holds now."""

    id: str
    who: Who
    kind: str
    must_change: bool  # good for a new password and nothing else
    expires_us: int
    seen_us: int
    principal: Principal
    role_arn: str  # "" for a user
    user_name: str  # "" for a role


def of_user(user: User) -> Who:
    return Who(account=user.account, user_id=user.id)


async def open_browser(
    tx: Transaction, who: Who, now_us: int, *, lasts_us: int = LASTS_US, must_change: bool = False
) -> str:
    """The token for the browser's cookie."""
    token = secrets.token_urlsafe(32)
    ends = now_us + min(lasts_us, LASTS_US)
    await _insert(tx, _id(token), who, BROWSER, now_us, ends, IDLE_US, must_change)
    return token


async def open_command(tx: Transaction, who: Who, now_us: int, lasts_us: int) -> str:
    """The session's id, for the sealed statement of temporary credentials."""
    session = _id(secrets.token_urlsafe(32))
    await _insert(tx, session, who, COMMAND, now_us, now_us + lasts_us, 0, False)
    return session


async def by_token(tx: Transaction, token: str, now_us: int) -> SignedIn | None:
    """Whoever holds the cookie."""
    if not token or len(token) > TOKEN_CHARS_MAX:
        return None
    found = await by_id(tx, _id(token), now_us)
    return found if found is not None and found.kind == BROWSER else None


async def by_id(tx: Transaction, session: str, now_us: int) -> SignedIn | None:
    """The session, if it has not ended and whom it is of is still there."""
    row = await tx.one(_FIND, session)
    if row is None:
        return None
    who = Who(account=row[0], user_id=row[1], role_id=row[2], provider=row[3], session_name=row[4])
    kind, must_change, created_us, seen_us, idle_us, expires_us = row[5:11]
    user_name, user_arn, role_name, role_arn, provider = row[11:]
    if now_us >= expires_us or (idle_us and now_us >= seen_us + idle_us):
        return None
    if await accounts.is_closed(tx, who.account) or (who.user_id and user_arn is None):
        return None
    if not who.user_id and (role_arn is None or provider is None):
        return None
    session_of = Session(
        role_arn=role_arn or "", issued_us=created_us, provider=provider or "", sign_in=session
    )
    arn, unique_id = user_arn, who.user_id
    if not who.user_id:
        arn = f"arn:aws:sts::{who.account}:assumed-role/{role_name}/{who.session_name}"
        unique_id = f"{who.role_id}:{who.session_name}"
    # What is known of a caller is kept by the key, so each session needs one of its own.
    principal = Principal(who.account, arn, unique_id, f"sign-in-{session[:32]}", "", session_of)
    return SignedIn(
        id=session,
        who=who,
        kind=kind,
        must_change=bool(must_change),
        expires_us=expires_us,
        seen_us=seen_us,
        principal=principal,
        role_arn=role_arn or "",
        user_name=user_name or "",
    )


async def is_open(tx: Transaction, session: str) -> bool:
    """Whether it has not been ended. When it ends by itself, its credentials say themselves."""
    return await tx.one("SELECT 1 FROM sign_in_session WHERE id = ?", session) is not None


async def seen(tx: Transaction, session: str, now_us: int) -> None:
    await tx.run(
        "UPDATE sign_in_session SET seen_us = ? WHERE id = ? AND seen_us < ?",
        now_us,
        session,
        now_us,
    )


async def end(tx: Transaction, session: str) -> bool:
    """Answer whether there was one. Credentials that came from it are refused from then on."""
    await access_changes.bump(tx)
    return await records.delete(tx, SESSION, session)


async def end_all_of_user(tx: Transaction, account: str, user_id: str) -> int:
    """Sign a user out everywhere; answer how many sessions that were."""
    return await tx.run(
        "DELETE FROM sign_in_session WHERE account = ? AND user_id = ?", account, user_id
    )


async def sweep(tx: Transaction, now_us: int) -> int:
    """Forget sessions that have ended, SWEEP_MAX rows at most; answer how many."""
    return await tx.run(
        "DELETE FROM sign_in_session WHERE id IN (SELECT id FROM sign_in_session"
        " WHERE expires_us <= ? ORDER BY expires_us LIMIT ?)",
        now_us,
        SWEEP_MAX,
    )


async def _insert(
    tx: Transaction,
    session: str,
    who: Who,
    kind: str,
    now_us: int,
    expires_us: int,
    idle_us: int,
    must_change: bool,
) -> None:
    await records.insert(
        tx,
        SESSION,
        {
            "id": session,
            "account": who.account,
            "user_id": who.user_id,
            "role_id": who.role_id,
            "provider": who.provider,
            "session_name": who.session_name,
            "kind": kind,
            "must_change": int(must_change),
            "created_us": now_us,
            "seen_us": now_us,
            "idle_us": idle_us,
            "expires_us": expires_us,
        },
    )


def _id(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
