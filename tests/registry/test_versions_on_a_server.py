"""Metrics and comparisons over the wire, with real archives, and over crashes."""

import io
import json
import tarfile
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.clients import story
from tests.clients.story import XGBOOST_IMAGE, Boosters
from tests.server_process import ServerProcess

SECONDS_MAX = 120.0


@pytest.fixture(scope="module")
def boosters(tmp_path_factory: pytest.TempPathFactory) -> Boosters:
    return story.train(tmp_path_factory.mktemp("boosters"))


def own(server: ServerProcess, **keys: str) -> Any:
    """A client of the service modelyard, signed with `keys` or the administrator's."""
    return server.client("modelyard", **keys)


def register(server: ServerProcess, archive: bytes, accuracy: float, **members: Any) -> str:
    """A version with this archive and an evaluation."""
    s3, number = server.client("s3"), len(archive)
    s3.put_object(Bucket="churn", Key=f"{number}/model.tar.gz", Body=archive)
    evaluation = {"binary_classification_metrics": {"accuracy": {"value": accuracy}}}
    s3.put_object(Bucket="churn", Key="evaluation.json", Body=json.dumps(evaluation).encode())
    source = {"ContentType": "application/json", "S3Uri": "s3://churn/evaluation.json"}
    container = {"Image": XGBOOST_IMAGE, "ModelDataUrl": f"s3://churn/{number}/model.tar.gz"}
    answer = server.client("sagemaker").create_model_package(
        ModelPackageGroupName="churn",
        InferenceSpecification={
            "Containers": [container],
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["text/csv"],
        },
        ModelMetrics={"ModelQuality": {"Statistics": source}},
        **members,
    )
    return str(answer["ModelPackageArn"])


def prepared(server: ServerProcess) -> ServerProcess:
    server.client("s3").create_bucket(Bucket="churn")
    server.client("sagemaker").create_model_package_group(ModelPackageGroupName="churn")
    return server


def once_read(server: ServerProcess, package: str) -> Any:
    """DescribeModelPackageMetrics, when no document waits any more."""
    deadline = time.monotonic() + SECONDS_MAX
    while True:
        answer = own(server).describe_model_package_metrics(ModelPackageName=package)
        if all(one["State"] != "Pending" for one in answer["Documents"]):
            return answer
        assert time.monotonic() < deadline, answer
        time.sleep(0.05)


@pytest.mark.slow
def test_versions_are_measured_and_compared_to_the_files_of_real_models(
    server_on_each_database: ServerProcess, boosters: Boosters
) -> None:
    server = prepared(server_on_each_database)
    archives = [path.read_bytes() for path in boosters.archives]
    first, second = register(server, archives[0], 0.75), register(server, archives[1], 0.875)
    for package in (first, second):
        assert once_read(server, package)["Documents"][0]["State"] == "Read"

    pages = own(server).get_paginator("list_model_package_metrics")
    asked = {"ModelPackageGroupName": "churn", "MetricName": "accuracy"}
    listed = list(
        pages.paginate(**asked, PaginationConfig={"PageSize": 1}).search("Metrics[].Value")
    )
    assert listed == [0.75, 0.875]

    answer = own(server).compare_model_packages(ModelPackageNames=[first, "churn/2"])
    assert answer["Same"] is False
    assert [one["State"] for one in answer["Archives"]] == ["Listed", "Listed"]
    items = {(item["Section"], item["Name"]): item for item in answer["Items"]}
    assert items["Metrics", "accuracy"]["Values"][1]["Delta"] == 0.125
    for place, packed in enumerate(archives):
        with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            sizes = {one.name: one.size for one in archive if one.isfile()}
        files = {
            name: item["Values"][place]["Bytes"]
            for (section, name), item in items.items()
            if section == "Files" and item["Values"][place]["Present"]
        }
        assert files == sizes
    assert not any(i["Same"] for (section, _), i in items.items() if section == "Files")


def test_the_best_among_the_approved_is_found_by_search(server: ServerProcess) -> None:
    prepared(server)
    for number, (accuracy, status) in enumerate(
        [(0.75, "Approved"), (0.99, "Rejected"), (0.875, "Approved")], 1
    ):
        once_read(server, register(server, b"x" * number, accuracy, ModelApprovalStatus=status))

    found = server.client("sagemaker").search(
        Resource="ModelPackage",
        SearchExpression={
            "Filters": [
                {"Name": "ModelPackageGroupName", "Operator": "Equals", "Value": "churn"},
                {"Name": "ModelApprovalStatus", "Operator": "Equals", "Value": "Approved"},
                {"Name": "Metrics.accuracy", "Operator": "GreaterThan", "Value": "0.5"},
            ]
        },
        SortBy="Metrics.accuracy",
        SortOrder="Descending",
    )

    versions = [one["ModelPackage"]["ModelPackageVersion"] for one in found["Results"]]
    assert versions == [3, 1]


@pytest.mark.slow
def test_a_server_killed_between_registration_and_reading_reads_once_when_it_is_back(
    server_on_each_database: ServerProcess,
) -> None:
    server = prepared(server_on_each_database)
    packages = []
    for number in range(2):
        packages.append(register(server, b"no archive" * (number + 1), number / 8))
        server.kill()
        server.start()
    server.client("s3").delete_object(Bucket="churn", Key="evaluation.json")

    for number, package in enumerate(packages):
        answer = once_read(server, package)
        assert answer["Documents"][0]["State"] == "Read"
        assert [(one["MetricName"], one["Value"]) for one in answer["Metrics"]] == [
            ("accuracy", number / 8)
        ]


def test_the_files_of_an_archive_are_shown_to_those_who_may_read_it(
    server: ServerProcess, boosters: Boosters
) -> None:
    prepared(server)
    archive = boosters.archives[0].read_bytes()
    packages = [register(server, archive, 0.5), register(server, b"no archive", 0.5)]
    iam = server.client("iam")
    iam.create_user(UserName="ada")
    key = iam.create_access_key(UserName="ada")["AccessKey"]
    ada = own(
        server,
        aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=key["SecretAccessKey"],
    )

    def allow(*actions: str) -> None:
        statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
        document = {"Version": "2012-10-17", "Statement": [statement]}
        iam.put_user_policy(UserName="ada", PolicyName="p", PolicyDocument=json.dumps(document))

    with pytest.raises(ClientError, match="not authorized to perform: sagemaker:DescribeModel"):
        ada.compare_model_packages(ModelPackageNames=packages)

    allow("sagemaker:DescribeModelPackage")
    answer = ada.compare_model_packages(ModelPackageNames=packages)
    assert [one["State"] for one in answer["Archives"]] == ["Denied", "Denied"]
    assert "Files" not in {item["Section"] for item in answer["Items"]}

    allow("sagemaker:DescribeModelPackage", "s3:GetObject")
    answer = ada.compare_model_packages(ModelPackageNames=packages)
    assert [one["State"] for one in answer["Archives"]] == ["Listed", "Unreadable"]
    assert "Files" in {item["Section"] for item in answer["Items"]}


def test_a_document_is_read_for_those_alone_who_may_read_it(server: ServerProcess) -> None:
    prepared(server)
    register(server, b"no archive", 0.5)  # leaves an evaluation
    iam = server.client("iam")
    iam.create_user(UserName="ada")
    key = iam.create_access_key(UserName="ada")["AccessKey"]
    statement = {"Effect": "Allow", "Action": "sagemaker:*", "Resource": "*"}
    document = {"Version": "2012-10-17", "Statement": [statement]}
    iam.put_user_policy(UserName="ada", PolicyName="p", PolicyDocument=json.dumps(document))
    sagemaker = server.client(
        "sagemaker",
        aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=key["SecretAccessKey"],
    )
    told = []
    for name in ("evaluation.json", "absent.json"):
        source = {"ContentType": "application/json", "S3Uri": f"s3://churn/{name}"}
        package = sagemaker.create_model_package(
            ModelPackageGroupName="churn", ModelMetrics={"ModelQuality": {"Statistics": source}}
        )["ModelPackageArn"]
        answer = own(server).describe_model_package_metrics(ModelPackageName=package)
        told.append([(one["State"], one["Problems"]) for one in answer["Documents"]])

    assert told[0] == told[1]
    assert told[0][0][0] == "Unreadable"
