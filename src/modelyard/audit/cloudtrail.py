"""CloudTrail's LookupEvents: the trail as AWS's own clients read it.

An account sees its own events, of all regions. Nothing is forgotten after 90 days.
"""

from typing import Any

from modelyard import call as calls
from modelyard.audit import event, lookup
from modelyard.audit.chain import Chained
from modelyard.audit.lookup import Conditions
from modelyard.call import Call, Document
from modelyard.contract.page_tokens import Question
from modelyard.errors import Refusal, ValidationException

PAGE_DEFAULT = 50
_SECOND_US = 1_000_000
_COLUMNS = {
    "EventId": "id",
    "EventName": "operation",
    "Username": "user_name",
    "AccessKeyId": "access_key_id",
}
_SOURCE = ".amazonaws.com"


class InvalidLookupAttributesException(Refusal):
    code = "InvalidLookupAttributesException"


class InvalidTimeRangeException(Refusal):
    code = "InvalidTimeRangeException"


class InvalidNextTokenException(Refusal):
    code = "InvalidNextTokenException"


class InvalidMaxResultsException(Refusal):
    code = "InvalidMaxResultsException"


@calls.scan
async def lookup_events(call: Call, request: Document) -> Document:
    """Raises: InvalidLookupAttributes-, InvalidTimeRange-, InvalidNextTokenException."""
    conditions = _conditions(call, request)
    question = Question(call.account, "", call.operation, request)
    limit = request.get("MaxResults", PAGE_DEFAULT)
    if not 1 <= limit <= PAGE_DEFAULT:
        raise InvalidMaxResultsException(f"MaxResults is a number from 1 to {PAGE_DEFAULT}.")
    after = _position(call, question, request.get("NextToken"))
    found = await lookup.page(call.tx, call.account, conditions, limit + 1, after)
    answer: Document = {"Events": [_listed(chained) for chained in found[:limit]]}
    if len(found) > limit:
        last = found[limit - 1].record
        answer["NextToken"] = call.page_tokens.seal(question, [last.at_us, last.id])
    return answer


def _conditions(call: Call, request: Document) -> Conditions:
    if request.get("EventCategory"):  # insight is its only value
        return Conditions(("1 = 0",))
    first, last = request.get("StartTime"), request.get("EndTime")
    if first is not None and last is not None and first > last:
        raise InvalidTimeRangeException("StartTime is behind EndTime.")
    if last is not None:
        last += _SECOND_US - 1 - last % _SECOND_US  # event times are shown in whole seconds
    attributes = request.get("LookupAttributes", [])
    if len(attributes) > 1:
        raise InvalidLookupAttributesException("You can specify only one lookup attribute.")
    found = lookup.between(first, last)
    for attribute in attributes:
        found &= _of_attribute(call, attribute["AttributeKey"], attribute["AttributeValue"])
    return found


def _of_attribute(call: Call, key: str, value: str) -> Conditions:
    if key in _COLUMNS:
        return lookup.equal(_COLUMNS[key], value)
    if key == "ResourceName":
        return lookup.of_resource(call.account, value)
    if key == "ResourceType":
        return _of_type(value)
    if key == "EventSource":
        return lookup.equal("service", value.removesuffix(_SOURCE))
    if value not in ("true", "false"):
        raise InvalidLookupAttributesException("ReadOnly is true or false.")
    return lookup.equal("read_only", int(value == "true"))


def _of_type(name: str) -> Conditions:
    if name == event.BUCKET:
        return lookup.like("arn:aws:s3:::%", unlike="%/%")
    if name == event.OBJECT:
        return lookup.like("arn:aws:s3:::%/%")
    place = event.TYPES.get(name)
    if place is None:
        return Conditions(("1 = 0",))
    service, kind = place
    return lookup.like(f"arn:%:{service}:%:%:{kind}/%")


def _position(call: Call, question: Question, token: str | None) -> list[Any] | None:
    if not token:
        return None
    try:
        return list(call.page_tokens.open(question, token))
    except ValidationException:
        raise InvalidNextTokenException(
            "The NextToken is invalid, or belongs to a request with other parameters."
        ) from None


def _listed(chained: Chained) -> Document:
    record = chained.record
    resources = record.opened().get("Resources", [])
    listed: Document = {
        "EventId": record.id,
        "EventName": record.operation,
        "ReadOnly": "true" if record.read_only else "false",
        "EventTime": record.at_us,
        "EventSource": f"{record.service}{_SOURCE}",
        "Username": record.user_name,
        "Resources": [_resource(arn) for arn in resources],
        "CloudTrailEvent": event.encoded(chained),
    }
    if record.access_key_id:
        listed["AccessKeyId"] = record.access_key_id
    return listed


def _resource(arn: str) -> Document:
    kind = event.resource_type(arn)
    return {"ResourceName": arn, **({"ResourceType": kind} if kind else {})}
