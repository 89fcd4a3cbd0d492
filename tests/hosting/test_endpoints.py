"""Endpoints through the one door; what the controller would record is recorded by the tests."""

import pytest

from modelyard.errors import ValidationException
from tests.hosting.conftest import IMAGE, Hosting, endpoint_arn

ARN = endpoint_arn("live")


async def test_an_endpoint_is_creating_until_its_replicas_serve(hosting: Hosting):
    await hosting.deployable("one", count=2)
    await hosting("CreateEndpoint", EndpointName="live", EndpointConfigName="one")
    creating = await hosting.describe("live")
    await hosting.come_true("live")

    answer = await hosting.describe("live")

    assert creating["EndpointStatus"] == "Creating"
    assert creating["ProductionVariants"][0]["CurrentInstanceCount"] == 0
    assert answer["EndpointStatus"] == "InService"
    assert answer["EndpointConfigName"] == "one"
    assert answer["LastModifiedTime"] > creating["LastModifiedTime"]
    [variant] = answer["ProductionVariants"]
    assert variant.pop("DeployedImages")[0]["SpecifiedImage"] == IMAGE
    assert variant == {
        "VariantName": "AllTraffic",
        "CurrentWeight": 1.0,
        "DesiredWeight": 1.0,
        "CurrentInstanceCount": 2,
        "DesiredInstanceCount": 2,
    }
    assert "FailureReason" not in answer
    assert "PendingDeploymentSummary" not in answer


async def test_an_endpoint_that_never_served_has_failed_and_can_only_be_deleted(hosting: Hosting):
    await hosting.deployable("one")
    await hosting.deployable("two")
    await hosting("CreateEndpoint", EndpointName="live", EndpointConfigName="one")
    await hosting.come_true("live", failure="The model is not one.")

    answer = await hosting.describe("live")
    with pytest.raises(ValidationException, match="can only be deleted"):
        await hosting("UpdateEndpoint", EndpointName="live", EndpointConfigName="two")
    await hosting("DeleteEndpoint", EndpointName="live")

    assert answer["EndpointStatus"] == "Failed"
    assert answer["FailureReason"] == "The model is not one."
    assert answer["EndpointConfigName"] == "one"
    assert (await hosting.describe("live"))["EndpointStatus"] == "Deleting"


async def test_an_update_shows_what_comes_and_then_what_serves(hosting: Hosting):
    await hosting.deployable("one")
    await hosting.deployable("two")
    await hosting.endpoint("live", "one")
    await hosting("UpdateEndpoint", EndpointName="live", EndpointConfigName="two")

    updating = await hosting.describe("live")
    await hosting.come_true("live")
    updated = await hosting.describe("live")

    assert updating["EndpointStatus"] == "Updating"
    assert updating["EndpointConfigName"] == "one"
    assert updating["PendingDeploymentSummary"]["EndpointConfigName"] == "two"
    assert updated["EndpointStatus"] == "InService"
    assert updated["EndpointConfigName"] == "two"


async def test_a_failed_update_leaves_the_old_one_and_its_reason_until_the_next(hosting: Hosting):
    for name in ("one", "two", "three"):
        await hosting.deployable(name)
    await hosting.endpoint("live", "one")
    await hosting("UpdateEndpoint", EndpointName="live", EndpointConfigName="two")
    await hosting.come_true("live", failure="It exits at import.")

    failed = await hosting.describe("live")
    await hosting("UpdateEndpoint", EndpointName="live", EndpointConfigName="three")
    next_one = await hosting.describe("live")

    assert failed["EndpointStatus"] == "InService"
    assert failed["EndpointConfigName"] == "one"
    assert failed["FailureReason"] == "It exits at import."
    assert "FailureReason" not in next_one


async def test_updates_are_refused_while_one_is_under_way_or_to_what_serves(hosting: Hosting):
    await hosting.deployable("one")
    await hosting.deployable("two")
    await hosting.endpoint("live", "one")

    with pytest.raises(ValidationException, match="already uses endpoint configuration"):
        await hosting("UpdateEndpoint", EndpointName="live", EndpointConfigName="one")
    await hosting("UpdateEndpoint", EndpointName="live", EndpointConfigName="two")
    with pytest.raises(ValidationException, match=f'^Cannot update in-progress endpoint "{ARN}".$'):
        await hosting("UpdateEndpoint", EndpointName="live", EndpointConfigName="one")


async def test_an_endpoint_outlives_its_configuration_and_model(hosting: Hosting):
    await hosting.deployable("one")
    await hosting.endpoint("live", "one")
    await hosting("DeleteEndpointConfig", EndpointConfigName="one")
    await hosting("DeleteModel", ModelName="one")

    answer = await hosting.describe("live")
    await hosting("DeleteEndpoint", EndpointName="live")
    await hosting.come_true("live")

    assert answer["EndpointStatus"] == "InService"
    assert answer["EndpointConfigName"] == "one"
    with pytest.raises(ValidationException, match=f'^Could not find endpoint "{ARN}".$'):
        await hosting.describe("live")


async def test_a_second_endpoint_of_the_same_name_is_refused_even_while_it_is_deleted(
    hosting: Hosting,
):
    await hosting.deployable("one")
    await hosting.endpoint("live", "one")
    await hosting("DeleteEndpoint", EndpointName="live")

    with pytest.raises(ValidationException, match="Cannot create already existing endpoint"):
        await hosting("CreateEndpoint", EndpointName="live", EndpointConfigName="one")
    await hosting.come_true("live")
    await hosting("CreateEndpoint", EndpointName="live", EndpointConfigName="one")

    assert (await hosting.describe("live"))["EndpointStatus"] == "Creating"


@pytest.mark.parametrize("way", ["create", "update"])
async def test_a_version_rejected_since_its_model_was_made_is_not_deployed(
    hosting: Hosting, way: str
):
    ways = {"create": ("CreateEndpoint", "other"), "update": ("UpdateEndpoint", "live")}
    package = await hosting.version(await hosting.object("a.tar.gz", "a"))
    await hosting.deployable("one")
    await hosting.deployable("two", ModelPackageName=package)
    await hosting.endpoint("live", "one")
    await hosting.approval(package, "Rejected")

    operation, name = ways[way]
    with pytest.raises(ValidationException, match=r"Cannot deploy model package .*Rejected"):
        await hosting(operation, EndpointName=name, EndpointConfigName="two")

    assert (await hosting.describe("live"))["EndpointStatus"] == "InService"
    assert len((await hosting("ListEndpoints"))["Endpoints"]) == 1


async def test_an_archived_version_is_not_deployed(hosting: Hosting):
    package = await hosting.version(await hosting.object("a.tar.gz", "a"))
    await hosting.deployable("one", ModelPackageName=package)
    await hosting(
        "UpdateModelPackage",
        ModelPackageArn=package,
        ModelLifeCycle={"Stage": "Archived", "StageStatus": "Retired"},
    )

    with pytest.raises(ValidationException, match="stage is Archived"):
        await hosting("CreateEndpoint", EndpointName="live", EndpointConfigName="one")


async def test_a_pipeline_of_several_containers_is_refused(hosting: Hosting):
    await hosting(
        "CreateModel",
        ModelName="one",
        Containers=[{"Image": IMAGE}, {"Image": IMAGE}],
        ExecutionRoleArn="arn:aws:iam::123456789012:role/hosting",
    )
    await hosting.config("one")

    with pytest.raises(ValidationException, match="Inference pipelines are not offered"):
        await hosting("CreateEndpoint", EndpointName="live", EndpointConfigName="one")


async def test_all_at_once_is_offered_and_gradual_traffic_is_not(hosting: Hosting):
    await hosting.deployable("one")
    await hosting.deployable("two")
    await hosting.endpoint("live", "one")
    routing = {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0}
    at_once = {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": routing}}
    canary = {
        "BlueGreenUpdatePolicy": {
            "TrafficRoutingConfiguration": {
                "Type": "CANARY",
                "WaitIntervalInSeconds": 60,
                "CanarySize": {"Type": "INSTANCE_COUNT", "Value": 1},
            }
        }
    }

    with pytest.raises(ValidationException, match="Type CANARY is not offered"):
        await hosting(
            "UpdateEndpoint",
            EndpointName="live",
            EndpointConfigName="two",
            DeploymentConfig=canary,
        )
    await hosting(
        "UpdateEndpoint", EndpointName="live", EndpointConfigName="two", DeploymentConfig=at_once
    )

    assert (await hosting.describe("live"))["LastDeploymentConfig"] == at_once


async def test_endpoints_are_listed_by_status(hosting: Hosting):
    await hosting.deployable("one")
    await hosting.endpoint("live", "one")
    await hosting("CreateEndpoint", EndpointName="young", EndpointConfigName="one")

    everything = await hosting("ListEndpoints", SortBy="Name", SortOrder="Ascending")
    young = await hosting("ListEndpoints", StatusEquals="Creating")
    by_status = await hosting("ListEndpoints", SortBy="Status", SortOrder="Ascending")

    assert [e["EndpointName"] for e in everything["Endpoints"]] == ["live", "young"]
    assert [e["EndpointName"] for e in young["Endpoints"]] == ["young"]
    assert [e["EndpointName"] for e in by_status["Endpoints"]] == ["young", "live"]
