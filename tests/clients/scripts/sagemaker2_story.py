"""The lesson with the SageMaker Python SDK of the version 2 line.

Plain code as its readers write it; run by a Python that has the SDK and nothing of Modelyard.
"""

import json
import sys

import boto3
import sagemaker
from botocore.exceptions import ClientError
from sagemaker import ModelPackage, image_uris
from sagemaker.model import Model
from sagemaker.predictor import Predictor
from sagemaker.serializers import CSVSerializer

story = json.load(sys.stdin)
BUCKET = "fraud-artifacts"
GROUP = "fraud-detection"
ENDPOINT = "fraud-detection-endpoint"
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


def register(url, note):
    package = Model(image_uri=image, model_data=url, role=role, sagemaker_session=session).register(
        content_types=["text/csv"],
        response_types=["text/csv"],
        inference_instances=["ml.m5.large"],
        transform_instances=["ml.m5.large"],
        model_package_group_name=GROUP,
        approval_status="PendingManualApproval",
        description=note,
    )
    return package.model_package_arn


def numbers(answer):
    return [float(value) for value in answer.decode().replace(",", " ").split()]


boto3.client("s3").create_bucket(Bucket=BUCKET)
created = boto3.client("iam").create_role(
    RoleName="FraudExecution", AssumeRolePolicyDocument=json.dumps(TRUST)
)
role = created["Role"]["Arn"]
session = sagemaker.Session(default_bucket=BUCKET)
image = image_uris.retrieve("xgboost", session.boto_region_name, "1.7-1")
told = {"image": image, "predictions": {}}

urls = []
for version, path in enumerate(story["archives"], 1):
    prefix = f"s3://{BUCKET}/models/v{version}"
    urls.append(sagemaker.s3.S3Uploader.upload(path, prefix, sagemaker_session=session))
first, second = register(urls[0], "Baseline"), register(urls[1], "Deeper trees")
told["packages"] = [first, second]

package = ModelPackage(role=role, model_package_arn=first, sagemaker_session=session)
package.update_approval_status("Approved", approval_description="Good enough to start with")
package.update_customer_metadata({"owner": "risk", "stage": "trial"})
package.remove_customer_metadata_properties(["stage"])
package.add_inference_specification(name="alternative", image_uris=[image])
described = session.sagemaker_client.describe_model_package(ModelPackageName=first)
told["described"] = {
    "approval": described["ModelApprovalStatus"],
    "note": described["ApprovalDescription"],
    "properties": described["CustomerMetadataProperties"],
    "additional": [spec["Name"] for spec in described["AdditionalInferenceSpecifications"]],
}

model = ModelPackage(
    role=role, model_package_arn=first, sagemaker_session=session, predictor_cls=Predictor
)
predictor = model.deploy(
    initial_instance_count=1,
    instance_type="ml.m5.large",
    endpoint_name=ENDPOINT,
    serializer=CSVSerializer(),
)
told["predictions"]["deployed"] = numbers(predictor.predict(story["rows"]))

# The SDK approves a pending version by itself when it is asked to make a model of it.
newer = ModelPackage(role=role, model_package_arn=second, sagemaker_session=session)
newer.create(instance_type="ml.m5.large")
predictor.update_endpoint(
    model_name=newer.name, initial_instance_count=1, instance_type="ml.m5.large"
)
told["predictions"]["updated"] = numbers(predictor.predict(story["rows"]))

config = session.sagemaker_client.describe_endpoint(EndpointName=ENDPOINT)["EndpointConfigName"]
told["update made a config of its own"] = config != ENDPOINT
predictor.delete_model()
predictor.delete_endpoint()
told["left"] = []
for describe, name in [
    (session.sagemaker_client.describe_model, {"ModelName": newer.name}),
    (session.sagemaker_client.describe_endpoint_config, {"EndpointConfigName": config}),
]:
    try:
        describe(**name)
        told["left"].append(name)
    except ClientError as error:
        told.setdefault("gone", []).append(error.response["Error"]["Message"].split(" ")[0])
print("\n" + json.dumps(told))
