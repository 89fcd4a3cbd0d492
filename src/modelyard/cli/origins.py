"""Where a model package came from: the job or run behind it, its inputs, parameters and code.

Asked with AWS's own operations, from the package back through lineage.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

TRAINING_JOB = "training job"
RUN = "run"
SOURCES_MAX = 50  # artifacts that are described one by one
_PAGES_MAX = 10
JOB_IMAGE = "SageMaker.ImageUri"  # a parameter of a training job's trial component
_JOB_SOURCE = "SageMakerTrainingJob"
_CODE = ("Repository", "CommitId", "GeneratedBy", "ProjectId")
_COMPONENT = ":experiment-trial-component/"


@dataclass(frozen=True, slots=True)
class Source:
    """Something upstream. `digest` says what its bytes were or are, "" if that is not known."""

    kind: str
    name: str
    uri: str
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Maker:
    """The trial component of a job or run. `kind` is TRAINING_JOB or RUN."""

    kind: str
    name: str
    source_arn: str
    experiment: str
    parameters: Mapping[str, str | float]
    inputs: tuple[Source, ...]
    outputs: tuple[Source, ...]
    code: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Origin:
    package: str
    images: tuple[str, ...]
    model_data: tuple[Source, ...]
    code: Mapping[str, str]
    maker: Maker | None
    upstream: tuple[Source, ...]
    earlier: tuple[str, ...] = field(default=())  # other trial components upstream


class Tracing:
    """Asks one server. Any of its calls may raise what botocore raises."""

    def __init__(self, sagemaker: Any, own: Any, s3: Any) -> None:
        self._sagemaker = sagemaker
        self._own = own
        self._s3 = s3

    def origin(self, name: str) -> Origin:
        package = self._sagemaker.describe_model_package(ModelPackageName=name)
        arn: str = package["ModelPackageArn"]
        data = tuple(self._model_data(arn))
        properties = package.get("MetadataProperties", {})
        vertices = list(self._upstream([arn, *(one.uri for one in data)]))
        components = [v["Arn"] for v in vertices if v["LineageType"] == "TrialComponent"]
        generated_by = properties.get("GeneratedBy", "")
        if _COMPONENT in generated_by and generated_by not in components:
            components.append(generated_by)
        known = {arn, *(one.uri for one in data)}
        artifacts = [v["Arn"] for v in vertices if v["LineageType"] == "Artifact"]
        described = (self._artifact(one) for one in artifacts[:SOURCES_MAX])
        return Origin(
            package=arn,
            images=tuple(dict.fromkeys(_images(package))),
            model_data=data,
            code={member: properties[member] for member in _CODE if member in properties},
            maker=self._maker(components[0]) if components else None,
            upstream=tuple(one for one in described if one.uri not in known),
            earlier=tuple(components[1:]),
        )

    def _model_data(self, arn: str) -> Iterator[Source]:
        answer = self._own.describe_model_package_artifacts(ModelPackageName=arn)
        for one in answer["Artifacts"]:
            digest = f"sha256:{one['Sha256']}" if "Sha256" in one else ""
            yield Source("model data", "", one["Url"], digest)

    def _upstream(self, uris: list[str]) -> Iterator[Any]:
        """The vertices before the artifacts of these URIs, the nearest first, each once."""
        seen: set[str] = set()
        for uri in uris:
            listed = self._sagemaker.list_artifacts(SourceUri=uri, MaxResults=SOURCES_MAX)
            for start in listed["ArtifactSummaries"]:
                for vertex in self._ancestors(start["ArtifactArn"]):
                    if vertex["Arn"] not in seen:
                        seen.add(vertex["Arn"])
                        yield vertex

    def _ancestors(self, arn: str) -> Iterator[Any]:
        request = {"StartArns": [arn], "Direction": "Ascendants", "MaxDepth": 10}
        for _ in range(_PAGES_MAX):
            page = self._sagemaker.query_lineage(**request, MaxResults=50)
            yield from page["Vertices"]
            if "NextToken" not in page:
                return
            request["NextToken"] = page["NextToken"]

    def _artifact(self, arn: str) -> Source:
        found = self._sagemaker.describe_artifact(ArtifactArn=arn)
        source = found["Source"]
        types = source.get("SourceTypes", [])
        etags = [one["Value"] for one in types if one["SourceIdType"] == "S3ETag"]
        digest = f"ETag {etags[0]} when it was recorded" if etags else ""
        uri = source["SourceUri"]
        return Source(
            found["ArtifactType"], found.get("ArtifactName", ""), uri, digest or self._digest(uri)
        )

    def _maker(self, arn: str) -> Maker:
        name = arn.rpartition("/")[2]
        found = self._sagemaker.describe_trial_component(TrialComponentName=name)
        source = found.get("Source", {})
        code = found.get("MetadataProperties", {})
        # SageMaker writes a job's image there; of a component that was brought from elsewhere the
        # source is not known.
        job = source.get("SourceType") == _JOB_SOURCE or JOB_IMAGE in found.get("Parameters", {})
        return Maker(
            kind=TRAINING_JOB if job else RUN,
            name=found["TrialComponentName"],
            source_arn=source.get("SourceArn", ""),
            experiment=self._experiment(name),
            parameters={
                key: value.get("StringValue", value.get("NumberValue", ""))
                for key, value in sorted(found.get("Parameters", {}).items())
            },
            inputs=tuple(self._named("input", found.get("InputArtifacts", {}))),
            outputs=tuple(self._named("output", found.get("OutputArtifacts", {}))),
            code={member: code[member] for member in _CODE if member in code},
        )

    def _experiment(self, component: str) -> str:
        """The experiment that it belongs to, "" if none."""
        trials = self._sagemaker.list_trials(TrialComponentName=component)["TrialSummaries"]
        if not trials:
            return ""
        found = self._sagemaker.describe_trial(TrialName=trials[0]["TrialName"])
        return str(found["ExperimentName"])

    def _named(self, kind: str, artifacts: Mapping[str, Any]) -> Iterator[Source]:
        for name, one in sorted(artifacts.items()):
            yield Source(kind, name, one["Value"], self._digest(one["Value"]))

    def _digest(self, uri: str) -> str:
        """What the object's bytes are now, if it is one that the caller may see."""
        from botocore.exceptions import ClientError, ParamValidationError

        bucket, _, key = uri.removeprefix("s3://").partition("/")
        if not uri.startswith("s3://") or not key:
            return ""
        try:
            found = self._s3.head_object(Bucket=bucket, Key=key, ChecksumMode="ENABLED")
        except (ClientError, ParamValidationError):
            return ""  # a prefix, gone, or not the caller's to see
        checksum = found.get("ChecksumSHA256")
        return f"SHA-256 {checksum} now" if checksum else f"ETag {found['ETag']} now"


def _images(package: Mapping[str, Any]) -> Iterator[str]:
    specifications = [
        package.get("InferenceSpecification", {}),
        *package.get("AdditionalInferenceSpecifications", []),
    ]
    for specification in specifications:
        for container in specification.get("Containers", []):
            if "Image" in container:
                yield container["Image"]
