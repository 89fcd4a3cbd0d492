"""The lineage that made itself, read with the SageMaker Python SDK of the version 2 line.

Plain code as its readers write it; run by a Python that has the SDK and nothing of Modelyard.
"""

import json
import sys
import time

import boto3
import sagemaker
from sagemaker import image_uris
from sagemaker.lineage.action import ModelPackageApprovalAction
from sagemaker.lineage.artifact import Artifact, DatasetArtifact, ModelArtifact
from sagemaker.lineage.association import Association
from sagemaker.lineage.context import EndpointContext, ModelPackageGroup
from sagemaker.lineage.query import (
    LineageEntityEnum,
    LineageFilter,
    LineageQuery,
    LineageQueryDirectionEnum,
    LineageSourceEnum,
)
from sagemaker.lineage.visualizer import LineageTableVisualizer
from sagemaker.model import Model

story = json.load(sys.stdin)
BUCKET = "lineage-artifacts"
GROUP = "Lineage-Models"
NAME = "lineage-endpoint"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "sagemaker.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ],
}


def eventually(ask):
    deadline = time.monotonic() + 240
    while not (found := list(ask())):
        assert time.monotonic() < deadline, "not made"
        time.sleep(0.1)
    return found


boto3.client("s3").create_bucket(Bucket=BUCKET)
role = boto3.client("iam").create_role(
    RoleName="Lineage", AssumeRolePolicyDocument=json.dumps(TRUST)
)["Role"]["Arn"]
session = sagemaker.Session(default_bucket=BUCKET)
client = session.sagemaker_client
image = image_uris.retrieve("xgboost", session.boto_region_name, "1.7-1")
url = sagemaker.s3.S3Uploader.upload(
    story["archives"][0], f"s3://{BUCKET}/models/v1", sagemaker_session=session
)
data = DatasetArtifact.create(
    source_uri=f"s3://{BUCKET}/train.csv", artifact_type="DataSet", sagemaker_session=session
)

package = Model(image_uri=image, model_data=url, role=role, sagemaker_session=session).register(
    content_types=["text/csv"],
    response_types=["text/csv"],
    inference_instances=["ml.m5.large"],
    model_package_group_name=GROUP,
    approval_status="PendingManualApproval",
)
arn = package.model_package_arn
package.update_approval_status("Approved", approval_description="as good as it gets")
client.create_model(
    ModelName=NAME, ExecutionRoleArn=role, PrimaryContainer={"ModelPackageName": arn}
)
client.create_endpoint_config(
    EndpointConfigName=NAME,
    ProductionVariants=[
        {
            "VariantName": "AllTraffic",
            "ModelName": NAME,
            "InitialInstanceCount": 1,
            "InstanceType": "ml.m5.large",
        }
    ],
)
endpoint = client.create_endpoint(EndpointName=NAME, EndpointConfigName=NAME)["EndpointArn"]
context = eventually(lambda: EndpointContext.list(source_uri=endpoint, sagemaker_session=session))

# What the training would have recorded: the data set contributed to the model's data.
[model_data] = Artifact.list(source_uri=url, sagemaker_session=session)
Association.create(
    source_arn=data.artifact_arn,
    destination_arn=model_data.artifact_arn,
    association_type="ContributedTo",
    sagemaker_session=session,
)

told = {"contexts": len(context)}
[found] = Artifact.list(source_uri=arn, sagemaker_session=session)
model = ModelArtifact.load(found.artifact_arn, sagemaker_session=session)
served = EndpointContext.load(context[0].context_name, sagemaker_session=session)
told["endpoints of the model"] = [
    [one.source_type, one.destination_type, one.destination_arn == served.context_arn]
    for one in model.endpoints()
]
told["endpoint contexts"] = [
    one.context_name == served.context_name for one in model.endpoint_contexts()
]
told["data sets of the model"] = [one.source.source_uri for one in model.dataset_artifacts()]
told["data sets of the endpoint"] = [one.source.source_uri for one in served.dataset_artifacts()]
told["endpoints of the data"] = [
    one.source.source_uri == endpoint for one in data.endpoint_contexts()
]
# The SDK looks downstream of an endpoint for its models, where AWS has none either.
told["models"] = [len(served.models()), len(served.models_v2())]
upstream = LineageQuery(session).query(
    start_arns=[served.context_arn],
    query_filter=LineageFilter(
        entities=[LineageEntityEnum.ARTIFACT], sources=[LineageSourceEnum.MODEL]
    ),
    direction=LineageQueryDirectionEnum.ASCENDANTS,
)
told["models upstream"] = sorted(
    one.to_lineage_object().source.source_uri == arn for one in upstream.vertices
)
approvals = LineageQuery(session).query(
    start_arns=[served.context_arn],
    query_filter=LineageFilter(
        entities=[LineageEntityEnum.ACTION], sources=[LineageSourceEnum.APPROVAL]
    ),
    direction=LineageQueryDirectionEnum.ASCENDANTS,
)
actions = [
    ModelPackageApprovalAction.load(action_name=vertex.arn.split("/")[1], sagemaker_session=session)
    for vertex in approvals.vertices
]
told["approvals"] = sorted(
    [one.properties["ModelApprovalStatus"], one.source.source_uri == arn, one.status]
    for one in actions
)
told["notes"] = [one.description for one in actions if one.description]
told["endpoints of an approval"] = [
    one.source.source_uri == endpoint for one in actions[0].endpoints()
]
[group] = ModelPackageGroup.list(context_type="ModelGroup", sagemaker_session=session)
group = ModelPackageGroup.load(group.context_name, sagemaker_session=session)
told["group"] = [group.source.source_uri.rsplit("/", 1)[1], group.properties]
table = LineageTableVisualizer(session).show(model_package_arn=arn)
told["table"] = sorted(
    [row["Direction"], row["Type"], row["Association Type"], row["Lineage Type"]]
    for _, row in table.iterrows()
)
print(json.dumps(told))
