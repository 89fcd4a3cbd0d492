"""Any sequence of IAM's changes behaves as a plain Python model of users, groups and policies."""

import asyncio
import itertools
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass, field
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from modelyard.access.identities import subjects
from modelyard.errors import Refusal
from modelyard.storage import database as databases
from tests.access.iam_in_process import Iam, root
from tests.access.iam_words import policy

# "A" and "a" are one name, that is written as it was made. Two are there from the start, so that
# most calls are about something.
NAMES = st.sampled_from(["a", "a", "a", "b", "b", "A", "c"])
KINDS = st.sampled_from(["User", "Group"])
POLICIES = st.sampled_from(["p", "q"])
WORDS = st.sampled_from(["s3:A", "s3:B", "s3:C"])


@dataclass
class Owner:
    """What the model remembers of a user or a group."""

    id: str
    inline: dict[str, str] = field(default_factory=dict)
    attached: set[str] = field(default_factory=set)
    groups: set[str] = field(default_factory=set)  # ids
    boundary: str = ""
    keys: set[str] = field(default_factory=set)


@dataclass
class Policy:
    versions: dict[int, str]
    default: int = 1
    next: int = 2


class IamMachine(RuleBasedStateMachine):
    """Each run has an account, which is a name space, of one database."""

    runner: asyncio.Runner
    iam: Iam
    accounts: Iterator[int]

    def __init__(self) -> None:
        super().__init__()
        self.account = str(next(self.accounts))
        self.iam.principal = root(self.account)
        self.owners: dict[str, dict[str, Owner]] = {"User": {}, "Group": {}}
        self.policies: dict[str, Policy] = {}

    @initialize()
    def begin(self) -> None:
        for name in ("a", "b"):
            self.create("User", name)
            self.create("Group", name)
        self.join("a", "a")
        for name in ("p", "q"):
            self.create_policy(name, "s3:A")

    def _run(self, asked: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(asked)

    def _refused(self, code: str, operation: str, **request: Any) -> None:
        with pytest.raises(Refusal) as refused:
            self._run(self.iam(operation, **request))
        assert refused.value.code == code

    def _ask(self, wanted: str | None, operation: str, **request: Any) -> Any:
        """Ask, and be refused with the code `wanted`, or not at all."""
        if wanted is not None:
            self._refused(wanted, operation, **request)
            return None
        return self._run(self.iam(operation, **request))

    def _taken(self, kind: str, name: str, but: str = "") -> bool:
        return any(one.lower() == name.lower() and one != but for one in self.owners[kind])

    def _arn(self, name: str) -> str:
        return f"arn:aws:iam::{self.account}:policy/{name}"

    def _uses(self, arn: str) -> int:
        everybody = [one for owners in self.owners.values() for one in owners.values()]
        return sum((arn in one.attached) + (one.boundary == arn) for one in everybody)

    def _has_members(self, owner: Owner) -> bool:
        """Whether a user is in a group, or a group has users."""
        return bool(owner.groups) or any(
            owner.id in user.groups for user in self.owners["User"].values()
        )

    @rule(kind=KINDS, name=NAMES)
    def create(self, kind: str, name: str) -> None:
        wanted = "EntityAlreadyExists" if self._taken(kind, name) else None
        made = self._ask(wanted, f"Create{kind}", **{f"{kind}Name": name})
        if made is not None:
            self.owners[kind][name] = Owner(made[kind][f"{kind}Id"])

    @rule(kind=KINDS, name=NAMES, new=NAMES)
    def rename(self, kind: str, name: str, new: str) -> None:
        wanted = None
        if name not in self.owners[kind]:
            wanted = "NoSuchEntity"
        elif self._taken(kind, new, but=name):
            wanted = "EntityAlreadyExists"
        self._ask(wanted, f"Update{kind}", **{f"{kind}Name": name, f"New{kind}Name": new})
        if wanted is None:
            self.owners[kind][new] = self.owners[kind].pop(name)

    @rule(kind=KINDS, name=NAMES)
    def delete(self, kind: str, name: str) -> None:
        owner = self.owners[kind].get(name)
        wanted = None
        if owner is None:
            wanted = "NoSuchEntity"
        elif owner.inline or owner.attached or owner.keys or self._has_members(owner):
            wanted = "DeleteConflict"
        self._ask(wanted, f"Delete{kind}", **{f"{kind}Name": name})
        if wanted is None:
            del self.owners[kind][name]

    @rule(user=NAMES, group=NAMES)
    def join(self, user: str, group: str) -> None:
        there = user in self.owners["User"] and group in self.owners["Group"]
        request = {"UserName": user, "GroupName": group}
        self._ask(None if there else "NoSuchEntity", "AddUserToGroup", **request)
        if there:
            self.owners["User"][user].groups.add(self.owners["Group"][group].id)

    @rule(user=NAMES, group=NAMES)
    def leave(self, user: str, group: str) -> None:
        member, team = self.owners["User"].get(user), self.owners["Group"].get(group)
        there = member is not None and team is not None and team.id in member.groups
        request = {"UserName": user, "GroupName": group}
        self._ask(None if there else "NoSuchEntity", "RemoveUserFromGroup", **request)
        if there and member is not None and team is not None:
            member.groups.remove(team.id)

    @rule(name=POLICIES, word=WORDS)
    def create_policy(self, name: str, word: str) -> None:
        wanted = "EntityAlreadyExists" if name in self.policies else None
        request = {"PolicyName": name, "PolicyDocument": policy(word)}
        if self._ask(wanted, "CreatePolicy", **request) is not None:
            self.policies[name] = Policy({1: word})

    @rule(name=POLICIES, word=WORDS, default=st.booleans())
    def create_version(self, name: str, word: str, default: bool) -> None:
        one = self.policies.get(name)
        wanted = None
        if one is None:
            wanted = "NoSuchEntity"
        elif len(one.versions) == 5:
            wanted = "LimitExceeded"
        request = {"PolicyDocument": policy(word), "SetAsDefault": default}
        made = self._ask(wanted, "CreatePolicyVersion", PolicyArn=self._arn(name), **request)
        if one is not None and made is not None:
            assert made["PolicyVersion"]["VersionId"] == f"v{one.next}"
            one.versions[one.next] = word
            one.default = one.next if default else one.default
            one.next += 1

    @rule(name=POLICIES, number=st.integers(1, 7), deleted=st.booleans())
    def set_or_delete_version(self, name: str, number: int, deleted: bool) -> None:
        one = self.policies.get(name)
        wanted = None
        if one is None or number not in one.versions:
            wanted = "NoSuchEntity"
        elif deleted and number == one.default:
            wanted = "DeleteConflict"
        operation = "DeletePolicyVersion" if deleted else "SetDefaultPolicyVersion"
        self._ask(wanted, operation, PolicyArn=self._arn(name), VersionId=f"v{number}")
        if wanted is None and one is not None:
            if deleted:
                del one.versions[number]
            else:
                one.default = number

    @rule(name=POLICIES)
    def delete_policy(self, name: str) -> None:
        one = self.policies.get(name)
        wanted = None
        if one is None:
            wanted = "NoSuchEntity"
        elif self._uses(self._arn(name)) or len(one.versions) > 1:
            wanted = "DeleteConflict"
        self._ask(wanted, "DeletePolicy", PolicyArn=self._arn(name))
        if wanted is None:
            del self.policies[name]

    @rule(kind=KINDS, name=NAMES, attached=POLICIES, gone=st.booleans())
    def attach_or_detach(self, kind: str, name: str, attached: str, gone: bool) -> None:
        owner, arn = self.owners[kind].get(name), self._arn(attached)
        there = attached in self.policies if not gone else owner and arn in owner.attached
        operation = f"{'Detach' if gone else 'Attach'}{kind}Policy"
        wanted = None if owner is not None and there else "NoSuchEntity"
        self._ask(wanted, operation, **{f"{kind}Name": name}, PolicyArn=arn)
        if wanted is None and owner is not None:
            (owner.attached.remove if gone else owner.attached.add)(arn)

    @rule(kind=KINDS, name=NAMES, inline=POLICIES, word=st.none() | WORDS)
    def put_or_delete_inline(self, kind: str, name: str, inline: str, word: str | None) -> None:
        owner = self.owners[kind].get(name)
        request = {f"{kind}Name": name, "PolicyName": inline}
        if word is None:
            there = owner is not None and inline in owner.inline
            self._ask(None if there else "NoSuchEntity", f"Delete{kind}Policy", **request)
            if there and owner is not None:
                del owner.inline[inline]
            return
        request["PolicyDocument"] = policy(word)
        self._ask(None if owner else "NoSuchEntity", f"Put{kind}Policy", **request)
        if owner is not None:
            owner.inline[inline] = word

    @rule(name=NAMES, boundary=st.none() | POLICIES)
    def bound(self, name: str, boundary: str | None) -> None:
        user = self.owners["User"].get(name)
        if boundary is None:
            there = user is not None and user.boundary != ""
            wanted = None if there else "NoSuchEntity"
            self._ask(wanted, "DeleteUserPermissionsBoundary", UserName=name)
        else:
            there = user is not None and boundary in self.policies
            wanted = None if there else "NoSuchEntity"
            request = {"UserName": name, "PermissionsBoundary": self._arn(boundary)}
            self._ask(wanted, "PutUserPermissionsBoundary", **request)
        if there and user is not None:
            user.boundary = self._arn(boundary) if boundary else ""

    @rule(name=NAMES)
    def create_key(self, name: str) -> None:
        user = self.owners["User"].get(name)
        wanted = None
        if user is None:
            wanted = "NoSuchEntity"
        elif len(user.keys) == 2:
            wanted = "LimitExceeded"
        made = self._ask(wanted, "CreateAccessKey", UserName=name)
        if user is not None and made is not None:
            user.keys.add(made["AccessKey"]["AccessKeyId"])

    @rule(name=NAMES, data=st.data())
    def delete_key(self, name: str, data: st.DataObject) -> None:
        every = sorted(key for user in self.owners["User"].values() for key in user.keys)
        key = data.draw(st.sampled_from([*every, "AKIAAAAAAAAAAAAAAAAA"]))
        user = self.owners["User"].get(name)
        there = user is not None and key in user.keys
        wanted = None if there else "NoSuchEntity"
        self._ask(wanted, "DeleteAccessKey", UserName=name, AccessKeyId=key)
        if there and user is not None:
            user.keys.remove(key)

    @invariant()
    def users_are_what_decides_about_them(self) -> None:
        names = {group.id: name for name, group in self.owners["Group"].items()}
        for name, user in self.owners["User"].items():
            subject = self._run(
                self.iam.database.read(
                    lambda tx, name=name: subjects.of_user(tx, self.account, name)  # type: ignore[misc]
                )
            )
            assert subject.id == user.id
            self._same(user, subject)
            assert {group.name for group in subject.groups} == {names[one] for one in user.groups}
            for group in subject.groups:
                self._same(self.owners["Group"][group.name], group)
            boundary = subject.boundary
            assert (boundary.arn if boundary else "") == user.boundary

    @invariant()
    def listings_name_what_there_is(self) -> None:
        for kind, owners in self.owners.items():
            listed = self._run(self.iam(f"List{kind}s"))[f"{kind}s"]
            assert [one[f"{kind}Name"] for one in listed] == sorted(owners)
        policies = self._run(self.iam("ListPolicies", Scope="Local"))["Policies"]
        assert {
            one["PolicyName"]: (
                one["AttachmentCount"] + one["PermissionsBoundaryUsageCount"],
                one["DefaultVersionId"],
            )
            for one in policies
        } == {
            name: (self._uses(self._arn(name)), f"v{one.default}")
            for name, one in self.policies.items()
        }

    def _same(self, owner: Owner, read: Any) -> None:
        inline = {one.name: one.text for one in read.inline}
        assert inline == {name: policy(word) for name, word in owner.inline.items()}
        attached = {(one.arn, one.version, one.text) for one in read.attached}
        assert attached == {
            (self._arn(name), f"v{one.default}", policy(one.versions[one.default]))
            for name, one in self.policies.items()
            if self._arn(name) in owner.attached
        }


def test_any_sequence_of_changes_behaves_as_the_model(database_url: str) -> None:
    with asyncio.Runner() as runner:
        opened = runner.run(databases.connect(database_url))

        class Machine(IamMachine):
            pass

        Machine.runner, Machine.iam = runner, Iam(opened)
        Machine.accounts = itertools.count(100_000_000_000)
        try:
            run_state_machine_as_test(
                Machine,
                settings=settings(
                    max_examples=8,
                    stateful_step_count=30,
                    deadline=None,
                    suppress_health_check=list(HealthCheck),
                ),
            )
        finally:
            runner.run(opened.close())
