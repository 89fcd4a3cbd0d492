"""ExplainAccess: whether somebody may do something, and which statement of which policy says so.

Decides as the door does, on what is stored now, and does nothing.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from modelyard import resource_facts
from modelyard.access.authorisation import lookups, request_keys, resource_policies, subjects
from modelyard.access.identities import identity
from modelyard.access.policy import evaluation, explanation
from modelyard.access.policy.evaluation import Decision, Layer, Policy, Question, Subject
from modelyard.access.policy.explanation import Match
from modelyard.call import Call, Document, scan
from modelyard.errors import ResourceNotFound, ValidationException

_NAMED = re.compile(r"(user|group|role)/(?:.*/)?([\w+=,.@-]+)", re.ASCII)
_SESSION = re.compile(r"arn:aws:sts::[0-9]{12}:assumed-role/([\w+=,.@-]+)/.+", re.ASCII)
# What is known of any request; from where it comes is the asker's own affair.
_KNOWN = frozenset(
    {"aws:currenttime", "aws:epochtime", "aws:requestedregion", "aws:securetransport"}
)
_Considered = list[tuple[Match, str]]


@scan
async def explain_access(call: Call, request: Document) -> Document:
    """Raises: ResourceNotFound: no such principal. ValidationException: it is none at all."""
    arn = await _arn(call, request["Principal"])
    subject = await subjects.of_arn(call.tx, call.account, arn)
    if subject is None:
        raise ResourceNotFound(
            f"There is no {arn} in account {call.account}. List what there is with"
            " `aws iam list-users`, `aws iam list-roles` or `aws iam list-groups`."
        )
    question = await _question(call, request)
    # What is asked for goes before what is known of the caller.
    given = _given(request)
    facts = {key: value for key, value in subject.facts.items() if key not in given}
    subject = replace(subject, facts=facts)
    held = resource_policies.holder(question.action, question.resource)
    policy = None if held is None else await resource_policies.find(call.tx, held)
    verdict = evaluation.decide(subject, question, policy)
    found = list(explanation.considered(subject, question, policy))
    own = question.resource_account in ("", call.account)
    return {
        "Principal": arn,
        "Action": question.action,
        "Resource": question.resource,
        "Decision": verdict.decision.value,
        "DecidedBy": verdict.layer.value,
        "Reason": verdict.statement if own else _discreet(verdict.statement, policy, question),
        "Layers": list(_layers(subject, question, policy, found)),
        "MissingContextKeys": explanation.missing_keys(subject, question, policy if own else None),
    }


async def _arn(call: Call, given: str) -> str:
    """Raises: ValidationException, ResourceNotFound."""
    if given == "root":
        return f"arn:aws:iam::{call.account}:root"
    if given.startswith("arn:aws:iam:"):
        return given
    if session := _SESSION.fullmatch(given):
        given = f"role/{session[1]}"
    match = _NAMED.fullmatch(given)
    if match is None:
        raise ValidationException(
            f"{given} is no principal: give an ARN, or user/NAME, role/NAME, group/NAME or root."
        )
    kind = next(one for one in identity.KINDS if one.word == match[1])
    found = await identity.find(call.tx, kind, call.account, match[2])
    if found is None:
        raise ResourceNotFound(
            f"There is no {match[1]} {match[2]} in account {call.account}."
            f" List what there is with `aws iam list-{match[1]}s`."
        )
    return found.arn


async def _question(call: Call, request: Document) -> Question:
    resource = request.get("Resource", "*")
    owner = await resource_facts.owner(call.tx, resource) or ""
    known = {
        **await lookups.facts(call.tx, resource, call.account),
        **request_keys.of(call, _KNOWN),
    }
    return Question(request["Action"], resource, owner, {**known, **_given(request)})


def _given(request: Document) -> dict[str, tuple[str, ...]]:
    return {
        entry["ContextKeyName"].lower(): tuple(entry["ContextKeyValues"])
        for entry in request.get("ContextEntries", [])
    }


def _layers(
    subject: Subject, question: Question, policy: Policy | None, found: _Considered
) -> Iterator[Document]:
    yield _identity(subject, _of(found, Layer.IDENTITY))
    if subject.boundary is not None:
        yield _layer(Layer.BOUNDARY, _of(found, Layer.BOUNDARY))
    trusted = question.action.lower() in evaluation.TRUSTED
    own = question.resource_account in ("", subject.principal.account)
    named = Layer.TRUST if trusted else Layer.RESOURCE
    if policy is not None and own:
        yield _layer(named, _of(found, Layer.RESOURCE))
    elif not own:
        yield _others(named, _of(found, Layer.RESOURCE))
    elif trusted:
        yield _layer(named, [])


def _of(found: _Considered, layer: Layer) -> _Considered:
    return [one for one in found if one[0].layer is layer]


def _identity(subject: Subject, found: _Considered) -> Document:
    layer = _layer(Layer.IDENTITY, found)
    if subject.is_root:
        root = f"the root of account {subject.principal.account} may do everything in it"
        layer |= {"Decision": Decision.ALLOWED.value, "Reason": root}
    return layer


def _layer(layer: Layer, found: _Considered) -> Document:
    decision, deciding = _decided(found)
    reason = deciding.rule.label if deciding else f"no statement of a {layer.value} allows it"
    if layer is Layer.IDENTITY and not deciding:
        reason = "no statement of an identity-based policy allows it"
    return {
        "Kind": layer.value,
        "Decision": decision.value,
        "Reason": reason,
        "Statements": [_statement(match, obstacle) for match, obstacle in found],
    }


def _others(layer: Layer, found: _Considered) -> Document:
    """What another account's policy says is told; how it is written is that account's affair."""
    decision, _ = _decided(found)
    return {
        "Kind": layer.value,
        "Decision": decision.value,
        "Reason": "it belongs to another account, which alone can see and change it",
        "Statements": [],
    }


def _decided(found: Iterable[tuple[Match, str]]) -> tuple[Decision, Match | None]:
    applying = [match for match, obstacle in found if not obstacle]
    for match in applying:
        if not match.rule.allows:
            return Decision.EXPLICIT_DENY, match
    for match in applying:
        return Decision.ALLOWED, match
    return Decision.IMPLICIT_DENY, None


def _statement(match: Match, obstacle: str) -> Document:
    rule = match.rule
    shown: Document = {
        "Policy": match.policy.source,
        "Place": rule.place,
        "Effect": "Allow" if rule.allows else "Deny",
        "Applies": not obstacle,
    }
    more = {
        "Sid": rule.sid,
        "Obstacle": obstacle,
        "Text": explanation.statement_text(match.policy, rule),
    }
    return shown | {member: text for member, text in more.items() if text}


def _discreet(reason: str, policy: Policy | None, question: Question) -> str:
    """The reason without the words of another account's policy."""
    if policy is not None and any(reason == rule.label for rule in policy.rules):
        return f"the policy of account {question.resource_account}'s resource"
    return reason
