"""Which trial component is in which trial: a component may be in several."""

from modelyard import call as calls
from modelyard.call import Call, Document
from modelyard.errors import ResourceNotFound
from modelyard.experiments import entities
from modelyard.experiments.entities import TRIAL, TRIAL_COMPONENT, Entity


@calls.write
async def associate_trial_component(call: Call, request: Document) -> Document:
    """One that is in the trial already stays in it. Raises: ResourceNotFound."""
    trial, component = await _both(call, request)
    rows = await call.tx.run(
        "INSERT INTO trial_component_of_trial"
        " (account, region, trial, component, experiment, component_created_us)"
        " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (account, region, trial, component) DO NOTHING",
        *(call.account, call.region, trial.key, component.key),
        *(trial.document["ExperimentName"].lower(), component.document["CreationTime"]),
    )
    if not rows:
        call.unchanged()
    return _arns(trial, component)


@calls.write
async def disassociate_trial_component(call: Call, request: Document) -> Document:
    """Raises: ResourceNotFound: one of them is not there, or the component is not in the trial."""
    trial, component = await _both(call, request)
    rows = await call.tx.run(
        "DELETE FROM trial_component_of_trial"
        " WHERE account = ? AND region = ? AND trial = ? AND component = ?",
        *(call.account, call.region, trial.key, component.key),
    )
    if not rows:
        raise ResourceNotFound(f"Trial component '{component.arn}' is not in trial '{trial.arn}'.")
    names = {"TrialName": trial.name, "TrialComponentName": component.name}
    call.changed(component.arn, before=names)
    call.changed(trial.arn)
    return _arns(trial, component)


async def _both(call: Call, request: Document) -> tuple[Entity, Entity]:
    trial = await entities.hold(call, TRIAL, request["TrialName"])
    return trial, await entities.hold(call, TRIAL_COMPONENT, request["TrialComponentName"])


def _arns(trial: Entity, component: Entity) -> Document:
    return {"TrialComponentArn": component.arn, "TrialArn": trial.arn}
