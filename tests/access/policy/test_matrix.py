"""The engine against a slow, plain evaluator, over thousands of policies and requests."""

import json
from collections import Counter
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings

from modelyard.access.policy import documents, evaluation, principals
from modelyard.access.policy.evaluation import Policy, Question, Subject
from modelyard.call import Principal
from tests.access.policy import slow_evaluator, worlds
from tests.access.policy.slow_evaluator import Case

PAIRS = 5_000
SHARE_MIN = 0.10  # of each decision; a matrix that always says no proves little

quickly = settings(
    max_examples=PAIRS,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.generate, Phase.shrink),
)


def compiled(case: Case) -> tuple[Subject, Question, Policy | None]:
    """The same case, as the engine takes it."""

    def identity(document: dict[str, Any]) -> Policy:
        return evaluation.compile(documents.read_identity(json.dumps(document)), "identity")

    def resource(document: dict[str, Any]) -> Policy:
        trust = case.action.startswith("sts:")
        read = documents.read_trust if trust else documents.read_resource
        return evaluation.compile(read(json.dumps(document)), "resource")

    principal = Principal(case.account, case.arn, "id", "AKIA")
    subject = Subject(
        principal,
        is_root=case.is_root,
        identity=tuple(map(identity, case.identity)),
        boundary=None if case.boundary is None else identity(case.boundary),
        session=None if case.session is None else tuple(map(identity, case.session)),
        facts=case.facts,
        names=principals.names(principal, case.role_arn),
    )
    question = Question(case.action, case.resource, case.owner, case.context)
    policy = None if case.resource_policy is None else resource(case.resource_policy)
    return subject, question, policy


def test_the_engine_decides_as_the_plain_evaluator_does() -> None:
    seen: Counter[str] = Counter()

    @quickly
    @given(worlds.cases())
    def agree(case: Case) -> None:
        verdict = evaluation.decide(*compiled(case))
        seen[verdict.decision.value] += 1
        assert verdict.decision.value == slow_evaluator.decide(case), (verdict, case)
        assert verdict.statement

    agree()

    total = sum(seen.values())
    assert total >= PAIRS
    for decision in evaluation.Decision:
        assert seen[decision.value] >= SHARE_MIN * total, seen
