"""Policies as they are stored, made ready to decide.

Documents are checked when they are stored; a reader that became stricter since may refuse one. Such
a document gives no permission, and one that may deny something denies everything: what exactly it
denies cannot be told.
"""

import logging
from collections.abc import Callable

from modelyard.access.policy import evaluation
from modelyard.access.policy.documents import Statement
from modelyard.access.policy.evaluation import Policy
from modelyard.errors import Refusal

log = logging.getLogger("modelyard.access")

Reader = Callable[[str], tuple[Statement, ...]]


def compiled(reader: Reader, text: str, source: str) -> Policy:
    try:
        statements = reader(text)
    except Refusal as refusal:
        fields = {"policy": source, "error": refusal.message}
        log.warning("stored_policy_unreadable", extra=fields)
        return _unreadable(text, source)
    return evaluation.compile(statements, source, text)


def _unreadable(text: str, source: str) -> Policy:
    may_deny = "Deny" in text or "\\u" in text  # an escape may spell it
    statement = Statement(
        allows=False,
        actions=("*",),
        not_actions=False,
        resources=("*",),
        not_resources=False,
        principals={},
        not_principals=False,
        conditions={},
        place="it cannot be read: store it again",
    )
    return evaluation.compile([statement] if may_deny else [], source)
