"""A database from before lineage was made gets it when it is brought to the new schema."""

import importlib
from pathlib import Path

from modelyard.storage.migrations import ddl
from modelyard.storage.transaction import Transaction
from tests.lineage.making.conftest import Made
from tests.lineage.making.test_endpoints import deploy, update

_TABLES = ("outbox_entry", "lineage_association", "lineage_entity")


async def forget(made: Made) -> None:
    """As if nothing had been announced until now, and the database were migrated now."""
    [path] = (Path(ddl.__file__).parent / "versions").glob("*_outbox.py")
    migration = importlib.import_module(f"{ddl.__package__}.versions.{path.stem}")

    async def work(tx: Transaction) -> None:
        for table in _TABLES:
            await tx.run(f"DELETE FROM {table}")
        for statement in migration.KEPT:
            await tx.run(statement)

    await made.database.write(work)


async def test_what_was_there_before_gets_the_same_lineage(made: Made) -> None:
    await deploy(made, "s3://elsewhere/1", "s3://elsewhere/2")
    pending = await made.hosting.version("s3://elsewhere/3", approval="PendingManualApproval")
    await made(
        "UpdateModelPackage",
        ModelPackageArn=pending,
        ModelApprovalStatus="Rejected",
        ApprovalDescription="no",
    )
    cycle = {"Stage": "QA", "StageStatus": "InProgress"}
    await made("UpdateModelPackage", ModelPackageArn=pending, ModelLifeCycle=cycle)
    wanted = [{"VariantName": "AllTraffic", "DesiredInstanceCount": 2}]
    await made(
        "UpdateEndpointWeightsAndCapacities",
        EndpointName="shop",
        DesiredWeightsAndCapacities=wanted,
    )
    await made.hosting.come_true("shop")
    await update(made, "v2")
    await made("CreateModelPackage", ModelPackageName="alone")
    await made.tell()
    graph, entities = await made.graph(), await made.entities()

    await forget(made)
    await made.tell()

    assert await made.graph() == graph
    assert await made.entities() == entities


async def test_what_is_gone_before_it_is_told_is_left_out(made: Made) -> None:
    arn = await made.hosting.version("s3://elsewhere/1")
    await forget(made)
    await made("DeleteModelPackage", ModelPackageName=arn)
    await made.tell()

    assert {e["Source"]["SourceUri"] for e in (await made.entities()).values()} == {arn}
