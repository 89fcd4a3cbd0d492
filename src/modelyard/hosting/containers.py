"""What a model's containers stand for: image, bytes and environment, fixed by CreateModel.

Knows the rows of packages only through the gate, and nothing of how a container is run.
"""

from collections.abc import Mapping
from typing import Any

from modelyard import gate
from modelyard.call import Call, Document
from modelyard.contract import s3_locations
from modelyard.contract.s3_locations import Location
from modelyard.errors import ValidationException
from modelyard.gate import Artifact, PackageFacts
from modelyard.storage import stored_objects

# Where the SDK says that the code for script mode is, beside or inside the model data.
SUBMIT_DIRECTORY = "SAGEMAKER_SUBMIT_DIRECTORY"

_PACKAGE_EXCLUDES = ("Image", "ModelDataUrl", "ModelDataSource", "ImageConfig")
_NOT_OFFERED = {
    "AdditionalModelDataSources": "AdditionalModelDataSources are not offered by Modelyard yet: "
    "put all files into one model.tar.gz.",
    "MultiModelConfig": "Multi-model endpoints are not offered by Modelyard yet.",
    "ContainerMetricsConfig": "ContainerMetricsConfig is not offered by Modelyard yet.",
}


async def snapshots(call: Call, definition: Document, role: str) -> list[Document]:
    """The containers behind one container definition; a package may stand for several.

    `role` is the ARN of the model's execution role.

    Each: Image, Environment, and if there are any ModelDataUrl, ModelPackageArn,
    ModelPackageCreatedTime and Artifact (`artifact_document`).
    Raises: ValidationException: it contradicts itself, is not offered, or the gate is closed.
    """
    _refuse_what_is_not_offered(definition)
    await _check_loadable(call, definition.get("Environment", {}).get(SUBMIT_DIRECTORY), role)
    if "ModelPackageName" in definition:
        return await _of_package(call, definition)
    if "InferenceSpecificationName" in definition:
        raise ValidationException("InferenceSpecificationName needs a ModelPackageName.")
    if not definition.get("Image"):
        raise ValidationException("A container needs an Image or a ModelPackageName.")
    container: Document = {
        "Image": definition["Image"],
        "Environment": definition.get("Environment", {}),
    }
    url = _url(definition)
    if url:
        await _check_loadable(call, url, role)
        container["ModelDataUrl"] = url
    return [container]


async def check_still_deployable(call: Call, container: Mapping[str, Any]) -> None:
    """Ask the gate once more: the package may have been rejected, archived or replaced since.

    Raises: ValidationException.
    """
    arn = container.get("ModelPackageArn")
    if arn is None:
        return
    facts = await gate.still_deployable(call.tx, arn)
    if facts.created_us != container["ModelPackageCreatedTime"]:
        raise ValidationException(
            f"Cannot deploy model package {arn}: it is not the one that the model was made of; "
            "that one was deleted. Create the model again."
        )
    await _check_readable(call, container)


async def with_bytes(call: Call, container: Document) -> Document:
    """The container with the bytes that its URLs stand for now: Artifact and Code.

    A model made without a package has no bytes on record, and code of its own never has; their
    deployment has, so that all replicas of it load the same.
    """
    url = container.get("ModelDataUrl")
    found = {"Artifact": await _bytes(call, url)}
    if found["Artifact"] and "Artifact" in container:  # on record since the registration
        owner = {k: v for k, v in found["Artifact"].items() if k == "Account"}
        container = {**container, "Artifact": {**container["Artifact"], **owner}}
    code = container["Environment"].get(SUBMIT_DIRECTORY, "")
    if code.startswith("s3://"):
        found["Code"] = await _bytes(call, code) or {"Url": code}
    return {**{member: value for member, value in found.items() if value}, **container}


async def _bytes(call: Call, url: str | None) -> Document | None:
    location = None if url is None else s3_locations.parse(url)
    if url is None or location is None:
        return None
    # Of a bucket that the caller may not read nothing is told; the deployment fails when it is to
    # be read.
    owner = await _reader(call, location)
    if owner is None:
        return None
    stored = await stored_objects.find(call.tx, location.bucket, location.key)
    if stored is None:
        return None
    artifact = Artifact(
        url, url, gate.VERIFIED, stored.sha256, stored.bytes, stored.etag, stored.blob
    )
    return artifact_document(artifact) | _owned(call, owner)


def _owned(call: Call, owner: str) -> Document:
    """Whose bucket the bytes are read from, where it is another account's that lets the caller."""
    return {} if owner == call.account else {"Account": owner}


def artifact_document(artifact: Artifact) -> Document:
    return {
        "Url": artifact.url,
        "State": artifact.state,
        "Sha256": artifact.sha256,
        "Bytes": artifact.bytes,
        "ETag": artifact.etag,
    }


async def _of_package(call: Call, definition: Document) -> list[Document]:
    both = [member for member in _PACKAGE_EXCLUDES if definition.get(member)]
    if both:
        raise ValidationException(
            f"A container takes {both[0]} or ModelPackageName, not both: the package names it."
        )
    facts = await gate.deployable(call, definition["ModelPackageName"])
    specification = facts.inference_specification(definition.get("InferenceSpecificationName"))
    found = [_of_package_container(facts, c, definition) for c in specification["Containers"]]
    for container in found:
        await _check_readable(call, container)
    return found


async def _check_readable(call: Call, container: Mapping[str, Any]) -> None:
    """That a package is shared does not share its bytes: their bucket has a policy of its own.

    Raises: ValidationException.
    """
    location = s3_locations.parse(container.get("ModelDataUrl", ""))
    if location is not None and await _reader(call, location) is None:
        if await stored_objects.owner(call.tx, location.bucket) is not None:
            raise ValidationException(
                f"Could not access model data at {location.url}: bucket {location.bucket} belongs"
                " to another account, and its policy and yours do not both let you read there"
                " (s3:GetObject)."
            )


async def _check_loadable(call: Call, url: str | None, role: str) -> None:
    """That a model is made of the account's own bytes only for who may read them.

    Nobody loads through an endpoint what neither they nor the role that they pass may get. The
    bytes of an approved package are looked at when it is registered.
    Raises: ValidationException.
    """
    location = None if not url else s3_locations.parse(url)
    if location is None or await stored_objects.owner(call.tx, location.bucket) != call.account:
        return
    arn = f"arn:aws:s3:::{location.bucket}/{location.key}"
    if await call.may(call.tx, "s3:GetObject", arn):
        return
    if not await call.may_as(call.tx, role, "s3:GetObject", arn):
        raise ValidationException(
            f"Could not access model data at {location.url}: neither you nor the execution role"
            f" {role} is allowed s3:GetObject on {arn}. Add a policy to the role that allows it."
        )


async def _reader(call: Call, location: Location) -> str | None:
    """The account that owns the bytes, if the caller may read them; None if not, or not here."""
    owner = await stored_objects.owner(call.tx, location.bucket)
    if owner is None or owner == call.account:
        return owner
    arn = f"arn:aws:s3:::{location.bucket}/{location.key}"
    return owner if await call.may(call.tx, "s3:GetObject", arn) else None


def _of_package_container(
    facts: PackageFacts, container: Mapping[str, Any], definition: Document
) -> Document:
    if not container.get("Image"):
        raise ValidationException(f"Model package {facts.arn} names no Image for its container.")
    _refuse_what_is_not_offered(container)
    # Early AWS refused an environment at both places; since 2023 the model's wins, name by name
    # (sagemaker-python-sdk #3397, #3581).
    environment = {**container.get("Environment", {}), **definition.get("Environment", {})}
    snapshot: Document = {
        "Image": container["Image"],
        "Environment": environment,
        "ModelPackageArn": facts.arn,
        "ModelPackageCreatedTime": facts.created_us,
    }
    url = _url(container)
    if url:
        artifacts = facts.artifacts_of(url)
        if len(artifacts) > 1:
            raise ValidationException(
                f"{url} of model package {facts.arn} is a prefix with {len(artifacts)} objects. "
                "Only a single model.tar.gz can be deployed."
            )
        snapshot["ModelDataUrl"] = artifacts[0].url if artifacts else url
        if artifacts:
            snapshot["Artifact"] = artifact_document(artifacts[0])
    return snapshot


def _url(container: Mapping[str, Any]) -> str | None:
    """Where the model data is; ModelDataSource can say the same as ModelDataUrl, and more.

    Raises: ValidationException: it says more.
    """
    url: str | None = container.get("ModelDataUrl") or None
    source = container.get("ModelDataSource", {}).get("S3DataSource")
    if source is None:
        return url
    if url is not None:
        raise ValidationException("A container takes ModelDataUrl or ModelDataSource, not both.")
    if source["S3DataType"] != "S3Object" or source["CompressionType"] != "Gzip":
        raise ValidationException(
            "Modelyard deploys a ModelDataSource of S3DataType S3Object and CompressionType Gzip; "
            f"{source['S3DataType']} with {source['CompressionType']} is not offered yet."
        )
    located: str = source["S3Uri"]
    return located


def _refuse_what_is_not_offered(container: Mapping[str, Any]) -> None:
    for member, text in _NOT_OFFERED.items():
        if container.get(member):
            raise ValidationException(text)
    if container.get("Mode", "SingleModel") != "SingleModel":
        raise ValidationException("Multi-model endpoints are not offered by Modelyard yet.")
