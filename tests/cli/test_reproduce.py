"""`modelyard reproduce`: from a version through lineage to what made it."""

import ast
import json
import shlex
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.cli.conftest import Command
from tests.server_process import ServerProcess

Shell = dict[str, str]
GROUP = "churn"
SECONDS_MAX = 120.0


def put(server: ServerProcess, key: str) -> str:
    server.client("s3").put_object(Bucket="lake", Key=key, Body=key.encode())
    return f"s3://lake/{key}"


def version(server: ServerProcess, url: str, **members: Any) -> str:
    answer = server.client("sagemaker").create_model_package(
        ModelPackageGroupName=GROUP,
        InferenceSpecification={
            "Containers": [{"Image": "registry/serve:1", "ModelDataUrl": url}],
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["text/csv"],
        },
        **members,
    )
    return str(answer["ModelPackageArn"])


def component(server: ServerProcess, name: str, model: str, **members: Any) -> str:
    """A trial component that trained on a data set and produced the model at `model`."""
    sagemaker = server.client("sagemaker")
    arn: str = sagemaker.create_trial_component(
        TrialComponentName=name,
        InputArtifacts={"train": {"MediaType": "text/csv", "Value": "s3://lake/train.csv"}},
        OutputArtifacts={"SageMaker.ModelArtifact": {"Value": model}},
        **members,
    )["TrialComponentArn"]
    for uri, kind in ((model, "Model"), ("s3://lake/train.csv", "DataSet")):
        listed = sagemaker.list_artifacts(SourceUri=uri)["ArtifactSummaries"]
        if listed:
            artifact = listed[0]["ArtifactArn"]
        else:
            artifact = sagemaker.create_artifact(ArtifactType=kind, Source={"SourceUri": uri})[
                "ArtifactArn"
            ]
        made = kind == "Model"
        sagemaker.add_association(
            SourceArn=arn if made else artifact,
            DestinationArn=artifact if made else arn,
            AssociationType="Produced" if made else "ContributedTo",
        )
    return arn


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """Version 1 was made by a training job, 2 by a run, 3 nobody knows how."""
    server = ServerProcess(tmp_path_factory.mktemp("reproduce"))
    server.start()
    sagemaker = server.client("sagemaker")
    server.client("s3").create_bucket(Bucket="lake")
    put(server, "train.csv")
    sagemaker.create_model_package_group(ModelPackageGroupName=GROUP)
    urls = [put(server, f"out/{name}/output/model.tar.gz") for name in ("churn-2026", "run", "x")]
    component(
        server,
        "churn-2026-aws-training-job",
        urls[0],
        Parameters={
            "SageMaker.ImageUri": {"StringValue": "registry/train:1"},
            "SageMaker.InstanceType": {"StringValue": "ml.m5.xlarge"},
            "SageMaker.InstanceCount": {"NumberValue": 1},
            "SageMaker.VolumeSizeInGB": {"NumberValue": 10},
            "max_depth": {"NumberValue": 5},
        },
    )
    component(
        server,
        "tuning-run-1",
        urls[1],
        Parameters={"eta": {"NumberValue": 0.2}},
        MetadataProperties={"CommitId": "c0ffee"},
    )
    sagemaker.create_experiment(ExperimentName="tuning")
    sagemaker.create_trial(TrialName="tuning-trial", ExperimentName="tuning")
    sagemaker.associate_trial_component(TrialComponentName="tuning-run-1", TrialName="tuning-trial")
    for url in urls:
        version(server, url)
    yield server
    assert server.close() == []


@pytest.fixture
def pointed(running: ServerProcess) -> Shell:
    """The AWS settings of a shell that points at the server."""
    return {
        "AWS_ENDPOINT_URL": running.url,
        "AWS_ACCESS_KEY_ID": running.access_key_id,
        "AWS_SECRET_ACCESS_KEY": running.secret_access_key,
        "AWS_REGION": "us-east-1",
    }


def test_a_version_of_a_run_is_a_script_with_its_parameters_and_inputs(
    modelyard: Command, pointed: Shell
) -> None:
    ran = modelyard("reproduce", "churn/2", **pointed)

    assert ran.returncode == 0, ran.stderr
    ast.parse(ran.stdout)
    lines = ran.stdout.splitlines()
    assert "parameters = {'eta': 0.2}" in lines
    assert "inputs = {'train': 's3://lake/train.csv'}" in lines
    assert "with Run(experiment_name='tuning', run_name='tuning-run-1-again') as run:" in lines
    assert "#   CommitId: c0ffee" in lines
    assert any(line.startswith("#   input train: s3://lake/train.csv (") for line in lines)
    assert any(line.startswith("#   model data: s3://lake/out/run/output/") for line in lines)


def test_a_version_of_a_training_job_is_a_call_and_a_command(
    modelyard: Command, pointed: Shell
) -> None:
    script = modelyard("reproduce", "churn/1", **pointed).stdout
    command = modelyard("reproduce", "churn/1", "--form", "cli", **pointed).stdout

    tree = ast.parse(script)
    [request] = [ast.literal_eval(node.value) for node in tree.body if isinstance(node, ast.Assign)]
    assert request["HyperParameters"] == {"max_depth": "5"}
    assert request["InputDataConfig"][0]["ChannelName"] == "train"
    words = shlex.split(command.replace("\\\n", " "), comments=True)
    assert words[:3] == ["aws", "sagemaker", "create-training-job"]
    assert json.loads(words[-1]) == request
    assert "#   - the execution role" in script


def test_a_version_that_nobody_joined_to_anything_says_so(
    modelyard: Command, pointed: Shell
) -> None:
    ran = modelyard("reproduce", "churn/3", **pointed)

    assert ran.returncode == 0, ran.stderr
    assert "#   - which job or run made it" in ran.stdout
    assert all(line.startswith("#") for line in ran.stdout.splitlines())


def test_a_component_that_generated_by_names_is_found_without_lineage(
    modelyard: Command, running: ServerProcess, pointed: Shell
) -> None:
    arn = running.client("sagemaker").create_trial_component(
        TrialComponentName="lone", Parameters={"depth": {"NumberValue": 3}}
    )["TrialComponentArn"]
    url = put(running, "lone/model.tar.gz")
    package = version(running, url, MetadataProperties={"GeneratedBy": arn})

    told = json.loads(modelyard("reproduce", package, "--json", **pointed).stdout)

    assert told["maker"]["name"] == "lone"
    assert told["maker"]["parameters"] == {"depth": 3.0}
    assert told["code"] == {"GeneratedBy": arn}


def test_a_copy_of_a_model_is_traced_by_its_bytes(
    modelyard: Command, running: ServerProcess, pointed: Shell
) -> None:
    source = {"Bucket": "lake", "Key": "out/run/output/model.tar.gz"}
    running.client("s3").copy_object(Bucket="lake", Key="copy.tar.gz", CopySource=source)
    package = version(running, "s3://lake/copy.tar.gz")

    deadline = time.monotonic() + SECONDS_MAX  # lineage makes itself after the registration
    told: dict[str, Any] = {}
    while not told.get("maker"):
        assert time.monotonic() < deadline, told
        told = json.loads(modelyard("reproduce", package, "--json", **pointed).stdout)

    assert told["maker"]["name"] == "tuning-run-1"


def test_the_command_form_of_a_run_says_that_there_is_none(
    modelyard: Command, pointed: Shell
) -> None:
    ran = modelyard("reproduce", "churn/2", "--form", "cli", **pointed)

    assert "# A run is no job" in ran.stdout


def test_a_version_that_is_not_there_is_told(modelyard: Command, pointed: Shell) -> None:
    ran = modelyard("reproduce", "churn/9", **pointed)

    assert ran.returncode == 1
    assert "churn/9 does not exist" in ran.stderr
