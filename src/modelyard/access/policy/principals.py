"""Whom the Principal and NotPrincipal of a statement mean, and how directly. Pure.

Users and roles are known by their ARNs and by their unique ids. A stored policy has ids in place of
the ARNs (`bound`), so it never means who was made later under the same name.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from enum import IntEnum
from typing import Protocol

from modelyard import policy_principals
from modelyard.access.policy.documents import Statement
from modelyard.call import Principal

Reader = Callable[[str], tuple[Statement, ...]]

_ACCOUNT = re.compile(r"[0-9]{12}", re.ASCII)
_ROLE_ID = re.compile(r"AROA[A-Z2-7]{17}", re.ASCII)
_ROOT = re.compile(r"(arn:aws[a-z-]*:iam::)([0-9]{12}):root", re.ASCII)


class Grant(IntEnum):
    """How directly an Allow of a resource's policy reaches a caller of the resource's account.

    AWS: what is granted to a user's or session's own ARN, or to everyone, no implicit deny takes
    back; what is granted to a role is limited by boundary and session policies; what is granted to
    an account is the account's to hand on by identity policies.
    """

    NONE = 0
    ACCOUNT = 1
    ROLE = 2
    DIRECT = 3


class Named(Protocol):
    """Who asks: every name that a policy may use for them."""

    @property
    def principal(self) -> Principal: ...
    @property
    def names(self) -> frozenset[str]: ...
    @property
    def session(self) -> Sequence[object] | None: ...


def names(principal: Principal, role_arn: str = "") -> frozenset[str]:
    """All that policies may call a caller: ARN and id, the account, and the role of a session.

    A caller of no account, a service or a provider's person, has their ARN or domain alone.
    """
    account = principal.account
    known = {principal.arn, account, f"arn:aws:iam::{account}:root" if account else "", role_arn}
    if account:
        known |= {principal.id}
    if role_arn:
        known |= {principal.id.partition(":")[0]}
    return frozenset(known - {""})


def bound(reader: Reader, ids: Mapping[str, str]) -> Reader:
    """Reads a document as `reader` does, with `ids` in place of users', roles' and sessions' ARNs.

    Who has no id was not there when the policy was put, or is in an account where nobody could
    look. No permission comes of such a name, and no denial is lost with it.
    """

    def read(text: str) -> tuple[Statement, ...]:
        return tuple(_bound(statement, ids) for statement in reader(text))

    return read


def _bound(statement: Statement, ids: Mapping[str, str]) -> Statement:
    named = statement.principals.get("AWS", ())
    if not any(map(policy_principals.is_identity, named)):
        return statement
    # An Allow for it, or a Deny for all but it, would be the better for one more name.
    keeps = statement.allows is statement.not_principals
    words = (
        ids.get(word, word)
        for word in named
        if keeps or word in ids or not policy_principals.is_identity(word)
    )
    return replace(statement, principals={**statement.principals, "AWS": tuple(words)})


class Principals:
    """The Principal or NotPrincipal of one statement."""

    __slots__ = ("_everyone", "_negated", "_words")

    def __init__(self, principals: Mapping[str, Sequence[str]], *, negated: bool) -> None:
        words = {word for kind in principals.values() for word in kind}
        self._everyone = "*" in principals.get("AWS", ())
        self._negated = negated
        # An account is named by its number or by its root's ARN; both are one.
        roots = [_ROOT.fullmatch(word) for word in words]
        numbers = {word for word in words if _ACCOUNT.fullmatch(word)}
        self._words = frozenset(
            words
            | {found[2] for found in roots if found}
            | {f"arn:aws:iam::{number}:root" for number in numbers}
        )

    def denies(self, caller: Named) -> bool:
        """Whether a Deny is meant for the caller."""
        if not self._negated:
            return self._everyone or not caller.names.isdisjoint(self._words)
        return not (self._everyone or self._spares(caller))

    def _spares(self, caller: Named) -> bool:
        """AWS: an exception names the session or user, its role, and its account, all of them."""
        account = caller.principal.account
        roles = set(filter(_is_role, caller.names))
        return (
            self._names(caller.principal)
            and (not roles or not roles.isdisjoint(self._words))
            and (not account or account in self._words)
        )

    def _names(self, principal: Principal) -> bool:
        """Whether it names the user or session itself."""
        if principal.arn in self._words:
            return True
        # The id of an account's root is the account, which names everybody in it.
        return principal.id in self._words and principal.id != principal.account

    def allows(self, caller: Named) -> Grant:
        """How directly an Allow is meant for the caller."""
        if self._negated:
            return self._allows_others(caller)
        principal = caller.principal
        if self._names(principal):
            # A session that a user made is limited by what it was made with.
            own = ":user/" not in principal.arn or caller.session is None
            return Grant.DIRECT if own else Grant.ROLE
        if self._everyone:
            # "*" is every principal of AWS; a service or a provider's person has to be named.
            return Grant.DIRECT if principal.account else Grant.NONE
        named = caller.names & self._words
        if not named:
            return Grant.NONE
        if not principal.account:
            return Grant.DIRECT
        return Grant.ROLE if any(map(_is_role, named)) else Grant.ACCOUNT

    def _allows_others(self, caller: Named) -> Grant:
        """Everyone else; never more than a role is granted, since nobody is named."""
        if self._everyone or not caller.principal.account:
            return Grant.NONE
        return Grant.ROLE if caller.names.isdisjoint(self._words) else Grant.NONE


def _is_role(name: str) -> bool:
    return ":role/" in name or _ROLE_ID.fullmatch(name) is not None
