"""The tables of hosting, and pages of them. Knows columns, not what documents hold."""

from modelyard import visible_pages
from modelyard.call import Call, Document
from modelyard.contract.page_tokens import Question
from modelyard.storage import records
from modelyard.storage.records import Filter, Record, Table
from modelyard.visible_pages import Position

MAX_RESULTS_DEFAULT = 10  # AWS: models, endpoint configurations and endpoints

_NAMED = ("account", "region", "name", "arn", "created_us", "modified_us")

MODEL = Table("model", ("account", "region", "name"), (*_NAMED, "document"))
ENDPOINT_CONFIG = Table("endpoint_config", ("account", "region", "name"), (*_NAMED, "document"))
ENDPOINT = Table(
    "endpoint",
    ("account", "region", "name"),
    (*_NAMED, "status", "serving", "target", "document"),
)
ENDPOINT_DEPLOYMENT = Table(
    "endpoint_deployment",
    ("account", "region", "endpoint_arn", "number"),
    (
        "account",
        "region",
        "endpoint_arn",
        "number",
        "config_name",
        "state",
        "created_us",
        "in_service_us",
        "ended_us",
        "principal",
        "failure_reason",
        "document",
    ),
)

_ORDERS = {
    "Name": ("name",),
    "CreationTime": ("created_us", "name"),
    "Status": ("status", "name"),
}
_TIMES = {
    "CreationTimeAfter": ("created_us", ">="),
    "CreationTimeBefore": ("created_us", "<"),
    "LastModifiedTimeAfter": ("modified_us", ">="),
    "LastModifiedTimeBefore": ("modified_us", "<"),
}


def new_record(call: Call, name: str, arn: str, document: Document) -> Record:
    return {
        "account": call.account,
        "region": call.region,
        "name": name,
        "arn": arn,
        "created_us": call.now_us,
        "modified_us": call.now_us,
        "document": document,
    }


async def page(call: Call, request: Document, table: Table) -> tuple[list[Record], Document]:
    """A page of named records as a List operation asks for it, and its NextToken if there is more.

    These lists are newest first unless asked otherwise.
    """
    question = Question(call.account, call.region, call.operation, request)
    token = request.get("NextToken")
    after = call.page_tokens.open(question, token) if token else None
    found, last = await _records(call, request, table, after)
    if last is None:
        return found, {}
    return found, {"NextToken": call.page_tokens.seal(question, list(last))}


async def _records(
    call: Call, request: Document, table: Table, after: Position | None
) -> tuple[list[Record], Position | None]:
    """The next records, and where to go on if there are more."""
    order = _ORDERS[request.get("SortBy", "CreationTime")]

    async def fetch(after: Position | None, limit: int) -> records.Page:
        return await records.page(
            call.tx,
            table,
            equal={"account": call.account, "region": call.region},
            order=order,
            limit=limit,
            descending=request.get("SortOrder", "Descending") == "Descending",
            filters=_filters(request),
            after=after,
        )

    size = request.get("MaxResults", MAX_RESULTS_DEFAULT)
    sees = call.sees
    if sees is None:
        page = await fetch(after, size)
        return page.records, page.last

    async def batch(after: Position | None, limit: int) -> list[Record]:
        return (await fetch(after, limit)).records

    return await visible_pages.gather(
        batch,
        lambda record: sees(record["arn"]),
        lambda record: [record[column] for column in order],
        size,
        after,
    )


def _filters(request: Document) -> list[Filter]:
    filters = [
        Filter(column, operator, request[member])
        for member, (column, operator) in _TIMES.items()
        if member in request
    ]
    if request.get("NameContains"):
        filters.append(Filter("name", "contains", request["NameContains"]))
    if "StatusEquals" in request:
        filters.append(Filter("status", "=", request["StatusEquals"]))
    return filters
