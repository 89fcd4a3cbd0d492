"""What a principal may do: the one decision that stands before every operation. Pure.

The rule of this version, and it is the whole rule: every key of an account is an administrator's of
that account, and nobody's of another. Role policies are stored and returned; they do not narrow a
session yet.
"""

from enum import Enum

from modelyard.call import Principal
from modelyard.errors import AccessDeniedException

# Where the prefix of a service's actions is not the name of its model.
_PREFIXES = {"sagemaker-runtime": "sagemaker", "sagemaker-metrics": "sagemaker"}


class Decision(Enum):
    """In the words of SimulatePrincipalPolicy."""

    ALLOWED = "allowed"
    EXPLICIT_DENY = "explicitDeny"
    IMPLICIT_DENY = "implicitDeny"


def decide(principal: Principal, action: str, resource: str) -> Decision:
    """Whether `principal` may do `action` ("sagemaker:CreateModel") to `resource` (ARN or "*")."""
    if account_of(resource) in ("", principal.account):
        return Decision.ALLOWED
    return Decision.IMPLICIT_DENY


def authorise(principal: Principal, service: str, operation: str, resource: str = "*") -> None:
    """Raises: AccessDeniedException: `principal` may not do this operation."""
    action = f"{_PREFIXES.get(service, service)}:{operation}"
    if decide(principal, action, resource) is not Decision.ALLOWED:
        raise AccessDeniedException(denied(principal, action, resource))


def denied(principal: Principal, action: str, resource: str) -> str:
    """AWS's sentence; the SDKs look for its words."""
    return f"User: {principal.arn} is not authorized to perform: {action} on resource: {resource}"


def account_of(resource: str) -> str:
    """The account in an ARN; "" where it names none (S3's do not, nor does "*")."""
    parts = resource.split(":", 5)
    return parts[4] if len(parts) == 6 and parts[0] == "arn" and parts[4] != "*" else ""
