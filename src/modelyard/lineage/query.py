"""QueryLineage: what came before an entity, what came after it, or both, filtered and by pages."""

from collections.abc import Sequence
from typing import Any

from modelyard import call as calls
from modelyard import lineage_names as names
from modelyard.call import Call, Document
from modelyard.contract.page_tokens import Question
from modelyard.errors import ValidationException
from modelyard.lineage import ends, store
from modelyard.lineage.ends import End
from modelyard.lineage.walk import Direction, Walk

DEPTH_MAX = 10  # QueryLineageMaxDepth
# AWS's pages have at most 50 where MaxResults says so; SDKs, which never ask for a second page,
# leave it out and draw what they get.
VERTICES_MAX = 1000

_TIMES = ("CreatedBefore", "CreatedAfter", "ModifiedBefore", "ModifiedAfter")

Place = tuple[int, str]  # depth and ARN: where a vertex is in the order of the answer


@calls.scan
async def query_lineage(call: Call, request: Document) -> Document:
    """Vertices by depth, then ARN, and the associations between those told so far.

    Without filters and with IncludeEdges the answer is a whole graph, so the start is in it;
    otherwise it is what was asked for, without the start.

    Raises: ValidationException: no start, or a number out of its range. ResourceNotFound: the start
    is not there. ResourceLimitExceeded: too much is connected.
    """
    start = await _start(call, request)
    filters = {m: v for m, v in request.get("Filters", {}).items() if v not in ([], {})}
    depth_max = _number(request, "MaxDepth", DEPTH_MAX)
    size = _number(request, "MaxResults", VERTICES_MAX)
    question = Question(call.account, call.region, call.operation, request)
    after: Place = (-1, "")
    if request.get("NextToken"):
        depth, arn = call.page_tokens.open(question, request["NextToken"])
        after = (depth, arn)
    direction = Direction(request.get("Direction", Direction.BOTH.value))
    walk = Walk(call.tx, *names.place(call), direction, start.arn)
    walk.types[start.arn] = start.type
    include_edges = bool(request.get("IncludeEdges"))
    told: list[Place] = [(0, start.arn)] if include_edges and not filters else []
    while walk.depth < depth_max and walk.frontier and _behind(told, after) <= size:
        met = await walk.step()
        told += [(walk.depth, arn) for arn in await _matching(call, walk, met, filters)]
    rest = [place for place in told if place > after]
    page = rest[:size]
    answer: Document = {
        "Vertices": [_vertex(arn, walk.types[arn]) for _, arn in page],
        "Edges": await _edges(walk, told, page) if include_edges else [],
    }
    if len(rest) > size:
        answer["NextToken"] = call.page_tokens.seal(question, list(page[-1]))
    return answer


async def _start(call: Call, request: Document) -> End:
    if not request.get("StartArns"):
        raise ValidationException("StartArns must name the entity to start from.")
    arn = names.reached(call, request["StartArns"][0])
    found = (await ends.find(call.tx, *names.place(call), [arn])).get(arn)
    if found is None:
        raise names.missing(arn)
    return found


def _number(request: Document, member: str, default: int) -> int:
    """The service model gives the highest, and no lowest."""
    value: int = request.get(member, default)
    if value < 1:
        path = member[0].lower() + member[1:]
        raise ValidationException(
            f"1 validation error detected: Value '{value}' at '{path}' failed to satisfy"
            " constraint: Member must have value greater than or equal to 1"
        )
    return value


def _behind(told: Sequence[Place], after: Place) -> int:
    return sum(place > after for place in told)


async def _matching(call: Call, walk: Walk, met: Sequence[str], filters: Document) -> list[str]:
    """Those of `met` that are vertices, and that every filter lets through; in the same order."""
    kinds = {k for k, word in names.LINEAGE_TYPES.items() if _wanted(filters, "LineageTypes", word)}
    kept = [
        arn
        for arn in met
        if names.kind(arn) in kinds
        and _wanted(filters, "Types", ends.vertex_type(arn, walk.types[arn]))
    ]
    if not any(member in filters for member in (*_TIMES, "Properties")):
        return kept
    found = await ends.find(call.tx, *names.place(call), kept)
    return [arn for arn in kept if arn in found and _passes(found[arn], filters)]


def _wanted(filters: Document, member: str, value: str) -> bool:
    return member not in filters or value in filters[member]


def _passes(end: End, filters: Document) -> bool:
    bounds: dict[str, Any] = {member: filters.get(member) for member in _TIMES}
    if bounds["CreatedBefore"] is not None and end.created_us >= bounds["CreatedBefore"]:
        return False
    if bounds["CreatedAfter"] is not None and end.created_us <= bounds["CreatedAfter"]:
        return False
    if bounds["ModifiedBefore"] is not None and end.modified_us >= bounds["ModifiedBefore"]:
        return False
    if bounds["ModifiedAfter"] is not None and end.modified_us <= bounds["ModifiedAfter"]:
        return False
    wanted = filters.get("Properties", {})
    if not wanted:
        return True
    properties = store.read(end.document).get("Properties", {}) if end.document else {}
    return all(properties.get(key) == value for key, value in wanted.items())


def _vertex(arn: str, association_type: str) -> Document:
    return {
        "Arn": arn,
        "Type": ends.vertex_type(arn, association_type),
        "LineageType": names.LINEAGE_TYPES[names.kind(arn)],
    }


async def _edges(walk: Walk, told: Sequence[Place], page: Sequence[Place]) -> list[Document]:
    """Every association between two vertices of this page and those before, once over all pages."""
    if not page:
        return []
    first, last = page[0], page[-1]
    places = {arn: (depth, arn) for depth, arn in told if (depth, arn) <= last}
    # The last level was met, but not looked at from itself.
    await walk.look([arn for arn, place in places.items() if place[0] == walk.depth])
    edges = []
    for (source, destination), association_type in sorted(walk.edges.items()):
        if source not in places or destination not in places:
            continue
        if max(places[source], places[destination]) < first:
            continue
        typed = {"AssociationType": association_type} if association_type else {}
        edges.append({"SourceArn": source, "DestinationArn": destination, **typed})
    return edges
