"""What is told of every attempt to sign in, in CloudTrail's words. Knows no trail.

A name that no user has is never told: people type their password where their name belongs.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from modelyard.storage.transaction import Transaction

CONSOLE_LOGIN = "ConsoleLogin"
LOGOUT = "Logout"
PASSWORD_UPDATED = "PasswordUpdated"
CREATE_TOKEN = "CreateOAuth2Token"  # a command gets temporary credentials
HIDDEN = "HIDDEN_DUE_TO_SECURITY_REASONS"


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where an attempt comes from."""

    source_ip: str
    user_agent: str
    request_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInEvent:
    """One record of the trail: who, what, from where, and how it came out."""

    name: str
    account: str
    origin: Origin
    now_us: int
    arn: str = ""  # of whoever was proved; "" where nobody was
    principal_id: str = ""
    user_name: str = ""
    error: str = ""  # why it failed, for the administrator and nobody else; "" for success
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def outcome(self) -> str:
        return "Failure" if self.error else "Success"


# Writes the record in the transaction of what it is about: what cannot be recorded is not done.
Record = Callable[[Transaction, SignInEvent], Awaitable[None]]
# Hears of an attempt that was not even looked at.
TurnedAway = Callable[[SignInEvent], None]
