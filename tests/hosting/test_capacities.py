"""UpdateEndpointWeightsAndCapacities, and what UpdateEndpoint retains of it."""

from typing import Any

import pytest

from modelyard.errors import ResourceLimitExceeded, ValidationException
from tests.hosting.conftest import IMAGE, Hosting

URL = "s3://elsewhere/model.tar.gz"


async def _config(hosting: Hosting, name: str, models: dict[str, str], **members: Any) -> None:
    """A configuration with a variant, called by its key, of each model."""
    await hosting(
        "CreateEndpointConfig",
        EndpointConfigName=name,
        ProductionVariants=[
            {
                "VariantName": variant,
                "ModelName": model,
                "InstanceType": "ml.m5.large",
                "InitialInstanceCount": 1,
                **members,
            }
            for variant, model in models.items()
        ],
    )


async def _two_variants(hosting: Hosting) -> None:
    """An endpoint `live` with the variants a and b, of two models."""
    await hosting.model("one")
    await hosting.model("two", Image=IMAGE, ModelDataUrl=URL)
    await _config(hosting, "first", {"a": "one", "b": "two"})
    await hosting.endpoint("live", "first")


async def _scale(hosting: Hosting, *desired: dict[str, Any]) -> None:
    await hosting(
        "UpdateEndpointWeightsAndCapacities",
        EndpointName="live",
        DesiredWeightsAndCapacities=list(desired),
    )


async def _shown(hosting: Hosting) -> dict[str, tuple[float, float, int, int]]:
    answer = await hosting.describe("live")
    return {
        variant["VariantName"]: (
            variant["CurrentWeight"],
            variant["DesiredWeight"],
            variant["CurrentInstanceCount"],
            variant["DesiredInstanceCount"],
        )
        for variant in answer["ProductionVariants"]
    }


async def test_weights_and_capacities_are_desired_and_then_current(hosting: Hosting):
    await _two_variants(hosting)

    await _scale(
        hosting,
        {"VariantName": "a", "DesiredWeight": 3},
        {"VariantName": "b", "DesiredInstanceCount": 2},
    )
    updating, desired = await hosting.describe("live"), await _shown(hosting)
    await hosting.come_true("live")
    done, current = await hosting.describe("live"), await _shown(hosting)

    assert updating["EndpointStatus"] == "Updating"
    assert "PendingDeploymentSummary" not in updating
    assert desired == {"a": (1.0, 3.0, 1, 1), "b": (1.0, 1.0, 1, 2)}
    assert (done["EndpointStatus"], done["EndpointConfigName"]) == ("InService", "first")
    assert current == {"a": (3.0, 3.0, 1, 1), "b": (1.0, 1.0, 2, 2)}


async def test_a_scaling_that_fails_leaves_what_was_and_its_reason(hosting: Hosting):
    await _two_variants(hosting)

    await _scale(hosting, {"VariantName": "b", "DesiredInstanceCount": 2})
    await hosting.come_true("live", failure="No memory.")

    assert (await hosting.describe("live"))["FailureReason"] == "No memory."
    assert (await _shown(hosting))["b"] == (1.0, 1.0, 1, 1)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"VariantName": "c", "DesiredWeight": 1.0}, "no variant c"),
        ({"VariantName": "a", "DesiredInstanceCount": 0}, "at least 1 instance"),
        ({"VariantName": "a", "DesiredWeight": -1.0}, "greater than or equal to 0"),
        (
            {"VariantName": "a", "ServerlessUpdateConfig": {"MaxConcurrency": 1}},
            "not serverless",
        ),
    ],
)
async def test_what_cannot_be_desired_is_refused(
    hosting: Hosting, change: dict[str, Any], text: str
):
    await _two_variants(hosting)

    with pytest.raises(ValidationException, match=text):
        await _scale(hosting, change)


async def test_a_variant_named_twice_or_too_many_instances_are_refused(hosting: Hosting):
    await _two_variants(hosting)

    with pytest.raises(ValidationException, match="unique"):
        await _scale(hosting, *[{"VariantName": "a", "DesiredWeight": 1.0}] * 2)
    with pytest.raises(ResourceLimitExceeded, match="21 instances"):
        await _scale(hosting, {"VariantName": "a", "DesiredInstanceCount": 20})


async def test_an_endpoint_that_is_not_at_rest_is_not_scaled(hosting: Hosting):
    await _two_variants(hosting)
    await _scale(hosting, {"VariantName": "a", "DesiredWeight": 2.0})

    with pytest.raises(ValidationException, match="Cannot update in-progress endpoint"):
        await _scale(hosting, {"VariantName": "a", "DesiredWeight": 3.0})


@pytest.mark.parametrize(
    "change",
    [
        {"VariantName": "b", "DesiredInstanceCount": 2},
        {"VariantName": "b", "DesiredWeight": 2.0},
        {"VariantName": "a", "DesiredWeight": 0.0},
    ],
)
async def test_a_rejected_version_gets_no_more_to_do_and_may_get_less(
    hosting: Hosting, change: dict[str, Any]
):
    package = await hosting.version(URL)
    await hosting.model("one")
    await hosting.model("two", ModelPackageName=package)
    await _config(hosting, "first", {"a": "one", "b": "two"}, InitialVariantWeight=1.0)
    await hosting.endpoint("live", "first")
    await hosting.approval(package, "Rejected")

    with pytest.raises(ValidationException, match="ModelApprovalStatus is Rejected"):
        await _scale(hosting, change)
    await _scale(hosting, {"VariantName": "b", "DesiredWeight": 0.0})
    await hosting.come_true("live")

    assert (await _shown(hosting))["b"][0] == 0.0


@pytest.mark.parametrize(
    ("excluded", "weight", "count"),
    [
        ([], 3.0, 2),
        ([{"VariantPropertyType": "DesiredWeight"}], 1.0, 2),
        ([{"VariantPropertyType": "DesiredInstanceCount"}], 3.0, 1),
    ],
)
async def test_an_update_retains_weights_and_capacities_when_asked_to(
    hosting: Hosting, excluded: list[dict[str, str]], weight: float, count: int
):
    await _two_variants(hosting)
    await _scale(hosting, {"VariantName": "a", "DesiredWeight": 3.0, "DesiredInstanceCount": 2})
    await hosting.come_true("live")
    await _config(hosting, "second", {"a": "two", "c": "one"})

    await hosting(
        "UpdateEndpoint",
        EndpointName="live",
        EndpointConfigName="second",
        RetainAllVariantProperties=True,
        **({"ExcludeRetainedVariantProperties": excluded} if excluded else {}),
    )
    await hosting.come_true("live")

    assert await _shown(hosting) == {
        "a": (weight, weight, count, count),
        "c": (1.0, 1.0, 1, 1),
    }


async def test_a_rollback_passes_over_what_only_scaled_and_what_was_rolled_back_from(
    hosting: Hosting,
):
    packages = []
    for name in ("one", "two", "three"):
        packages.append(await hosting.version(await hosting.object(f"{name}.tar.gz", name)))
        await hosting.deployable(name, ModelPackageName=packages[-1])
    await hosting.endpoint("live", "one")
    more = {"VariantName": "AllTraffic", "DesiredInstanceCount": 2}
    for name in ("two", "three"):
        await hosting("UpdateEndpoint", EndpointName="live", EndpointConfigName=name)
        await hosting.come_true("live")
        await _scale(hosting, more)
        await hosting.come_true("live")

    served = []
    for _ in range(2):
        answer = await hosting.own("RollbackEndpoint", EndpointName="live")
        served.append(answer["TargetDeployment"]["Variants"][0]["ModelPackageArn"])
        await hosting.come_true("live")
        await _scale(hosting, {**more, "DesiredInstanceCount": 3})
        await hosting.come_true("live")

    assert served == [packages[1], packages[0]]
