"""CreateModel, DescribeModel, ListModels, DeleteModel. Knows no endpoint and no replica.

A model's row keeps what the client gave (`Model`) beside what it stood for then (`Containers`): an
approved package may change afterwards, what the model deploys does not.
"""

from modelyard import errors, tag_rules
from modelyard.call import Call, Document, read, write
from modelyard.contract import arns
from modelyard.errors import ValidationException
from modelyard.hosting import containers, tables
from modelyard.storage import records, tags

_KEPT = (
    "ModelName",
    "PrimaryContainer",
    "Containers",
    "InferenceExecutionConfig",
    "ExecutionRoleArn",
    "VpcConfig",
    "EnableNetworkIsolation",
)


def arn(account: str, region: str, name: str) -> str:
    return arns.build(region, account, "model", name)


def execution(document: Document) -> Document:
    """As whom the model's code runs, and whether it reaches anything, of a model's row."""
    members = ("ExecutionRoleArn", "EnableNetworkIsolation")
    return {member: document["Model"][member] for member in members if member in document["Model"]}


def missing(call: Call, name: str) -> ValidationException:
    return ValidationException(f'Could not find model "{arn(call.account, call.region, name)}".')


@write
async def create_model(call: Call, request: Document) -> Document:
    name = request["ModelName"]
    model_arn = arn(call.account, call.region, name)
    definitions = _definitions(request)
    if "ExecutionRoleArn" not in request:
        raise ValidationException(
            "1 validation error detected: Value null at 'executionRoleArn' failed to satisfy "
            "constraint: Member must not be null"
        )
    given_tags = tag_rules.read(request.get("Tags", []))
    document = {
        "Model": {
            "EnableNetworkIsolation": False,  # AWS answers it always
            **{
                member: request[member] for member in _KEPT if request.get(member) not in (None, [])
            },
        },
        "Containers": [
            snapshot
            for definition in definitions
            for snapshot in await containers.snapshots(
                call, definition, request["ExecutionRoleArn"]
            )
        ],
    }
    try:
        await records.insert(
            call.tx, tables.MODEL, tables.new_record(call, name, model_arn, document)
        )
    except errors.Conflict:
        raise ValidationException(f'Cannot create already existing model "{model_arn}".') from None
    await tags.put(call.tx, call.account, call.region, model_arn, given_tags)
    return {"ModelArn": model_arn}


@read
async def describe_model(call: Call, request: Document) -> Document:
    name = request["ModelName"]
    row = await records.find(call.tx, tables.MODEL, call.account, call.region, name)
    if row is None:
        raise missing(call, name)
    return {
        **row["document"]["Model"],
        "ModelArn": row["arn"],
        "CreationTime": row["created_us"],
    }


@read
async def list_models(call: Call, request: Document) -> Document:
    rows, more = await tables.page(call, request, tables.MODEL)
    summaries = [
        {"ModelName": row["name"], "ModelArn": row["arn"], "CreationTime": row["created_us"]}
        for row in rows
    ]
    return {"Models": summaries, **more}


@write
async def delete_model(call: Call, request: Document) -> Document:
    """Remove the entry; endpoints that were made of it go on."""
    name = request["ModelName"]
    key = (call.account, call.region, name)
    row = await records.find(call.tx, tables.MODEL, *key)
    if row is None or not await records.delete(call.tx, tables.MODEL, *key):
        raise missing(call, name)
    await tags.drop(call.tx, call.account, call.region, row["arn"])
    call.changed(row["arn"], before=row["document"]["Model"])
    return {}


def _definitions(request: Document) -> list[Document]:
    primary, several = request.get("PrimaryContainer"), request.get("Containers")
    if primary and several:
        raise ValidationException("A model takes PrimaryContainer or Containers, not both.")
    if not primary and not several:
        raise ValidationException("A model needs a PrimaryContainer or Containers.")
    return [primary] if primary else list(several or ())
