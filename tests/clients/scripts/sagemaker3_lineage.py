"""Lineage with SDK 3: its resource classes, and the classes of `sagemaker.core.lineage`."""

import json
import sys

import boto3
from botocore.exceptions import ClientError
from sagemaker.core.helper.session_helper import Session
from sagemaker.core.lineage.artifact import ModelArtifact
from sagemaker.core.lineage.query import LineageQuery, LineageQueryDirectionEnum
from sagemaker.core.resources import Action, Artifact, Association, Context, LineageGroup
from sagemaker.core.shapes import ActionSource, ArtifactSource, ContextSource

given = json.load(sys.stdin)
told = {}
data = Artifact.create(
    source=ArtifactSource(source_uri="s3://b/train.csv"),
    artifact_type="DataSet",
    properties={"rows": "7"},
)
model = Artifact.create(
    artifact_name="churn-model",
    source=ArtifactSource(source_uri="s3://b/model.tar.gz"),
    artifact_type="Model",
)
deploy = Action.create(
    action_name="Churn-Deploy",
    source=ActionSource(source_uri="arn:of:endpoint", source_type="ARN"),
    action_type="ModelDeployment",
    status="InProgress",
)
endpoint = Context.create(
    context_name="Churn",
    source=ContextSource(source_uri="arn:of:endpoint"),
    context_type="Endpoint",
)
told["described"] = [
    data.properties,
    model.artifact_name,
    deploy.status,
    endpoint.context_name,
    model.lineage_group_arn.rpartition("/")[2],
]
deploy.update(status="Completed", properties={"k": "v"})
deploy.refresh()
told["updated"] = [deploy.status, deploy.properties]
for source, destination in (
    (data.artifact_arn, model.artifact_arn),
    (model.artifact_arn, deploy.action_arn),
    (deploy.action_arn, endpoint.context_arn),
):
    Association.add(
        source_arn=source, destination_arn=destination, association_type="ContributedTo"
    )
told["associations"] = [
    one.source_type for one in Association.get_all(sort_by="CreationTime", sort_order="Ascending")
]
told["listed"] = [
    [one.artifact_type for one in Artifact.get_all(sort_order="Ascending")],
    [one.action_name for one in Action.get_all()],
    [one.context_name for one in Context.get_all(source_uri="arn:of:endpoint")],
    [one.lineage_group_name for one in LineageGroup.get_all()],
]
session = Session(boto3.Session(region_name=given["region"]))
found = LineageQuery(session).query(
    start_arns=[endpoint.context_arn], direction=LineageQueryDirectionEnum.ASCENDANTS
)
told["query"] = [[one.lineage_entity, one.lineage_source] for one in found.vertices]
loaded = ModelArtifact.load(model.artifact_arn, sagemaker_session=session)
told["endpoint contexts"] = [one.context_name for one in loaded.endpoint_contexts()]
try:
    data.delete()
except ClientError as refused:
    told["held"] = refused.response["Error"]["Code"]
loaded.delete(disassociate=True)
data.delete()
told["left"] = [one.artifact_type for one in Artifact.get_all()]
print(json.dumps(told))
