"""What deployments leave in lineage: from the data to the endpoint, and back."""

from tests.lineage.making.conftest import IMAGE, Made, endpoint_arn

URL = "s3://elsewhere/model.tar.gz"
SHOP = "Endpoint endpoint/shop"
DEPLOYMENT = "ModelDeployment endpoint/shop"


async def deploy(made: Made, *urls: str) -> None:
    """A version and a configuration for each URL; the first serves at the endpoint shop."""
    for number, url in enumerate(urls, 1):
        arn = await made.hosting.version(url)
        await made.hosting.deployable(f"v{number}", ModelPackageName=arn)
    await made.hosting.endpoint("shop", "v1")


async def update(made: Made, config: str) -> None:
    await made("UpdateEndpoint", EndpointName="shop", EndpointConfigName=config)
    await made.hosting.come_true("shop")


async def test_a_deployment_joins_what_it_serves_to_its_endpoint(made: Made) -> None:
    await deploy(made, URL)
    await made.tell()

    assert {
        (URL, "ContributedTo", DEPLOYMENT),
        (IMAGE, "ContributedTo", DEPLOYMENT),
        ("model-package/churn/1", "ContributedTo", DEPLOYMENT),
        (DEPLOYMENT, "AssociatedWith", SHOP),
    } <= await made.graph()
    [context] = await made.of_type("Endpoint")
    assert context["Source"]["SourceUri"] == endpoint_arn("shop")
    assert {URL, IMAGE, "Approval model-package/churn/1"} <= await made.ancestors(SHOP)
    assert SHOP in await made.descendants(URL)


async def test_an_endpoint_that_never_served_leaves_nothing(made: Made) -> None:
    arn = await made.hosting.version(URL)
    await made.hosting.deployable("v1", ModelPackageName=arn)
    await made("CreateEndpoint", EndpointName="shop", EndpointConfigName="v1")
    await made.hosting.come_true("shop", failure="no memory")
    await made.tell()

    assert await made.of_type("Endpoint") == []
    assert await made.of_type("ModelDeployment") == []


async def test_an_update_adds_an_action_and_says_what_it_replaced(made: Made) -> None:
    await deploy(made, URL, "s3://elsewhere/second.tar.gz")
    await update(made, "v2")
    await made.tell()

    first, second = await made.of_type("ModelDeployment")
    [replaced] = await made.of_type("ModelReplaced")

    assert first["Properties"] == {"EndpointConfigName": "v1", "DeploymentNumber": "1"}
    assert second["Properties"] == {"EndpointConfigName": "v2", "DeploymentNumber": "2"}
    assert replaced["Properties"] == {"DeploymentNumber": "1", "ReplacedBy": "2"}
    assert {
        ("s3://elsewhere/second.tar.gz", "ContributedTo", DEPLOYMENT),
        (DEPLOYMENT, "ContributedTo", "ModelReplaced endpoint/shop"),
        ("ModelReplaced endpoint/shop", "AssociatedWith", SHOP),
    } <= await made.graph()
    assert len(await made.of_type("Endpoint")) == 1


async def test_a_rollback_is_a_deployment_that_says_what_it_repeats(made: Made) -> None:
    await deploy(made, URL, "s3://elsewhere/second.tar.gz")
    await update(made, "v2")
    await made.hosting.own("RollbackEndpoint", EndpointName="shop")
    await made.hosting.come_true("shop")
    await made.tell()

    *_, third = await made.of_type("ModelDeployment")

    assert third["Properties"] == {
        "EndpointConfigName": "v1",
        "DeploymentNumber": "3",
        "RollbackTo": "1",
    }
    assert len(await made.of_type("ModelReplaced")) == 2


async def test_new_weights_and_instances_are_no_deployment(made: Made) -> None:
    await deploy(made, URL, "s3://elsewhere/second.tar.gz")
    wanted = [{"VariantName": "AllTraffic", "DesiredInstanceCount": 2}]
    await made(
        "UpdateEndpointWeightsAndCapacities",
        EndpointName="shop",
        DesiredWeightsAndCapacities=wanted,
    )
    await made.hosting.come_true("shop")
    await update(made, "v2")
    await made.tell()

    assert len(await made.of_type("ModelDeployment")) == 2
    [replaced] = await made.of_type("ModelReplaced")
    assert replaced["Properties"] == {"DeploymentNumber": "1", "ReplacedBy": "3"}


async def test_an_endpoint_that_is_made_again_is_another_one(made: Made) -> None:
    await deploy(made, URL)
    await made("DeleteEndpoint", EndpointName="shop")
    await made.hosting.come_true("shop")
    await made.hosting.endpoint("shop", "v1")
    await made.tell()

    first, second = await made.of_type("Endpoint")

    assert "DeletedTime" in first["Properties"]
    assert "Properties" not in second
    assert first["Source"]["SourceUri"] == second["Source"]["SourceUri"]


async def test_a_model_without_a_package_is_told_by_its_data(made: Made) -> None:
    original = await made.hosting.object("model.tar.gz", "bytes")
    await made.hosting.version(original)
    copy = await made.hosting.object("copy.tar.gz", "bytes")
    await made.hosting.deployable("plain", Image=IMAGE, ModelDataUrl=copy)
    await made.hosting.endpoint("shop", "plain")
    await made.tell()

    assert (original, "SameAs", copy) in await made.graph()
    assert original in await made.ancestors(SHOP)
