"""CreateEndpointConfig, DescribeEndpointConfig, ListEndpointConfigs, DeleteEndpointConfig.

What is not offered is refused here, when it is asked for, and not when an endpoint is made of it.
"""

from modelyard import errors, tag_rules
from modelyard.call import Call, Document, read, write
from modelyard.contract import arns
from modelyard.errors import ValidationException
from modelyard.hosting import capacities, models, tables
from modelyard.storage import records, tags

_NOT_OFFERED = (
    "DataCaptureConfig",
    "AsyncInferenceConfig",
    "ExplainerConfig",
    "ShadowProductionVariants",
    "CrossRegionTrafficConfig",
)
_NOT_OFFERED_IN_VARIANTS = (
    "ServerlessConfig",
    "InstancePools",
    "ManagedInstanceScaling",
    "CoreDumpConfig",
    "CapacityReservationConfig",
    "AcceleratorType",
    "AcceleratorPartitionLayouts",
)
_ROUTING = ("LEAST_OUTSTANDING_REQUESTS", "RANDOM")
_NOT_KEPT = ("Tags",)


def arn(account: str, region: str, name: str) -> str:
    return arns.build(region, account, "endpoint-config", name)


def missing(call: Call, name: str) -> ValidationException:
    config_arn = arn(call.account, call.region, name)
    return ValidationException(f'Could not find endpoint configuration "{config_arn}".')


@write
async def create_endpoint_config(call: Call, request: Document) -> Document:
    name = request["EndpointConfigName"]
    config_arn = arn(call.account, call.region, name)
    _refuse_what_is_not_offered(request)
    _check_variants(request["ProductionVariants"])
    given_tags = tag_rules.read(request.get("Tags", []))
    for variant in request["ProductionVariants"]:
        model = variant["ModelName"]
        if not await records.find(call.tx, tables.MODEL, call.account, call.region, model):
            raise models.missing(call, model)
    document = {member: value for member, value in request.items() if member not in _NOT_KEPT}
    document["ProductionVariants"] = [
        {**variant, "InitialVariantWeight": float(variant.get("InitialVariantWeight", 1))}
        for variant in request["ProductionVariants"]
    ]
    try:
        await records.insert(
            call.tx, tables.ENDPOINT_CONFIG, tables.new_record(call, name, config_arn, document)
        )
    except errors.Conflict:
        raise ValidationException(
            f'Cannot create already existing endpoint configuration "{config_arn}".'
        ) from None
    await tags.put(call.tx, call.account, call.region, config_arn, given_tags)
    return {"EndpointConfigArn": config_arn}


@read
async def describe_endpoint_config(call: Call, request: Document) -> Document:
    name = request["EndpointConfigName"]
    row = await records.find(call.tx, tables.ENDPOINT_CONFIG, call.account, call.region, name)
    if row is None:
        raise missing(call, name)
    return {
        **row["document"],
        "EndpointConfigArn": row["arn"],
        "CreationTime": row["created_us"],
    }


@read
async def list_endpoint_configs(call: Call, request: Document) -> Document:
    rows, more = await tables.page(call, request, tables.ENDPOINT_CONFIG)
    summaries = [
        {
            "EndpointConfigName": row["name"],
            "EndpointConfigArn": row["arn"],
            "CreationTime": row["created_us"],
        }
        for row in rows
    ]
    return {"EndpointConfigs": summaries, **more}


@write
async def delete_endpoint_config(call: Call, request: Document) -> Document:
    """Remove the entry. Endpoints keep what they need of it: SDKs delete it before the endpoint."""
    name = request["EndpointConfigName"]
    key = (call.account, call.region, name)
    row = await records.find(call.tx, tables.ENDPOINT_CONFIG, *key)
    if row is None or not await records.delete(call.tx, tables.ENDPOINT_CONFIG, *key):
        raise missing(call, name)
    await tags.drop(call.tx, call.account, call.region, row["arn"])
    call.changed(row["arn"], before=row["document"])
    return {}


def _refuse_what_is_not_offered(request: Document) -> None:
    for member in _NOT_OFFERED:
        # SDKs write down that capture is off when they copy a configuration.
        is_off = (
            member == "DataCaptureConfig" and request.get(member, {}).get("EnableCapture") is False
        )
        if member in request and not is_off:
            raise ValidationException(f"{member} is not offered by Modelyard yet.")
    for variant in request["ProductionVariants"]:
        for member in _NOT_OFFERED_IN_VARIANTS:
            if member in variant:
                raise ValidationException(
                    f"{member} of variant {variant['VariantName']} is not offered by Modelyard yet."
                )
        strategy = variant.get("RoutingConfig", {}).get("RoutingStrategy", _ROUTING[0])
        if strategy not in _ROUTING:
            raise ValidationException(
                f"RoutingStrategy {strategy} is not offered by Modelyard yet; "
                f"{' and '.join(_ROUTING)} are."
            )


def _check_variants(variants: list[Document]) -> None:
    names = [variant["VariantName"] for variant in variants]
    if len(set(names)) < len(names):
        raise ValidationException("The VariantName of each production variant must be unique.")
    for variant in variants:
        for member in ("ModelName", "InstanceType", "InitialInstanceCount"):
            if member not in variant:
                raise ValidationException(
                    f"{member} of variant {variant['VariantName']} is missing."
                )
    capacities.check_limit(variants)
