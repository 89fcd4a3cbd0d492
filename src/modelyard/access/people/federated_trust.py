"""Whether a role's trust policy accepts a person of an OpenID Connect provider. Pure.

The one place that is asked. Fails closed: a condition that is not understood keeps an Allow from
applying, and does not keep a Deny from it.
"""

from collections.abc import Mapping

from modelyard.access.identities.refusals import MalformedPolicyDocument
from modelyard.access.policy import documents
from modelyard.access.policy.documents import Statement
from modelyard.access.policy.trust import matches

ASSUME_ROLE = "sts:AssumeRoleWithWebIdentity"
_UNDERSTOOD = frozenset({"StringEquals", "StringNotEquals", "StringLike", "StringNotLike"})
_ANY, _ALL = "ForAnyValue:", "ForAllValues:"


def allowed(
    trust_policy_text: str, federated_arn: str, context: Mapping[str, tuple[str, ...]]
) -> bool:
    """Whether the provider's person may take on the role; `context` has lower-case keys."""
    try:
        statements = documents.read_trust(trust_policy_text)
    except MalformedPolicyDocument:
        return False
    accepted = False
    for statement in statements:
        if not _is_about(statement, federated_arn):
            continue
        met = _met(statement, context)
        if not statement.allows and met is not False:
            return False
        if statement.allows and met:
            accepted = True
    return accepted


def _is_about(statement: Statement, federated_arn: str) -> bool:
    named = any(matches(pattern, ASSUME_ROLE, fold=True) for pattern in statement.actions)
    if named is statement.not_actions:
        return False
    words = statement.principals.get("Federated", ())
    return (federated_arn in words) is not statement.not_principals


def _met(statement: Statement, context: Mapping[str, tuple[str, ...]]) -> bool | None:
    """Whether all conditions hold; None when one is not understood and none is known to fail."""
    met: bool | None = True
    for operator, tests in statement.conditions.items():
        for key, wanted in tests.items():
            held = _holds(operator, context.get(key.lower()), wanted)
            if held is False:
                return False
            met = None if held is None else met
    return met


def _holds(operator: str, values: tuple[str, ...] | None, wanted: tuple[str, ...]) -> bool | None:
    every = operator.startswith(_ALL)
    bare = operator.removeprefix(_ALL).removeprefix(_ANY)
    if bare not in _UNDERSTOOD:
        return None
    negated = "Not" in bare
    if every:
        return all(_one(bare, value, wanted) for value in values or ())
    if operator.startswith(_ANY):
        return any(_one(bare, value, wanted) for value in values or ())
    if values is None:
        return negated
    if negated:
        return all(_one(bare, value, wanted) for value in values)
    return any(_one(bare, value, wanted) for value in values)


def _one(operator: str, value: str, wanted: tuple[str, ...]) -> bool:
    if operator.endswith("Like"):
        found = any(matches(pattern, value) for pattern in wanted)
    else:
        found = value in wanted
    return found is not ("Not" in operator)
