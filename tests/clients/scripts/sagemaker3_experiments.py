"""Experiments by the resource classes of the SageMaker Python SDK of the version 3 line.

Plain code as its readers write it; run by a Python that has the SDK and nothing of Modelyard.
"""

import json
import sys

from botocore.exceptions import ClientError
from sagemaker.core.resources import Experiment, Trial, TrialComponent
from sagemaker.core.shapes import (
    TrialComponentArtifact,
    TrialComponentParameterValue,
    TrialComponentStatus,
)

json.load(sys.stdin)
told = {}

experiment = Experiment.create(
    experiment_name="churn",
    display_name="Churn",
    description="First",
    tags=[{"key": "team", "value": "risk"}],
)
told["experiment"] = [
    experiment.experiment_name,
    experiment.display_name,
    experiment.description,
]
experiment.update(display_name="Better", description="Second")
again = Experiment.get("churn")
told["updated"] = [again.display_name, again.description]

trial = Trial.create(trial_name="one", experiment_name="churn")
told["trial"] = [trial.trial_name, trial.experiment_name]

component = TrialComponent.create(
    trial_component_name="run",
    status=TrialComponentStatus(primary_status="Completed"),
    parameters={
        "rate": TrialComponentParameterValue(number_value=0.5),
        "booster": TrialComponentParameterValue(string_value="gbtree"),
    },
    output_artifacts={"model": TrialComponentArtifact(value="s3://bucket/model.tar.gz")},
)
component.associate_trail(trial_name="one")
told["component"] = [
    component.trial_component_name,
    component.status.primary_status,
    component.parameters["rate"].number_value,
    component.parameters["booster"].string_value,
    component.output_artifacts["model"].value,
]
component.update(
    parameters={
        "booster": TrialComponentParameterValue(string_value="dart"),
        "depth": TrialComponentParameterValue(number_value=6),
    },
    parameters_to_remove=["rate"],
)
told["merged"] = {
    name: value.string_value if isinstance(value.string_value, str) else value.number_value
    for name, value in TrialComponent.get("run").parameters.items()
}
try:
    Experiment.create(experiment_name="CHURN")
except ClientError as refused:
    told["again"] = refused.response["Error"]["Code"]
told["listed"] = {
    "experiments": [one.experiment_name for one in Experiment.get_all()],
    "trials": [one.trial_name for one in Trial.get_all(experiment_name="churn")],
    "components": [
        one.trial_component_name for one in TrialComponent.get_all(experiment_name="churn")
    ],
}
component.disassociate_trail(trial_name="one")
for one in (component, trial, experiment):
    one.delete()
told["left"] = [len(list(kind.get_all())) for kind in (Experiment, Trial, TrialComponent)]
try:
    Experiment.get("churn")
except ClientError as refused:
    told["gone"] = refused.response["Error"]["Code"]

json.dump(told, sys.stdout)
