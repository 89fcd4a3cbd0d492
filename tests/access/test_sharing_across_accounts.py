"""Two accounts on a running server: what a policy shares is there for the other, no more."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.access.test_accounts import enter, make
from tests.clients.story import Boosters, train
from tests.server_process import REGION, ServerProcess

IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
BUCKET = "producers"


class Sharing:
    """A producer's account with an approved version, and a consumer's."""

    def __init__(self, server: ServerProcess) -> None:
        self.server = server
        self.producer, self.consumer = make(server, "producer"), make(server, "consumer")
        self._keys = {name: enter(server, name) for name in (self.producer, self.consumer)}
        self._clients: dict[tuple[str, str], Any] = {}
        self.group = f"arn:aws:sagemaker:{REGION}:{self.producer}:model-package-group/churn"
        self.version = f"arn:aws:sagemaker:{REGION}:{self.producer}:model-package/churn/1"
        self.theirs("s3").create_bucket(Bucket=BUCKET)
        self.theirs("s3").put_object(Bucket=BUCKET, Key="model.tar.gz", Body=b"bytes")
        self.theirs("sagemaker").create_model_package_group(ModelPackageGroupName="churn")
        self.register(self.theirs("sagemaker"), "churn")

    def client(self, account: str, service: str) -> Any:
        key = (account, service)
        if key not in self._clients:
            self._clients[key] = self.server.client(service, **self._keys[account])
        return self._clients[key]

    def theirs(self, service: str) -> Any:
        return self.client(self.producer, service)

    def mine(self, service: str) -> Any:
        return self.client(self.consumer, service)

    def register(self, sagemaker: Any, group: str) -> str:
        container = {"Image": IMAGE, "ModelDataUrl": f"s3://{BUCKET}/model.tar.gz"}
        made = sagemaker.create_model_package(
            ModelPackageGroupName=group,
            ModelApprovalStatus="Approved",
            InferenceSpecification={
                "Containers": [container],
                "SupportedContentTypes": ["text/csv"],
                "SupportedResponseMIMETypes": ["text/csv"],
            },
        )
        return str(made["ModelPackageArn"])

    def share_group(self, **members: Any) -> None:
        """As AWS's developer guide words it."""
        versions = self.group.replace("model-package-group", "model-package") + "/*"
        principal = {"AWS": f"arn:aws:iam::{self.consumer}:root"}
        statements = [
            {
                "Sid": "AddPermModelPackageGroup",
                "Effect": "Allow",
                "Principal": principal,
                "Action": ["sagemaker:DescribeModelPackageGroup"],
                "Resource": self.group,
                **members,
            },
            {
                "Sid": "AddPermModelPackageVersion",
                "Effect": "Allow",
                "Principal": principal,
                "Action": [
                    "sagemaker:DescribeModelPackage",
                    "sagemaker:ListModelPackages",
                    "sagemaker:UpdateModelPackage",
                    "sagemaker:CreateModel",
                ],
                "Resource": versions,
                **members,
            },
        ]
        self.theirs("sagemaker").put_model_package_group_policy(
            ModelPackageGroupName="churn",
            ResourcePolicy=json.dumps({"Version": "2012-10-17", "Statement": statements}),
        )

    def share_bucket(self, *actions: str) -> None:
        statement = {
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{self.consumer}:root"},
            "Action": list(actions),
            "Resource": [f"arn:aws:s3:::{BUCKET}", f"arn:aws:s3:::{BUCKET}/*"],
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": statement})
        self.theirs("s3").put_bucket_policy(Bucket=BUCKET, Policy=policy)

    def create_model(self, name: str = "churn") -> None:
        self.mine("sagemaker").create_model(
            ModelName=name,
            PrimaryContainer={"ModelPackageName": self.version},
            ExecutionRoleArn=f"arn:aws:iam::{self.consumer}:role/OrganizationAccountAccessRole",
        )


def denied(ask: Callable[[], Any]) -> str:
    with pytest.raises(ClientError) as refused:
        ask()
    return str(refused.value.response["Error"]["Code"])


@pytest.fixture(scope="module")
def boosters(tmp_path_factory: pytest.TempPathFactory) -> Boosters:
    return train(tmp_path_factory.mktemp("boosters"))


@pytest.fixture
def sharing(server_on_each_database: ServerProcess) -> Sharing:
    return Sharing(server_on_each_database)


def test_a_shared_group_is_described_listed_and_decided_about(sharing: Sharing) -> None:
    mine, theirs = sharing.mine("sagemaker"), sharing.theirs("sagemaker")
    asked: list[Callable[[], Any]] = [
        lambda: mine.describe_model_package_group(ModelPackageGroupName=sharing.group),
        lambda: mine.describe_model_package(ModelPackageName=sharing.version),
        lambda: mine.list_model_packages(ModelPackageGroupName=sharing.group),
        lambda: mine.update_model_package(
            ModelPackageArn=sharing.version, ModelApprovalStatus="Rejected"
        ),
    ]
    assert [denied(ask) for ask in asked] == ["AccessDeniedException"] * 4
    sharing.share_group()

    answers = [ask() for ask in asked]

    assert answers[0]["ModelPackageGroupArn"] == sharing.group
    assert answers[1]["ModelPackageArn"] == sharing.version
    [listed] = answers[2]["ModelPackageSummaryList"]
    assert listed["ModelPackageArn"] == sharing.version
    described = theirs.describe_model_package(ModelPackageName="churn/1")
    assert described["ModelApprovalStatus"] == "Rejected"
    assert sharing.consumer in described["LastModifiedBy"]["IamIdentity"]["Arn"]
    others: list[Callable[[], Any]] = [
        lambda: mine.delete_model_package(ModelPackageName=sharing.version),
        lambda: mine.delete_model_package_group(ModelPackageGroupName=sharing.group),
        lambda: mine.list_tags(ResourceArn=sharing.group),
        lambda: sharing.register(mine, sharing.group),
    ]
    assert [denied(ask) for ask in others] == ["AccessDeniedException"] * 4
    theirs.delete_model_package_group_policy(ModelPackageGroupName="churn")
    assert [denied(ask) for ask in asked] == ["AccessDeniedException"] * 4


def test_a_shared_group_is_discovered(sharing: Sharing) -> None:
    mine = sharing.mine("sagemaker")

    def found() -> tuple[list[str], list[str]]:
        listed = mine.list_model_package_groups(CrossAccountFilterOption="CrossAccount")
        searched = mine.search(Resource="ModelPackage", CrossAccountFilterOption="CrossAccount")
        return (
            [one["ModelPackageGroupArn"] for one in listed["ModelPackageGroupSummaryList"]],
            [one["ModelPackage"]["ModelPackageArn"] for one in searched["Results"]],
        )

    assert found() == ([], [])
    sharing.share_group()
    assert found() == ([sharing.group], [sharing.version])
    sharing.share_group(Action="sagemaker:*")
    assert found() == ([], [])
    assert mine.describe_model_package(ModelPackageName=sharing.version)
    assert mine.list_model_package_groups()["ModelPackageGroupSummaryList"] == []


def test_both_accounts_have_to_allow(sharing: Sharing) -> None:
    sharing.share_group()
    iam = sharing.mine("iam")
    trust = {
        "Version": "2012-10-17",
        "Statement": {
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{sharing.consumer}:root"},
            "Action": "sts:AssumeRole",
        },
    }
    iam.create_role(RoleName="reader", AssumeRolePolicyDocument=json.dumps(trust))
    keys = enter(sharing.server, sharing.consumer, "reader", sharing.mine("sts"))
    reader = sharing.server.client("sagemaker", **keys)

    def describe() -> Any:
        return reader.describe_model_package(ModelPackageName=sharing.version)

    assert denied(describe) == "AccessDeniedException"
    allow = {"Effect": "Allow", "Action": "sagemaker:Describe*", "Resource": sharing.version}
    iam.put_role_policy(
        RoleName="reader",
        PolicyName="read",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": allow}),
    )
    assert describe()["ModelPackageArn"] == sharing.version


def test_objects_of_a_shared_bucket_are_read_and_nothing_more(sharing: Sharing) -> None:
    mine = sharing.mine("s3")

    def get() -> bytes:
        body: bytes = mine.get_object(Bucket=BUCKET, Key="model.tar.gz")["Body"].read()
        return body

    assert denied(get) == "AccessDenied"
    sharing.share_bucket("s3:GetObject", "s3:ListBucket")

    assert get() == b"bytes"
    assert [one["Key"] for one in mine.list_objects_v2(Bucket=BUCKET)["Contents"]] == [
        "model.tar.gz"
    ]
    mine.create_bucket(Bucket="consumers")
    mine.copy_object(Bucket="consumers", Key="copy", CopySource=f"{BUCKET}/model.tar.gz")
    others: list[Callable[[], Any]] = [
        lambda: mine.put_object(Bucket=BUCKET, Key="new", Body=b""),
        lambda: mine.delete_object(Bucket=BUCKET, Key="model.tar.gz"),
        lambda: mine.get_bucket_policy(Bucket=BUCKET),
        lambda: mine.delete_bucket(Bucket=BUCKET),
    ]
    assert [denied(ask) for ask in others] == ["AccessDenied"] * 4
    sharing.theirs("s3").delete_bucket_policy(Bucket=BUCKET)
    assert denied(get) == "AccessDenied"


def test_a_model_needs_a_share_of_the_version_and_of_its_bytes(sharing: Sharing) -> None:
    assert denied(sharing.create_model) == "AccessDeniedException"
    sharing.share_group()
    assert denied(sharing.create_model) == "ValidationException"
    sharing.share_bucket("s3:GetObject")

    sharing.create_model()

    sharing.theirs("sagemaker").update_model_package(
        ModelPackageArn=sharing.version, ModelApprovalStatus="Rejected"
    )
    with pytest.raises(ClientError, match="Rejected"):
        sharing.create_model("again")


def test_what_a_closed_account_shared_is_shared_no_more(sharing: Sharing) -> None:
    sharing.share_group()
    sharing.share_bucket("s3:GetObject")

    sharing.server.client("organizations").close_account(AccountId=sharing.producer)

    mine = sharing.mine("sagemaker")
    assert denied(lambda: mine.describe_model_package(ModelPackageName=sharing.version)) == (
        "AccessDeniedException"
    )
    get = lambda: sharing.mine("s3").get_object(Bucket=BUCKET, Key="model.tar.gz")  # noqa: E731
    assert denied(get) == "AccessDenied"


def test_a_shared_version_is_served(server: ServerProcess, boosters: Boosters) -> None:
    sharing = Sharing(server)
    sharing.theirs("s3").upload_file(str(boosters.archives[0]), BUCKET, "model.tar.gz")
    second = sharing.register(sharing.theirs("sagemaker"), "churn")
    sharing.version = second
    sharing.share_group()
    sharing.share_bucket("s3:GetObject")
    sharing.create_model()
    mine = sharing.mine("sagemaker")
    variant = {
        "VariantName": "v",
        "ModelName": "churn",
        "InstanceType": "ml.m5.large",
        "InitialInstanceCount": 1,
    }
    mine.create_endpoint_config(EndpointConfigName="churn", ProductionVariants=[variant])

    mine.create_endpoint(EndpointName="churn", EndpointConfigName="churn")

    mine.get_waiter("endpoint_in_service").wait(
        EndpointName="churn", WaiterConfig={"Delay": 1, "MaxAttempts": 120}
    )
    answer = sharing.mine("sagemaker-runtime").invoke_endpoint(
        EndpointName="churn", ContentType="text/csv", Body=boosters.rows.splitlines()[0]
    )
    assert float(answer["Body"].read()) == pytest.approx(boosters.answers[0][0])
