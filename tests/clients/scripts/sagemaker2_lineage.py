"""Lineage with the SDK 2's own classes: made by hand, asked back, shown and taken away."""

import json
import sys

import boto3
from botocore.exceptions import ClientError
from sagemaker.lineage.action import Action, ModelPackageApprovalAction
from sagemaker.lineage.artifact import Artifact, DatasetArtifact, ImageArtifact, ModelArtifact
from sagemaker.lineage.association import Association
from sagemaker.lineage.context import Context, EndpointContext
from sagemaker.lineage.query import (
    LineageEntityEnum,
    LineageFilter,
    LineageQuery,
    LineageQueryDirectionEnum,
    LineageSourceEnum,
)
from sagemaker.lineage.visualizer import LineageTableVisualizer
from sagemaker.session import Session

given = json.load(sys.stdin)
session = Session(boto3.Session(region_name=given["region"]), default_bucket="lineage")
client = session.sagemaker_client
told = {}

# The documented life of an artifact, a context and an action.
data = Artifact.create(
    artifact_name="MyDataSet",
    artifact_type="DataSet",
    source_uri="s3://b/train.csv",
    properties={"k1": "v1"},
    tags=[{"Key": "team", "Value": "rc"}],
    sagemaker_session=session,
)
data.properties = {"added": "property"}
data.properties_to_remove = ["k1"]
data.save()
loaded = Artifact.load(data.artifact_arn, sagemaker_session=session)
told["loaded"] = [loaded.artifact_name, loaded.artifact_type, loaded.properties]
told["listed"] = [
    one.artifact_name
    for one in Artifact.list(source_uri="s3://b/train.csv", sagemaker_session=session)
]
told["tagged"] = data.set_tag({"Key": "stage", "Value": "dev"})
by_uri = DatasetArtifact.load(data.artifact_arn, sagemaker_session=session).s3_uri_artifacts(
    "s3://b/train.csv"
)
told["by uri"] = len(by_uri["ArtifactSummaries"])
try:
    Artifact.create(
        artifact_type="DataSet", source_uri="s3://b/train.csv", sagemaker_session=session
    )
except ClientError as refused:
    told["twice"] = [refused.response["Error"]["Code"], str(refused)]


def artifact(uri, artifact_type, kind=Artifact):
    return kind.create(source_uri=uri, artifact_type=artifact_type, sagemaker_session=session)


image = artifact("image:1", "Image", ImageArtifact)
model = artifact("s3://b/model.tar.gz", "Model", ModelArtifact)
# Not registered here: what is registered makes lineage by itself.
package_arn = f"arn:aws:sagemaker:{given['region']}:123456789012:model-package/churn-solo"
group = package_arn.replace("model-package/churn-solo", "model-package-group/churn")
package = artifact(package_arn + "#made-by-hand", "Model", ModelArtifact)
approval = ModelPackageApprovalAction.create(
    action_name="Churn-Approval",
    source_uri=package_arn,
    action_type="Approval",
    status="Completed",
    properties={"by": "ada"},
    sagemaker_session=session,
)
deploy = Action.create(
    action_name="churn-deploy",
    source_uri="arn:of:endpoint",
    action_type="ModelDeployment",
    status="InProgress",
    sagemaker_session=session,
)
deploy.status = "Completed"
deploy.save()
endpoint = EndpointContext.create(
    context_name="Churn-Endpoint",
    source_uri="arn:of:endpoint",
    context_type="Endpoint",
    description="serves churn",
    sagemaker_session=session,
)
versions = Context.create(
    context_name="churn-by-hand",
    source_uri=group,
    source_type="ARN",
    context_type="ModelGroup",
    sagemaker_session=session,
)
for source, destination, kind in (
    (data.artifact_arn, model.artifact_arn, "ContributedTo"),
    (image.artifact_arn, model.artifact_arn, "ContributedTo"),
    (model.artifact_arn, package.artifact_arn, "ContributedTo"),
    (package.artifact_arn, versions.context_arn, "AssociatedWith"),
    (package.artifact_arn, approval.action_arn, "ContributedTo"),
    (approval.action_arn, deploy.action_arn, "ContributedTo"),
    (package.artifact_arn, deploy.action_arn, "ContributedTo"),
    (deploy.action_arn, endpoint.context_arn, "AssociatedWith"),
):
    Association.create(
        source_arn=source,
        destination_arn=destination,
        association_type=kind,
        sagemaker_session=session,
    )
told["associations"] = [
    one.destination_arn == deploy.action_arn
    for one in Association.list(source_arn=approval.action_arn, sagemaker_session=session)
]


def sources(found):
    return sorted(one.source.source_uri for one in found)


# The traversals that the SDK offers on its classes.
told["model.endpoints"] = [
    [one.source_type, one.destination_type]
    for one in ModelArtifact.load(package.artifact_arn, sagemaker_session=session).endpoints()
]
told["model.endpoint_contexts"] = [one.context_name for one in model.endpoint_contexts()]
told["model.dataset_artifacts"] = sources(package.dataset_artifacts())
told["dataset.endpoint_contexts"] = [
    one.context_name
    for one in DatasetArtifact.load(
        data.artifact_arn, sagemaker_session=session
    ).endpoint_contexts()
]
told["dataset.downstream"] = sources(
    DatasetArtifact.load(data.artifact_arn, sagemaker_session=session).downstream_datasets()
)
told["dataset.trained_models"] = DatasetArtifact.load(
    data.artifact_arn, sagemaker_session=session
).trained_models()
told["image.datasets"] = sources(image.datasets(LineageQueryDirectionEnum.BOTH))
told["endpoint.dataset_artifacts"] = sources(endpoint.dataset_artifacts())
told["context.actions"] = sorted(
    one.action_name for one in endpoint.actions(LineageQueryDirectionEnum.ASCENDANTS)
)
told["action.artifacts"] = sources(deploy.artifacts(LineageQueryDirectionEnum.ASCENDANTS))
loaded = ModelPackageApprovalAction.load("churn-approval", sagemaker_session=session)
told["approval.datasets"] = sources(loaded.datasets())
told["approval.endpoints"] = [one.context_name for one in loaded.endpoints()]

# EndpointContext.models and models_v2 go from the endpoint by the action to the model: that way
# round, as AWS's own test has them.
serving = EndpointContext.create(
    context_name="other-way", source_uri="x", context_type="Endpoint", sagemaker_session=session
)
made = Action.create(
    action_name="other-way",
    source_uri="x",
    action_type="ModelDeployment",
    sagemaker_session=session,
)
served = artifact("s3://b/served", "Model")
for source, destination in (
    (serving.context_arn, made.action_arn),
    (made.action_arn, served.artifact_arn),
):
    Association.create(source_arn=source, destination_arn=destination, sagemaker_session=session)
told["endpoint.models"] = [[one.source_type, one.destination_type] for one in serving.models()]
told["endpoint.models_v2"] = sources(serving.models_v2())

# LineageQuery, with and without a filter.
query = LineageQuery(session)
found = query.query(
    start_arns=[endpoint.context_arn],
    query_filter=LineageFilter(
        entities=[LineageEntityEnum.ARTIFACT], sources=[LineageSourceEnum.DATASET]
    ),
    direction=LineageQueryDirectionEnum.ASCENDANTS,
    include_edges=False,
)
told["filtered"] = [
    [one.arn == data.artifact_arn, one.lineage_entity, one.lineage_source] for one in found.vertices
]
found = query.query(start_arns=[model.artifact_arn])
told["whole"] = [len(found.vertices), len(found.edges)]
# What PyvisVisualizer draws: an edge to a node that is not there would fail.
elements = found._get_visualization_elements()
nodes = {arn for arn, *_ in elements["nodes"]}
told["drawn"] = [
    sum(is_start for *_, is_start in elements["nodes"]),
    all(source in nodes and end in nodes for source, end, _ in elements["edges"]),
    all(name for _, name, _, _ in elements["nodes"]),
]
told["objects"] = sorted({type(one.to_lineage_object()).__name__ for one in found.vertices})

# The table that notebooks show, of a package made by hand.
by_package = Artifact.create(
    source_uri=package_arn, artifact_type="Model", sagemaker_session=session
)
Association.create(
    source_arn=model.artifact_arn,
    destination_arn=by_package.artifact_arn,
    association_type="ContributedTo",
    sagemaker_session=session,
)
frame = LineageTableVisualizer(session).show(model_package_arn=package_arn)
told["table"] = frame.values.tolist()

# Taken away: not while it has associations, unless they go with it.
try:
    data.delete()
except ClientError as refused:
    told["held"] = refused.response["Error"]["Code"]
for one in (data, image, model, package, by_package, approval, deploy, endpoint, versions):
    one.delete(disassociate=True)
told["left"] = [
    len(list(Association.list(sagemaker_session=session))),
    len(list(Artifact.list(sagemaker_session=session))),
    [one.context_name for one in Context.list(sagemaker_session=session)],
    [one.action_name for one in Action.list(sort_by="Name", sagemaker_session=session)],
]
try:
    Artifact.load(data.artifact_arn, sagemaker_session=session)
except client.exceptions.ResourceNotFound:
    told["gone"] = True

registered = client.create_model_package(
    ModelPackageName="churn-solo",
    InferenceSpecification={
        "Containers": [{"Image": given["image"], "ModelDataUrl": "s3://b/model.tar.gz"}],
        "SupportedContentTypes": ["text/csv"],
        "SupportedResponseMIMETypes": ["text/csv"],
    },
)["ModelPackageArn"]
approved = ModelPackageApprovalAction.create(
    action_name="by-hand",
    source_uri=registered,
    action_type="Approval",
    sagemaker_session=session,
)
told["approval.model_package"] = approved.model_package()["ModelPackageArn"] == package_arn
print(json.dumps(told))
