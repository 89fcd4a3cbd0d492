"""CreateEndpoint, UpdateEndpoint, UpdateEndpointWeightsAndCapacities, DescribeEndpoint,
ListEndpoints, DeleteEndpoint.

These record what is wanted; the controller makes it so. Knows no replica and no backend.

    serving   the deployment that has served in health and goes on until another takes over; 0: none
    target    the deployment that is to take over; 0: none
"""

from typing import Any

from modelyard import errors, tag_rules
from modelyard.call import Call, Document, read, write
from modelyard.contract import arns
from modelyard.errors import ValidationException
from modelyard.hosting import capacities, containers, deployments, endpoint_configs, models, tables
from modelyard.storage import records, tags, work
from modelyard.storage.records import Record

WORK = "endpoint"  # the kind of work items for the controller

CREATING = "Creating"
IN_SERVICE = "InService"
UPDATING = "Updating"
DELETING = "Deleting"
FAILED = "Failed"

_AT_ONCE = "ALL_AT_ONCE"
_VARIANT_MEMBERS = (
    "VariantName",
    "ModelName",
    "InstanceType",
    "InitialInstanceCount",
    "InitialVariantWeight",
    "ContainerStartupHealthCheckTimeoutInSeconds",
    "RoutingConfig",
)


def arn(account: str, region: str, name: str) -> str:
    return arns.build(region, account, "endpoint", name)


async def find(call: Call, name: str) -> Record:
    """The endpoint's row. Raises: ValidationException."""
    row = await records.find(call.tx, tables.ENDPOINT, call.account, call.region, name)
    if row is None:
        endpoint_arn = arn(call.account, call.region, name)
        raise ValidationException(f'Could not find endpoint "{endpoint_arn}".')
    return row


@write
async def create_endpoint(call: Call, request: Document) -> Document:
    name = request["EndpointName"]
    endpoint_arn = arn(call.account, call.region, name)
    given_tags = tag_rules.read(request.get("Tags", []))
    config = await _config(call, request["EndpointConfigName"])
    document = _with_deployment_config({}, request)
    variants = await _variants(call, config)
    number = await deployments.add(call, endpoint_arn, config["name"], {"Variants": variants})
    row = tables.new_record(call, name, endpoint_arn, document)
    row |= {"status": CREATING, "serving": 0, "target": number}
    try:
        await records.insert(call.tx, tables.ENDPOINT, row)
    except errors.Conflict:
        raise ValidationException(
            f'Cannot create already existing endpoint "{endpoint_arn}".'
        ) from None
    await tags.put(call.tx, call.account, call.region, endpoint_arn, given_tags)
    await _wish(call, endpoint_arn)
    return {"EndpointArn": endpoint_arn}


@write
async def update_endpoint(call: Call, request: Document) -> Document:
    """Replicas of the new configuration take over once all of them are ready."""
    endpoint = await find(call, request["EndpointName"])
    check_updatable(endpoint)
    config = await _config(call, request["EndpointConfigName"])
    serving = await deployments.get(call.tx, endpoint, endpoint["serving"])
    if serving["config_name"] == config["name"]:
        raise ValidationException(
            f'Endpoint "{endpoint["arn"]}" already uses endpoint configuration "{config["arn"]}". '
            "Create a new endpoint configuration to update it."
        )
    variants = await _variants(call, config)
    if request.get("RetainAllVariantProperties"):
        excluded = request.get("ExcludeRetainedVariantProperties", [])
        overridden = {exclusion["VariantPropertyType"] for exclusion in excluded}
        variants = capacities.retained(variants, serving["document"]["Variants"], overridden)
    kept = endpoint["document"] if request.get("RetainDeploymentConfig") else {}
    document = _with_deployment_config(kept, request)
    await deploy(call, endpoint, serving, config["name"], {"Variants": variants}, document)
    return {"EndpointArn": endpoint["arn"]}


@write
async def update_endpoint_weights_and_capacities(call: Call, request: Document) -> Document:
    """The replicas that stay go on as they are; what gets more to do has to be deployable."""
    endpoint = await find(call, request["EndpointName"])
    check_updatable(endpoint)
    serving = await deployments.get(call.tx, endpoint, endpoint["serving"])
    before = serving["document"]["Variants"]
    after = capacities.changed(before, request["DesiredWeightsAndCapacities"])
    for variant in capacities.grown(before, after):
        for container in variant["Containers"]:
            await containers.check_still_deployable(call, container)
    deployment = {"Variants": after, "Scales": deployments.fleet(serving)}
    document = _with_deployment_config(endpoint["document"], {})
    await deploy(call, endpoint, serving, serving["config_name"], deployment, document)
    return {"EndpointArn": endpoint["arn"]}


async def deploy(
    call: Call,
    endpoint: Record,
    serving: Record,
    config_name: str,
    deployment: Document,
    document: Document,
) -> int:
    """Ask for a deployment to take over from `serving`; `document` is the endpoint's from now on.

    Raises: ValidationException: an update was faster.
    """
    number = await deployments.add(call, endpoint["arn"], config_name, deployment)
    changes = {
        "status": UPDATING,
        "target": number,
        "modified_us": call.now_us,
        "document": document,
    }
    key = (call.account, call.region, endpoint["name"])
    # The status is asked for again in the statement: of two updates at once, one is too late.
    if not await records.update(
        call.tx, tables.ENDPOINT, key, changes, expected={"status": IN_SERVICE}
    ):
        raise in_progress(endpoint)
    await _wish(call, endpoint["arn"])
    call.changed(
        endpoint["arn"],
        _for_trail(serving["config_name"], serving["document"], endpoint["document"]),
        _for_trail(config_name, deployment, document),
    )
    return number


def _for_trail(config_name: str, deployment: Document, document: Document) -> Document:
    """What an endpoint is to serve, without what a configuration's name stands for."""
    variants = [
        {member: variant[member] for member in _VARIANT_MEMBERS if member in variant}
        for variant in deployment["Variants"]
    ]
    config = document.get("DeploymentConfig", {})
    return {"EndpointConfigName": config_name, "Variants": variants, "DeploymentConfig": config}


def check_updatable(endpoint: Record) -> None:
    """Raises: ValidationException."""
    if endpoint["status"] == FAILED:
        raise ValidationException(
            f'Endpoint "{endpoint["arn"]}" has failed and serves nothing; it can only be deleted.'
        )
    if endpoint["status"] != IN_SERVICE:
        raise in_progress(endpoint)


def in_progress(endpoint: Record) -> ValidationException:
    return ValidationException(f'Cannot update in-progress endpoint "{endpoint["arn"]}".')


@write
async def delete_endpoint(call: Call, request: Document) -> Document:
    """In any status: an endpoint that hangs in Creating can be got rid of."""
    endpoint = await find(call, request["EndpointName"])
    if endpoint["status"] == DELETING:
        call.unchanged()
        return {}
    key = (call.account, call.region, endpoint["name"])
    changes = {"status": DELETING, "modified_us": call.now_us}
    await records.update(call.tx, tables.ENDPOINT, key, changes)
    await _wish(call, endpoint["arn"])
    statuses = ({"EndpointStatus": endpoint["status"]}, {"EndpointStatus": DELETING})
    call.changed(endpoint["arn"], *statuses)
    return {}


@read
async def describe_endpoint(call: Call, request: Document) -> Document:
    endpoint = await find(call, request["EndpointName"])
    answer = {
        "EndpointName": endpoint["name"],
        "EndpointArn": endpoint["arn"],
        "EndpointStatus": endpoint["status"],
        "CreationTime": endpoint["created_us"],
        "LastModifiedTime": endpoint["modified_us"],
    }
    document = endpoint["document"]
    if "FailureReason" in document:
        answer["FailureReason"] = document["FailureReason"]
    if "DeploymentConfig" in document:
        answer["LastDeploymentConfig"] = document["DeploymentConfig"]
    shown = endpoint["serving"] or endpoint["target"] or document.get("FailedDeployment", 0)
    if shown:
        deployment = await deployments.get(call.tx, endpoint, shown)
        answer["EndpointConfigName"] = deployment["config_name"]
        if endpoint["status"] != FAILED:
            answer |= await _deployed(call, endpoint, deployment)
    return answer


async def _deployed(call: Call, endpoint: Record, deployment: Record) -> Document:
    """ProductionVariants, and what is to take their place if there is something.

    New weights and capacities are no deployment in AWS's words: they are desired of the variants.
    """
    if not (endpoint["serving"] and endpoint["target"]):
        return {"ProductionVariants": _summaries(deployment, deployment)}
    coming = await deployments.get(call.tx, endpoint, endpoint["target"])
    if "Scales" in coming["document"]:
        return {"ProductionVariants": _summaries(deployment, coming)}
    return {
        "ProductionVariants": _summaries(deployment, deployment),
        "PendingDeploymentSummary": {
            "EndpointConfigName": coming["config_name"],
            "ProductionVariants": _pending_summaries(coming),
            "StartTime": coming["created_us"],
        },
    }


@read
async def list_endpoints(call: Call, request: Document) -> Document:
    rows, more = await tables.page(call, request, tables.ENDPOINT)
    summaries = [
        {
            "EndpointName": row["name"],
            "EndpointArn": row["arn"],
            "CreationTime": row["created_us"],
            "LastModifiedTime": row["modified_us"],
            "EndpointStatus": row["status"],
        }
        for row in rows
    ]
    return {"Endpoints": summaries, **more}


async def _config(call: Call, name: str) -> Record:
    row = await records.find(call.tx, tables.ENDPOINT_CONFIG, call.account, call.region, name)
    if row is None:
        raise endpoint_configs.missing(call, name)
    return row


async def _variants(call: Call, config: Record) -> list[Document]:
    """The variants of a configuration with all that their replicas need.

    Raises: ValidationException: a model is gone, not offered, or its package may not be deployed.
    """
    variants = []
    for variant in config["document"]["ProductionVariants"]:
        name = variant["ModelName"]
        model = await records.find(call.tx, tables.MODEL, call.account, call.region, name)
        if model is None:
            raise models.missing(call, name)
        snapshots = model["document"]["Containers"]
        if len(snapshots) > 1:
            raise ValidationException(
                f"Model {name} has {len(snapshots)} containers. Inference pipelines are not "
                "offered by Modelyard yet: an endpoint serves models of one container."
            )
        for snapshot in snapshots:
            await containers.check_still_deployable(call, snapshot)
        kept = {member: variant[member] for member in _VARIANT_MEMBERS if member in variant}
        kept["Containers"] = [await containers.with_bytes(call, s) for s in snapshots]
        kept |= models.execution(model["document"])
        variants.append(kept)
    return variants


def _with_deployment_config(document: Document, request: Document) -> Document:
    """The endpoint's own document for a new deployment: the failure of an earlier one is over.

    Raises: ValidationException: a strategy that is not offered.
    """
    kept = {k: v for k, v in document.items() if k == "DeploymentConfig"}
    config: dict[str, Any] | None = request.get("DeploymentConfig")
    if config is None:
        return kept
    if "RollingUpdatePolicy" in config:
        raise ValidationException("RollingUpdatePolicy is not offered by Modelyard yet.")
    if config.get("AutoRollbackConfiguration", {}).get("Alarms"):
        raise ValidationException(
            "AutoRollbackConfiguration with alarms is not offered by Modelyard yet."
        )
    policy = config.get("BlueGreenUpdatePolicy", {})
    routing = policy.get("TrafficRoutingConfiguration", {"Type": _AT_ONCE})
    if routing["Type"] != _AT_ONCE:
        raise ValidationException(
            f"TrafficRoutingConfiguration of Type {routing['Type']} is not offered by Modelyard "
            f"yet; {_AT_ONCE} is."
        )
    return {**kept, "DeploymentConfig": config}


def _summaries(deployment: Record, desired: Record) -> list[Document]:
    """Variants as they are in `deployment`, and as they are to be in `desired`."""
    begun = deployment["state"] != deployments.DEPLOYING
    return [
        {
            "VariantName": variant["VariantName"],
            "DeployedImages": _images(variant, deployment["created_us"]),
            "CurrentWeight": variant["InitialVariantWeight"] if begun else 0.0,
            "DesiredWeight": wanted["InitialVariantWeight"],
            "CurrentInstanceCount": variant["InitialInstanceCount"] if begun else 0,
            "DesiredInstanceCount": wanted["InitialInstanceCount"],
        }
        for variant, wanted in zip(
            deployment["document"]["Variants"], desired["document"]["Variants"], strict=True
        )
    ]


def _pending_summaries(deployment: Record) -> list[Document]:
    return [
        {**summary, "InstanceType": variant["InstanceType"]}
        for summary, variant in zip(
            _summaries(deployment, deployment), deployment["document"]["Variants"], strict=True
        )
    ]


def _images(variant: Document, resolved_us: int) -> list[Document]:
    return [
        {
            "SpecifiedImage": container["Image"],
            "ResolvedImage": container["Image"],
            "ResolutionTime": resolved_us,
        }
        for container in variant["Containers"]
    ]


async def _wish(call: Call, endpoint_arn: str) -> None:
    await work.enqueue(call.tx, WORK, endpoint_arn, due_us=call.now_us)
