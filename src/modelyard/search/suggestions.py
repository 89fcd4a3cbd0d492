"""GetSearchSuggestions: names of properties that begin as asked, those that people chose too."""

from collections.abc import AsyncIterator

from modelyard.call import Call, Document
from modelyard.errors import ValidationException
from modelyard.search import resources
from modelyard.search.properties import METRICS, TAGS
from modelyard.search.resources import Resource

SUGGESTIONS_MAX = 100
_METRICS_LOOKED_AT = 5_000  # rows; their names are in no order of their own


async def suggested(call: Call, request: Document) -> Document:
    """Members may be written in any case; what stands behind their dot is taken as it is.

    Raises: ValidationException: there is no search of this resource.
    """
    resource = resources.find(request["Resource"])
    if resource is None:
        raise ValidationException(f"Search of {request['Resource']} is not offered.")
    query = request.get("SuggestionQuery", {}).get("PropertyNameQuery", {})
    hint: str = query.get("PropertyNameHint", "")
    found = [name for name in resource.names.all() if name.lower().startswith(hint.lower())]
    for member in (resource.kept, TAGS, METRICS):
        behind = _behind(hint, member)
        if behind is None:
            continue
        async for name in _chosen(call, resource, member, behind):
            found.append(f"{member}.{name}")
            if len(found) >= 2 * SUGGESTIONS_MAX:
                break
    names = sorted(set(found))[:SUGGESTIONS_MAX]
    return {"PropertyNameSuggestions": [{"PropertyName": name} for name in names]}


def _behind(hint: str, member: str) -> str | None:
    """What the chosen name begins with, if the hint may be about the member's names."""
    if not member:
        return None
    head, dot, rest = hint.partition(".")
    if dot:
        return rest if head.lower() == member.lower() else None
    return "" if member.lower().startswith(head.lower()) else None


async def _chosen(call: Call, resource: Resource, member: str, behind: str) -> AsyncIterator[str]:
    if member == METRICS:
        for name in await _metric_names(call, resource):
            if name.startswith(behind):
                yield name
        return
    key, table, values = "key", "tag WHERE account = ? AND region = ?", [call.account, call.region]
    if member == resource.kept:
        key, table = "property", "search_value WHERE account = ? AND region = ? AND kind = ?"
        values.append(resource.kind)
    last, sign = behind, ">="
    while True:  # from name to name, whatever number of rows each has
        row = await call.tx.one(
            f"SELECT {key} FROM {table} AND {key} {sign} ? ORDER BY {key} LIMIT 1", *values, last
        )
        if row is None or not row[0].startswith(behind):
            return
        last, sign = row[0], ">"
        yield last


async def _metric_names(call: Call, resource: Resource) -> list[str]:
    if resource.measured:
        table = "model_package_metric"
    elif METRICS in resource.names.shape.members:
        table = "metric_series"
    else:
        return []
    rows = await call.tx.all(
        f"SELECT DISTINCT name FROM (SELECT name FROM {table} WHERE account = ? AND region = ?"
        " LIMIT ?) AS rows_of_names ORDER BY name",
        *(call.account, call.region, _METRICS_LOOKED_AT),
    )
    return [row[0] for row in rows]
