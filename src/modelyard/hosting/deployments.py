"""The deployments of an endpoint: what it was told to serve, when, by whom, and how that ended.

A deployment's document holds everything its replicas need, so that it outlives the endpoint
configuration and the models it was made of. States are those of ListEndpointDeployments.

    Deploying -> InService -> Replaced | Deleted
    Deploying -> Failed
"""

from collections.abc import Mapping, Sequence
from typing import Any

from modelyard.call import Call, Document, read
from modelyard.contract import arns
from modelyard.contract.page_tokens import Question
from modelyard.errors import ResourceNotFound, ValidationException
from modelyard.hosting import tables
from modelyard.storage import records
from modelyard.storage.records import Record
from modelyard.storage.transaction import Transaction

DEPLOYING = "Deploying"
IN_SERVICE = "InService"
REPLACED = "Replaced"
FAILED = "Failed"
DELETED = "Deleted"

FAILURE_REASON_CHARACTERS_MAX = 1024  # FailureReason

_ALL = 10_000  # deployments of one endpoint that a roll-back looks at


async def add(call: Call, endpoint_arn: str, config_name: str, document: Document) -> int:
    """Record that a deployment is asked for; the number it gets follows all earlier ones."""
    row = await call.tx.one(
        "SELECT COALESCE(MAX(number), 0) + 1 FROM endpoint_deployment"
        " WHERE account = ? AND region = ? AND endpoint_arn = ?",
        call.account,
        call.region,
        endpoint_arn,
    )
    assert row is not None
    number = int(row[0])
    record = {
        "account": call.account,
        "region": call.region,
        "endpoint_arn": endpoint_arn,
        "number": number,
        "config_name": config_name,
        "state": DEPLOYING,
        "created_us": call.now_us,
        "principal": call.principal.arn,
        "document": document,
    }
    await records.insert(call.tx, tables.ENDPOINT_DEPLOYMENT, record)
    return number


def fleet(deployment: Record) -> int:
    """The number of the deployment that the replicas were first started for.

    One that only changes instances and weights (`Scales`) keeps the replicas of that one.
    """
    return int(deployment["document"].get("Scales", deployment["number"]))


async def get(tx: Transaction, endpoint: Mapping[str, Any], number: int) -> Record:
    """Raises: NotFound."""
    key = (endpoint["account"], endpoint["region"], endpoint["arn"], number)
    return await records.get(tx, tables.ENDPOINT_DEPLOYMENT, *key)


async def end(
    tx: Transaction,
    endpoint: Mapping[str, Any],
    number: int,
    state: str,
    now_us: int,
    failure_reason: str = "",
) -> None:
    """Record how a deployment ended."""
    await records.update(
        tx,
        tables.ENDPOINT_DEPLOYMENT,
        (endpoint["account"], endpoint["region"], endpoint["arn"], number),
        {"state": state, "ended_us": now_us, "failure_reason": failure_reason},
    )


async def begin(tx: Transaction, endpoint: Mapping[str, Any], number: int, now_us: int) -> None:
    """Record that a deployment serves."""
    await records.update(
        tx,
        tables.ENDPOINT_DEPLOYMENT,
        (endpoint["account"], endpoint["region"], endpoint["arn"], number),
        {"state": IN_SERVICE, "in_service_us": now_us},
    )


async def since_creation(tx: Transaction, endpoint: Mapping[str, Any]) -> list[Record]:
    """The deployments of the endpoint that is there now, newest first.

    An endpoint of the same name that was deleted has left its own behind.
    """
    found = await records.page(
        tx,
        tables.ENDPOINT_DEPLOYMENT,
        equal=_of(endpoint["account"], endpoint["region"], endpoint["arn"]),
        order=("number",),
        limit=_ALL,
        descending=True,
        filters=[records.Filter("created_us", ">=", endpoint["created_us"])],
    )
    return found.records


@read
async def list_endpoint_deployments(call: Call, request: Document) -> Document:
    endpoint_arn = _endpoint_arn(call, request)
    question = Question(call.account, call.region, call.operation, request)
    token = request.get("NextToken")
    found = await records.page(
        call.tx,
        tables.ENDPOINT_DEPLOYMENT,
        equal=_of(call.account, call.region, endpoint_arn),
        order=("number",),
        limit=request.get("MaxResults", tables.MAX_RESULTS_DEFAULT),
        descending=True,
        after=call.page_tokens.open(question, token) if token else None,
    )
    if not found.records and not token:
        raise ResourceNotFound(f'Could not find endpoint "{endpoint_arn}".')
    answer: Document = {"Deployments": [described(record) for record in found.records]}
    if found.last is not None:
        answer["NextToken"] = call.page_tokens.seal(question, found.last)
    return answer


def described(record: Record) -> Document:
    """A deployment as our own service answers it."""
    answer = {
        "EndpointArn": record["endpoint_arn"],
        "DeploymentNumber": record["number"],
        "EndpointConfigName": record["config_name"],
        "State": record["state"],
        "CreatedTime": record["created_us"],
        "CreatedBy": record["principal"],
        "Variants": [_variant(variant) for variant in record["document"]["Variants"]],
    }
    if record["in_service_us"]:
        answer["InServiceTime"] = record["in_service_us"]
    if record["ended_us"]:
        answer["EndedTime"] = record["ended_us"]
    if record["failure_reason"]:
        answer["FailureReason"] = record["failure_reason"]
    return answer


def _variant(variant: Mapping[str, Any]) -> Document:
    members = (
        "VariantName",
        "ModelName",
        "InstanceType",
        "InitialInstanceCount",
        "InitialVariantWeight",
    )
    answer: Document = {member: variant[member] for member in members}
    containers: Sequence[Mapping[str, Any]] = variant["Containers"]
    packages = [c["ModelPackageArn"] for c in containers if "ModelPackageArn" in c]
    if packages:
        answer["ModelPackageArn"] = packages[0]
    answer["Containers"] = [_container(container) for container in containers]
    return answer


def _container(container: Mapping[str, Any]) -> Document:
    answer = {"Image": container["Image"]}
    if "ModelDataUrl" in container:
        answer["ModelDataUrl"] = container["ModelDataUrl"]
    artifact = container.get("Artifact", {})
    for member in ("Sha256", "ETag"):
        if artifact.get(member):
            answer[member] = artifact[member]
    return answer


def _endpoint_arn(call: Call, request: Document) -> str:
    if ("EndpointName" in request) == ("EndpointArn" in request):
        raise ValidationException("Give EndpointName or EndpointArn, one of them.")
    if "EndpointName" in request:
        return arns.build(call.region, call.account, "endpoint", request["EndpointName"])
    return str(request["EndpointArn"])


def _of(account: str, region: str, endpoint_arn: str) -> dict[str, str | int]:
    return {"account": account, "region": region, "endpoint_arn": endpoint_arn}
