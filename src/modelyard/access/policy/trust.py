"""Whether a role's trust policy lets a caller assume it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from modelyard.access.policy import evaluation
from modelyard.access.policy.evaluation import Policy, Question, Subject, Verdict

ASSUME_ROLE = "sts:AssumeRole"
ASSUME_ROLE_WITH_WEB_IDENTITY = "sts:AssumeRoleWithWebIdentity"
TAG_SESSION = "sts:TagSession"
SET_SOURCE_IDENTITY = "sts:SetSourceIdentity"


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
