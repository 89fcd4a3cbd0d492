"""How many instances the variants of an endpoint have and how much of the traffic. Pure.

Variants are those of a deployment's document, which keeps both as they are now under the names of
an endpoint configuration: InitialInstanceCount and InitialVariantWeight.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from modelyard.call import Document
from modelyard.errors import ResourceLimitExceeded, ValidationException

INSTANCES_MAX = 20  # of one endpoint; AWS's default quota

# VariantPropertyType, and DesiredWeightAndCapacity -> the member of a variant
_MEMBERS = {
    "DesiredInstanceCount": "InitialInstanceCount",
    "DesiredWeight": "InitialVariantWeight",
}


def changed(variants: Sequence[Document], desired: Sequence[Mapping[str, Any]]) -> list[Document]:
    """The variants as UpdateEndpointWeightsAndCapacities wants them; what it leaves out stays.

    Raises: ValidationException: a variant that is not there or is named twice, or one without an
        instance. ResourceLimitExceeded.
    """
    by_name = {change["VariantName"]: change for change in desired}
    if len(by_name) < len(desired):
        raise ValidationException("The VariantName of each desired weight and capacity is unique.")
    unknown = sorted(by_name.keys() - {variant["VariantName"] for variant in variants})
    if unknown:
        raise ValidationException(f"The endpoint has no variant {unknown[0]}.")
    for name, change in by_name.items():
        if "ServerlessUpdateConfig" in change:
            raise ValidationException(f"Variant {name} is not serverless.")
        if change.get("DesiredInstanceCount") == 0:
            raise ValidationException(
                f"Variant {name} needs at least 1 instance; a DesiredWeight of 0 keeps traffic"
                " away from it."
            )
    result = [
        {**variant, **_as_members(by_name.get(variant["VariantName"], {}))} for variant in variants
    ]
    check_limit(result)
    return result


def retained(
    variants: Sequence[Document], present: Sequence[Document], overridden: Collection[str]
) -> list[Document]:
    """New variants with the instances and weights that those of the same name have at present.

    `overridden` are the VariantPropertyTypes for which the new variants' own count instead.
    """
    members = [member for kind, member in _MEMBERS.items() if kind not in overridden]
    kept = {one["VariantName"]: {member: one[member] for member in members} for one in present}
    result = [{**variant, **kept.get(variant["VariantName"], {})} for variant in variants]
    check_limit(result)
    return result


def grown(before: Sequence[Document], after: Sequence[Document]) -> list[Document]:
    """The variants that get more instances, or a larger share of the traffic."""
    shares_before, shares_after = _shares(before), _shares(after)
    return [
        new
        for old, new in zip(before, after, strict=True)
        if new["InitialInstanceCount"] > old["InitialInstanceCount"]
        or shares_after[new["VariantName"]] > shares_before[new["VariantName"]]
    ]


def check_limit(variants: Sequence[Document]) -> None:
    """Raises: ResourceLimitExceeded."""
    instances = sum(variant["InitialInstanceCount"] for variant in variants)
    if instances > INSTANCES_MAX:
        raise ResourceLimitExceeded(
            f"{instances} instances exceed the limit of {INSTANCES_MAX} for an endpoint."
        )


def _as_members(change: Mapping[str, Any]) -> Document:
    found = {member: change[kind] for kind, member in _MEMBERS.items() if kind in change}
    if "InitialVariantWeight" in found:
        found["InitialVariantWeight"] = float(found["InitialVariantWeight"])
    return found


def _shares(variants: Sequence[Document]) -> dict[str, float]:
    """Of the traffic, by variant; all weights zero is the same for all, as in routing."""
    total = sum(variant["InitialVariantWeight"] for variant in variants)
    return {
        variant["VariantName"]: (
            variant["InitialVariantWeight"] / total if total else 1.0 / len(variants)
        )
        for variant in variants
    }
