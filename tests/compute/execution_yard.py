"""A server whose endpoints run what tests send them, as roles that tests make."""

import json
import time
from pathlib import Path
from typing import Any

import psutil
from botocore.config import Config

from tests.reliability.endpoints import SKLEARN, scripted
from tests.server_process import ServerProcess

ACCOUNT = "123456789012"
BUCKET = "execution-roles"
MODELS = "execution-models"
SECONDS_MAX = 120.0

# Runs what it is sent, as model code; `answer` is answered.
OBEDIENT = """
def model_fn(model_dir):
    return {}
def transform_fn(model, data, content_type, accept):
    import json, traceback
    scope = {"model": model}
    try:
        exec(data if isinstance(data, str) else bytes(data).decode(), scope)
        return json.dumps({"answer": scope.get("answer")}), "application/json"
    except BaseException:
        return json.dumps({"error": traceback.format_exc()}), "application/json"
"""

# As an SDK is used: nothing is configured, one attempt so that a refusal is soon known.
BOTO3 = """
import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
quick = Config(retries={"total_max_attempts": 1}, connect_timeout=30, read_timeout=60)
def client(service):
    return boto3.client(service, config=quick)
def attempt(function):
    try:
        return function()
    except ClientError as refused:
        return refused.response["Error"]["Code"]
    except Exception as error:
        return type(error).__name__ + ": " + str(error)
"""


def trust(service: str = "sagemaker.amazonaws.com", **condition: Any) -> str:
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": "sts:AssumeRole",
        **({"Condition": condition} if condition else {}),
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def allowing(*actions: str, resource: str) -> str:
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": resource}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


class Yard:
    """A server with one bucket, and models that run as the roles they are given."""

    def __init__(self, server: ServerProcess) -> None:
        self.server = server
        quick = Config(retries={"total_max_attempts": 2}, read_timeout=150)
        self.s3, self.iam, self.sagemaker = (server.client(s) for s in ("s3", "iam", "sagemaker"))
        self.runtime = server.client("sagemaker-runtime", config=quick)
        for bucket in (BUCKET, MODELS):
            self.s3.create_bucket(Bucket=bucket)
        self.s3.put_object(Bucket=MODELS, Key="obedient.tar.gz", Body=scripted(OBEDIENT))

    def role(self, name: str, policy: str | None = None, trusted: str | None = None) -> str:
        made = self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=trusted or trust())
        if policy is not None:
            self.iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=policy)
        return str(made["Role"]["Arn"])

    def deploy(self, name: str, role: str, *, key: str = "obedient.tar.gz", **model: Any) -> None:
        """An endpoint that is in service."""
        container = {
            "Image": SKLEARN,
            "ModelDataUrl": f"s3://{MODELS}/{key}",
            "Environment": model.pop("environment", {}),
            **model.pop("container", {}),
        }
        self.sagemaker.create_model(
            ModelName=name, ExecutionRoleArn=role, PrimaryContainer=container, **model
        )
        variant = {
            "VariantName": "AllTraffic",
            "ModelName": name,
            "InitialInstanceCount": 1,
            "InstanceType": "ml.m5.large",
        }
        self.sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
        self.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
        self.settled(name)

    def settled(self, name: str) -> None:
        until = time.monotonic() + SECONDS_MAX
        while True:
            found = self.sagemaker.describe_endpoint(EndpointName=name)
            if found["EndpointStatus"] not in ("Creating", "Updating"):
                break
            assert time.monotonic() < until, found
            time.sleep(0.05)
        assert found["EndpointStatus"] == "InService", found

    def run(self, endpoint: str, source: str) -> Any:
        """What model code of `endpoint` answers when it runs `source`."""
        body = self.runtime.invoke_endpoint(
            EndpointName=endpoint, ContentType="application/octet-stream", Body=source.encode()
        )["Body"].read()
        found = json.loads(body)
        assert "answer" in found, found["error"]
        return found["answer"]


ASK = """
import http.client, os, urllib.parse
def ask(path=None, **headers):
    url = urllib.parse.urlsplit(os.environ["AWS_CONTAINER_CREDENTIALS_FULL_URI"])
    connection = http.client.HTTPConnection(url.hostname, url.port, timeout=60)
    connection.request("GET", path or url.path, headers=headers)
    response = connection.getresponse()
    return response.status, json.loads(response.read())
import json
token = os.environ["AWS_CONTAINER_AUTHORIZATION_TOKEN"]
"""


def replicas(server: ServerProcess) -> list[psutil.Process]:
    """The processes in which models run: those that have none of their own."""
    return [one for one in server.children() if not one.children()]


def listening(process: psutil.Process) -> int:
    """How many TCP sockets listen in the network that a process has."""
    lines = Path(f"/proc/{process.pid}/net/tcp").read_text().splitlines()[1:]
    return sum(line.split()[3] == "0A" for line in lines)
