"""What is known of a model package's origin, as a script that does it again. Pure.

Everything here was written by whoever registered or ran something: in comments it is one line of
printable characters, in code a quoted value.
"""

import json
import pprint
import shlex
from collections.abc import Iterator
from typing import Any

from modelyard.cli.origins import JOB_IMAGE, TRAINING_JOB, Maker, Origin, Source

# As SageMaker writes a training job's settings into the parameters of its trial component.
_SETTINGS = "SageMaker."
_MODEL = "SageMaker.ModelArtifact"
_INSTANCE_TYPE, _INSTANCE_COUNT = "SageMaker.InstanceType", "SageMaker.InstanceCount"
_VOLUME = "SageMaker.VolumeSizeInGB"
_OUTPUT_END = "/output/model.tar.gz"
_JOB_NAME_LENGTH_MAX = 63
_AGAIN = "-again"
_RUNTIME_SECONDS = 86_400  # CreateTrainingJob's default
_VOLUME_GB = 30


def python(origin: Origin) -> str:
    lines = list(_comments(origin))
    maker = origin.maker
    if maker is None:
        return "\n".join(lines) + "\n"
    if maker.kind == TRAINING_JOB:
        request = pprint.pformat(job_request(maker), width=98, sort_dicts=False)
        lines += ["", "import os", "", "import boto3", "", f"request = {request}", ""]
        lines += ['boto3.client("sagemaker").create_training_job(']
        lines += ['    **request, RoleArn=os.environ["ROLE_ARN"]', ")"]
        return "\n".join(lines) + "\n"
    inputs = {one.name: one.uri for one in maker.inputs}
    lines += ["", "from sagemaker.experiments.run import Run", ""]
    lines += [f"parameters = {pprint.pformat(dict(maker.parameters), width=98)}"]
    lines += [f"inputs = {pprint.pformat(inputs, width=98)}", ""]
    names = f"experiment_name={maker.experiment!r}, run_name={maker.name + _AGAIN!r}"
    lines += [f"with Run({names}) as run:", "    run.log_parameters(parameters)"]
    lines += ["    # The code of the run goes here: it is not kept by the server."]
    return "\n".join(lines) + "\n"


def command_line(origin: Origin) -> str:
    lines = list(_comments(origin))
    maker = origin.maker
    if maker is not None and maker.kind == TRAINING_JOB:
        request = shlex.quote(json.dumps(job_request(maker), indent=2))
        lines += ["", 'aws sagemaker create-training-job --role-arn "$ROLE_ARN" \\']
        lines += [f"  --cli-input-json {request}"]
    elif maker is not None:
        lines += ["", "# A run is no job: no command does it again. See --form python."]
    return "\n".join(lines) + "\n"


def job_request(maker: Maker) -> dict[str, Any]:
    """CreateTrainingJob's request, as far as the trial component tells; without a role."""
    settings = maker.parameters
    job = maker.source_arn.rpartition("/")[2] or maker.name
    request: dict[str, Any] = {
        "TrainingJobName": job[: _JOB_NAME_LENGTH_MAX - len(_AGAIN)].rstrip("-") + _AGAIN,
        "AlgorithmSpecification": {
            "TrainingImage": str(settings.get(JOB_IMAGE, "")),
            "TrainingInputMode": "File",
        },
        "HyperParameters": {
            name: _text(value) for name, value in settings.items() if not name.startswith(_SETTINGS)
        },
        "InputDataConfig": [
            _channel(one) for one in maker.inputs if not one.name.startswith(_SETTINGS)
        ],
        "OutputDataConfig": {"S3OutputPath": _output_path(maker, job)},
        "ResourceConfig": {
            "InstanceType": str(settings.get(_INSTANCE_TYPE, "ml.m5.large")),
            "InstanceCount": _whole(settings.get(_INSTANCE_COUNT), 1),
            "VolumeSizeInGB": _whole(settings.get(_VOLUME), _VOLUME_GB),
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": _RUNTIME_SECONDS},
    }
    return {member: value for member, value in request.items() if value not in ({}, [])}


def unknown(origin: Origin) -> Iterator[str]:
    """What cannot be told, each a sentence."""
    maker = origin.maker
    if maker is None:
        yield "which job or run made it: lineage joins none to it or to its model data"
    if not origin.code and not (maker and maker.code):
        yield "the code: its MetadataProperties name no Repository and no CommitId"
    if maker is None:
        return
    if maker.kind == TRAINING_JOB:
        yield "the execution role: set ROLE_ARN to one that may read the inputs"
        yield "the longest run time, and the content types of channels: defaults are used"
        for setting in (JOB_IMAGE, _INSTANCE_TYPE, _INSTANCE_COUNT, _VOLUME):
            if setting not in maker.parameters:
                yield f"{setting}: its trial component does not say"
        if not any(one.name == _MODEL for one in maker.outputs):
            yield "where its output went: its trial component does not say"
    else:
        yield "the code that ran, and what it ran on: a run keeps its parameters and artifacts"
        if not maker.experiment:
            yield "its experiment: the run is in none any more"
    for one in maker.inputs:
        if not one.digest:
            yield f"the bytes of input {one.name}: no single object that you may see is there"


def _comments(origin: Origin) -> Iterator[str]:
    yield _comment(f"How {origin.package} was made, as far as it is known.")
    for one in origin.model_data:
        yield _comment(f"  model data: {_described(one)}")
    for image in origin.images:
        yield _comment(f"  image it is served with: {image}")
    maker = origin.maker
    code = {**(maker.code if maker else {}), **origin.code}
    for member, value in code.items():
        yield _comment(f"  {member}: {value}")
    if maker is not None:
        of = f" of experiment {maker.experiment}" if maker.experiment else ""
        yield _comment(f"  made by: {maker.kind} {maker.name}{of} {maker.source_arn}".rstrip())
        for one in (*maker.inputs, *maker.outputs):
            yield _comment(f"  {one.kind} {one.name}: {_described(one)}")
    for one in origin.upstream:
        yield _comment(f"  upstream {one.kind}: {_described(one)}")
    for arn in origin.earlier:
        yield _comment(f"  before it: {arn}")
    missing = list(unknown(origin))
    if missing:
        yield "# Not known:"
        yield from (_comment(f"  - {one}") for one in missing)


def _described(source: Source) -> str:
    return f"{source.uri} ({source.digest})" if source.digest else source.uri


def _comment(text: str) -> str:
    """One line: whatever the text has, nothing of it is read as code."""
    return "# " + "".join(one if one.isprintable() else "?" for one in text)


def _text(value: str | float) -> str:
    """As hyperparameters are written: a whole number has no point."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _whole(value: str | float | None, default: int) -> int:
    try:
        return int(float(value)) if value is not None else default
    except (ValueError, OverflowError):
        return default


def _channel(source: Source) -> dict[str, Any]:
    data = {"S3DataType": "S3Prefix", "S3Uri": source.uri}
    return {
        "ChannelName": source.name,
        "DataSource": {"S3DataSource": {**data, "S3DataDistributionType": "FullyReplicated"}},
    }


def _output_path(maker: Maker, job: str) -> str:
    """What the job's output path was: the model is at <path>/<job>/output/model.tar.gz."""
    for one in maker.outputs:
        if one.name == _MODEL:
            return one.uri.removesuffix(_OUTPUT_END).removesuffix(f"/{job}")
    return ""
