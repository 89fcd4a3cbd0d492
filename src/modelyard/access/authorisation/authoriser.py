"""The one question before every operation: may this caller do this to that?

`prepare` finds out who asks and what for, before a transaction; `Case.decide` answers inside it, on
the resource that is really touched, and awaits nothing but that transaction.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace

import msgspec

from modelyard import resource_facts
from modelyard.access.authorisation import lookups, request_keys, resource_policies, subjects
from modelyard.access.authorisation.directory import Directory
from modelyard.access.policy import actions, evaluation
from modelyard.access.policy.action_resources import Asker
from modelyard.access.policy.actions import Check
from modelyard.access.policy.evaluation import Decision, Policy, Question, Subject, Verdict
from modelyard.call import Document, OpenCall
from modelyard.errors import AccessDeniedException
from modelyard.storage.transaction import Transaction

# AWS: credentials of GetSessionToken without MFA call no IAM, and of STS these two alone.
_OWN_SESSIONS_OF_STS = frozenset({"AssumeRole", "GetCallerIdentity"})
# Whoever asks for it is nobody, or no matter: it judges the token by the role's trust policy.
_BY_TOKEN = ("sts", "AssumeRoleWithWebIdentity")


@dataclass(frozen=True, slots=True)
class Permit:
    """What was allowed: `shared` resources of other accounts, items refused one by one."""

    shared: Mapping[str, str] = field(default_factory=dict)
    refused: Mapping[int, str] = field(default_factory=dict)  # number of an item -> the sentence
    listed: "Listed | None" = None


@dataclass(frozen=True, slots=True)
class Listed:
    """Of which items a list may show: by an action on each of them.

    Where the list is allowed as a whole it shows all but what is denied, else what is allowed.
    """

    action: str
    as_a_whole: bool


class Authoriser:
    """Decides for one server."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self.freshness = directory.freshness

    async def prepare(
        self, call: OpenCall, service: str, operation: str, request: Document
    ) -> "Case":
        """Raises: NotAuthenticated: the caller is no more. Unavailable. AccessDeniedException."""
        principal, generation = call.principal, self.freshness.generation
        if (service, operation) == _BY_TOKEN:
            subject = Subject(principal, is_root=False, names=frozenset())
            return Case(self._directory, subject, call, (), service, operation, request, generation)
        subject = await self._directory.subject(principal)
        session = principal.session
        own_session = (
            session is not None
            and not session.role_arn
            and not session.sign_in
            and not subject.is_root
        )
        if own_session and (
            service == "iam" or (service == "sts" and operation not in _OWN_SESSIONS_OF_STS)
        ):
            raise AccessDeniedException(
                f"Credentials of GetSessionToken without MFA cannot call {service}:{operation}."
            )
        checks = _checks(call, service, request)
        return Case(self._directory, subject, call, checks, service, operation, request, generation)


@dataclass(frozen=True, slots=True)
class Case:
    """One request and everything that is known of it before its transaction."""

    directory: Directory
    subject: Subject
    call: OpenCall
    checks: tuple[Check, ...]
    service: str
    operation: str
    request: Document
    generation: int  # freshness's, of before the transaction
    refused: list[str] = field(default_factory=list)  # by the latest decision, items one by one

    @property
    def needs_storage(self) -> bool:
        """Whether `decide` may have to look something up."""
        return any(
            check.lookup is not None
            or _held(check) is not None
            or actions.to_look_up(check, self.subject.keys_for(check.action))
            for check in self.checks
        )

    async def decide(self, tx: Transaction | None) -> Permit:
        """What may be touched. `tx` is None only where `needs_storage` is not.

        Raises: AccessDeniedException: the first check that fails.
        An operation that refuses its items one by one is told which.
        """
        shared: dict[str, str] = {}
        refused: dict[int, str] = {}
        listed: Listed | None = None
        singly = actions.singly(self.service, self.operation)
        for number, check in enumerate(self.checks):
            found, question, verdict = await self._verdict(tx, check)
            if verdict.allowed:
                if question.resource_account not in ("", self.call.account):
                    holder = resource_facts.holder(question.resource)
                    shared[holder] = question.resource_account
                listed = await self._denied_some(tx, found) or listed
                continue
            listed = self._listed(found, verdict)
            if listed is not None:
                continue
            sentence = evaluation.refusal(self.subject, question, verdict)
            if not singly:
                raise AccessDeniedException(sentence)
            refused[number] = sentence
        self.refused[:] = refused.values()
        return Permit(shared, refused, listed)

    def sees(self, tx: Transaction, permit: Permit) -> Callable[[str], Awaitable[bool]] | None:
        """Whether the caller may see one item of a list; None: all of them."""
        listed = permit.listed
        if listed is None:
            return None

        async def sees(arn: str) -> bool:
            decision = await self._on_its_way(tx, listed.action, arn)
            if listed.as_a_whole:
                return decision is not Decision.EXPLICIT_DENY
            return decision is Decision.ALLOWED

        return sees

    async def may(self, tx: Transaction, action: str, resource: str) -> bool:
        """Whether the caller may do something that the operation meets on its way."""
        return await self._on_its_way(tx, action, resource) is Decision.ALLOWED

    async def _on_its_way(self, tx: Transaction, action: str, resource: str) -> Decision:
        owner = await resource_facts.owner(tx, resource)
        check = Check(action, resource, owner or "", {}, looked_up=_FACTS)
        _, _, verdict = await self._verdict(tx, check)
        return verdict.decision

    async def may_as(self, tx: Transaction, arn: str, action: str, resource: str) -> bool:
        """The same about another of the caller's account, as an execution role that is passed."""
        subject = await subjects.of_arn(tx, self.call.account, arn)
        return subject is not None and await replace(self, subject=subject).may(
            tx, action, resource
        )

    async def _verdict(
        self, tx: Transaction | None, check: Check
    ) -> tuple[Check, Question, Verdict]:
        if check.lookup is not None:
            assert tx is not None
            check = await lookups.resolve(tx, check, self.call.principal)
        policy = await self._resource_policy(tx, check)
        context = check.context
        wanted = self.subject.keys_for(check.action)
        if policy is not None:
            wanted |= policy.keys_for(check.action)
        if wanted:
            context = {**context, **request_keys.of(self.call, wanted)}
            if actions.to_look_up(check, wanted):
                assert tx is not None
                context |= await lookups.facts(tx, check.resource, self.call.account)
        question = Question(check.action, check.resource, check.resource_account, context)
        return check, question, evaluation.decide(self.subject, question, policy)

    async def _resource_policy(self, tx: Transaction | None, check: Check) -> Policy | None:
        held = _held(check)
        if held is None:
            return None
        assert tx is not None  # see needs_storage
        return await self.directory.resource_policy(tx, held, self.generation)

    async def _denied_some(self, tx: Transaction | None, check: Check) -> Listed | None:
        """How a list that is allowed leaves out what a Deny hides; None where there is none."""
        action = actions.listed(self.service, self.operation, self.request)
        if action is None:
            return None
        policies = [policy for _, policy in self.subject.policies()]
        shared = await self._resource_policy(tx, check)
        if shared is not None:
            policies.append(shared)
        denies = any(policy.about(action).denies for policy in policies)
        return Listed(action, as_a_whole=True) if denies else None

    def _listed(self, check: Check, verdict: Verdict) -> Listed | None:
        """The action that decides about each item, where the list itself is allowed on some only.

        A policy that limits a list to ARNs, as teams write them, shows what they name.
        """
        if verdict.decision is Decision.EXPLICIT_DENY or not actions.names_nothing(check):
            return None
        action = actions.listed(self.service, self.operation, self.request)
        if action is None:
            return None
        allows = any(policy.about(check.action).allows for policy in self.subject.identity)
        return Listed(action, as_a_whole=False) if allows else None


def judged(call: OpenCall, service: str, request: Document) -> list[str]:
    """The ARNs that a call is judged on, as far as its request alone tells."""
    if (service, call.operation) == _BY_TOKEN:
        return []
    checks = _checks(call, service, request)
    return [check.resource for check in checks if check.resource.startswith("arn:")]


def _checks(call: OpenCall, service: str, request: Document) -> tuple[Check, ...]:
    asker = Asker(call.account, call.region, call.principal.arn)
    return actions.checks(service, call.operation, request, asker)


def permitted(call: OpenCall, case: Case, permit: Permit) -> OpenCall:
    """The call with what its operation may touch beyond its own."""
    return msgspec.structs.replace(
        call, may=case.may, may_as=case.may_as, shared=permit.shared, refused=permit.refused
    )


_FACTS = frozenset(
    {
        "aws:resourcetag/",
        "sagemaker:resourcetag/",
        "iam:resourcetag/",
        "sagemaker:currentmodellifecyclestage",
        "sagemaker:currentmodellifecyclestagestatus",
        "sagemaker:currentcustomermetadataproperties/",
        "s3:existingobjecttag/",
    }
)


def _held(check: Check) -> str | None:
    return resource_policies.holder(check.action, check.resource)
