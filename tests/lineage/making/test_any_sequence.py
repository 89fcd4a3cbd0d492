"""Whatever is done to packages, and whenever the server is killed, lineage is what a plain model
says, each entity once.
"""

import asyncio
import itertools
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from modelyard.lineage.making import making
from modelyard.storage import database as databases
from modelyard.storage import outbox
from modelyard.storage.transaction import Transaction
from tests.lineage.making.conftest import Made, label, type_of
from tests.registry.in_process import ACCOUNT, specification

GROUPS = st.sampled_from(["a", "b"])
URLS = st.sampled_from(["s3://far/1", "s3://far/2", "s3://here/1", "s3://here/same", "s3://here/2"])
CONTENT = {"s3://here/1": "one", "s3://here/same": "one", "s3://here/2": "two"}
APPROVALS = st.sampled_from(["Approved", "Rejected", "PendingManualApproval"])
STAGES = st.sampled_from(["QA", "Production"])
Edge = tuple[str, str, str]


class _Killed(Exception):
    pass


class LineageMachine(RuleBasedStateMachine):
    """Each run has a region, which is a name space, of one database."""

    runner: asyncio.Runner
    made: Made
    regions: Iterator[int]

    def __init__(self) -> None:
        super().__init__()
        self.made.registry.region = self.region = f"us-east-{next(self.regions)}"
        self.numbers: Counter[str] = Counter()
        self.there: list[tuple[str, str, str]] = []  # path, approval, stage
        self.gone: set[str] = set()
        self.edges: set[Edge] = set()
        self.actions: Counter[str] = Counter()
        self.oldest: dict[str, str] = {}  # by content, the URL that was registered first

    def _ask(self, operation: str, **request: Any) -> None:
        self.runner.run(self.made.registry(operation, **request))

    def _arn(self, path: str) -> str:
        return f"arn:aws:sagemaker:{self.region}:{ACCOUNT}:model-package/{path}"

    @rule(group=GROUPS, url=URLS, approval=APPROVALS)
    def register(self, group: str, url: str, approval: str) -> None:
        if not self.numbers[group]:
            self._ask("CreateModelPackageGroup", ModelPackageGroupName=group)
        self.numbers[group] += 1
        spec = specification(url)
        self._ask(
            "CreateModelPackage",
            ModelPackageGroupName=group,
            ModelApprovalStatus=approval,
            InferenceSpecification=spec,
        )
        path = f"{group}/{self.numbers[group]}"
        package = f"model-package/{path}"
        self.there.append((path, approval, ""))
        self.actions[f"Approval {package}"] += 1
        self.edges |= {
            (url, "ContributedTo", package),
            (spec["Containers"][0]["Image"], "ContributedTo", package),
            (f"Approval {package}", "ContributedTo", package),
            (package, "AssociatedWith", f"ModelGroup model-package-group/{group}"),
        }
        if url in CONTENT and self.oldest.setdefault(CONTENT[url], url) != url:
            self.edges.add((self.oldest[CONTENT[url]], "SameAs", url))

    @rule(data=st.data(), approval=APPROVALS)
    def decide(self, data: st.DataObject, approval: str) -> None:
        if not self.there:
            return
        place = data.draw(st.integers(0, len(self.there) - 1))
        path, present, stage = self.there[place]
        self._ask(
            "UpdateModelPackage", ModelPackageArn=self._arn(path), ModelApprovalStatus=approval
        )
        if approval != present:
            self.there[place] = (path, approval, stage)
            self.actions[f"Approval model-package/{path}"] += 1

    @rule(data=st.data(), stage=STAGES)
    def move(self, data: st.DataObject, stage: str) -> None:
        if not self.there:
            return
        place = data.draw(st.integers(0, len(self.there) - 1))
        path, approval, present = self.there[place]
        cycle = {"Stage": stage, "StageStatus": "InProgress"}
        self._ask("UpdateModelPackage", ModelPackageArn=self._arn(path), ModelLifeCycle=cycle)
        if stage != present:
            self.there[place] = (path, approval, stage)
            action = f"ModelLifeCycle model-package/{path}"
            self.actions[action] += 1
            self.edges.add((action, "ContributedTo", f"model-package/{path}"))

    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        if not self.there:
            return
        path, _, _ = self.there.pop(data.draw(st.integers(0, len(self.there) - 1)))
        self._ask("DeleteModelPackage", ModelPackageName=self._arn(path))
        self.gone.add(f"model-package/{path}")

    @rule(count=st.integers(1, 5), killed=st.booleans())
    def tell_some(self, count: int, killed: bool) -> None:
        """A batch; killed before its commit it has not happened."""

        async def batch(tx: Transaction) -> None:
            entries = await outbox.take(tx, count)
            for entry in entries:
                await making.HANDLERS[entry.topic](tx, entry)
            await outbox.done(tx, entries)
            if killed:
                raise _Killed

        try:
            self.runner.run(self.made.database.write(batch))
        except _Killed:
            assert killed

    def teardown(self) -> None:
        self.runner.run(self.made.tell())
        everything = self.runner.run(self.made.entities())
        entities = [one for arn, one in everything.items() if f":{self.region}:" in arn]
        graph = self.runner.run(self.made.graph(region=self.region))
        assert graph == self.edges
        found = Counter(label(one) for one in entities if "ActionArn" in one)
        assert found == self.actions
        others = Counter(label(one) for one in entities if "ActionArn" not in one)
        ends = {end for one, _, two in self.edges for end in (one, two)}
        assert others == Counter(end for end in ends if not end.startswith(("Appr", "ModelLife")))
        deleted = {label(e) for e in entities if "DeletedTime" in e.get("Properties", {})}
        assert deleted == self.gone
        assert all(type_of(one) for one in entities)


def test_any_sequence_leaves_the_lineage_that_a_plain_model_says(tmp_path: Path) -> None:
    with asyncio.Runner() as runner:
        opened = runner.run(databases.connect(f"sqlite:///{tmp_path}/modelyard.db"))
        LineageMachine.runner = runner
        LineageMachine.made = Made(opened)
        LineageMachine.regions = itertools.count(1)
        for url, content in CONTENT.items():
            bucket, _, key = url.removeprefix("s3://").partition("/")
            runner.run(LineageMachine.made.registry.put_object(bucket, key, content))
        try:
            run_state_machine_as_test(
                LineageMachine, settings=settings(max_examples=40, stateful_step_count=30)
            )
        finally:
            runner.run(opened.close())
