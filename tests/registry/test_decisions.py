"""Every decision about approval is kept, with its note, and the gate obeys the last one."""

import asyncio
from typing import Any

import pytest

from modelyard import gate
from modelyard.errors import ValidationException
from modelyard.gate import PackageFacts
from tests.registry.in_process import (
    ACCOUNT,
    Registry,
    package_arn,
    principal,
    sha256,
    specification,
)


async def _decide(registry: Registry, arn: str, **members: Any) -> None:
    await registry("UpdateModelPackage", ModelPackageArn=arn, **members)


async def _decisions(registry: Registry, package: str, **members: Any) -> list[dict[str, Any]]:
    answer = await registry.own(
        "ListModelPackageDecisions", ModelPackageName=package, MaxResults=100, **members
    )
    return list(answer["Decisions"])


def _told(decisions: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    members = ("PreviousModelApprovalStatus", "ModelApprovalStatus", "ApprovalDescription")
    return [tuple(d.get(member) for member in members) for d in decisions]


async def _deployable(registry: Registry, package: str) -> PackageFacts:
    return await registry.database.read(lambda tx: gate.deployable(registry.call(tx), package))


async def test_decisions_are_listed_newest_first_with_their_notes(registry: Registry) -> None:
    await registry.group()
    arn = await registry.version(ModelApprovalStatus="PendingManualApproval")
    registered = registry.now_us
    await _decide(registry, arn, ModelApprovalStatus="Approved", ApprovalDescription="AUC 0.99")
    registry.principal = principal(name="bob")
    await _decide(registry, arn, ModelApprovalStatus="Rejected", ApprovalDescription="biased")
    await _decide(registry, arn, ApprovalDescription="biased: see ticket 7")
    await _decide(registry, arn, ModelApprovalStatus="Approved")

    decisions = await _decisions(registry, arn)

    assert _told(decisions) == [
        ("Rejected", "Approved", None),
        ("Rejected", "Rejected", "biased: see ticket 7"),
        ("Approved", "Rejected", "biased"),
        ("PendingManualApproval", "Approved", "AUC 0.99"),
        (None, "PendingManualApproval", None),
    ]
    assert [d["DecisionNumber"] for d in decisions] == [5, 4, 3, 2, 1]
    assert decisions[-1]["DecidedTime"] == registered
    assert decisions[-1]["DecidedBy"] == f"arn:aws:iam::{ACCOUNT}:user/ada"
    assert decisions[0]["DecidedBy"] == f"arn:aws:iam::{ACCOUNT}:user/bob"


async def test_describe_shows_the_last_note(registry: Registry) -> None:
    await registry.group()
    arn = await registry.version()
    await _decide(registry, arn, ModelApprovalStatus="Approved", ApprovalDescription="good")

    await _decide(registry, arn, CustomerMetadataProperties={"a": "1"})

    described = await registry.describe(arn)
    assert described["ModelApprovalStatus"] == "Approved"
    assert described["ApprovalDescription"] == "good"


async def test_what_decides_nothing_is_not_recorded(registry: Registry) -> None:
    await registry.group()
    arn = await registry.version()
    await _decide(registry, arn, CustomerMetadataProperties={"a": "1"})
    await _decide(registry, arn, ModelApprovalStatus="PendingManualApproval")

    assert await _decisions(registry, arn) == []


async def test_decisions_come_in_pages(registry: Registry) -> None:
    await registry.group()
    arn = await registry.version()
    for number in range(5):
        await _decide(registry, arn, ModelApprovalStatus=("Approved", "Rejected")[number % 2])

    numbers, token = [], {}
    while True:
        page = await registry.own(
            "ListModelPackageDecisions", ModelPackageName=arn, MaxResults=2, **token
        )
        numbers += [decision["DecisionNumber"] for decision in page["Decisions"]]
        if "NextToken" not in page:
            break
        token = {"NextToken": page["NextToken"]}

    assert numbers == [5, 4, 3, 2, 1]


async def test_decisions_at_once_are_all_kept(registry: Registry) -> None:
    await registry.group()
    arn = await registry.version()

    await asyncio.gather(
        *(_decide(registry, arn, ApprovalDescription=f"note {number}") for number in range(20))
    )

    decisions = await _decisions(registry, arn)
    assert [d["DecisionNumber"] for d in decisions] == list(range(20, 0, -1))
    assert {d["ApprovalDescription"] for d in decisions} == {f"note {n}" for n in range(20)}


async def test_a_package_of_the_same_name_does_not_inherit_decisions(registry: Registry) -> None:
    await registry.unversioned("solo", ModelApprovalStatus="Approved")
    await registry("DeleteModelPackage", ModelPackageName="solo")

    await registry.unversioned("solo", ModelApprovalStatus="Rejected")

    assert _told(await _decisions(registry, "solo")) == [(None, "Rejected", None)]


async def test_an_approved_version_may_be_deployed_with_its_bytes(registry: Registry) -> None:
    await registry.group()
    await registry.put_object("held", "model", "bytes")
    arn = await registry.version(
        InferenceSpecification=specification("s3://held/model"), ModelApprovalStatus="Approved"
    )

    facts = await _deployable(registry, "churn/1")

    assert (facts.arn, facts.group, facts.version) == (arn, "churn", 1)
    assert facts.inference_specification() == specification("s3://held/model")
    artifact = facts.artifacts_of("s3://held/model")[0]
    assert (artifact.sha256, artifact.blob) == (sha256("bytes"), "blob-bytes")
    with pytest.raises(ValidationException, match="neo"):
        facts.inference_specification("neo")


@pytest.mark.parametrize("approval", ["PendingManualApproval", "Rejected"])
async def test_the_gate_is_closed_to_a_version_that_is_not_approved(
    registry: Registry, approval: str
) -> None:
    await registry.group()
    arn = await registry.version(ModelApprovalStatus=approval)

    with pytest.raises(ValidationException) as refused:
        await _deployable(registry, arn)

    assert arn in refused.value.message
    assert f"ModelApprovalStatus is {approval}" in refused.value.message
    assert "UpdateModelPackage" in refused.value.message


@pytest.mark.parametrize("stage", ["Archived", "ARCHIVED", "archived"])
async def test_the_gate_is_closed_to_an_archived_version(registry: Registry, stage: str) -> None:
    await registry.group()
    arn = await registry.version(ModelApprovalStatus="Approved")
    await _decide(registry, arn, ModelLifeCycle={"Stage": stage, "StageStatus": "Retired"})

    with pytest.raises(ValidationException, match=f"stage is {stage}"):
        await _deployable(registry, arn)
    await _decide(registry, arn, ModelLifeCycle={"Stage": "QA", "StageStatus": "Approved"})

    assert (await _deployable(registry, arn)).arn == arn


async def test_approval_does_not_apply_to_unversioned_packages(registry: Registry) -> None:
    await registry.unversioned("solo", ModelApprovalStatus="Rejected")

    assert (await _deployable(registry, "solo")).arn == package_arn("solo")


def test_the_gate_is_closed_to_a_package_that_is_not_completed() -> None:
    reason = gate.obstacle(versioned=True, approval="Approved", stage="", status="InProgress")

    assert reason is not None
    assert "InProgress" in reason


async def test_a_package_without_a_specification_has_nothing_to_deploy(registry: Registry) -> None:
    await registry.group()
    await registry(
        "CreateModelPackage", ModelPackageGroupName="churn", ModelApprovalStatus="Approved"
    )

    facts = await _deployable(registry, "churn/1")

    with pytest.raises(ValidationException, match="has no InferenceSpecification"):
        facts.inference_specification()


async def test_a_note_may_hold_any_character_that_aws_allows(registry: Registry) -> None:
    await registry.group()
    note = "tab\t, % and ?, snowman \u2603, far \U0001f600"
    arn = await registry.version()

    await _decide(registry, arn, ModelApprovalStatus="Approved", ApprovalDescription=note)

    assert (await registry.describe(arn))["ApprovalDescription"] == note
    assert (await _decisions(registry, arn))[0]["ApprovalDescription"] == note
