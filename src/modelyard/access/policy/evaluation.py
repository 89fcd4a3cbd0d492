"""What policies decide: compiled once, then asked many times. Pure.

The order is AWS's: an explicit Deny in any policy ends it; what nobody allowed is denied. Within
one account an identity policy or the resource's own allows; between two, both must. A permissions
boundary and session policies allow nothing by themselves and limit what the others allow, except
what a resource's policy grants to that very user or session. A role's trust policy is the policy
of a resource that must allow, whatever identity policies say.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from modelyard.access.policy import conditions, variables
from modelyard.access.policy.conditions import Condition
from modelyard.access.policy.documents import Statement
from modelyard.access.policy.patterns import any_of, kept_matcher, tokens
from modelyard.access.policy.principals import Grant, Principals
from modelyard.call import Principal

_ACTIONS_KEPT_MAX = 1024  # a policy remembers which statements are about an action
# What a role's trust policy has to allow. https://docs.aws.amazon.com/IAM/latest/UserGuide/
# reference_policies_evaluation-logic_policy-eval-denyallow.html: it "must explicitly allow".
TRUSTED = frozenset(
    {
        "sts:assumerole",
        "sts:assumerolewithsaml",
        "sts:assumerolewithwebidentity",
        "sts:setsourceidentity",
        "sts:tagsession",
    }
)
# S3's PutBucketPolicy: the root of the owner can always mend a policy that locks everybody out.
_NEVER_DENIED_TO_ROOT = frozenset(
    {"s3:putbucketpolicy", "s3:getbucketpolicy", "s3:deletebucketpolicy"}
)


class Decision(Enum):
    """In the words of SimulatePrincipalPolicy."""

    ALLOWED = "allowed"
    EXPLICIT_DENY = "explicitDeny"
    IMPLICIT_DENY = "implicitDeny"


class Layer(Enum):
    """Which kind of policy decided, in the words of AWS's access denied messages."""

    IDENTITY = "identity-based policy"
    BOUNDARY = "permissions boundary"
    SESSION = "session policy"
    RESOURCE = "resource-based policy"
    TRUST = "role trust policy"


@dataclass(frozen=True)
class Subject:
    """All that decides on the caller's side. A caller of no account is a service or a provider's.

    `facts` has lower-case keys (aws:username, aws:principaltag/team); nothing that a request says
    goes before them. `names` are all ARNs and the account by which policies may name the caller.
    """

    principal: Principal
    is_root: bool = False
    identity: tuple["Policy", ...] = ()
    boundary: "Policy | None" = None
    session: tuple["Policy", ...] | None = None  # None: no session policies were given
    facts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    names: frozenset[str] = frozenset()

    def policies(self) -> Iterator[tuple[Layer, "Policy"]]:
        for policy in self.identity:
            yield Layer.IDENTITY, policy
        if self.boundary is not None:
            yield Layer.BOUNDARY, self.boundary
        for policy in self.session or ():
            yield Layer.SESSION, policy

    def keys_for(self, action: str) -> frozenset[str]:
        """The keys that decide about an action, so that no others need be looked up."""
        return frozenset().union(*(policy.keys_for(action) for _, policy in self.policies()))


@dataclass(frozen=True, slots=True)
class Question:
    """What is to be done to what. `context` has lower-case keys; `resource_account` "": own."""

    action: str
    resource: str
    resource_account: str = ""
    context: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The decision; `statement` says what made it, or what was missing."""

    decision: Decision
    statement: str
    layer: Layer

    @property
    def allowed(self) -> bool:
        return self.decision is Decision.ALLOWED


class Request:
    """A question and who asks it, as statements see them."""

    __slots__ = ("_context", "_facts", "action", "resource", "subject")

    def __init__(self, subject: Subject, question: Question) -> None:
        self.subject, self.action, self.resource = subject, question.action, question.resource
        self._facts, self._context = subject.facts, question.context

    def values(self, key: str) -> Sequence[str]:
        found = self._facts.get(key)
        return self._context.get(key, ()) if found is None else found


class Rule:
    """One statement, compiled."""

    __slots__ = (
        "_actions",
        "_not_actions",
        "_not_resources",
        "_open_resources",
        "_resources",
        "allows",
        "conditions",
        "keys",
        "label",
        "place",
        "principals",
        "sid",
    )

    def __init__(self, statement: Statement, source: str) -> None:
        self.allows, self.sid, self.place = statement.allows, statement.sid, statement.place
        self.label = f"{source}, {statement.place}"
        if statement.sid:
            self.label += f" ({statement.sid})"
        self._actions = any_of(tokens(action.lower()) for action in statement.actions)
        self._not_actions, self._not_resources = statement.not_actions, statement.not_resources
        templates = [
            variables.parse(resource, variables=statement.variables, wildcards=True)
            for resource in statement.resources
        ]
        fixed, self._open_resources = conditions.apart(templates)
        self._resources = any_of(fixed) if statement.resources else None
        self.principals = (
            Principals(statement.principals, negated=statement.not_principals)
            if statement.principals
            else None
        )
        self.conditions = tuple(_conditions(statement))
        self.keys = frozenset().union(
            *(condition.keys for condition in self.conditions),
            *map(variables.keys, self._open_resources),
        )

    def is_about(self, action: str) -> bool:
        """`action` in lower case."""
        return self._actions(action) is not self._not_actions

    def applies(self, request: Request) -> bool:
        """Whether resource and conditions hold; the action was asked before."""
        if self._resources is not None:
            if self._open_resources:
                if not self._covers(request):
                    return False
            elif self._resources(request.resource) is self._not_resources:
                return False
        for condition in self.conditions:  # noqa: SIM110 - a generator costs as much as a condition
            if not condition.met(request):
                return False
        return True

    def covers(self, request: Request) -> bool:
        """Whether it is about the resource of a request, conditions aside."""
        return self._resources is None or self._covers(request)

    def _covers(self, request: Request) -> bool:
        assert self._resources is not None
        if self._resources(request.resource):
            return not self._not_resources
        for template in self._open_resources:
            pattern = variables.resolve(template, request.values)
            if pattern is None:
                # AWS: a variable without a value matches no resource. In NotResource that would
                # open an Allow to all of them, so there it keeps the Allow from applying.
                if self._not_resources and self.allows:
                    return False
            elif kept_matcher(pattern)(request.resource):
                return not self._not_resources
        return self._not_resources


def _conditions(statement: Statement) -> Iterator[Condition]:
    for operator, tests in statement.conditions.items():
        for key, wanted in tests.items():
            yield conditions.read(operator, key, wanted, with_variables=statement.variables)


class Policy:
    """A document's statements, ready to be asked. `source` is how `explain` names it.

    `text` is the document, for people; empty where nobody has to see it.
    """

    __slots__ = ("_by_action", "keys", "rules", "source", "text")

    def __init__(self, source: str, rules: Iterable[Rule], text: str = "") -> None:
        self.source, self.rules, self.text = source, tuple(rules), text
        self.keys: frozenset[str] = frozenset().union(*(rule.keys for rule in self.rules))
        self._by_action: dict[str, _About] = {}

    def about(self, action: str) -> "_About":
        """The statements on an action."""
        found = self._by_action.get(action)
        if found is None:
            folded = action.lower()
            rules = [rule for rule in self.rules if rule.is_about(folded)]
            found = _About(rules)
            if len(self._by_action) < _ACTIONS_KEPT_MAX:
                self._by_action[action] = found
        return found

    def keys_for(self, action: str) -> frozenset[str]:
        return self.about(action).keys

    def denial(self, request: Request) -> Rule | None:
        """The first Deny that is meant for the request."""
        for rule in self.about(request.action).denies:
            meant = rule.principals is None or rule.principals.denies(request.subject)
            if meant and rule.applies(request):
                return rule
        return None

    def permission(self, request: Request) -> Rule | None:
        """The first Allow, of a policy that names no principals."""
        for rule in self.about(request.action).allows:
            if rule.applies(request):
                return rule
        return None

    def grant(self, request: Request) -> tuple[Grant, Rule | None]:
        """The most direct Allow, of a policy that names principals."""
        best: tuple[Grant, Rule | None] = (Grant.NONE, None)
        for rule in self.about(request.action).allows:
            if rule.principals is None:
                continue
            grant = rule.principals.allows(request.subject)
            if grant > best[0] and rule.applies(request):
                best = (grant, rule)
        return best


class _About:
    """What of a policy is about one action."""

    __slots__ = ("allows", "denies", "keys")

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.allows = tuple(rule for rule in rules if rule.allows)
        self.denies = tuple(rule for rule in rules if not rule.allows)
        self.keys: frozenset[str] = frozenset().union(*(rule.keys for rule in rules))


def compile(  # noqa: A001
    statements: Iterable[Statement], source: str, text: str = ""
) -> Policy:
    """Make statements ready to decide; `source` names the document, `text` is it, for people."""
    return Policy(source, [Rule(statement, source) for statement in statements], text)


def decide(subject: Subject, question: Question, resource_policy: Policy | None = None) -> Verdict:
    """Whether `subject` may do what is asked, and why."""
    request = Request(subject, question)
    own = question.resource_account in ("", subject.principal.account)
    trusted = question.action.lower() in TRUSTED
    denied = _denial(request, resource_policy, own=own, trusted=trusted)
    if denied is not None:
        return denied
    grant, granting = Grant.NONE, None
    if resource_policy is not None:
        grant, granting = resource_policy.grant(request)
    named = Layer.TRUST if trusted else Layer.RESOURCE
    if granting is not None and grant is Grant.DIRECT and own:
        return Verdict(Decision.ALLOWED, granting.label, named)
    if not subject.principal.account:
        return _outsider(granting, named, question)
    deciding, layer = _identity(request)
    if own and grant is Grant.ROLE and granting is not None and deciding is None:
        deciding, layer = granting.label, named
    missing: list[tuple[Layer, str]] = []
    if grant is Grant.NONE and (trusted or not own):
        missing.append((named, _closed(question, named)))
    if deciding is None:
        missing.append((Layer.IDENTITY, "no statement allows it"))
    missing.extend(_limits(request))
    if missing or deciding is None:
        return Verdict(Decision.IMPLICIT_DENY, "; ".join(why for _, why in missing), missing[0][0])
    return Verdict(Decision.ALLOWED, deciding, layer)


def refusal(subject: Subject, question: Question, verdict: Verdict) -> str:
    """AWS's sentence for a refusal.

    Names the kind of policy only where that is the caller's own affair: a stranger does not learn
    from it whether a resource or a role is there.
    """
    sentence = (
        f"User: {subject.principal.arn} is not authorized to perform: {question.action}"
        f" on resource: {question.resource}"
    )
    own = question.resource_account in ("", subject.principal.account)
    if not own or verdict.layer is Layer.TRUST:
        return sentence
    kind = verdict.layer.value
    if verdict.decision is Decision.EXPLICIT_DENY:
        article = "an" if kind[0] in "aeiou" else "a"
        return f"{sentence} with an explicit deny in {article} {kind}"
    return f"{sentence} because no {kind} allows the {question.action} action"


def _denial(
    request: Request, resource_policy: Policy | None, *, own: bool, trusted: bool
) -> Verdict | None:
    for layer, policy in request.subject.policies():
        if rule := policy.denial(request):
            return Verdict(Decision.EXPLICIT_DENY, rule.label, layer)
    if resource_policy is None:
        return None
    if request.subject.is_root and own and request.action.lower() in _NEVER_DENIED_TO_ROOT:
        return None
    if rule := resource_policy.denial(request):
        layer = Layer.TRUST if trusted else Layer.RESOURCE
        return Verdict(Decision.EXPLICIT_DENY, rule.label, layer)
    return None


def _outsider(granting: Rule | None, layer: Layer, question: Question) -> Verdict:
    """A service or a provider's person has no policies; the resource's decides alone."""
    if granting is not None:
        return Verdict(Decision.ALLOWED, granting.label, layer)
    return Verdict(Decision.IMPLICIT_DENY, _closed(question, layer), layer)


def _identity(request: Request) -> tuple[str | None, Layer]:
    subject = request.subject
    if subject.is_root:
        return f"the root of account {subject.principal.account}", Layer.IDENTITY
    for policy in subject.identity:
        if rule := policy.permission(request):
            return rule.label, Layer.IDENTITY
    return None, Layer.IDENTITY


def _limits(request: Request) -> Iterator[tuple[Layer, str]]:
    """The boundary and the session policies that do not allow it."""
    subject = request.subject
    if subject.boundary is not None and subject.boundary.permission(request) is None:
        yield Layer.BOUNDARY, f"{subject.boundary.source} does not allow it"
    if subject.session is not None and not any(
        policy.permission(request) for policy in subject.session
    ):
        yield Layer.SESSION, "the session policy does not allow it"


def _closed(question: Question, layer: Layer) -> str:
    if layer is Layer.TRUST:
        return f"the trust policy of {question.resource} does not allow it"
    return f"account {question.resource_account}'s resource policy does not allow it"
