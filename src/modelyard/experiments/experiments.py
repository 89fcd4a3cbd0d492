"""Experiments: a name under which trials are kept together."""

from modelyard import call as calls
from modelyard.call import Call, Document
from modelyard.errors import ValidationException
from modelyard.experiments import component_lineage, entities
from modelyard.experiments.entities import EXPERIMENT


@calls.write
async def create_experiment(call: Call, request: Document) -> Document:
    return await entities.create(call, EXPERIMENT, request, {}, {})


@calls.read
async def describe_experiment(call: Call, request: Document) -> Document:
    return (await entities.find(call, EXPERIMENT, request["ExperimentName"])).document


@calls.write
async def update_experiment(call: Call, request: Document) -> Document:
    given = {m: request[m] for m in ("DisplayName", "Description") if m in request}
    return await entities.update(
        call, EXPERIMENT, request["ExperimentName"], lambda before: before | given
    )


@calls.write
async def delete_experiment(call: Call, request: Document) -> Document:
    """Raises: ResourceNotFound. ValidationException: it has trials."""
    gone = await entities.take(call, EXPERIMENT, request["ExperimentName"])
    trial = await call.tx.one(
        "SELECT name FROM trial WHERE account = ? AND region = ? AND experiment = ? LIMIT 1",
        *(call.account, call.region, gone.key),
    )
    if trial is not None:
        raise ValidationException(
            f"Experiment '{gone.arn}' cannot be deleted while it has trials, such as {trial[0]}."
            " Delete them first (ListTrials, DeleteTrial)."
        )
    await component_lineage.drop(call, gone.arn)
    return {"ExperimentArn": gone.arn}


@calls.scan_unless(entities.a_few_rows)
async def list_experiments(call: Call, request: Document) -> Document:
    listing = entities.listing(request, "experiment")
    listing.require("account = ? AND region = ?", call.account, call.region)
    members = ("CreationTime", "LastModifiedTime")
    return await entities.summaries(call, EXPERIMENT, request, listing, members)
