"""Whether a role's trust policy lets a caller assume it. Pure.

Fails closed: a condition that is not understood here keeps an Allow from applying, and does not
keep a Deny from it.
"""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

from modelyard.access.policy.documents import Statement
from modelyard.call import Principal

ASSUME_ROLE = "sts:AssumeRole"
_ACCOUNT_ROOT = re.compile(r"arn:aws[a-z-]*:iam::([0-9]{12}):root")
_ROLE = re.compile(r"arn:aws[a-z-]*:iam::([0-9]{12}):role/(?:[^\s]*/)?([^/\s]+)")
_ASSUMED_ROLE = re.compile(r"arn:aws[a-z-]*:sts::([0-9]{12}):assumed-role/([^/\s]+)/[^/\s]+")
# What a condition may ask about; everything else is not understood.
CONDITION_KEYS = frozenset(
    {
        "sts:externalid",
        "sts:rolesessionname",
        "sts:sourceidentity",
        "aws:principalarn",
        "aws:principalaccount",
    }
)
_UNDERSTOOD = frozenset({"StringEquals", "StringNotEquals", "StringLike", "StringNotLike"})


def allows(
    statements: Iterable[Statement], principal: Principal, context: Mapping[str, str]
) -> bool:
    """Whether `principal` may assume the role; `context` has lower-case keys of CONDITION_KEYS."""
    allowed = False
    for statement in statements:
        if not _is_about(statement, principal):
            continue
        met = _met(statement, context)
        if not statement.allows and met is not False:
            return False
        if statement.allows and met:
            allowed = True
    return allowed


def _is_about(statement: Statement, principal: Principal) -> bool:
    named = any(matches(pattern, ASSUME_ROLE, fold=True) for pattern in statement.actions)
    if named is statement.not_actions:
        return False
    patterns = statement.principals.get("AWS", ())
    return any(_names(word, principal) for word in patterns) is not statement.not_principals


def _names(word: str, principal: Principal) -> bool:
    if word in ("*", principal.account, principal.arn):
        return True
    if root := _ACCOUNT_ROOT.fullmatch(word):
        return root[1] == principal.account
    role, session = _ROLE.fullmatch(word), _ASSUMED_ROLE.fullmatch(principal.arn)
    # A session's ARN leaves out the role's path; names are unique in an account without it.
    return role is not None and session is not None and role.groups() == session.groups()


def _met(statement: Statement, context: Mapping[str, str]) -> bool | None:
    """Whether all conditions hold; None when one is not understood and none is known to fail."""
    met: bool | None = True
    for operator, tests in statement.conditions.items():
        for key, wanted in tests.items():
            if operator not in _UNDERSTOOD or key.lower() not in CONDITION_KEYS:
                met = None
            elif not _holds(operator, context.get(key.lower()), wanted):
                return False
    return met


def _holds(operator: str, value: str | None, wanted: tuple[str, ...]) -> bool:
    negated = "Not" in operator
    if value is None:
        return negated
    if operator.endswith("Like"):
        return any(matches(pattern, value) for pattern in wanted) is not negated
    return (value in wanted) is not negated


def matches(pattern: str, text: str, *, fold: bool = False) -> bool:
    """Whether `text` matches a pattern of IAM's: `*` any characters, `?` one."""
    return _compiled(pattern, fold).fullmatch(text) is not None


@lru_cache(maxsize=1024)
def _compiled(pattern: str, fold: bool) -> re.Pattern[str]:
    # Runs of stars are one star: `**` would make the search quadratic, then cubic, and so on.
    parts = re.split(r"(\*+|\?)", pattern)
    text = "".join({"*": ".*", "?": "."}.get(part[:1], re.escape(part)) for part in parts)
    return re.compile(text, re.DOTALL | (re.IGNORECASE if fold else 0))
