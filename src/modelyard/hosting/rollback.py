"""RollbackEndpoint: which earlier deployment to return to, and the return.

`choose` is pure. A roll-back is a deployment like any other, with the earlier one's snapshot: new
replicas take over when they are ready, and what serves goes on if they do not come.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from modelyard import errors
from modelyard.call import Call, Document, write
from modelyard.contract import s3_locations
from modelyard.hosting import containers, deployments, endpoints
from modelyard.storage import stored_objects
from modelyard.storage.records import Record

_REASON_CHARACTERS_MAX = 1024  # PassedOver.Reason


@dataclass(frozen=True, slots=True)
class Past:
    """An earlier deployment. `obstacle`: why it could not be deployed today, or nothing."""

    number: int
    served: bool
    same_as_now: bool = False  # it holds just what serves now
    left_by_rollback: bool = False  # somebody has already rolled back from it
    failure: str = ""
    obstacle: str = ""


@dataclass(frozen=True, slots=True)
class Choice:
    """`target` is None when there is nothing to return to."""

    target: int | None
    passed_over: tuple[tuple[int, str], ...]


def choose(history: Sequence[Past]) -> Choice:
    """The newest deployment that may serve again, of those before the present one, newest first."""
    passed_over: list[tuple[int, str]] = []
    for past in history:
        reason = _reason(past)
        if not reason:
            return Choice(past.number, tuple(passed_over))
        passed_over.append((past.number, reason))
    return Choice(None, tuple(passed_over))


def _reason(past: Past) -> str:
    if not past.served:
        return f"It never served: {past.failure or 'another deployment took its place.'}"
    if past.same_as_now:
        return "It holds the same models as the present deployment."
    if past.left_by_rollback:
        return "The endpoint was rolled back from it."
    return past.obstacle


@write
async def rollback_endpoint(call: Call, request: Document) -> Document:
    endpoint = await _endpoint(call, request["EndpointName"])
    try:
        endpoints.check_updatable(endpoint)
    except errors.ValidationException as refusal:
        raise errors.ConflictException(refusal.message) from None
    history = await deployments.since_creation(call.tx, endpoint)
    by_number = {record["number"]: record for record in history}
    present = by_number[endpoint["serving"]]
    choice = choose(await _pasts(call, history, present))
    if choice.target is None:
        raise errors.ConflictException(_nothing(endpoint, choice))
    target = by_number[choice.target]
    dry_run = request.get("DryRun", False)
    if dry_run:
        call.unchanged()
    else:
        await _deploy(call, endpoint, present, target)
    return {
        "EndpointArn": endpoint["arn"],
        "RolledBack": not dry_run,
        "FromEndpointConfigName": present["config_name"],
        "TargetDeployment": deployments.described(target),
        "PassedOver": [
            {"Deployment": deployments.described(by_number[number]), "Reason": reason}
            for number, reason in choice.passed_over
        ],
    }


async def _endpoint(call: Call, name: str) -> Record:
    try:
        return await endpoints.find(call, name)
    except errors.ValidationException as refusal:
        raise errors.ResourceNotFound(refusal.message) from None


async def _deploy(call: Call, endpoint: Record, present: Record, target: Record) -> None:
    deployment = {
        "Variants": target["document"]["Variants"],
        "RollbackFrom": deployments.fleet(present),
        "RollbackTo": target["number"],
    }
    document = {k: v for k, v in endpoint["document"].items() if k == "DeploymentConfig"}
    await endpoints.deploy(call, endpoint, present, target["config_name"], deployment, document)


async def _pasts(call: Call, history: Sequence[Record], present: Record) -> list[Past]:
    left = {
        record["document"]["RollbackFrom"]
        for record in history
        if record["in_service_us"] and "RollbackFrom" in record["document"]
    }
    return [
        Past(
            number=record["number"],
            served=record["in_service_us"] > 0,
            same_as_now=_answering(record) == _answering(present),
            left_by_rollback=deployments.fleet(record) in left,
            failure=record["failure_reason"],
            obstacle=await _obstacle(call, record),
        )
        for record in history
        if record["number"] < present["number"]
    ]


# What a variant answers with: its models, and as whom their code runs.
_ANSWERING = ("Containers", "ExecutionRoleArn", "EnableNetworkIsolation")


def _answering(record: Record) -> set[bytes]:
    """What gets requests, however many replicas of each there are."""
    variants: list[Document] = record["document"]["Variants"]
    weighty = [variant for variant in variants if variant["InitialVariantWeight"]] or variants
    return {
        msgspec.json.encode([one.get(member) for member in _ANSWERING], order="deterministic")
        for one in weighty
    }


async def _obstacle(call: Call, record: Record) -> str:
    """Why the deployment could not be repeated now: the gate is closed, or bytes have changed."""
    for variant in record["document"]["Variants"]:
        for container in variant["Containers"]:
            try:
                await containers.check_still_deployable(call, container)
            except errors.ValidationException as refusal:
                return refusal.message[:_REASON_CHARACTERS_MAX]
            for member in ("Artifact", "Code"):
                if reason := await _lost(call, container.get(member, {})):
                    return reason[:_REASON_CHARACTERS_MAX]
    return ""


async def _lost(call: Call, artifact: Mapping[str, Any]) -> str:
    if not artifact.get("Sha256"):
        return ""
    location = s3_locations.parse(artifact["Url"])
    assert location is not None, "an artifact with a digest was found at its location"
    stored = await stored_objects.find(call.tx, location.bucket, location.key)
    if stored is None:
        return f"Its model data is gone: there is nothing at {location.url} any more."
    if stored.sha256 != artifact["Sha256"]:
        return f"Its model data is no longer the same: {location.url} was overwritten."
    return ""


def _nothing(endpoint: Record, choice: Choice) -> str:
    text = f"Endpoint {endpoint['name']} has no earlier deployment to return to."
    reasons = " ".join(f"Deployment {number}: {reason}" for number, reason in choice.passed_over)
    return f"{text} {reasons}".strip()[:4000]
