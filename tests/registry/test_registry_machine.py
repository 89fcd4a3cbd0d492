"""Any sequence of registry operations behaves as a plain Python model of the registry does."""

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
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from modelyard.errors import ConflictException, Refusal, ValidationException
from modelyard.storage import database as databases
from tests.registry.in_process import Registry

GROUPS = st.sampled_from(["a", "b", "B-2"])
APPROVALS = st.sampled_from(["Approved", "Rejected", "PendingManualApproval"])
PROPERTIES = st.dictionaries(st.sampled_from("xyz"), st.sampled_from("123"), min_size=1)
ORDERS = st.sampled_from(["Ascending", "Descending"])


@dataclass
class Version:
    """What the model remembers of a version."""

    number: int
    approval: str
    properties: dict[str, str]
    decisions: list[str] = field(default_factory=list)


@dataclass
class Group:
    versions: dict[int, Version] = field(default_factory=dict)
    next_number: int = 1


class RegistryMachine(RuleBasedStateMachine):
    """Each run has a region, which is a name space, of one database."""

    runner: asyncio.Runner
    registry: Registry
    regions: Iterator[int]

    def __init__(self) -> None:
        super().__init__()
        self.registry.region = f"us-east-{next(self.regions)}"
        self.groups: dict[str, Group] = {}

    def _run(self, asked: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(asked)

    def _refused(self, asked: Coroutine[Any, Any, Any]) -> Refusal:
        with pytest.raises(Refusal) as refused:
            self._run(asked)
        return refused.value

    def _some_version(self, data: st.DataObject) -> tuple[str, Version]:
        there = [(name, v) for name, group in self.groups.items() for v in group.versions.values()]
        return data.draw(st.sampled_from(sorted(there, key=lambda one: (one[0], one[1].number))))

    def _arn(self, name: str, number: int) -> str:
        return (
            f"arn:aws:sagemaker:{self.registry.region}:123456789012:model-package/{name}/{number}"
        )

    @rule(name=GROUPS)
    def create_group(self, name: str) -> None:
        if name in self.groups:
            refusal = self._refused(self.registry.group(name))
            assert isinstance(refusal, ValidationException)
            assert "already exists" in refusal.message
        else:
            self._run(self.registry.group(name))
            self.groups[name] = Group()

    @rule(name=GROUPS)
    def delete_group(self, name: str) -> None:
        asked = self.registry("DeleteModelPackageGroup", ModelPackageGroupName=name)
        if name not in self.groups:
            assert isinstance(self._refused(asked), ValidationException)
        elif self.groups[name].versions:
            assert isinstance(self._refused(asked), ConflictException)
        else:
            self._run(asked)
            del self.groups[name]

    @rule(name=GROUPS, approval=st.none() | APPROVALS, properties=st.none() | PROPERTIES)
    def register(self, name: str, approval: str | None, properties: dict[str, str] | None) -> None:
        members: dict[str, Any] = {}
        if approval:
            members["ModelApprovalStatus"] = approval
        if properties:
            members["CustomerMetadataProperties"] = properties
        asked = self.registry.version(name, **members)
        if name not in self.groups:
            assert "does not exist" in self._refused(asked).message
            return
        group = self.groups[name]
        assert self._run(asked) == self._arn(name, group.next_number)
        group.versions[group.next_number] = Version(
            group.next_number,
            approval or "PendingManualApproval",
            dict(properties or {}),
            [approval] if approval else [],
        )
        group.next_number += 1

    @rule(name=GROUPS)
    def register_missing_data(self, name: str) -> None:
        """A refused registration takes no number."""
        spec = {"Containers": [{"Image": "i", "ModelDataUrl": "s3://held/missing"}]}
        self._refused(self.registry.version(name, InferenceSpecification=spec))

    @precondition(lambda self: any(group.versions for group in self.groups.values()))
    @rule(
        data=st.data(),
        approval=st.none() | APPROVALS,
        properties=st.none() | PROPERTIES,
        removed=st.lists(st.sampled_from("xyz"), unique=True),
    )
    def update(
        self,
        data: st.DataObject,
        approval: str | None,
        properties: dict[str, str] | None,
        removed: list[str],
    ) -> None:
        name, version = self._some_version(data)
        members: dict[str, Any] = {"CustomerMetadataPropertiesToRemove": removed}
        if approval:
            members["ModelApprovalStatus"] = approval
        if properties:
            members["CustomerMetadataProperties"] = properties
        arn = self._arn(name, version.number)
        asked = self.registry("UpdateModelPackage", ModelPackageArn=arn, **members)
        if set(removed) & set(properties or {}):
            assert isinstance(self._refused(asked), ValidationException)
            return
        self._run(asked)
        version.properties.update(properties or {})
        for key in removed:
            version.properties.pop(key, None)
        if approval and approval != version.approval:
            version.approval = approval
            version.decisions.append(approval)

    @precondition(lambda self: any(group.versions for group in self.groups.values()))
    @rule(data=st.data())
    def delete_version(self, data: st.DataObject) -> None:
        name, version = self._some_version(data)
        arn = self._arn(name, version.number)
        self._run(self.registry("DeleteModelPackage", ModelPackageName=arn))
        del self.groups[name].versions[version.number]
        again = self.registry("DeleteModelPackage", ModelPackageName=arn)
        assert "does not exist" in self._refused(again).message

    @precondition(lambda self: any(group.versions for group in self.groups.values()))
    @rule(data=st.data())
    def describe(self, data: st.DataObject) -> None:
        name, version = self._some_version(data)
        described = self._run(self.registry.describe(f"{name}/{version.number}"))
        assert described["ModelApprovalStatus"] == version.approval
        assert described.get("CustomerMetadataProperties", {}) == version.properties
        listed = self._run(
            self.registry.own(
                "ListModelPackageDecisions",
                ModelPackageName=self._arn(name, version.number),
                MaxResults=100,
            )
        )["Decisions"]
        assert [d["ModelApprovalStatus"] for d in listed] == version.decisions[::-1]

    @rule(
        name=GROUPS,
        order=ORDERS,
        by=st.sampled_from(["Name", "CreationTime"]),
        approval=st.none() | APPROVALS,
        size=st.integers(1, 4),
    )
    def list_versions(
        self, name: str, order: str, by: str, approval: str | None, size: int
    ) -> None:
        request: dict[str, Any] = {"ModelPackageGroupName": name, "MaxResults": size}
        request |= {"SortOrder": order, "SortBy": by}
        if approval:
            request["ModelApprovalStatus"] = approval
        expected = [
            version.number
            for version in self.groups.get(name, Group()).versions.values()
            if approval in (None, version.approval)
        ]
        if order == "Descending":
            expected.reverse()
        seen: list[int] = []
        while True:
            page = self._run(self.registry("ListModelPackages", **request))
            seen += [s["ModelPackageVersion"] for s in page["ModelPackageSummaryList"]]
            if "NextToken" not in page:
                break
            request["NextToken"] = page["NextToken"]
        assert seen == expected

    @invariant()
    def groups_are_listed(self) -> None:
        page = self._run(self.registry("ListModelPackageGroups", SortBy="Name"))
        names = [group["ModelPackageGroupName"] for group in page["ModelPackageGroupSummaryList"]]
        assert names == sorted(self.groups)


def test_operations_in_any_order_behave_as_their_model(database_url: str) -> None:
    with asyncio.Runner() as runner:
        opened = runner.run(databases.connect(database_url))
        registry = Registry(opened)
        runner.run(registry.put_object("held", "there"))

        class Machine(RegistryMachine):
            pass

        Machine.runner = runner
        Machine.registry = registry
        Machine.regions = itertools.count(1)
        try:
            run_state_machine_as_test(
                Machine,
                settings=settings(
                    max_examples=25,
                    stateful_step_count=25,
                    deadline=None,
                    suppress_health_check=list(HealthCheck),
                ),
            )
        finally:
            runner.run(opened.close())
