"""Lineage groups: an account has one in each region, to which everything belongs."""

from modelyard import call as calls
from modelyard import lineage_names as names
from modelyard.call import Call, Document
from modelyard.errors import ResourceNotFound, ValidationException


@calls.read
async def list_lineage_groups(call: Call, request: Document) -> Document:
    if request.get("NextToken"):
        raise ValidationException("Invalid NextToken.")
    created = await _created_us(call)
    after, before = request.get("CreatedAfter"), request.get("CreatedBefore")
    if (after is not None and created <= after) or (before is not None and created >= before):
        return {"LineageGroupSummaries": []}
    return {"LineageGroupSummaries": [_group(call, created)]}


@calls.read
async def describe_lineage_group(call: Call, request: Document) -> Document:
    _check(call, request["LineageGroupName"])
    return _group(call, await _created_us(call))


@calls.read
async def get_lineage_group_policy(call: Call, request: Document) -> Document:
    """Always ResourceNotFound: lineage is not shared with other accounts, so there is no policy."""
    arn = _check(call, request["LineageGroupName"])
    raise ResourceNotFound(f"Cannot find resource policy for: {arn}")


def _check(call: Call, text: str) -> str:
    """The ARN of the group, which `text` names or spells.

    Raises: ResourceNotFound.
    """
    arn = names.group_arn(*names.place(call))
    if text.lower() not in (arn, names.GROUP):
        raise names.missing(text)
    return arn


def _group(call: Call, created_us: int) -> Document:
    return {
        "LineageGroupName": names.GROUP,
        "LineageGroupArn": names.group_arn(*names.place(call)),
        "DisplayName": names.GROUP,
        "CreationTime": created_us,
        "LastModifiedTime": created_us,
    }


async def _created_us(call: Call) -> int:
    """When the first of its entities was made; now, where there are none yet."""
    found = [call.now_us]
    for kind in (names.ARTIFACT, names.ACTION, names.CONTEXT):
        row = await call.tx.one(
            "SELECT MIN(created_us) FROM lineage_entity"
            " WHERE account = ? AND region = ? AND kind = ?",
            *(*names.place(call), kind),
        )
        found += [int(row[0])] if row is not None and row[0] is not None else []
    return min(found)
