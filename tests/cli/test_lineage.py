"""`modelyard lineage`: the graph in the terminal, as SVG and as JSON."""

import contextlib
import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from botocore.exceptions import ClientError

from tests.cli.conftest import Command
from tests.server_process import ServerProcess, free_port_pair

Shell = dict[str, str]
HOSTILE = "\x1b]0;owned\x07[bold red]<script>"


@pytest.fixture
def pointed(server: ServerProcess) -> Shell:
    """The AWS settings of a shell that points at the server."""
    return {
        "AWS_ENDPOINT_URL": server.url,
        "AWS_ACCESS_KEY_ID": server.access_key_id,
        "AWS_SECRET_ACCESS_KEY": server.secret_access_key,
        "AWS_REGION": "us-east-1",
    }


def artifact(sagemaker: Any, uri: str, kind: str, **members: Any) -> str:
    """The artifact of this source, made now or there already."""
    with contextlib.suppress(ClientError):
        sagemaker.create_artifact(Source={"SourceUri": uri}, ArtifactType=kind, **members)
    found = sagemaker.list_artifacts(SourceUri=uri)["ArtifactSummaries"]
    return str(found[0]["ArtifactArn"])


@pytest.fixture
def churn(server: ServerProcess) -> str:
    """A version with two data sets, an image, and the endpoint that serves it; its ARN."""
    sagemaker = server.client("sagemaker")
    sagemaker.create_model_package_group(ModelPackageGroupName="churn")
    arn: str = sagemaker.create_model_package(
        ModelPackageGroupName="churn",
        InferenceSpecification={"Containers": [{"Image": "xgboost:1.7-1"}]},
    )["ModelPackageArn"]
    package = artifact(sagemaker, arn, "Model")
    model = artifact(sagemaker, "s3://b/out/model.tar.gz", "Model")
    for uri in ("s3://b/train.csv", f"s3://b/{HOSTILE}"):
        data = artifact(sagemaker, uri, "DataSet")
        sagemaker.add_association(SourceArn=data, DestinationArn=model)
    deploy = sagemaker.create_action(
        ActionName="Churn-Deploy", Source={"SourceUri": "x"}, ActionType="ModelDeployment"
    )["ActionArn"]
    endpoint = sagemaker.create_context(
        ContextName="Churn-Live", Source={"SourceUri": "arn:of:live"}, ContextType="Endpoint"
    )["ContextArn"]
    for one, other, kind in (
        (model, package, "ContributedTo"),
        (package, deploy, "ContributedTo"),
        (deploy, endpoint, "AssociatedWith"),
        (model, deploy, "ContributedTo"),
    ):
        sagemaker.add_association(SourceArn=one, DestinationArn=other, AssociationType=kind)
    return arn


def test_a_version_is_shown_with_what_it_came_from_and_led_to(
    modelyard: Command, pointed: Shell, churn: str, tmp_path: Path
) -> None:
    shown = modelyard("lineage", "churn/1", "--svg", "churn.svg", **pointed)

    assert shown.returncode == 0, shown.stderr
    for line in ("churn/1", "model.tar.gz", "train.csv", "Churn-Deploy", "Churn-Live"):
        assert line in shown.stdout
    assert shown.stdout.index("came from") < shown.stdout.index("train.csv")
    assert shown.stdout.index("led to") < shown.stdout.index("Churn-Live")
    assert "\x1b" not in shown.stdout and "[bold red]<script>" in shown.stdout
    root = ElementTree.fromstring((tmp_path / "churn.svg").read_text())
    assert "Lineage of churn/1" in [one.text for one in root.iter()]


def test_the_graph_is_printed_as_json_from_any_of_its_names(
    modelyard: Command, pointed: Shell, churn: str
) -> None:
    answers = [
        modelyard("lineage", what, "--json", **pointed)
        for what in ("s3://b/out/model.tar.gz", churn)
    ]

    by_file, by_arn = (json.loads(one.stdout) for one in answers)
    assert by_file["Start"] != by_arn["Start"]
    named = {one["Name"]: one for one in by_file["Vertices"]}
    assert named["Churn-Live"]["LineageType"] == "Context"
    arns = {one["Arn"] for one in by_file["Vertices"]}
    assert {"SourceArn", "DestinationArn"} <= by_file["Edges"][0].keys()
    assert all({e["SourceArn"], e["DestinationArn"]} <= arns for e in by_file["Edges"])
    near = json.loads(modelyard("lineage", churn, "--json", "--depth", "1", **pointed).stdout)
    assert len(near["Vertices"]) < len(by_arn["Vertices"])


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("s3://b/unknown", "Nothing is known of the lineage of s3://b/unknown"),
        ("absent/1", "does not exist"),
        ("absent", "does not exist"),
        ("arn:aws:sagemaker:us-east-1:123456789012:context/absent", "does not exist"),
    ],
)
def test_what_is_not_known_is_said(
    modelyard: Command, pointed: Shell, what: str, said: str
) -> None:
    told = modelyard("lineage", what, **pointed)

    assert told.returncode == 1
    assert said in told.stderr


def test_a_server_that_is_away_is_said(modelyard: Command, pointed: Shell) -> None:
    away = {**pointed, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{free_port_pair()}"}

    told = modelyard("lineage", "churn/1", **away)

    assert told.returncode == 3
    assert "could not be asked" in told.stderr
