"""Why a decision came out as it did: for simulations and `access explain`. Pure.

Looks at every statement again, so it is for people and never on the way of a call.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from modelyard.access.policy.evaluation import (
    Layer,
    Policy,
    Question,
    Request,
    Rule,
    Subject,
)
from modelyard.access.policy.principals import Grant

_SPACE = re.compile(r"[ \t\r\n]*")
_decoder = json.JSONDecoder(parse_int=str, parse_float=str)  # a number may be too long to read


@dataclass(frozen=True, slots=True)
class Match:
    """A statement that is meant for a request, of which policy of which kind."""

    layer: Layer
    policy: Policy
    rule: Rule


def matching(
    subject: Subject, question: Question, resource_policy: Policy | None = None
) -> list[Match]:
    """Every statement that is meant for the request, whatever it does."""
    request = Request(subject, question)
    return [
        match
        for match in _about(request, resource_policy)
        if match.rule.applies(request) and _names(match.rule, subject)
    ]


def considered(
    subject: Subject, question: Question, resource_policy: Policy | None = None
) -> Iterator[tuple[Match, str]]:
    """Every statement on the action, and why it is not meant for the request; "" if it is."""
    request = Request(subject, question)
    for match in _about(request, resource_policy):
        yield match, _obstacle(match.rule, request)


def _obstacle(rule: Rule, request: Request) -> str:
    if not _names(rule, request.subject):
        return "it is about other principals"
    if not rule.covers(request):
        return f"it is not about {request.resource}"
    for condition in rule.conditions:
        if not condition.met(request):
            found = ", ".join(request.values(condition.key))
            has = f"is {found}" if found else "is not known"
            return f"its condition on {condition.name} is not met: the key {has}"
    return "" if rule.applies(request) else "one of its policy variables has no value"


def statement_text(policy: Policy, rule: Rule) -> str:
    """The statement as it stands in its document; "" where the document is not kept."""
    span = spans(policy.text).get(rule.place) if policy.text else None
    return "" if span is None else policy.text[slice(*span)]


def missing_keys(
    subject: Subject, question: Question, resource_policy: Policy | None = None
) -> list[str]:
    """Keys that statements on this action and resource ask for, and the request has not."""
    request = Request(subject, question)
    missing: dict[str, str] = {}
    for match in _about(request, resource_policy):
        if match.rule.covers(request):
            spelled = {condition.key: condition.name for condition in match.rule.conditions}
            for key in match.rule.keys:
                if not request.values(key):
                    missing.setdefault(key, spelled.get(key, key))
    return [missing[key] for key in sorted(missing)]


def _about(request: Request, resource_policy: Policy | None) -> Iterator[Match]:
    policies = list(request.subject.policies())
    if resource_policy is not None:
        policies.append((Layer.RESOURCE, resource_policy))
    for layer, policy in policies:
        for rule in policy.rules:
            if rule.is_about(request.action.lower()):
                yield Match(layer, policy, rule)


def _names(rule: Rule, subject: Subject) -> bool:
    if rule.principals is None:
        return True
    if not rule.allows:
        return rule.principals.denies(subject)
    return rule.principals.allows(subject) is not Grant.NONE


def spans(text: str) -> dict[str, tuple[int, int]]:
    """Where the statements of a document begin and end, by their place ("Statement[2]").

    `text` is a document that was read; positions are those of its first brace and after its last.
    """
    found: dict[str, tuple[int, int]] = {}
    at = _skip(text, 0) + 1
    while text[at := _skip(text, at)] != "}":
        at += text[at] == ","
        name, at = _decoder.raw_decode(text, _skip(text, at))
        at = _skip(text, _skip(text, at) + 1)
        if name == "Statement":
            found.update(_statement_spans(text, at))
        at = _decoder.raw_decode(text, at)[1]
    return found


def _statement_spans(text: str, at: int) -> Iterator[tuple[str, tuple[int, int]]]:
    if text[at] == "{":
        yield "Statement", (at, _decoder.raw_decode(text, at)[1])
        return
    number, at = 0, _skip(text, at + 1)
    while text[at] != "]":
        end = _decoder.raw_decode(text, at)[1]
        yield f"Statement[{number}]", (at, end)
        number, at = number + 1, _skip(text, end)
        at = _skip(text, at + (text[at] == ","))


def _skip(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    assert found is not None
    return found.end()
