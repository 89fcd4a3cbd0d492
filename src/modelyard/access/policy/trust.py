"""Whether a role's trust policy lets a caller assume it: the policy of a resource, the role. Pure.

`decide` is the whole answer, for a caller whose own policies are known. `allows` is for callers
who may do everything in their account; it knows few condition keys, and fails closed on others.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from modelyard.access.policy import evaluation, principals
from modelyard.access.policy.documents import Statement
from modelyard.access.policy.evaluation import Policy, Question, Subject, Verdict
from modelyard.call import Principal

ASSUME_ROLE = "sts:AssumeRole"
ASSUME_ROLE_WITH_WEB_IDENTITY = "sts:AssumeRoleWithWebIdentity"
TAG_SESSION = "sts:TagSession"
SET_SOURCE_IDENTITY = "sts:SetSourceIdentity"
_ROLE = re.compile(r"arn:aws[a-z-]*:iam::([0-9]{12}):role/(?:[^\s]*/)?([^/\s]+)")
_ASSUMED_ROLE = re.compile(r"arn:aws[a-z-]*:sts::([0-9]{12}):assumed-role/([^/\s]+)/[^/\s]+")
# What a condition may ask about in `allows`.
CONDITION_KEYS = frozenset(
    {
        "sts:externalid",
        "sts:rolesessionname",
        "sts:sourceidentity",
        "aws:principalarn",
        "aws:principalaccount",
    }
)


@dataclass(frozen=True, slots=True)
class Wish:
    """What a caller asks of a role. `context` has lower-case keys and is the same for all."""

    action: str  # ASSUME_ROLE, or ASSUME_ROLE_WITH_WEB_IDENTITY
    role_arn: str
    context: Mapping[str, tuple[str, ...]]
    tags_session: bool = False
    sets_source_identity: bool = False

    @property
    def actions(self) -> tuple[str, ...]:
        """AWS: tags and a source identity are each an action of their own on the role."""
        tags = (TAG_SESSION,) if self.tags_session else ()
        identity = (SET_SOURCE_IDENTITY,) if self.sets_source_identity else ()
        return (self.action, *tags, *identity)


def decide(subject: Subject, wish: Wish, trust_policy: Policy) -> Verdict:
    """The first refusal of what is needed, or the permission to assume the role."""
    account = wish.role_arn.split(":")[4]
    verdicts = [
        evaluation.decide(
            subject, Question(action, wish.role_arn, account, wish.context), trust_policy
        )
        for action in wish.actions
    ]
    return next((verdict for verdict in verdicts if not verdict.allowed), verdicts[0])


def allows(
    statements: Iterable[Statement], principal: Principal, context: Mapping[str, str]
) -> bool:
    """Whether `principal`, an administrator, may assume a role of their own account.

    `context` has lower-case keys of CONDITION_KEYS.
    """
    read = tuple(statements)
    policy = evaluation.compile(read, "trust policy")
    if not policy.keys <= CONDITION_KEYS:
        return False
    facts = {key: (value,) for key, value in context.items()}
    subject = Subject(
        principal,
        is_root=True,
        facts=facts,
        names=principals.names(principal) | _role_names(read, principal),
    )
    return evaluation.decide(subject, Question(ASSUME_ROLE, "*"), policy).allowed


def _role_names(statements: Iterable[Statement], principal: Principal) -> set[str]:
    """The role of a session, as the statements spell it.

    A session's ARN leaves out the role's path; names are unique in an account without it.
    """
    session = _ASSUMED_ROLE.fullmatch(principal.arn)
    words = {
        word for statement in statements for kind in statement.principals.values() for word in kind
    }
    return {
        word
        for word in words
        if session and (role := _ROLE.fullmatch(word)) and role.groups() == session.groups()
    }
