"""Whom the Principal and NotPrincipal of a statement mean, and how directly. Pure."""

import re
from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Protocol

from modelyard.call import Principal

_ACCOUNT = re.compile(r"[0-9]{12}", re.ASCII)
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
    """All that policies may call a caller: the ARN, the account, and the role of a session.

    A caller of no account, a service or a provider's person, has their ARN or domain alone.
    """
    account = principal.account
    known = {principal.arn, account, f"arn:aws:iam::{account}:root" if account else "", role_arn}
    return frozenset(known - {""})


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
        account, arn = caller.principal.account, caller.principal.arn
        roles = {name for name in caller.names if ":role/" in name}
        own = roles | {arn} | ({account} if account else set())
        return own <= self._words

    def allows(self, caller: Named) -> Grant:
        """How directly an Allow is meant for the caller."""
        if self._negated:
            return self._allows_others(caller)
        principal = caller.principal
        if principal.arn in self._words:
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
        return Grant.ROLE if any(":role/" in name for name in named) else Grant.ACCOUNT

    def _allows_others(self, caller: Named) -> Grant:
        """Everyone else; never more than a role is granted, since nobody is named."""
        if self._everyone or not caller.principal.account:
            return Grant.NONE
        return Grant.ROLE if caller.names.isdisjoint(self._words) else Grant.NONE
