"""SimulatePrincipalPolicy and SimulateCustomPolicy: the same decision that guards every operation.

Knows how a simulation is asked and answered; whose policies they are comes as a Subject.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace

from modelyard import call as calls
from modelyard.access.identities import roles
from modelyard.access.identities.refusals import (
    InvalidInput,
    MalformedPolicyDocument,
    NoSuchEntity,
)
from modelyard.access.policy import documents, evaluation, explanation, principals
from modelyard.access.policy.documents import Statement
from modelyard.access.policy.evaluation import Decision, Layer, Policy, Question, Subject, Verdict
from modelyard.access.policy.explanation import Match
from modelyard.call import Call, Document, Principal
from modelyard.contract import page_tokens
from modelyard.errors import Refusal
from modelyard.storage.transaction import Transaction

PAIRS_MAX = 100_000  # actions times resources in one request
POLICIES_MAX = 50  # documents in one request
_ACTION = re.compile(r"[A-Za-z0-9-]{1,63}:[A-Za-z0-9*?_-]{1,128}|\*")
_ENTITY = re.compile(r"arn:aws:iam::([0-9]{12}):(user|group|role)/(?:\S*/)?([^/\s]+)")
_USER = re.compile(r"arn:aws[a-z-]*:iam::([0-9]{12}):user/(?:[\x21-\x7e]*/)?([^/\s]+)")
_OWNER = re.compile(r"([0-9]{12})|arn:aws[a-z-]*:iam::([0-9]{12}):(?:root|user/[\x21-\x7e]+)")
_STORED = re.compile(
    r"inline policy \S+ of (user|group|role)\b.*|(?:managed policy|permissions boundary) (\S+).*"
)
_KEYS_MAX = 200  # context entries in one request
_NOT_OFFERED = ("OrderedOrganizationPolicyInputList", "PolicyExclusionList")


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """What a request asks, checked: a question for each action and resource, in this order."""

    subject: Subject
    actions: list[str]
    resources: list[str]
    owner: str  # the account of resources whose ARN names none
    context: Mapping[str, tuple[str, ...]]
    resource_policy: Policy | None
    texts: Mapping[str, str]  # the request's documents by the name that results give them

    def question(self, position: int) -> Question:
        number, rest = divmod(position, len(self.resources))
        resource = self.resources[rest]
        account = _account_of(resource) or self.owner
        return Question(self.actions[number], resource, account, self.context)


@calls.scan
async def simulate_custom_policy(call: Call, request: Document) -> Document:
    """Every action against every resource, under the policies of the request alone.

    Raises: InvalidInput: an action, a policy or an ARN is none.
    """
    arn = request.get("CallerArn", "")
    account = _caller_account(request, call.account)
    principal = Principal(account, arn, account, "")
    return simulated(call, request, Subject(principal, names=principals.names(principal)))


# What decides for a user, group or role of an account by its ARN, were it to call; None: no such.
SubjectOf = Callable[[Transaction, str, str], Awaitable[Subject | None]]


class PrincipalSimulations:
    """Simulations of whoever is stored here."""

    def __init__(self, subject_of: SubjectOf) -> None:
        self._subject_of = subject_of

    @calls.scan
    async def simulate_principal_policy(self, call: Call, request: Document) -> Document:
        """Every action against every resource, under the policies of a user, group or role.

        Raises: NoSuchEntity: no such one. InvalidInput: an action, a policy or an ARN is none.
        """
        arn = request["PolicySourceArn"]
        subject = await self._subject_of(call.tx, call.account, arn)
        if subject is None:
            raise _no_such_source(arn)
        return simulated(call, request, subject)


def _no_such_source(arn: str) -> Refusal:
    match = _ENTITY.fullmatch(arn)
    if match is None:
        return InvalidInput(
            f"Invalid Entity Arn: {arn} does not clearly define entity type and name."
        )
    return NoSuchEntity(f"The {match[2]} with name {match[3]} cannot be found.")


def simulated(call: Call, request: Document, subject: Subject) -> Document:
    """The answer to either operation. `subject` has the stored policies, if any.

    Raises: InvalidInput.
    """
    simulation = read(request, subject)
    asked = page_tokens.Question(call.account, "", call.operation, request)
    start = call.page_tokens.open(asked, request["Marker"])[0] if "Marker" in request else 0
    count = len(simulation.actions) * len(simulation.resources)
    end = min(start + request.get("MaxItems", roles.PAGE_DEFAULT), count)
    results = [result(simulation, at) for at in range(start, end)]
    answer: Document = {"EvaluationResults": results, "IsTruncated": end < count}
    if end < count:
        answer["Marker"] = call.page_tokens.seal(asked, [end])
    return answer


def read(request: Document, subject: Subject) -> Simulation:
    """What a request asks about `subject`, whose policies those of the request add to.

    Raises: InvalidInput.
    """
    for name in _NOT_OFFERED:
        if request.get(name):
            raise InvalidInput(f"{name} is not offered by this server.")
    actions, resources = request["ActionNames"], request.get("ResourceArns") or ["*"]
    for action in actions:
        if not _ACTION.fullmatch(action):
            raise InvalidInput(f"Invalid Action Name: {action}")
    if len(actions) * len(resources) > PAIRS_MAX:
        raise InvalidInput(f"A simulation has at most {PAIRS_MAX} pairs of action and resource.")
    texts = _texts(request)
    policies = {name: _compiled(name, text) for name, text in texts.items()}
    caller = _called_by(subject, request)
    own = caller.principal.account
    context = _context(request)
    return Simulation(
        subject=replace(
            caller,
            identity=(*caller.identity, *_listed(policies, "PolicyInputList")),
            boundary=_boundary(policies) or caller.boundary,
            # What is asked for goes before what is known of the caller.
            facts={key: value for key, value in caller.facts.items() if key not in context},
        ),
        actions=actions,
        resources=resources,
        owner=_owner(request) or own,
        context=context,
        resource_policy=policies.get("ResourcePolicy"),
        texts=texts,
    )


def _texts(request: Document) -> dict[str, str]:
    texts = {
        f"{name}.{number}": text
        for name in ("PolicyInputList", "PermissionsBoundaryPolicyInputList")
        for number, text in enumerate(request.get(name) or (), start=1)
    }
    if len(texts) > POLICIES_MAX:
        raise InvalidInput(f"A simulation has at most {POLICIES_MAX} policies.")
    if len(request.get("PermissionsBoundaryPolicyInputList") or ()) > 1:
        raise InvalidInput("A simulation has at most one permissions boundary.")
    if request.get("ResourcePolicy"):
        texts["ResourcePolicy"] = request["ResourcePolicy"]
    return texts


def _compiled(name: str, text: str) -> Policy:
    reader = documents.read_resource if name == "ResourcePolicy" else documents.read_identity
    try:
        statements: tuple[Statement, ...] = reader(text)
    except MalformedPolicyDocument as refusal:
        raise InvalidInput(f"{name}: {refusal}") from None
    return evaluation.compile(statements, name)


def _listed(policies: Mapping[str, Policy], kind: str) -> list[Policy]:
    return [policy for name, policy in policies.items() if name.startswith(f"{kind}.")]


def _boundary(policies: Mapping[str, Policy]) -> Policy | None:
    return next(iter(_listed(policies, "PermissionsBoundaryPolicyInputList")), None)


def _caller_account(request: Document, account: str) -> str:
    if "CallerArn" not in request:
        return account
    match = _USER.fullmatch(request["CallerArn"])
    if match is None:
        raise InvalidInput("CallerArn is the ARN of a user.")
    return match[1]


def _called_by(subject: Subject, request: Document) -> Subject:
    """The subject under the name of CallerArn, to which a resource's policy may grant something."""
    if "CallerArn" not in request:
        return subject
    arn = request["CallerArn"]
    match = _USER.fullmatch(arn)
    if match is None:
        raise InvalidInput("CallerArn is the ARN of a user.")
    principal = Principal(match[1], arn, subject.principal.id, "")
    facts = {
        "aws:username": (match[2],),
        "aws:principalarn": (arn,),
        "aws:principalaccount": (match[1],),
        "aws:principaltype": ("User",),
    }
    return replace(
        subject,
        principal=principal,
        names=principals.names(principal),
        facts={**subject.facts, **facts},
    )


def _owner(request: Document) -> str:
    if "ResourceOwner" not in request:
        return ""
    match = _OWNER.fullmatch(request["ResourceOwner"])
    if match is None:
        raise InvalidInput("ResourceOwner is the ARN of an account.")
    return match[1] or match[2]


def _context(request: Document) -> dict[str, tuple[str, ...]]:
    entries = request.get("ContextEntries") or []
    if len(entries) > _KEYS_MAX:
        raise InvalidInput(f"A simulation has at most {_KEYS_MAX} context entries.")
    return {
        entry["ContextKeyName"].lower(): tuple(entry.get("ContextKeyValues") or ())
        for entry in entries
        if entry.get("ContextKeyName")
    }


def result(simulation: Simulation, position: int) -> Document:
    """What becomes of one pair of action and resource."""
    subject, question = simulation.subject, simulation.question(position)
    policy = simulation.resource_policy or _delegated(question, subject)
    verdict = evaluation.decide(subject, question, policy)
    answer: Document = {
        "EvalActionName": question.action,
        "EvalResourceName": question.resource,
        "EvalDecision": verdict.decision.value,
        "MatchedStatements": _matched(simulation, question, verdict),
        "MissingContextValues": explanation.missing_keys(
            subject, question, simulation.resource_policy
        ),
    }
    if subject.boundary is not None:
        bounded = Subject(subject.principal, identity=(subject.boundary,), facts=subject.facts)
        own = replace(question, resource_account="")
        allowed = evaluation.decide(bounded, own, _delegated(own, subject)).allowed
        answer["PermissionsBoundaryDecisionDetail"] = {"AllowedByPermissionsBoundary": allowed}
    return answer


def _delegated(question: Question, subject: Subject) -> Policy | None:
    """A role is trusted by its account unless a policy is given, as AWS's simulator takes it."""
    if not question.action.lower().startswith("sts:"):
        return None
    if question.resource_account not in ("", subject.principal.account):
        return None
    everything = Statement(
        allows=True,
        actions=("*",),
        not_actions=False,
        resources=(),
        not_resources=False,
        principals={"AWS": (subject.principal.account,)},
        not_principals=False,
        conditions={},
    )
    return evaluation.compile([everything], "the role's account")


def _matched(simulation: Simulation, question: Question, verdict: Verdict) -> list[Document]:
    """The statements that made the decision: all Denies, or all Allows of what allows."""
    if verdict.decision is Decision.IMPLICIT_DENY:
        return []
    denied = verdict.decision is Decision.EXPLICIT_DENY
    found = explanation.matching(simulation.subject, question, simulation.resource_policy)
    granting = (Layer.IDENTITY, Layer.RESOURCE)
    return [
        _statement(match, simulation.texts)
        for match in found
        if match.rule.allows is not denied and (denied or match.layer in granting)
    ]


def _statement(match: Match, texts: Mapping[str, str]) -> Document:
    source = match.policy.source
    kind, text = "none", texts.get(source) or match.policy.text
    if source == "ResourcePolicy":
        kind = "resource"
    elif stored := _STORED.fullmatch(source):
        managed = "aws-managed" if "::aws:" in (stored[2] or "") else "user-managed"
        kind = stored[1] or managed
    shown: Document = {"SourcePolicyId": source, "SourcePolicyType": kind}
    if text:
        start, end = explanation.spans(text)[match.rule.place]
        # AWS counts from one, and to where it has read the brace.
        shown["StartPosition"] = _position(text, start + 1)
        shown["EndPosition"] = _position(text, end)
    return shown


def _position(text: str, at: int) -> Document:
    line_start = text.rfind("\n", 0, at) + 1
    return {"Line": text.count("\n", 0, at) + 1, "Column": at - line_start + 1}


def _account_of(resource: str) -> str:
    parts = resource.split(":", 5)
    return parts[4] if len(parts) == 6 and parts[0] == "arn" and parts[4] != "*" else ""
