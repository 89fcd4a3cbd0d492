"""What UpdateModelPackage makes of a package. Pure: members that are not given stay as they are."""

from modelyard.call import Document
from modelyard.registry import customer_metadata, inference_specification, model_card

_REPLACED = (
    "ModelApprovalStatus",
    "ApprovalDescription",
    "ModelPackageRegistrationType",
    "InferenceSpecification",
    "SourceUri",
    "ModelLifeCycle",
)


def updated(package: Document, request: Document) -> Document:
    """The package's document after the update.

    Raises: ValidationException: the update would break a rule of one of its members.
    """
    result = {**package, **{member: request[member] for member in _REPLACED if member in request}}
    _set(
        result,
        "CustomerMetadataProperties",
        customer_metadata.merged(
            package.get("CustomerMetadataProperties", {}),
            request.get("CustomerMetadataProperties", {}),
            request.get("CustomerMetadataPropertiesToRemove", []),
        ),
    )
    _set(
        result,
        "AdditionalInferenceSpecifications",
        inference_specification.appended(
            package.get("AdditionalInferenceSpecifications", []),
            request.get("AdditionalInferenceSpecificationsToAdd", []),
        ),
    )
    if "ModelCard" in request:
        card = model_card.updated(package.get("ModelCard", {}), request["ModelCard"])
        result["ModelCard"] = card
    return result


def _set(package: Document, member: str, value: object) -> None:
    """Set a member; an empty one is left out."""
    if value:
        package[member] = value
    else:
        package.pop(member, None)
