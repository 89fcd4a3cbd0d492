"""Scripts of an origin: whatever is in it, they parse, and hold what is known and nothing else."""

import ast
import json
import shlex
from typing import Any

import botocore.session
from botocore.validate import ParamValidator
from hypothesis import given
from hypothesis import strategies as st

from modelyard.cli import origin_scripts
from modelyard.cli.origins import RUN, TRAINING_JOB, Maker, Origin, Source

TEXT = st.text(max_size=30) | st.sampled_from(
    ["\nimport os; os.system('x')", '"""', "'; rm -rf ~; '", "$(x)", "`x`", "\\", "#", "\r\n--"]
)
SOURCES = st.lists(st.builds(Source, TEXT, TEXT, TEXT, TEXT), max_size=3).map(tuple)
CODE = st.dictionaries(st.sampled_from(["CommitId", "Repository"]), TEXT)
NAMES = TEXT | st.sampled_from(
    [f"SageMaker.{name}" for name in ("ImageUri", "InstanceCount", "InstanceType")]
)
VALUES = TEXT | st.floats(allow_nan=False)
MAKERS = st.builds(
    Maker,
    st.sampled_from([TRAINING_JOB, RUN]),
    TEXT,
    TEXT,
    TEXT,
    st.dictionaries(NAMES, VALUES, max_size=4),
    SOURCES,
    SOURCES,
    CODE,
)
ORIGINS = st.builds(
    Origin, TEXT, st.lists(TEXT, max_size=2).map(tuple), SOURCES, CODE, st.none() | MAKERS, SOURCES
)

JOB = Maker(
    kind=TRAINING_JOB,
    name="churn-2026-aws-training-job",
    source_arn="arn:aws:sagemaker:us-east-1:123456789012:training-job/churn-2026",
    experiment="",
    parameters={
        "SageMaker.ImageUri": "registry/xgboost:1.7-1",
        "SageMaker.InstanceType": "ml.m5.xlarge",
        "SageMaker.InstanceCount": 2.0,
        "SageMaker.VolumeSizeInGB": 50.0,
        "max_depth": 5.0,
        "eta": 0.2,
        "objective": "binary:logistic",
    },
    inputs=(Source("input", "train", "s3://lake/train/", "ETag x now"),),
    outputs=(
        Source("output", "SageMaker.ModelArtifact", "s3://o/p/churn-2026/output/model.tar.gz"),
    ),
    code={},
)


def calls(script: str) -> list[str]:
    """Every call that a script makes, by the name of what is called."""
    nodes = [node.func for node in ast.walk(ast.parse(script)) if isinstance(node, ast.Call)]
    return sorted(
        node.attr if isinstance(node, ast.Attribute) else ast.unparse(node) for node in nodes
    )


@given(ORIGINS)
def test_a_script_calls_what_it_should_whatever_is_in_the_origin(origin: Origin) -> None:
    expected: list[str] = []
    if origin.maker is not None:
        job = origin.maker.kind == TRAINING_JOB
        expected = ["client", "create_training_job"] if job else ["Run", "log_parameters"]

    assert calls(origin_scripts.python(origin)) == expected


@given(ORIGINS)
def test_a_command_is_one_command_whatever_is_in_the_origin(origin: Origin) -> None:
    # shlex does not know that a shell joins the lines.
    script = origin_scripts.command_line(origin).replace('"$ROLE_ARN" \\\n', '"$ROLE_ARN" ')
    words = shlex.split(script, comments=True)

    if origin.maker is None or origin.maker.kind == RUN:
        assert words == []
    else:
        assert words[:3] == ["aws", "sagemaker", "create-training-job"]
        assert words[3:6] == ["--role-arn", "$ROLE_ARN", "--cli-input-json"]
        assert json.loads(words[6])["TrainingJobName"]
        assert len(words) == 7


def origin(maker: Maker | None, **more: Any) -> Origin:
    return Origin("arn:p", (), (), more.pop("code", {}), maker, (), **more)


def test_a_training_job_is_asked_for_as_it_was() -> None:
    request = origin_scripts.job_request(JOB)

    shape = botocore.session.get_session().get_service_model("sagemaker")
    expected = shape.operation_model("CreateTrainingJob").input_shape
    role = "arn:aws:iam::123456789012:role/training"
    report = ParamValidator().validate({**request, "RoleArn": role}, expected)
    assert not report.has_errors(), report.generate_report()
    assert request == {
        "TrainingJobName": "churn-2026-again",
        "AlgorithmSpecification": {
            "TrainingImage": "registry/xgboost:1.7-1",
            "TrainingInputMode": "File",
        },
        "HyperParameters": {"max_depth": "5", "eta": "0.2", "objective": "binary:logistic"},
        "InputDataConfig": [
            {
                "ChannelName": "train",
                "DataSource": {
                    "S3DataSource": {
                        "S3DataType": "S3Prefix",
                        "S3Uri": "s3://lake/train/",
                        "S3DataDistributionType": "FullyReplicated",
                    }
                },
            }
        ],
        "OutputDataConfig": {"S3OutputPath": "s3://o/p"},
        "ResourceConfig": {
            "InstanceType": "ml.m5.xlarge",
            "InstanceCount": 2,
            "VolumeSizeInGB": 50,
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": 86400},
    }


def test_what_cannot_be_known_is_said() -> None:
    nothing = " ".join(origin_scripts.unknown(origin(None)))
    assert "which job or run" in nothing
    assert "the code" in nothing

    job = " ".join(origin_scripts.unknown(origin(JOB, code={"CommitId": "c1"})))
    assert "execution role" in job
    assert "the code" not in job
