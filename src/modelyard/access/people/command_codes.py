"""Codes that take a signed-in browser's consent to the command that asked for it (RFC 8252).

A code is good once, for a minute, for the command that knows the verifier, and dies with the
session of the browser that gave it.
"""

import base64
import hashlib
import hmac
import re
import secrets
from urllib.parse import urlsplit

from modelyard.storage.transaction import Transaction

LASTS_US = 60_000_000
SWEEP_MAX = 1000
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")
_LOOPBACK = frozenset({"127.0.0.1", "::1"})


def is_loopback(redirect_uri: str) -> bool:
    """Whether it leads to a port of this person's own machine, by number, as RFC 8252 advises."""
    try:
        parts = urlsplit(redirect_uri)
        port = parts.port
    except ValueError:
        return False
    return (
        parts.scheme == "http"
        and parts.hostname in _LOOPBACK
        and port is not None
        and not (parts.username or parts.password or parts.query or parts.fragment)
        and re.fullmatch(r"/[A-Za-z0-9/_-]{0,100}", parts.path) is not None
    )


def is_challenge(text: str) -> bool:
    return _CHALLENGE.fullmatch(text) is not None


async def give(
    tx: Transaction, session: str, challenge: str, redirect_uri: str, now_us: int
) -> str:
    code = secrets.token_urlsafe(32)
    await tx.run(
        "INSERT INTO sign_in_code (id, session, challenge, redirect_uri, expires_us)"
        " VALUES (?, ?, ?, ?, ?)",
        _id(code),
        session,
        challenge,
        redirect_uri,
        now_us + LASTS_US,
    )
    return code


async def take(
    tx: Transaction, code: str, verifier: str, redirect_uri: str, now_us: int
) -> str | None:
    """The id of the session that gave it; None if it is not for whoever shows it.

    A code is spent by being shown, rightly or wrongly.
    """
    row = await tx.one(
        "DELETE FROM sign_in_code WHERE id = ?"
        " RETURNING session, challenge, redirect_uri, expires_us",
        _id(code),
    )
    if row is None or not _VERIFIER.fullmatch(verifier):
        return None
    session, challenge, given_uri, expires_us = row
    digest = hashlib.sha256(verifier.encode()).digest()
    shown = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    right = hmac.compare_digest(shown, challenge) and given_uri == redirect_uri
    return str(session) if right and now_us < expires_us else None


async def sweep(tx: Transaction, now_us: int) -> int:
    """Forget codes that nobody came for, SWEEP_MAX rows at most; answer how many."""
    return await tx.run(
        "DELETE FROM sign_in_code WHERE id IN"
        " (SELECT id FROM sign_in_code WHERE expires_us <= ? LIMIT ?)",
        now_us,
        SWEEP_MAX,
    )


def _id(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()
