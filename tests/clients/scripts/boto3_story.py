"""The lesson with boto3 alone: register, approve, deploy, invoke, update, roll back, clean up.

Plain code as its readers write it; run by a Python that has boto3 and nothing of Modelyard.
"""

import json
import sys

import boto3
from botocore.exceptions import ClientError

story = json.load(sys.stdin)
sagemaker = boto3.client("sagemaker")
runtime = boto3.client("sagemaker-runtime")
s3 = boto3.client("s3")
iam = boto3.client("iam")

GROUP = "customer-churn-models"
BUCKET = "churn-artifacts"
ENDPOINT = "churn-endpoint"
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


def refusal(function, **request):
    """The code and the words with which a request is refused."""
    try:
        function(**request)
    except ClientError as error:
        return [error.response["Error"]["Code"], error.response["Error"]["Message"]]
    return None


def register(version, url):
    return sagemaker.create_model_package(
        ModelPackageGroupName=GROUP,
        ModelPackageDescription=f"Version {version}",
        ModelApprovalStatus="PendingManualApproval",
        CustomerMetadataProperties={"max_depth": "24"[version - 1], "framework": "xgboost"},
        ModelMetrics={
            "ModelQuality": {
                "Statistics": {"ContentType": "application/json", "S3Uri": f"{url}.metrics.json"}
            }
        },
        InferenceSpecification={
            "Containers": [{"Image": story["image"], "ModelDataUrl": url}],
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["text/csv"],
            "SupportedRealtimeInferenceInstanceTypes": ["ml.m5.large"],
            "SupportedTransformInstanceTypes": ["ml.m5.large"],
        },
    )["ModelPackageArn"]


def configure(name, package):
    sagemaker.create_model(
        ModelName=name, ExecutionRoleArn=role, PrimaryContainer={"ModelPackageName": package}
    )
    sagemaker.create_endpoint_config(
        EndpointConfigName=name,
        ProductionVariants=[
            {
                "VariantName": "AllTraffic",
                "ModelName": name,
                "InitialInstanceCount": 1,
                "InstanceType": "ml.m5.large",
                "InitialVariantWeight": 1,
            }
        ],
    )


def wait_in_service():
    waiter = sagemaker.get_waiter("endpoint_in_service")
    waiter.wait(EndpointName=ENDPOINT, WaiterConfig={"Delay": 1, "MaxAttempts": 300})
    return sagemaker.describe_endpoint(EndpointName=ENDPOINT)


def predict():
    answer = runtime.invoke_endpoint(
        EndpointName=ENDPOINT, ContentType="text/csv", Accept="text/csv", Body=story["rows"]
    )
    return [float(value) for value in answer["Body"].read().decode().replace(",", " ").split()]


created = iam.create_role(RoleName="ChurnExecution", AssumeRolePolicyDocument=json.dumps(TRUST))
role = created["Role"]["Arn"]
s3.create_bucket(Bucket=BUCKET)
urls = []
for version, path in enumerate(story["archives"], 1):
    s3.upload_file(path, BUCKET, f"models/v{version}/model.tar.gz")
    urls.append(f"s3://{BUCKET}/models/v{version}/model.tar.gz")
told = {"refused": {}, "predictions": {}}

sagemaker.create_model_package_group(
    ModelPackageGroupName=GROUP, ModelPackageGroupDescription="Tracks churn"
)
told["refused"]["duplicate group"] = refusal(
    sagemaker.create_model_package_group, ModelPackageGroupName=GROUP
)
first, second = register(1, urls[0]), register(2, urls[1])
told["packages"] = [first, second]
told["refused"]["missing artifact"] = refusal(register, version=1, url=f"s3://{BUCKET}/none")
told["listed"] = [
    [package["ModelPackageVersion"], package["ModelApprovalStatus"]]
    for page in sagemaker.get_paginator("list_model_packages").paginate(
        ModelPackageGroupName=GROUP, SortBy="CreationTime", SortOrder="Descending", MaxResults=1
    )
    for package in page["ModelPackageSummaryList"]
]

told["refused"]["not approved"] = refusal(
    sagemaker.create_model,
    ModelName="too-early",
    ExecutionRoleArn=role,
    PrimaryContainer={"ModelPackageName": first},
)
for package, note in [(first, "Baseline is good enough"), (second, "Better on every measure")]:
    sagemaker.update_model_package(
        ModelPackageArn=package, ModelApprovalStatus="Approved", ApprovalDescription=note
    )
described = sagemaker.describe_model_package(ModelPackageName=second)
told["described"] = {
    name: described[name]
    for name in ("ModelApprovalStatus", "ApprovalDescription", "CustomerMetadataProperties")
}

configure("churn-v1", first)
sagemaker.create_endpoint(EndpointName=ENDPOINT, EndpointConfigName="churn-v1")
wait_in_service()
told["predictions"]["deployed"] = predict()

configure("churn-v2", second)
sagemaker.update_endpoint(EndpointName=ENDPOINT, EndpointConfigName="churn-v2")
told["config after update"] = wait_in_service()["EndpointConfigName"]
told["predictions"]["updated"] = predict()

sagemaker.update_endpoint(EndpointName=ENDPOINT, EndpointConfigName="churn-v1")
told["config after roll back"] = wait_in_service()["EndpointConfigName"]
told["predictions"]["rolled back"] = predict()

sagemaker.delete_endpoint(EndpointName=ENDPOINT)
sagemaker.get_waiter("endpoint_deleted").wait(
    EndpointName=ENDPOINT, WaiterConfig={"Delay": 1, "MaxAttempts": 300}
)
for name in ("churn-v1", "churn-v2"):
    sagemaker.delete_endpoint_config(EndpointConfigName=name)
    sagemaker.delete_model(ModelName=name)
told["refused"]["group with versions"] = refusal(
    sagemaker.delete_model_package_group, ModelPackageGroupName=GROUP
)
for package in (first, second):
    sagemaker.delete_model_package(ModelPackageName=package)
sagemaker.delete_model_package_group(ModelPackageGroupName=GROUP)
told["left"] = {
    "groups": len(sagemaker.list_model_package_groups()["ModelPackageGroupSummaryList"]),
    "models": len(sagemaker.list_models()["Models"]),
    "configs": len(sagemaker.list_endpoint_configs()["EndpointConfigs"]),
    "endpoints": len(sagemaker.list_endpoints()["Endpoints"]),
}
print("\n" + json.dumps(told))
