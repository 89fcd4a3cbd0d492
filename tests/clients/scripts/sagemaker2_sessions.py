"""What the SDK of the version 2 line does around the registry, in a shell of `modelyard env`.

The default bucket, the execution role and data in S3; models of one's own scripts, which the SDK
packs and uploads; what cannot be deployed. Run by a Python that has the SDK and nothing of
Modelyard.
"""

import json
import pickle
import sys
import tarfile
from pathlib import Path

import boto3
import numpy
import sagemaker
from botocore.exceptions import ClientError
from sagemaker.deserializers import JSONDeserializer
from sagemaker.model import Model
from sagemaker.multidatamodel import MultiDataModel
from sagemaker.pipeline import PipelineModel
from sagemaker.predictor import Predictor
from sagemaker.s3 import S3Downloader, S3Uploader
from sagemaker.serializers import CSVSerializer, JSONSerializer
from sagemaker.sklearn import SKLearnModel
from sagemaker.xgboost import XGBoostModel
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

story = json.load(sys.stdin)
folder = Path(story["folder"])
client = boto3.client("sagemaker")
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"AWS": "*", "Service": "sagemaker.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ],
}
EVERYTHING = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}],
}
SKLEARN_SCRIPT = """
import os, pickle
import greeting

def model_fn(model_dir):
    with open(os.path.join(model_dir, "model.pkl"), "rb") as file:
        return pickle.load(file)

def predict_fn(data, model):
    return model.predict_proba(data)[:, 1] + greeting.NOTHING
"""
XGBOOST_SCRIPT = """
import json, os
import numpy, xgboost

def model_fn(model_dir):
    booster = xgboost.Booster()
    booster.load_model(bytearray(open(os.path.join(model_dir, "xgboost-model"), "rb").read()))
    return booster

def input_fn(body, content_type):
    assert content_type == "application/json", content_type
    return xgboost.DMatrix(numpy.array(json.loads(body)["instances"], dtype="float32"))

def predict_fn(data, booster):
    return booster.predict(data)

def output_fn(predicted, accept):
    return json.dumps({"scores": [float(value) for value in predicted]}), "application/json"
"""


def in_service(predictor):
    """The SDK itself would look every 30 seconds only."""
    waiter = client.get_waiter("endpoint_in_service")
    waiter.wait(EndpointName=predictor.endpoint_name, WaiterConfig={"Delay": 1, "MaxAttempts": 300})
    return predictor


def refusal(function, *arguments, **named):
    try:
        function(*arguments, **named)
    except ClientError as error:
        return [error.response["Error"]["Code"], error.response["Error"]["Message"]]
    return None


def packed(path, name):
    archive = folder / f"{name}.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(path, path.name)
    return archive


# As a notebook starts: a session of the role that it runs as, and that role's own bucket.
created = boto3.client("iam").create_role(
    RoleName="Notebook", Path="/service-role/", AssumeRolePolicyDocument=json.dumps(TRUST)
)
boto3.client("iam").put_role_policy(
    RoleName="Notebook", PolicyName="everything", PolicyDocument=json.dumps(EVERYTHING)
)
keys = boto3.client("sts").assume_role(RoleArn=created["Role"]["Arn"], RoleSessionName="monday")[
    "Credentials"
]
session = sagemaker.Session(
    boto3.Session(
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
    )
)
role = sagemaker.get_execution_role(session)
told = {"role": role == created["Role"]["Arn"], "bucket": session.default_bucket()}

(folder / "data").mkdir()
(folder / "data" / "rows.csv").write_text(story["rows"])
told["uploaded"] = session.upload_data(str(folder / "data"), key_prefix="churn/train")
told["downloaded"] = (
    S3Downloader.read_file(f"{told['uploaded']}/rows.csv", sagemaker_session=session)
    == story["rows"]
)
told["listed"] = S3Downloader.list(told["uploaded"], sagemaker_session=session)
S3Downloader.download(told["uploaded"], str(folder / "back"), sagemaker_session=session)
told["back"] = (folder / "back" / "rows.csv").read_text() == story["rows"]
S3Uploader.upload_string_as_file_body(
    "a note", f"{told['uploaded']}/note.txt", sagemaker_session=session
)
url = S3Uploader.upload(
    story["archives"][0], f"s3://{session.default_bucket()}/xgboost", sagemaker_session=session
)

# An image and an artifact, without the registry.
direct = Model(
    image_uri=story["image"],
    model_data=url,
    role=role,
    sagemaker_session=session,
    predictor_cls=Predictor,
).deploy(1, "ml.m5.large", serializer=CSVSerializer(), wait=False)

# scikit-learn with a script of one's own and a module beside it.
features, labels = load_breast_cancer(return_X_y=True)
estimator = make_pipeline(StandardScaler(), LogisticRegression()).fit(features, labels)
(folder / "model.pkl").write_bytes(pickle.dumps(estimator))
source = folder / "source"
source.mkdir()
(source / "serve.py").write_text(SKLEARN_SCRIPT)
(source / "greeting.py").write_text("NOTHING = 0\n")
sklearn_model = SKLearnModel(
    model_data=S3Uploader.upload(
        str(packed(folder / "model.pkl", "sklearn")),
        f"s3://{session.default_bucket()}/sklearn",
        sagemaker_session=session,
    ),
    role=role,
    entry_point="serve.py",
    source_dir=str(source),
    framework_version="1.2-1",
    sagemaker_session=session,
)
sklearn = sklearn_model.deploy(
    1, "ml.m5.large", serializer=JSONSerializer(), deserializer=JSONDeserializer(), wait=False
)

# The same with the SDK's general model: it packs the script into the archive again.
repacked = Model(
    image_uri=sklearn_model.image_uri
    or sklearn_model.serving_image_uri("us-east-1", "ml.m5.large"),
    model_data=sklearn_model.model_data,
    role=role,
    entry_point="serve.py",
    source_dir=str(source),
    sagemaker_session=session,
    predictor_cls=Predictor,
)
packed_again = repacked.deploy(
    1, "ml.m5.large", serializer=JSONSerializer(), deserializer=JSONDeserializer(), wait=False
)
told["packed again"] = repacked.repacked_model_data != sklearn_model.model_data

# XGBoost with a script of one's own, registered first.
(folder / "score.py").write_text(XGBOOST_SCRIPT)
scripted = XGBoostModel(
    model_data=url,
    role=role,
    entry_point=str(folder / "score.py"),
    framework_version="1.7-1",
    sagemaker_session=session,
)
registered = scripted.register(
    content_types=["application/json"],
    response_types=["application/json"],
    inference_instances=["ml.m5.large"],
    transform_instances=["ml.m5.large"],
    model_package_group_name="scripted",
    approval_status="Approved",
)
xgboost = registered.deploy(1, "ml.m5.large", endpoint_name="scripted", wait=False) or Predictor(
    "scripted", session
)
xgboost.serializer, xgboost.deserializer = JSONSerializer(), JSONDeserializer()

rows = [[float(value) for value in line.split(",")] for line in story["rows"].splitlines()]
answer = in_service(direct).predict(story["rows"]).decode()
told["direct"] = [float(value) for value in answer.replace(",", " ").split()]
told["sklearn"] = [
    in_service(sklearn).predict(rows),
    [float(value) for value in estimator.predict_proba(numpy.array(rows))[:, 1]],
]
told["repacked"] = in_service(packed_again).predict(rows)
told["xgboost"] = in_service(xgboost).predict({"instances": rows})["scores"]

told["refused"] = {
    "pipeline": refusal(
        PipelineModel(
            [
                Model(story["image"], url, role, sagemaker_session=session, name="one"),
                Model(story["image"], url, role, sagemaker_session=session, name="two"),
            ],
            role,
            sagemaker_session=session,
        ).deploy,
        1,
        "ml.m5.large",
    ),
    "multi-model": refusal(
        MultiDataModel(
            "many",
            f"s3://{session.default_bucket()}/many/",
            image_uri=story["image"],
            role=role,
            sagemaker_session=session,
        ).deploy,
        1,
        "ml.m5.large",
    ),
}
for predictor in (direct, sklearn, packed_again, xgboost):
    predictor.delete_model()
    predictor.delete_endpoint()
told["left"] = [
    len(client.list_models()["Models"]),
    len(client.list_endpoint_configs()["EndpointConfigs"]),
]
print("\n" + json.dumps(told))
