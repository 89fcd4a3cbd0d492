"""The steps, told through the same public API that everybody uses, one event a step.

Knows no terminal: it yields what was done, and whoever asked for the story shows it.
"""

import json
import shlex
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from modelyard.quickstart.models import TrainedModel, train

Client = Any  # botocore makes its clients at run time
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
ROWS = 3  # sent in each prediction
GOOD_ENOUGH = 1e-5  # largest difference between a served and a local prediction


class StoryFailed(Exception):
    """The server did something else than the story says."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing done: the words for it, the `aws` command that does the same, what came back."""

    title: str
    command: str
    result: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Story:
    """`clients(name)` gives a botocore client; `progress` hears what is being waited for."""

    clients: Callable[[str], Client]
    progress: Callable[[str], None]
    group: str = ""
    endpoint: str = ""
    bucket: str = ""
    role: str = ""

    def steps(self) -> Iterator[Step]:
        yield from self._prepare()
        self.progress("training two models")
        first = train({"max_depth": "2", "eta": "0.3", "num_round": "8"})
        second = train({"max_depth": "4", "eta": "0.3", "num_round": "60"})
        one = yield from self._register(first, 1)
        yield self._refused(one)
        yield self._approve(one, f"Validated on held-out data: {first.accuracy:.1%} accuracy")
        yield from self._configure(one, 1)
        yield self._deploy()
        yield self._invoke(first, 1)
        two = yield from self._register(second, 2)
        yield self._approve(two, f"Better on the same data: {second.accuracy:.1%} accuracy")
        yield from self._configure(two, 2)
        yield self._update()
        yield self._invoke(second, 2)
        yield self._roll_back()
        yield self._invoke(first, 1)
        yield self._decisions(two)
        yield self._history()

    def _prepare(self) -> Iterator[Step]:
        sagemaker, s3, iam = (self.clients(name) for name in ("sagemaker", "s3", "iam"))
        account = self.clients("sts").get_caller_identity()["Account"]
        self.group = self.endpoint = self._free_name("breast-cancer")
        self.bucket = f"modelyard-quickstart-{account}"
        role = f"{self.group}-role"
        # us-east-1 answers a repeated creation by the owner with success, as S3 does
        s3.create_bucket(Bucket=self.bucket)
        yield Step("Make a bucket for models", _aws("s3 mb", f"s3://{self.bucket}"))
        trust = {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"Service": "sagemaker.amazonaws.com"},
                    "Action": "sts:AssumeRole",
                }
            ],
        }
        made = iam.create_role(RoleName=role, AssumeRolePolicyDocument=json.dumps(trust))
        self.role = made["Role"]["Arn"]
        yield Step(
            "Make the role that models run as",
            _aws("iam create-role", role_name=role, assume_role_policy_document=json.dumps(trust)),
            {"Arn": self.role},
        )
        answer = sagemaker.create_model_package_group(
            ModelPackageGroupName=self.group,
            ModelPackageGroupDescription="Tells malignant from benign tumours",
        )
        yield Step(
            "Create a model package group",
            _aws(
                "sagemaker create-model-package-group",
                model_package_group_name=self.group,
                model_package_group_description="Tells malignant from benign tumours",
            ),
            {"ModelPackageGroupArn": answer["ModelPackageGroupArn"]},
        )

    def _free_name(self, wanted: str) -> str:
        """`wanted`, or the first of wanted-2, wanted-3 ... that no group has yet."""
        sagemaker, name, number = self.clients("sagemaker"), wanted, 1
        while True:
            try:
                sagemaker.describe_model_package_group(ModelPackageGroupName=name)
            except ClientError as error:
                if error.response["Error"]["Code"] != "ValidationException":
                    raise
                return name
            number += 1
            name = f"{wanted}-{number}"

    def _register(self, model: TrainedModel, number: int) -> Generator[Step, None, str]:
        """Upload and register; the generator's value is the version's ARN."""
        s3 = self.clients("s3")
        url = f"s3://{self.bucket}/{self.group}/v{number}/model.tar.gz"
        quality = f"s3://{self.bucket}/{self.group}/v{number}/quality.json"
        for location, body in ((url, model.archive), (quality, model.quality_document)):
            s3.put_object(Bucket=self.bucket, Key=location.split("/", 3)[3], Body=body)
        yield Step(
            f"Upload model {number}",
            _aws("s3 cp", "model.tar.gz", url),
            {"bytes": len(model.archive), "accuracy": model.accuracy, "auc": model.auc},
        )
        specification = {
            "Containers": [{"Image": IMAGE, "ModelDataUrl": url}],
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["text/csv"],
        }
        metadata = {**model.hyperparameters, "accuracy": f"{model.accuracy:.4f}"}
        metrics = {
            "ModelQuality": {"Statistics": {"ContentType": "application/json", "S3Uri": quality}}
        }
        answer = self.clients("sagemaker").create_model_package(
            ModelPackageGroupName=self.group,
            ModelApprovalStatus="PendingManualApproval",
            InferenceSpecification=specification,
            CustomerMetadataProperties=metadata,
            ModelMetrics=metrics,
        )
        arn: str = answer["ModelPackageArn"]
        yield Step(
            f"Register it as version {number}",
            _aws(
                "sagemaker create-model-package",
                model_package_group_name=self.group,
                model_approval_status="PendingManualApproval",
                inference_specification=json.dumps(specification),
                customer_metadata_properties=",".join(f"{k}={v}" for k, v in metadata.items()),
                model_metrics=json.dumps(metrics),
            ),
            {"ModelPackageArn": arn},
        )
        return arn

    def _refused(self, arn: str) -> Step:
        name = f"{self.group}-too-early"
        try:
            self.clients("sagemaker").create_model(
                ModelName=name,
                ExecutionRoleArn=self.role,
                PrimaryContainer={"ModelPackageName": arn},
            )
        except ClientError as refusal:
            said = refusal.response["Error"]["Message"]
        else:
            raise StoryFailed("A version that nobody approved could be made into a model.")
        return Step(
            "Try to deploy it before anybody approved it",
            self._create_model_command(name, arn),
            {"refused": said},
        )

    def _create_model_command(self, name: str, arn: str) -> str:
        return _aws(
            "sagemaker create-model",
            model_name=name,
            execution_role_arn=self.role,
            primary_container=f"ModelPackageName={arn}",
        )

    def _approve(self, arn: str, note: str) -> Step:
        self.clients("sagemaker").update_model_package(
            ModelPackageArn=arn, ModelApprovalStatus="Approved", ApprovalDescription=note
        )
        return Step(
            "Approve it, with a note",
            _aws(
                "sagemaker update-model-package",
                model_package_arn=arn,
                model_approval_status="Approved",
                approval_description=note,
            ),
            {"ModelApprovalStatus": "Approved", "ApprovalDescription": note},
        )

    def _configure(self, arn: str, number: int) -> Iterator[Step]:
        sagemaker, name = self.clients("sagemaker"), f"{self.group}-v{number}"
        model = sagemaker.create_model(
            ModelName=name,
            ExecutionRoleArn=self.role,
            PrimaryContainer={"ModelPackageName": arn},
        )
        yield Step("Make a model of it", self._create_model_command(name, arn), _plain(model))
        variant = {
            "VariantName": "AllTraffic",
            "ModelName": name,
            "InitialInstanceCount": 1,
            "InstanceType": "ml.m5.large",
            "InitialVariantWeight": 1.0,
        }
        answer = sagemaker.create_endpoint_config(
            EndpointConfigName=name, ProductionVariants=[variant]
        )
        yield Step(
            "Say how it is to be served",
            _aws(
                "sagemaker create-endpoint-config",
                endpoint_config_name=name,
                production_variants=",".join(f"{k}={v}" for k, v in variant.items()),
            ),
            _plain(answer),
        )

    def _deploy(self) -> Step:
        self.clients("sagemaker").create_endpoint(
            EndpointName=self.endpoint, EndpointConfigName=f"{self.group}-v1"
        )
        return Step(
            "Deploy it to an endpoint and wait until it serves",
            _aws(
                "sagemaker create-endpoint",
                endpoint_name=self.endpoint,
                endpoint_config_name=f"{self.group}-v1",
            ),
            self._in_service(),
        )

    def _update(self) -> Step:
        self.clients("sagemaker").update_endpoint(
            EndpointName=self.endpoint, EndpointConfigName=f"{self.group}-v2"
        )
        return Step(
            "Update the endpoint to version 2; version 1 serves until 2 is ready",
            _aws(
                "sagemaker update-endpoint",
                endpoint_name=self.endpoint,
                endpoint_config_name=f"{self.group}-v2",
            ),
            self._in_service(),
        )

    def _in_service(self) -> dict[str, Any]:
        self.progress(f"waiting for endpoint {self.endpoint}")
        sagemaker = self.clients("sagemaker")
        sagemaker.get_waiter("endpoint_in_service").wait(
            EndpointName=self.endpoint, WaiterConfig={"Delay": 1, "MaxAttempts": 600}
        )
        found = sagemaker.describe_endpoint(EndpointName=self.endpoint)
        return {name: found[name] for name in ("EndpointStatus", "EndpointConfigName")}

    def _invoke(self, model: TrainedModel, number: int) -> Step:
        answer = self.clients("sagemaker-runtime").invoke_endpoint(
            EndpointName=self.endpoint,
            ContentType="text/csv",
            Body="\n".join(model.rows[:ROWS]).encode(),
        )
        text = answer["Body"].read().decode()
        served = [float(number) for number in text.replace("\n", ",").strip(",").split(",")]
        here = model.predictions[:ROWS]
        worst = max(abs(a - b) for a, b in zip(served, here, strict=True))
        if worst > GOOD_ENOUGH:
            raise StoryFailed(f"The endpoint answers {served}; model {number} says {here}.")
        return Step(
            f"Ask it for {ROWS} predictions and compare with model {number} here",
            _aws(
                "sagemaker-runtime invoke-endpoint",
                "answer.csv",
                endpoint_name=self.endpoint,
                content_type="text/csv",
                body="fileb://rows.csv",
            ),
            {"served": served, "local": here, "largest_difference": worst},
        )

    def _roll_back(self) -> Step:
        answer = self.clients("modelyard").rollback_endpoint(EndpointName=self.endpoint)
        target = answer["TargetDeployment"]
        serving = self._in_service()
        return Step(
            "Roll back to the version that served in health before",
            f"modelyard rollback {self.endpoint}",
            {
                "DeploymentNumber": target["DeploymentNumber"],
                "ModelPackageArn": target["Variants"][0]["ModelPackageArn"],
                **serving,
            },
        )

    def _decisions(self, arn: str) -> Step:
        found = self.clients("modelyard").list_model_package_decisions(ModelPackageName=arn)
        return Step(
            "Who approved version 2, and why",
            _aws("modelyard list-model-package-decisions", model_package_name=arn),
            {"Decisions": found["Decisions"]},
        )

    def _history(self) -> Step:
        found = self.clients("modelyard").list_endpoint_deployments(EndpointName=self.endpoint)
        kept = ("DeploymentNumber", "EndpointConfigName", "State", "InServiceTime", "CreatedBy")
        return Step(
            "What served when",
            _aws("modelyard list-endpoint-deployments", endpoint_name=self.endpoint),
            {
                "Deployments": [
                    {name: one[name] for name in kept if name in one}
                    for one in found["Deployments"]
                ]
            },
        )


def _plain(answer: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in answer.items() if name != "ResponseMetadata"}


def _aws(command: str, *arguments: str, **options: str) -> str:
    """The command, an option a line, so that it can be copied into a shell."""
    lines = [shlex.join(["aws", *command.split(), *arguments])]
    lines += [
        f"  --{name.replace('_', '-')} {shlex.quote(value)}" for name, value in options.items()
    ]
    return " \\\n".join(lines)
