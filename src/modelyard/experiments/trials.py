"""Trials: the trial components of an experiment that belong together. SDKs call one a run group."""

from modelyard import call as calls
from modelyard.call import Call, Document
from modelyard.errors import ValidationException
from modelyard.experiments import entities
from modelyard.experiments.entities import EXPERIMENT, TRIAL, TRIAL_COMPONENT


@calls.write
async def create_trial(call: Call, request: Document) -> Document:
    """Raises: ResourceNotFound: no such experiment. ValidationException: the name is taken."""
    experiment = await entities.hold(call, EXPERIMENT, request["ExperimentName"])
    members = {"ExperimentName": experiment.name}
    columns = {"experiment": experiment.key}
    return await entities.create(call, TRIAL, request, members, columns)


@calls.read
async def describe_trial(call: Call, request: Document) -> Document:
    return (await entities.find(call, TRIAL, request["TrialName"])).document


@calls.write
async def update_trial(call: Call, request: Document) -> Document:
    given = {m: request[m] for m in ("DisplayName",) if m in request}
    return await entities.update(call, TRIAL, request["TrialName"], lambda before: before | given)


@calls.write
async def delete_trial(call: Call, request: Document) -> Document:
    """Raises: ResourceNotFound. ValidationException: it has trial components."""
    gone = await entities.take(call, TRIAL, request["TrialName"])
    component = await call.tx.one(
        "SELECT component FROM trial_component_of_trial"
        " WHERE account = ? AND region = ? AND trial = ? LIMIT 1",
        *(call.account, call.region, gone.key),
    )
    if component is not None:
        raise ValidationException(
            f"Trial '{gone.arn}' cannot be deleted while it has trial components, such as"
            f" {component[0]}. Take them out first (DisassociateTrialComponent)."
        )
    return {"TrialArn": gone.arn}


@calls.scan_unless(entities.a_few_rows)
async def list_trials(call: Call, request: Document) -> Document:
    """Of an experiment, of those that a trial component is in, or of all.

    Raises: ResourceNotFound: no such experiment or trial component.
    """
    listing = entities.listing(request, "trial")
    listing.require("account = ? AND region = ?", call.account, call.region)
    if "ExperimentName" in request:
        experiment = await entities.find(call, EXPERIMENT, request["ExperimentName"])
        listing.require("experiment = ?", experiment.key)
    if "TrialComponentName" in request:
        component = await entities.find(call, TRIAL_COMPONENT, request["TrialComponentName"])
        listing.require(
            "name_key IN (SELECT trial FROM trial_component_of_trial"
            " WHERE account = ? AND region = ? AND component = ?)",
            *(call.account, call.region, component.key),
        )
    members = ("CreationTime", "LastModifiedTime")
    return await entities.summaries(call, TRIAL, request, listing, members)
