"""SimulatePrincipalPolicy: asks the same decision that stands before every operation."""

import re

from modelyard import call as calls
from modelyard.access.identities import roles
from modelyard.access.identities.refusals import InvalidInput, NoSuchEntity
from modelyard.access.policy import rule
from modelyard.call import Call, Document, Principal
from modelyard.contract.page_tokens import Question

PAIRS_MAX = 100_000  # actions times resources in one request
_ACTION = re.compile(r"[A-Za-z0-9-]{1,63}:[A-Za-z0-9*?_-]{1,128}|\*")
_ROLE = re.compile(r"arn:aws:iam::([0-9]{12}):role/(?:\S*/)?([^/\s]+)")
_POLICIES = (
    "PolicyInputList",
    "PermissionsBoundaryPolicyInputList",
    "ResourcePolicy",
)


@calls.read
async def simulate_principal_policy(call: Call, request: Document) -> Document:
    """Every action against every resource, in pages.

    Raises: NoSuchEntity: no such role. InvalidInput: an action is none, or policies are given,
    which this server does not evaluate yet.
    """
    if any(request.get(name) for name in _POLICIES):
        raise InvalidInput("Simulating with further policies is not offered by this server yet.")
    principal = await _principal(call, request["PolicySourceArn"])
    actions, resources = request["ActionNames"], request.get("ResourceArns") or ["*"]
    _check(actions, resources)
    question = Question(call.account, "", call.operation, request)
    start = call.page_tokens.open(question, request["Marker"])[0] if "Marker" in request else 0
    count = len(actions) * len(resources)
    end = min(start + request.get("MaxItems", roles.PAGE_DEFAULT), count)
    results = []
    for position in range(start, end):
        number, rest = divmod(position, len(resources))
        action, resource = actions[number], resources[rest]
        decision = rule.decide(principal, action, resource)
        results.append(
            {
                "EvalActionName": action,
                "EvalResourceName": resource,
                "EvalDecision": decision.value,
            }
        )
    answer: Document = {"EvaluationResults": results, "IsTruncated": end < count}
    if end < count:
        answer["Marker"] = call.page_tokens.seal(question, [end])
    return answer


async def _principal(call: Call, arn: str) -> Principal:
    if arn == f"arn:aws:iam::{call.account}:root":
        return Principal(call.account, arn, call.account, "")
    match = _ROLE.fullmatch(arn)
    if match is None:
        raise InvalidInput(
            f"Invalid Entity Arn: {arn} does not clearly define entity type and name."
        )
    role = None
    if match[1] == call.account:
        role = await roles.find(call.tx, call.account, match[2])
    if role is None or role.arn != arn:
        raise NoSuchEntity(f"The role with name {match[2]} cannot be found.")
    return Principal(call.account, arn, role.id, "")


def _check(actions: list[str], resources: list[str]) -> None:
    for action in actions:
        if not _ACTION.fullmatch(action):
            raise InvalidInput(f"Invalid Action Name: {action}")
    if len(actions) * len(resources) > PAIRS_MAX:
        raise InvalidInput(f"A simulation has at most {PAIRS_MAX} pairs of action and resource.")
