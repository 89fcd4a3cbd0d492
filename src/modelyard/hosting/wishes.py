"""What an endpoint's rows want of the controller, and how it came out. Knows no replica.

Every outcome is recorded only if it is still the answer to what is wanted: the endpoint may have
been deleted meanwhile, or deleted and made again. Recording one twice changes nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from modelyard import announcements
from modelyard.announcements import EndpointDeleted, EndpointDeployed
from modelyard.hosting import deployments, endpoints, tables
from modelyard.hosting.routing import EndpointKey
from modelyard.storage import records, tags
from modelyard.storage.records import Record
from modelyard.storage.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Deployment:
    """A deployment that is to run. Variants: as in its document. `scales`: as in rollout."""

    number: int
    variants: tuple[Mapping[str, Any], ...]
    scales: int = 0


@dataclass(frozen=True, slots=True)
class Wish:
    """An endpoint as its rows want it. Equal wishes want the same."""

    key: EndpointKey
    arn: str
    created_us: int  # an endpoint that was made again is another one
    ending: bool
    serving: Deployment | None
    coming: Deployment | None


def key_of(arn: str) -> EndpointKey:
    """An endpoint's ARN names its account, region and name."""
    _, _, _, region, account, resource = arn.split(":", 5)
    return EndpointKey(account, region, resource.removeprefix("endpoint/"))


async def of(tx: Transaction, arn: str) -> Wish | None:
    """What is wanted of an endpoint; None when it is not there."""
    row = await records.find(tx, tables.ENDPOINT, *key_of(arn))
    return None if row is None else await _wish(tx, row)


async def all_of_them(tx: Transaction) -> list[Wish]:
    rows = await tx.all("SELECT arn FROM endpoint ORDER BY account, region, name")
    found = [await of(tx, arn) for (arn,) in rows]
    return [wish for wish in found if wish is not None]


async def succeeded(tx: Transaction, wish: Wish, number: int, now_us: int) -> None:
    """The deployment serves; the one before is replaced."""
    endpoint = await _current(tx, wish)
    if endpoint is None or endpoint["target"] != number or _is_ending(endpoint):
        return
    if endpoint["serving"]:
        await deployments.end(tx, endpoint, endpoint["serving"], deployments.REPLACED, now_us)
    await deployments.begin(tx, endpoint, number, now_us)
    await _announce_deployed(tx, endpoint, number, now_us)
    await _change(
        tx,
        endpoint,
        {
            "status": endpoints.IN_SERVICE,
            "serving": number,
            "target": 0,
            "modified_us": now_us,
        },
    )


async def failed(tx: Transaction, wish: Wish, number: int, reason: str, now_us: int) -> None:
    """The deployment will not come; what served before goes on."""
    endpoint = await _current(tx, wish)
    if endpoint is None or endpoint["target"] != number or _is_ending(endpoint):
        return
    reason = reason[: deployments.FAILURE_REASON_CHARACTERS_MAX]
    await deployments.end(tx, endpoint, number, deployments.FAILED, now_us, reason)
    document = {**endpoint["document"], "FailureReason": reason, "FailedDeployment": number}
    await _change(
        tx,
        endpoint,
        {
            "status": endpoints.IN_SERVICE if endpoint["serving"] else endpoints.FAILED,
            "target": 0,
            "modified_us": now_us,
            "document": document,
        },
    )


async def vanished(tx: Transaction, wish: Wish, now_us: int) -> None:
    """Nothing of a deleted endpoint runs any more: its row goes, its history stays."""
    endpoint = await _current(tx, wish)
    if endpoint is None or not _is_ending(endpoint):
        return
    if endpoint["serving"]:
        await deployments.end(tx, endpoint, endpoint["serving"], deployments.DELETED, now_us)
    if endpoint["target"]:
        reason = "The endpoint was deleted before the deployment could serve."
        await deployments.end(tx, endpoint, endpoint["target"], deployments.FAILED, now_us, reason)
    await tags.drop(tx, wish.key.account, wish.key.region, wish.arn)
    await records.delete(tx, tables.ENDPOINT, *wish.key)
    deleted = EndpointDeleted(endpoint_created_us=endpoint["created_us"])
    await announcements.announce(tx, wish.key.account, wish.key.region, wish.arn, deleted, now_us)


async def _announce_deployed(tx: Transaction, endpoint: Record, number: int, now_us: int) -> None:
    """New weights and capacities are no deployment in AWS's words: nothing new serves."""
    deployment = await deployments.get(tx, endpoint, number)
    if "Scales" in deployment["document"]:
        return
    replaced = 0
    if endpoint["serving"]:
        replaced = deployments.fleet(await deployments.get(tx, endpoint, endpoint["serving"]))
    deployed = EndpointDeployed.of(deployment, endpoint["created_us"], replaced)
    await announcements.announce(
        tx, endpoint["account"], endpoint["region"], endpoint["arn"], deployed, now_us
    )


async def _wish(tx: Transaction, row: Mapping[str, Any]) -> Wish:
    async def deployment(number: int) -> Deployment | None:
        if not number:
            return None
        document = (await deployments.get(tx, row, number))["document"]
        return Deployment(number, tuple(document["Variants"]), document.get("Scales", 0))

    ending = _is_ending(row)
    return Wish(
        key=EndpointKey(row["account"], row["region"], row["name"]),
        arn=row["arn"],
        created_us=row["created_us"],
        ending=ending,
        serving=None if ending else await deployment(row["serving"]),
        coming=None if ending else await deployment(row["target"]),
    )


def _is_ending(row: Mapping[str, Any]) -> bool:
    return bool(row["status"] == endpoints.DELETING)


async def _current(tx: Transaction, wish: Wish) -> Record | None:
    row = await records.find(tx, tables.ENDPOINT, *wish.key)
    return row if row is not None and row["created_us"] == wish.created_us else None


async def _change(tx: Transaction, endpoint: Record, changes: Mapping[str, Any]) -> None:
    key = (endpoint["account"], endpoint["region"], endpoint["name"])
    await records.update(tx, tables.ENDPOINT, key, changes)
