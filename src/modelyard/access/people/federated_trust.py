"""Whether a role's trust policy accepts a person of an OpenID Connect provider. Pure."""

from collections.abc import Mapping

from modelyard.access.authorisation import stored_documents
from modelyard.access.policy import documents, trust
from modelyard.access.policy.evaluation import Subject
from modelyard.call import Principal


def allowed(
    role_arn: str,
    trust_policy_text: str,
    federated_arn: str,
    context: Mapping[str, tuple[str, ...]],
) -> bool:
    """Whether the provider's person may take on the role; `context` has lower-case keys."""
    policy = stored_documents.compiled(
        documents.read_trust, trust_policy_text, f"trust policy of {role_arn}"
    )
    person = Principal("", federated_arn, "", "")
    subject = Subject(person, is_root=False, names=frozenset({federated_arn}))
    wish = trust.Wish(trust.ASSUME_ROLE_WITH_WEB_IDENTITY, role_arn, context)
    return trust.decide(subject, wish, policy).allowed
