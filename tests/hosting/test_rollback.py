"""Roll-backs: which deployment is chosen, why others are not, and the history they leave."""

import pytest

from modelyard.errors import ConflictException, ResourceNotFound
from modelyard.hosting.rollback import Past, choose
from tests.hosting.conftest import IMAGE, ROLE, Hosting, endpoint_arn


async def _served(hosting: Hosting, *names: str) -> dict[str, str]:
    """An endpoint `live` that served a version of each name in turn; their packages by name."""
    packages = {}
    for name in names:
        packages[name] = await hosting.version(await hosting.object(f"{name}.tar.gz", name))
        await hosting.deployable(name, ModelPackageName=packages[name])
        if name == names[0]:
            await hosting.endpoint("live", name)
        else:
            await hosting("UpdateEndpoint", EndpointName="live", EndpointConfigName=name)
            await hosting.come_true("live")
    return packages


def test_the_newest_that_served_and_may_serve_is_chosen_and_the_others_have_reasons():
    history = [
        Past(5, served=False, failure="It hung."),
        Past(4, served=True, obstacle="Rejected."),
        Past(3, served=True, same_as_now=True),
        Past(2, served=True),
        Past(1, served=True),
    ]

    choice = choose(history)

    assert choice.target == 2
    assert [number for number, _ in choice.passed_over] == [5, 4, 3]
    assert "It hung." in choice.passed_over[0][1]


async def test_an_endpoint_rolls_back_to_what_served_before(hosting: Hosting):
    packages = await _served(hosting, "one", "two")

    answer = await hosting.own("RollbackEndpoint", EndpointName="live")
    updating = await hosting.describe("live")
    await hosting.come_true("live")
    rolled_back = await hosting.describe("live")

    assert answer["RolledBack"]
    assert answer["FromEndpointConfigName"] == "two"
    assert answer["TargetDeployment"]["DeploymentNumber"] == 1
    assert answer["TargetDeployment"]["Variants"][0]["ModelPackageArn"] == packages["one"]
    assert answer["PassedOver"] == []
    assert updating["EndpointStatus"] == "Updating"
    assert rolled_back["EndpointConfigName"] == "one"


async def test_a_dry_run_changes_nothing(hosting: Hosting):
    await _served(hosting, "one", "two")

    answer = await hosting.own("RollbackEndpoint", EndpointName="live", DryRun=True)

    assert answer["RolledBack"] is False
    assert answer["TargetDeployment"]["EndpointConfigName"] == "one"
    assert (await hosting.describe("live"))["EndpointStatus"] == "InService"


async def test_a_deployment_that_differs_only_in_its_role_is_another_one(hosting: Hosting):
    await hosting.deployable("one")
    await hosting.endpoint("live", "one")
    other = f"{ROLE}-two"
    container = {"Image": IMAGE}
    await hosting(
        "CreateModel", ModelName="two", PrimaryContainer=container, ExecutionRoleArn=other
    )
    await hosting.config("two")
    await hosting("UpdateEndpoint", EndpointName="live", EndpointConfigName="two")
    await hosting.come_true("live")

    answer = await hosting.own("RollbackEndpoint", EndpointName="live")

    assert answer["TargetDeployment"]["DeploymentNumber"] == 1


async def test_a_rejected_version_is_passed_over_with_the_reason(hosting: Hosting):
    packages = await _served(hosting, "one", "two", "three")
    await hosting.approval(packages["two"], "Rejected")

    answer = await hosting.own("RollbackEndpoint", EndpointName="live")

    assert answer["TargetDeployment"]["EndpointConfigName"] == "one"
    [passed] = answer["PassedOver"]
    assert passed["Deployment"]["EndpointConfigName"] == "two"
    assert "Rejected" in passed["Reason"]


@pytest.mark.parametrize("change", ["overwritten", "gone"])
async def test_a_version_whose_bytes_changed_is_passed_over(hosting: Hosting, change: str):
    await _served(hosting, "one", "two", "three")
    if change == "overwritten":
        await hosting.object("two.tar.gz", "other bytes")
    else:

        async def remove(tx):  # type: ignore[no-untyped-def]
            await tx.run("DELETE FROM object WHERE key = 'two.tar.gz'")

        await hosting.database.write(remove)

    answer = await hosting.own("RollbackEndpoint", EndpointName="live", DryRun=True)

    assert answer["TargetDeployment"]["EndpointConfigName"] == "one"
    assert change in answer["PassedOver"][0]["Reason"]


async def test_rolling_back_twice_does_not_return_to_what_was_rolled_back_from(hosting: Hosting):
    await _served(hosting, "one", "two", "three")
    await hosting.own("RollbackEndpoint", EndpointName="live")
    await hosting.come_true("live")

    answer = await hosting.own("RollbackEndpoint", EndpointName="live")

    assert answer["TargetDeployment"]["EndpointConfigName"] == "one"
    reasons = [passed["Reason"] for passed in answer["PassedOver"]]
    assert "rolled back from it" in reasons[0]
    assert "same models" in reasons[1]


async def test_without_an_earlier_deployment_there_is_nothing_to_return_to(hosting: Hosting):
    packages = await _served(hosting, "one", "two")
    await hosting.approval(packages["one"], "Rejected")

    with pytest.raises(ConflictException, match=r"no earlier deployment.*Rejected"):
        await hosting.own("RollbackEndpoint", EndpointName="live")
    with pytest.raises(ResourceNotFound):
        await hosting.own("RollbackEndpoint", EndpointName="missing")


async def test_a_rollback_needs_an_endpoint_at_rest(hosting: Hosting):
    await _served(hosting, "one", "two")
    await hosting.own("RollbackEndpoint", EndpointName="live")

    with pytest.raises(ConflictException, match="in-progress"):
        await hosting.own("RollbackEndpoint", EndpointName="live")


async def test_the_history_says_what_served_when_and_outlives_the_endpoint(hosting: Hosting):
    await _served(hosting, "one", "two")
    await hosting.deployable("three")
    await hosting("UpdateEndpoint", EndpointName="live", EndpointConfigName="three")
    await hosting.come_true("live", failure="It hung.")
    await hosting("DeleteEndpoint", EndpointName="live")
    await hosting.come_true("live")

    first = await hosting.own("ListEndpointDeployments", EndpointName="live", MaxResults=2)
    rest = await hosting.own(
        "ListEndpointDeployments",
        EndpointName="live",
        MaxResults=2,
        NextToken=first["NextToken"],
    )
    by_arn = await hosting.own("ListEndpointDeployments", EndpointArn=endpoint_arn("live"))

    states = [(d["EndpointConfigName"], d["State"]) for d in by_arn["Deployments"]]
    assert states == [("three", "Failed"), ("two", "Deleted"), ("one", "Replaced")]
    assert first["Deployments"] + rest["Deployments"] == by_arn["Deployments"]
    assert by_arn["Deployments"][0]["FailureReason"] == "It hung."
    assert by_arn["Deployments"][1]["CreatedBy"] == hosting.principal.arn
    assert len(by_arn["Deployments"][1]["Variants"][0]["Containers"][0]["Sha256"]) == 64


async def test_an_endpoint_made_anew_does_not_roll_back_into_the_life_before(hosting: Hosting):
    await _served(hosting, "one", "two")
    await hosting("DeleteEndpoint", EndpointName="live")
    await hosting.come_true("live")
    await hosting.endpoint("live", "two")

    with pytest.raises(ConflictException, match="no earlier deployment"):
        await hosting.own("RollbackEndpoint", EndpointName="live")
