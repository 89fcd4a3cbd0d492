"""What a registration takes over from the package or model that its SourceUri names."""

from collections.abc import Sequence
from dataclasses import dataclass

from modelyard import gate
from modelyard import model_package_names as names
from modelyard.call import Call, Document
from modelyard.contract import arns
from modelyard.errors import ValidationException
from modelyard.gate import Artifact
from modelyard.model_package_names import PackagePlace
from modelyard.registry import documents, inference_specification


@dataclass(frozen=True, slots=True)
class Copied:
    """Members for the new package, and the bytes that the source stands for, already taken."""

    members: Document
    artifacts: Sequence[Artifact]


NOTHING = Copied({}, ())


async def copy(call: Call, source_uri: str) -> Copied:
    """The specifications of what `source_uri` names; nothing if it is no ARN of a package or model.

    A package may be copied whatever its approval: the copy is decided about anew.
    Raises: ValidationException: it names one that is not there.
    """
    arn = arns.parse(source_uri)
    if arn is None or arn.service != "sagemaker":
        return NOTHING
    if arn.kind == names.PACKAGE:
        return await _of_package(call, source_uri)
    if arn.kind == "model":
        return await _of_model(call, source_uri)
    return NOTHING


async def _of_package(call: Call, text: str) -> Copied:
    package = await _readable(call, text)
    document = await _document(call, "model_package", package.row)
    if document is None:
        raise names.package_missing(package.account, package.region, text)
    members: Document = {
        member: document[member]
        for member in ("InferenceSpecification", "AdditionalInferenceSpecifications")
        if member in document
    }
    return Copied(members, await gate.artifacts(call.tx, *package.row))


async def _of_model(call: Call, text: str) -> Copied:
    """A model made of a package stands for that package; one of containers for their own data."""
    document = await _document(call, "model", (call.account, call.region, text))
    if document is None:
        raise ValidationException(f'Could not find model "{text}".')
    given = document["Model"]  # the row of a model keeps the client's members under this name
    containers = given.get("Containers") or [given["PrimaryContainer"]]
    packaged = [c for c in containers if "ModelPackageName" in c]
    if not packaged:
        specification = inference_specification.of_containers(containers)
        return Copied({"InferenceSpecification": specification}, ())
    if len(containers) > 1:
        raise ValidationException(
            f'Model "{text}" is a pipeline with a model package in it; register its containers'
            " with an InferenceSpecification instead."
        )
    copied = await _of_package(call, packaged[0]["ModelPackageName"])
    name = packaged[0].get("InferenceSpecificationName")
    if name is None:
        return copied
    specification = inference_specification.of_additional(copied.members, name)
    return Copied({"InferenceSpecification": specification}, copied.artifacts)


async def _readable(call: Call, text: str) -> PackagePlace:
    """Where the package is. One of another account is copied by whoever may describe it.

    Raises: AccessDeniedException.
    """
    arn = arns.parse(text)
    if arn is None or arn.account == call.account:
        return names.find_package(call, text)
    if not await call.may(call.tx, "sagemaker:DescribeModelPackage", text):
        raise call.denied(text)
    return names.placed(arn.account, call.region, text)


async def _document(call: Call, table: str, row: tuple[str, str, str]) -> Document | None:
    found = await call.tx.one(
        f"SELECT document FROM {table} WHERE account = ? AND region = ? AND arn = ?", *row
    )
    return None if found is None else documents.read(found[0])
