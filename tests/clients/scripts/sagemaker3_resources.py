"""The resource classes of the SDK's version 3 line, one by one, and a model with its own script.

Run by a Python that has the SDK and nothing of Modelyard.
"""

import json
import sys
from pathlib import Path

import boto3
from botocore.exceptions import ClientError
from sagemaker.core.helper.session_helper import Session
from sagemaker.core.resources import (
    Endpoint,
    EndpointConfig,
    Model,
    ModelPackage,
    ModelPackageGroup,
)
from sagemaker.core.shapes import (
    ContainerDefinition,
    ContainersItem,
    InferenceSpecification,
    ProductionVariant,
)
from sagemaker.core.training.configs import SourceCode
from sagemaker.serve.model_builder import ModelBuilder

story = json.load(sys.stdin)
folder = Path(story["folder"])
BUCKET = "resource-artifacts"
GROUP = "resources"
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
SCRIPT = """
import json, os
import numpy, xgboost

def model_fn(model_dir):
    booster = xgboost.Booster()
    booster.load_model(bytearray(open(os.path.join(model_dir, "xgboost-model"), "rb").read()))
    return booster

def transform_fn(booster, body, content_type, accept):
    rows = numpy.array([line.split(",") for line in body.splitlines()], dtype="float32")
    return json.dumps([float(value) for value in booster.predict(xgboost.DMatrix(rows))])
"""


def gone(resource, *arguments):
    try:
        resource.get(*arguments)
    except ClientError as error:
        return error.response["Error"]["Code"]
    return None


def numbers(answer):
    return [
        float(value)
        for value in answer.body.read().decode().strip("[]\n").replace(",", " ").split()
    ]


s3 = boto3.client("s3")
s3.create_bucket(Bucket=BUCKET)
s3.upload_file(story["archives"][0], BUCKET, "v1/model.tar.gz")
url = f"s3://{BUCKET}/v1/model.tar.gz"
role = boto3.client("iam").create_role(
    RoleName="Resources", AssumeRolePolicyDocument=json.dumps(TRUST)
)["Role"]["Arn"]
boto3.client("iam").put_role_policy(
    RoleName="Resources",
    PolicyName="everything",
    PolicyDocument=json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}],
        }
    ),
)
told = {}

group = ModelPackageGroup.create(
    model_package_group_name=GROUP, model_package_group_description="Made by classes"
)
told["group"] = [group.model_package_group_name, group.model_package_group_description]
try:
    ModelPackage.create(
        model_package_group_name=GROUP,
        model_approval_status="PendingManualApproval",
        inference_specification=InferenceSpecification(
            containers=[ContainersItem(image=story["image"], model_data_url=url)],
            supported_content_types=["text/csv"],
            supported_response_mime_types=["text/csv"],
        ),
    )
except KeyError as error:
    # 3.27 looks for a member in its own request that a version does not have; the version is made.
    told["create of a version"] = str(error)
packages = list(ModelPackage.get_all(model_package_group_name=GROUP))
told["packages"] = [package.model_package_arn.rsplit("/", 1)[1] for package in packages]
package = ModelPackage.get(packages[0].model_package_arn)
package.update(
    model_approval_status="Approved",
    approval_description="By the class",
    customer_metadata_properties={"owner": "risk"},
)
package.refresh()
told["package"] = [
    package.model_approval_status,
    package.approval_description,
    package.customer_metadata_properties,
]

model = Model.create(
    model_name="made-of-version",
    execution_role_arn=role,
    primary_container=ContainerDefinition(model_package_name=package.model_package_arn),
)
told["model"] = Model.get("made-of-version").primary_container.model_package_name
variant = ProductionVariant(
    variant_name="AllTraffic",
    model_name="made-of-version",
    initial_instance_count=1,
    instance_type="ml.m5.large",
    initial_variant_weight=1.0,
)
config = EndpointConfig.create(endpoint_config_name="resources", production_variants=[variant])
endpoint = Endpoint.create(endpoint_name="resources", endpoint_config_name="resources")
endpoint.wait_for_status("InService", poll=1)
told["served"] = numbers(
    endpoint.invoke(body=story["rows"], content_type="text/csv", accept="text/csv")
)
told["listed"] = [one.endpoint_name for one in Endpoint.get_all()]

# Script mode: ModelBuilder packs the folder into the archive and uploads that.
source = folder / "source"
source.mkdir()
(source / "inference.py").write_text(SCRIPT)
builder = ModelBuilder(
    image_uri=story["image"],
    s3_model_data_url=url,
    source_code=SourceCode(source_dir=str(source), entry_script="inference.py"),
    role_arn=role,
    sagemaker_session=Session(default_bucket=BUCKET),
    instance_type="ml.m5.large",
)
built = builder.build(model_name="scripted")
told["packed again"] = built.primary_container.model_data_url != url
EndpointConfig.create(
    endpoint_config_name="scripted",
    production_variants=[
        ProductionVariant(
            variant_name="AllTraffic",
            model_name="scripted",
            initial_instance_count=1,
            instance_type="ml.m5.large",
            initial_variant_weight=1.0,
        )
    ],
)
scripted = Endpoint.create(endpoint_name="scripted", endpoint_config_name="scripted")
scripted.wait_for_status("InService", poll=1)
told["scripted"] = numbers(
    scripted.invoke(body=story["rows"], content_type="text/csv", accept="application/json")
)

for one in (endpoint, scripted):
    one.delete()
    one.wait_for_delete(poll=1)
config.delete()
model.delete()
boto3.client("sagemaker").delete_model_package(ModelPackageName=package.model_package_arn)
group.delete()
told["gone"] = [
    gone(Endpoint, "resources"),
    gone(EndpointConfig, "resources"),
    gone(Model, "made-of-version"),
    gone(ModelPackage, package.model_package_arn),
    gone(ModelPackageGroup, GROUP),
]
print("\n" + json.dumps(told))
