"""Rules of inference specifications, the one and the additional ones. Pure."""

from collections import Counter
from collections.abc import Sequence
from functools import cache

from modelyard.call import Document
from modelyard.contract import model
from modelyard.errors import ValidationException

ADDITIONAL_MAX = 15  # AdditionalInferenceSpecifications: "can not exceed 15" in total


def appended(present: Sequence[Document], added: Sequence[Document]) -> list[Document]:
    """The additional specifications after an addition; none is ever changed or removed.

    Raises: ValidationException: a name twice, or too many.
    """
    result = [*present, *added]
    name, count = Counter(s["Name"] for s in result).most_common(1)[0] if result else ("", 0)
    if count > 1:
        raise ValidationException(
            f"The name of an additional inference specification must be unique: {name} is there"
            " already or given twice."
        )
    if len(result) > ADDITIONAL_MAX:
        raise ValidationException(
            f"A model package may have {ADDITIONAL_MAX} additional inference specifications; this"
            f" would make {len(result)}."
        )
    return result


def named(package: Document) -> list[Document]:
    """All specifications of a package's document, in the order of its answer."""
    main = [package["InferenceSpecification"]] if "InferenceSpecification" in package else []
    return [*main, *package.get("AdditionalInferenceSpecifications", [])]


def of_containers(containers: Sequence[Document]) -> Document:
    """The specification that says what a model's own containers say.

    Members that only a model has (Mode, ImageConfig, ...) are left out.
    """
    kept = _container_members()
    return {
        "Containers": [
            {m: value for m, value in container.items() if m in kept} for container in containers
        ]
    }


def of_additional(package: Document, name: str) -> Document:
    """The additional specification called `name`, as if it were the main one."""
    for specification in package.get("AdditionalInferenceSpecifications", []):
        if specification["Name"] == name:
            return {m: v for m, v in specification.items() if m not in ("Name", "Description")}
    raise ValidationException(f"There is no additional inference specification {name} any more.")


@cache
def _container_members() -> frozenset[str]:
    create = model.load("sagemaker").operations["CreateModelPackage"].input
    assert create is not None  # in botocore's model since 2018
    containers = create.members["InferenceSpecification"].members["Containers"]
    return frozenset(containers.member.members)
