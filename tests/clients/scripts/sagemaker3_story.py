"""The lesson with the SageMaker Python SDK of the version 3 line: ModelBuilder.

Plain code as its readers write it; run by a Python that has the SDK and nothing of Modelyard.
"""

import json
import sys

import boto3
from sagemaker.core.helper.session_helper import Session
from sagemaker.core.resources import Endpoint, EndpointConfig, Model, ModelPackage
from sagemaker.core.shapes import ProductionVariant
from sagemaker.serve.model_builder import ModelBuilder

story = json.load(sys.stdin)
BUCKET = "credit-artifacts"
GROUP = "credit-risk"
ENDPOINT = "credit-risk-endpoint"
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


def builder(version):
    """A first-party image with an artifact that is in S3 already: nothing is packed or uploaded."""
    return ModelBuilder(
        image_uri=story["image"],
        s3_model_data_url=f"s3://{BUCKET}/models/v{version}/model.tar.gz",
        role_arn=role,
        sagemaker_session=session,
        instance_type="ml.m5.large",
    )


def register(model_builder, accuracy):
    return model_builder.register(
        model_package_group_name=GROUP,
        content_types=["text/csv"],
        response_types=["text/csv"],
        inference_instances=["ml.m5.large"],
        transform_instances=["ml.m5.large"],
        approval_status="PendingManualApproval",
        customer_metadata_properties={"accuracy": accuracy},
    )


def predict(endpoint):
    answer = endpoint.invoke(body=story["rows"], content_type="text/csv", accept="text/csv")
    return [float(value) for value in answer.body.read().decode().replace(",", " ").split()]


s3 = boto3.client("s3")
s3.create_bucket(Bucket=BUCKET)
for version, path in enumerate(story["archives"], 1):
    s3.upload_file(path, BUCKET, f"models/v{version}/model.tar.gz")
created = boto3.client("iam").create_role(
    RoleName="CreditExecution", AssumeRolePolicyDocument=json.dumps(TRUST)
)
role = created["Role"]["Arn"]
boto3.client("iam").put_role_policy(
    RoleName="CreditExecution",
    PolicyName="everything",
    PolicyDocument=json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}],
        }
    ),
)
session = Session(default_bucket=BUCKET)
told = {"predictions": {}}

first = builder(1)
model = first.build(model_name="credit-risk-v1")
told["model"] = [model.model_name, model.primary_container.model_data_url]
told["packages"] = [register(first, "0.93"), register(builder(2), "0.97")]

package = ModelPackage.get(told["packages"][1])
package.update(model_approval_status="Approved", approval_description="Better on every measure")
package.refresh()
told["approved"] = [
    package.model_approval_status,
    package.approval_description,
    package.customer_metadata_properties,
]

endpoint = first.deploy(
    endpoint_name=ENDPOINT, initial_instance_count=1, instance_type="ml.m5.large"
)
told["predictions"]["deployed"] = predict(endpoint)

# ModelBuilder.deploy(update_endpoint=True) of 3.27 fails before any call, so the resources do it.
builder(2).build(model_name="credit-risk-v2")
EndpointConfig.create(
    endpoint_config_name="credit-risk-v2",
    production_variants=[
        ProductionVariant(
            variant_name="AllTraffic",
            model_name="credit-risk-v2",
            initial_instance_count=1,
            instance_type="ml.m5.large",
            initial_variant_weight=1.0,
        )
    ],
)
endpoint = Endpoint.get(ENDPOINT)
endpoint.endpoint_config_name = "credit-risk-v2"
endpoint.update()
endpoint.wait_for_status("InService", poll=1)
told["predictions"]["updated"] = predict(endpoint)

endpoint.delete()
endpoint.wait_for_delete(poll=1)
for config in EndpointConfig.get_all():
    config.delete()
for model in Model.get_all():
    model.delete()
client = boto3.client("sagemaker")
told["left"] = len(client.list_endpoints()["Endpoints"]) + len(client.list_models()["Models"])
print("\n" + json.dumps(told))
