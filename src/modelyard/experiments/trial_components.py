"""Trial components: what was done once, such as a run, with its parameters and artifacts."""

from collections.abc import Sequence
from functools import partial

from modelyard import call as calls
from modelyard import lineage_names
from modelyard.call import Call, Document
from modelyard.errors import ValidationException
from modelyard.experiments import (
    component_lineage,
    component_members,
    entities,
    metric_removal,
    metric_summaries,
)
from modelyard.experiments.entities import EXPERIMENT, TRIAL, TRIAL_COMPONENT
from modelyard.experiments.metric_store import Component

_FILTERS = ("ExperimentName", "TrialName", "SourceArn")


@calls.write
async def create_trial_component(call: Call, request: Document) -> Document:
    component_members.check(request)
    columns = {
        "source_arn": "",
        "source_type": "",
        "status": request.get("Status", {}).get("PrimaryStatus", ""),
    }
    members = {member: request.get(member, {}) for member in component_members.BY_KEY}
    return await entities.create(call, TRIAL_COMPONENT, request, members, columns)


@calls.read
async def describe_trial_component(call: Call, request: Document) -> Document:
    """By name or ARN."""
    (described,) = await measured(call, [request["TrialComponentName"]])
    return described | {"LineageGroupArn": lineage_names.group_arn(call.account, call.region)}


async def measured(call: Call, names: Sequence[str]) -> list[Document]:
    """Their documents with summaries of their metrics. Raises: ResourceNotFound: one is missing."""
    found = [(await entities.find(call, TRIAL_COMPONENT, name)).document for name in names]
    keys = [(one["TrialComponentArn"], one["CreationTime"]) for one in found]
    metrics = await metric_summaries.of(call.tx, call.account, call.region, keys)
    return [
        one | {"Metrics": metrics[arn]} if arn in metrics else one
        for one, (arn, _) in zip(found, keys, strict=True)
    ]


@calls.write
async def update_trial_component(call: Call, request: Document) -> Document:
    """Parameters and artifacts are set by key, others replaced.

    Raises: ResourceNotFound. ValidationException: too many would be left, or a contradiction.
    """
    component_members.check(request)
    return await entities.update(
        call,
        TRIAL_COMPONENT,
        request["TrialComponentName"],
        partial(component_members.updated, request),
    )


@calls.write
async def delete_trial_component(call: Call, request: Document) -> Document:
    """Raises: ResourceNotFound. ValidationException: it is in a trial."""
    gone = await entities.take(call, TRIAL_COMPONENT, request["TrialComponentName"])
    trial = await call.tx.one(
        "SELECT trial FROM trial_component_of_trial"
        " WHERE account = ? AND region = ? AND component = ? LIMIT 1",
        *(call.account, call.region, gone.key),
    )
    if trial is not None:
        raise ValidationException(
            f"Trial component '{gone.arn}' cannot be deleted while it is in trials, such as"
            f" {trial[0]}. Take it out of them first (ListTrials, DisassociateTrialComponent)."
        )
    await component_lineage.drop(call, gone.arn)
    measured = Component(call.account, call.region, gone.arn, gone.document["CreationTime"])
    await metric_removal.wish(call.tx, measured, call.now_us)
    return {"TrialComponentArn": gone.arn}


@calls.scan_unless(entities.a_few_rows)
async def list_trial_components(call: Call, request: Document) -> Document:
    """Of an experiment, of a trial, of the job that made them, or of all.

    Raises: ResourceNotFound: no such experiment or trial. ValidationException: several are named.
    """
    if len([member for member in _FILTERS if member in request]) > 1:
        raise ValidationException(
            "ListTrialComponents takes one of ExperimentName, TrialName and SourceArn."
        )
    if "ExperimentName" in request or "TrialName" in request:
        listing = entities.listing(
            request,
            "trial_component_of_trial AS l JOIN trial_component AS c"
            " ON c.account = l.account AND c.region = l.region AND c.name_key = l.component",
            created="l.component_created_us",
            key="l.component",
        )
        listing.require("l.account = ? AND l.region = ?", call.account, call.region)
    else:
        listing = entities.listing(request, "trial_component")
        listing.require("account = ? AND region = ?", call.account, call.region)
    if "ExperimentName" in request:
        experiment = await entities.find(call, EXPERIMENT, request["ExperimentName"])
        # One that is in several trials of the experiment counts where it is first.
        listing.require(
            "l.experiment = ? AND NOT EXISTS (SELECT 1 FROM trial_component_of_trial AS o"
            " WHERE o.account = l.account AND o.region = l.region AND o.component = l.component"
            " AND o.trial < l.trial AND o.experiment = l.experiment)",
            experiment.key,
        )
    if "TrialName" in request:
        trial = await entities.find(call, TRIAL, request["TrialName"])
        listing.require("l.trial = ?", trial.key)
    if "SourceArn" in request:
        # The second says to the database what the first implies: the index has no others.
        listing.require("source_arn = ? AND source_arn <> ''", request["SourceArn"])
    members = (
        *("Status", "StartTime", "EndTime"),
        *("CreationTime", "CreatedBy", "LastModifiedTime", "LastModifiedBy"),
    )
    return await entities.summaries(call, TRIAL_COMPONENT, request, listing, members)
