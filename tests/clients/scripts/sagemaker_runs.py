"""Experiments by the SDK's Run, of the version 2 line and of version 3, which has the same class.

Plain code as its readers write it; run by a Python that has the SDK and nothing of Modelyard.
"""

import json
import sys

import boto3

try:
    from sagemaker.analytics import ExperimentAnalytics
    from sagemaker.experiments import Run, list_runs, load_run
    from sagemaker.experiments.experiment import Experiment
    from sagemaker.experiments.run import SortByType, SortOrderType
    from sagemaker.experiments.trial_component import _TrialComponent
    from sagemaker.session import Session
except ImportError:
    from sagemaker.core.analytics import ExperimentAnalytics
    from sagemaker.core.experiments.experiment import Experiment
    from sagemaker.core.experiments.run import (
        Run,
        SortByType,
        SortOrderType,
        list_runs,
        load_run,
    )
    from sagemaker.core.experiments.trial_component import _TrialComponent
    from sagemaker.core.helper.session_helper import Session

told_of = json.load(sys.stdin)
FOLDER = told_of["folder"]
BUCKET = "churn-experiments"
NAME = "Churn-Experiment"

client = boto3.client("sagemaker")
boto3.client("s3").create_bucket(Bucket=BUCKET)
session = Session(default_bucket=BUCKET)
told = {}


def component(run):
    answer = client.describe_trial_component(TrialComponentName=f"churn-experiment-{run}")
    return {k: v for k, v in answer.items() if k != "ResponseMetadata"}


def values(parameters):
    return {k: v.get("NumberValue", v.get("StringValue")) for k, v in parameters.items()}


# --- one run with everything that can be logged
notes = f"{FOLDER}/notes.json"
with open(notes, "w") as file:
    file.write('{"rows": 569}')
labels, probabilities = [0, 1, 1, 0, 1], [0.1, 0.9, 0.8, 0.4, 0.3]
predicted = [0, 1, 1, 1, 0]
with Run(
    experiment_name=NAME,
    run_name="Run-1",
    experiment_display_name="Churn",
    tags=[{"Key": "team", "Value": "risk"}],
    sagemaker_session=session,
) as run:
    told["in progress"] = component("run-1")["Status"]
    run.log_parameter("learning_rate", 0.01)
    run.log_parameters({"booster": "gbtree", "depth": 4, "ignored": float("nan")})
    run.log_parameter("depth", 6)  # overwrites
    run.log_metric("accuracy", 0.95)
    for step, loss in enumerate([0.5, 0.25, 0.125]):
        run.log_metric("loss", loss, step=step)
    run.log_artifact(name="data", value="s3://bucket/data.csv", is_output=False)
    run.log_artifact(name="model", value="s3://bucket/model.tar.gz", media_type="application/gzip")
    run.log_file(notes, name="notes")
    run.log_precision_recall(labels, probabilities, title="PR", positive_label=1)
    run.log_roc_curve(labels, probabilities, title="ROC")
    run.log_confusion_matrix(labels, predicted, title="CM", is_output=False)
    with load_run(sagemaker_session=session) as nested:  # finds the run around it
        nested.log_parameter("nested", "yes")
        told["the same run"] = nested is run

first = component("run-1")
told["status"] = first["Status"]["PrimaryStatus"]
told["parameters"] = values(first["Parameters"])
told["inputs"] = {k: v["Value"] for k, v in first["InputArtifacts"].items()}
told["outputs"] = {k: v["Value"] for k, v in first["OutputArtifacts"].items()}
told["times"] = first["StartTime"] <= first["EndTime"]
told["metrics"] = {
    m["MetricName"]: [m["Count"], m["Min"], m["Max"], m["Last"]] for m in first["Metrics"]
}
location = told["outputs"].get("notes", "").removeprefix("s3://").partition("/")[::2]
told["file"] = boto3.client("s3").get_object(Bucket=location[0], Key=location[1])["Body"].read()
told["file"] = told["file"].decode()
arn = first["TrialComponentArn"]
told["plots"] = sorted(
    (summary["AssociationType"], client.describe_artifact(ArtifactArn=other)["ArtifactType"])
    for end, other_end in (("SourceArn", "DestinationArn"), ("DestinationArn", "SourceArn"))
    for summary in client.list_associations(**{end: arn})["AssociationSummaries"]
    for other in [summary[other_end]]
)
experiment = client.describe_experiment(ExperimentName=NAME)
told["experiment"] = [experiment["ExperimentName"], experiment["DisplayName"]]
told["tags"] = client.list_tags(ResourceArn=experiment["ExperimentArn"])["Tags"]

# --- a second run, one that fails, and one that is loaded again
with Run(experiment_name=NAME, run_name="run-2", sagemaker_session=session) as run:
    run.log_parameter("learning_rate", 0.1)
    run.log_metric("accuracy", 0.9)
try:
    with Run(experiment_name=NAME, run_name="run-3", sagemaker_session=session) as run:
        raise RuntimeError("out of memory")
except RuntimeError:
    told["failed"] = component("run-3")["Status"]
with load_run(experiment_name=NAME, run_name="run-1", sagemaker_session=session) as run:
    run.log_parameter("late", "yes")
    run.log_metric("loss", 0.0625, step=3)
told["loaded"] = values(component("run-1")["Parameters"])


# --- lists, and the table of all runs
def runs(**how):
    listed = list_runs(NAME.lower(), sagemaker_session=session, **how)
    return [one.run_name for one in listed]


told["runs"] = {
    "newest first": runs(),
    "by name": runs(sort_by=SortByType.NAME, sort_order=SortOrderType.ASCENDING),
    "oldest first": runs(sort_order=SortOrderType.ASCENDING),
}
table = ExperimentAnalytics(
    experiment_name=NAME.lower(),
    sagemaker_session=session,
    sort_by="metrics.accuracy.max",
    sort_order="Descending",
).dataframe()
told["table"] = {
    "runs": list(table["TrialComponentName"]),
    "columns": sorted(table.columns),
    "rates": [value for value in table["learning_rate"] if value == value],
    "experiments": sorted({name for names in table["Experiments"] for name in names}),
}

# --- the classes beneath, and the end of it all
told["components"] = sorted(
    one.trial_component_name
    for one in _TrialComponent.list(experiment_name=NAME, sagemaker_session=session)
)
loaded = Experiment.load(NAME, sagemaker_session=session)
loaded.description = "About churn"
loaded.save()
told["description"] = client.describe_experiment(ExperimentName=NAME)["Description"]
loaded._delete_all(action="--force")
told["left"] = [
    client.list_experiments()["ExperimentSummaries"],
    client.list_trials()["TrialSummaries"],
    client.list_trial_components()["TrialComponentSummaries"],
    client.list_associations()["AssociationSummaries"],
]

json.dump(told, sys.stdout)
