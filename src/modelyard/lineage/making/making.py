"""By topic, what lineage makes of an announcement, in the transaction in which that is done."""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from modelyard import announcements
from modelyard.announcements import (
    EndpointDeleted,
    EndpointDeployed,
    EndpointDeploymentKept,
    ModelPackageDecided,
    ModelPackageDeleted,
    ModelPackageKept,
    ModelPackageRegistered,
    ModelPackageRespecified,
    ModelPackageStaged,
)
from modelyard.lineage.making import kept, rules, writing
from modelyard.lineage.making.rules import Edge
from modelyard.storage.outbox import Entry
from modelyard.storage.transaction import Transaction

Rule = Callable[[str, int, Any], list[Edge]]

_RULES: Mapping[Any, Rule] = {
    ModelPackageRegistered: rules.registered,
    ModelPackageRespecified: rules.respecified,
    ModelPackageDecided: rules.decided,
    ModelPackageStaged: rules.staged,
    EndpointDeployed: rules.deployed,
}


async def _make(kind: Any, tx: Transaction, entry: Entry) -> None:
    await _write(tx, entry, announcements.read(entry, kind))


async def _write(tx: Transaction, entry: Entry, told: Any) -> None:
    edges = _RULES[type(told)](entry.subject, entry.at_us, told)
    await writing.write(tx, entry, edges, told.by)


async def _package_deleted(tx: Transaction, entry: Entry) -> None:
    announcements.read(entry, ModelPackageDeleted)
    await writing.mark_deleted(tx, entry, rules.of_package(entry.subject))


async def _endpoint_deleted(tx: Transaction, entry: Entry) -> None:
    told = announcements.read(entry, EndpointDeleted)
    await writing.mark_deleted(
        tx, entry, rules.of_endpoint(entry.subject, told.endpoint_created_us)
    )


async def _package_kept(tx: Transaction, entry: Entry) -> None:
    for of_then, told in await kept.package(tx, entry):
        await _write(tx, of_then, told)


async def _deployment_kept(tx: Transaction, entry: Entry) -> None:
    number = announcements.read(entry, EndpointDeploymentKept).number
    told = await kept.deployment(tx, entry, number)
    if told is not None:
        await _write(tx, entry, told)


HANDLERS: Mapping[str, Callable[[Transaction, Entry], Awaitable[None]]] = {
    **{kind.__name__: partial(_make, kind) for kind in _RULES},
    ModelPackageDeleted.__name__: _package_deleted,
    EndpointDeleted.__name__: _endpoint_deleted,
    ModelPackageKept.__name__: _package_kept,
    EndpointDeploymentKept.__name__: _deployment_kept,
}
