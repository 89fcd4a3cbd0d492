"""What a password has to be: an account's own policy, or AWS's default one.

The operations GetAccountPasswordPolicy, UpdateAccountPasswordPolicy, DeleteAccountPasswordPolicy,
and the rules. The rules are pure.
"""

import string
from dataclasses import dataclass

from modelyard import call as calls
from modelyard.access.identities.refusals import NoSuchEntity
from modelyard.access.people.refusals import PasswordPolicyViolation
from modelyard.call import Call, Document
from modelyard.storage import records
from modelyard.storage.transaction import Transaction

POLICY = records.Table("password_policy", ("account",), ("account", "document"))
SYMBOLS = frozenset("!@#$%^&*()_+-=[]{}|'")  # as UpdateAccountPasswordPolicy's documentation lists
LENGTH_DEFAULT = 8  # of the default policy: eight characters, three of four kinds
_KINDS_DEFAULT = 3
_DAY_US = 86_400_000_000
# What UpdateAccountPasswordPolicy takes for members that are not given; it keeps nothing of before.
_UNSAID: Document = {
    "MinimumPasswordLength": 6,
    "RequireSymbols": False,
    "RequireNumbers": False,
    "RequireUppercaseCharacters": False,
    "RequireLowercaseCharacters": False,
    "AllowUsersToChangePassword": False,
}
_KINDS = {
    "RequireUppercaseCharacters": (frozenset(string.ascii_uppercase), "uppercase letter"),
    "RequireLowercaseCharacters": (frozenset(string.ascii_lowercase), "lowercase letter"),
    "RequireNumbers": (frozenset(string.digits), "number"),
    "RequireSymbols": (SYMBOLS, "symbol"),
}


@dataclass(frozen=True, slots=True)
class PasswordPolicy:
    """An account's policy; `document` is None where it has none of its own."""

    document: Document | None

    @property
    def users_may_change(self) -> bool:
        return self.document is None or bool(self.document.get("AllowUsersToChangePassword"))

    @property
    def remembered(self) -> int:
        """How many earlier passwords must not come back."""
        return 0 if self.document is None else int(self.document.get("PasswordReusePrevention", 0))

    @property
    def hard_expiry(self) -> bool:
        return self.document is not None and bool(self.document.get("HardExpiry"))

    def has_expired(self, changed_us: int, now_us: int) -> bool:
        days = 0 if self.document is None else int(self.document.get("MaxPasswordAge", 0))
        return days > 0 and now_us >= changed_us + days * _DAY_US

    def check(self, password: str, user_name: str) -> None:
        """Raises: PasswordPolicyViolation, which names everything that is missing."""
        missing = self._missing(password)
        if password.lower() == user_name.lower():
            missing.append("Password should not be the user name")
        if missing:
            raise PasswordPolicyViolation(". ".join(missing) + ".")

    def _missing(self, password: str) -> list[str]:
        given = set(password)
        lacking = {name: word for name, (kind, word) in _KINDS.items() if not given & kind}
        if self.document is None:
            missing = _too_short(password, LENGTH_DEFAULT)
            if len(_KINDS) - len(lacking) < _KINDS_DEFAULT:
                missing.append(
                    "Password should have three of: uppercase letters, lowercase letters, numbers,"
                    " symbols"
                )
            return missing
        return _too_short(password, int(self.document["MinimumPasswordLength"])) + [
            f"Password should have at least one {word}"
            for name, word in lacking.items()
            if self.document.get(name)
        ]


def _too_short(password: str, least: int) -> list[str]:
    if len(password) >= least:
        return []
    return [f"Password should have a minimum length of {least}"]


async def of(tx: Transaction, account: str) -> PasswordPolicy:
    record = await records.find(tx, POLICY, account)
    return PasswordPolicy(None if record is None else record["document"])


@calls.read
async def get_account_password_policy(call: Call, request: Document) -> Document:
    """Raises: NoSuchEntity: the account has none, and AWS's default holds."""
    policy = (await of(call.tx, call.account)).document
    if policy is None:
        raise _none(call.account)
    return {"PasswordPolicy": policy | {"ExpirePasswords": "MaxPasswordAge" in policy}}


@calls.write
async def update_account_password_policy(call: Call, request: Document) -> Document:
    before = (await of(call.tx, call.account)).document
    after = _UNSAID | request
    await records.delete(call.tx, POLICY, call.account)
    await records.insert(call.tx, POLICY, {"account": call.account, "document": after})
    call.changed(f"arn:aws:iam::{call.account}:root", before or {}, after)
    return {}


@calls.write
async def delete_account_password_policy(call: Call, request: Document) -> Document:
    """Raises: NoSuchEntity."""
    before = (await of(call.tx, call.account)).document
    if before is None:
        raise _none(call.account)
    await records.delete(call.tx, POLICY, call.account)
    call.changed(f"arn:aws:iam::{call.account}:root", before=before)
    return {}


def _none(account: str) -> NoSuchEntity:
    return NoSuchEntity(f"The Password Policy with domain name {account} cannot be found.")
