"""IAM policy documents: read strictly, refused when malformed. Pure.

Knows the grammar, not what a policy decides. Two kinds: identity policies, which name resources,
and trust policies of roles, which name principals.
"""

import json
import re
from dataclasses import dataclass
from typing import Any

from modelyard.access.identities.refusals import MalformedPolicyDocument

VERSIONS = frozenset({"2012-10-17", "2008-10-17"})
STATEMENTS_MAX = 200  # far above what AWS's 10,240 characters hold
_FIELDS = frozenset(
    {
        "Sid",
        "Effect",
        "Principal",
        "NotPrincipal",
        "Action",
        "NotAction",
        "Resource",
        "NotResource",
        "Condition",
    }
)
_SID = re.compile(r"[A-Za-z0-9]*")
_ACTION = re.compile(r"\*|[A-Za-z0-9-]{1,63}:[A-Za-z0-9*?_-]{1,128}")
_STS_ACTION = re.compile(r"\*|[sS][tT][sS]:[A-Za-z*?]{1,128}")
_OPERATOR = re.compile(
    r"(?:For(?:AllValues|AnyValue):)?(?:String(?:Not)?(?:Equals|EqualsIgnoreCase|Like)|"
    r"(?:Numeric|Date)(?:(?:Not)?Equals|LessThan(?:Equals)?|GreaterThan(?:Equals)?)|Bool|"
    r"BinaryEquals|(?:Not)?IpAddress|Arn(?:Not)?(?:Equals|Like))(?:IfExists)?|Null"
)
_PRINCIPAL_KINDS = frozenset({"AWS", "Service", "Federated", "CanonicalUser"})
_AWS_PRINCIPAL = re.compile(
    r"\*|[0-9]{12}|arn:aws[a-z-]*:iam::[0-9]{12}:(?:root|(?:user|role)/[\x21-\x7e]{1,576})|"
    r"arn:aws[a-z-]*:sts::[0-9]{12}:assumed-role/[\w+=,.@-]{1,64}/[\w+=,.@-]{2,64}",
    re.ASCII,
)
_SERVICE_PRINCIPAL = re.compile(r"[a-z0-9.-]{1,128}\.(?:amazonaws\.com(?:\.cn)?|internal)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One statement; what may be a word or a list in JSON is a tuple. "*" as principal is AWS *.

    `resources` is empty in a trust policy, `principals` in an identity policy.
    """

    allows: bool
    actions: tuple[str, ...]
    not_actions: bool
    resources: tuple[str, ...]
    not_resources: bool
    principals: dict[str, tuple[str, ...]]
    not_principals: bool
    conditions: dict[str, dict[str, tuple[str, ...]]]


def read_identity(text: str) -> tuple[Statement, ...]:
    """Raises: MalformedPolicyDocument: it is not the document of an identity policy."""
    return tuple(_identity_statement(raw) for raw in _statements(text))


def read_trust(text: str) -> tuple[Statement, ...]:
    """Raises: MalformedPolicyDocument: it is not the trust policy of a role."""
    return tuple(_trust_statement(raw) for raw in _statements(text))


def _statements(text: str) -> list[dict[str, Any]]:
    try:
        document = json.loads(text, object_pairs_hook=_once, parse_constant=_no_constant)
    # RecursionError is how the parser refuses what is nested deeper than the interpreter's limit.
    except (ValueError, RecursionError):
        raise MalformedPolicyDocument("This policy contains invalid Json") from None
    if not isinstance(document, dict) or not document.keys() <= {"Version", "Id", "Statement"}:
        raise _syntax("a policy is an object of Version, Id and Statement")
    version = document.get("Version", "2008-10-17")
    if not isinstance(version, str) or version not in VERSIONS:
        raise MalformedPolicyDocument("Policy document must be version 2012-10-17 or greater.")
    if not isinstance(document.get("Id", ""), str):
        raise _syntax("Id is a text")
    statements = document.get("Statement")
    if isinstance(statements, dict):
        statements = [statements]
    if not isinstance(statements, list) or not 1 <= len(statements) <= STATEMENTS_MAX:
        raise _syntax(f"Statement is a list of 1 to {STATEMENTS_MAX} statements")
    if not all(isinstance(raw, dict) for raw in statements):
        raise _syntax("a statement is an object")
    sids = [raw["Sid"] for raw in statements if "Sid" in raw]
    if not all(isinstance(sid, str) and _SID.fullmatch(sid) for sid in sids):
        raise _syntax("a Sid has letters and digits only")
    if len(set(sids)) != len(sids):
        raise MalformedPolicyDocument("Statement IDs (SID) in a single policy must be unique.")
    return statements


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name is given twice")
    return found


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _identity_statement(raw: dict[str, Any]) -> Statement:
    for prohibited in ("Principal", "NotPrincipal"):
        if prohibited in raw:
            raise MalformedPolicyDocument("Policy document should not specify a principal.")
    statement = _statement(raw)
    if not statement.resources:
        raise MalformedPolicyDocument("Policy statement must contain resources.")
    for action in statement.actions:
        if not _ACTION.fullmatch(action):
            raise MalformedPolicyDocument(
                "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."
            )
    for resource in statement.resources:
        if resource != "*" and (not resource.startswith("arn:") or resource.count(":") < 5):
            raise MalformedPolicyDocument(f'Resource {resource} must be in ARN format or "*".')
    return statement


def _trust_statement(raw: dict[str, Any]) -> Statement:
    for prohibited in ("Resource", "NotResource"):
        if prohibited in raw:
            raise MalformedPolicyDocument(f"Has prohibited field {prohibited}")
    statement = _statement(raw)
    if not statement.principals:
        raise MalformedPolicyDocument("Missing required field Principal")
    if not all(_STS_ACTION.fullmatch(action) for action in statement.actions):
        raise MalformedPolicyDocument("AssumeRole policy may only specify STS AssumeRole actions.")
    return statement


def _statement(raw: dict[str, Any]) -> Statement:
    if not raw.keys() <= _FIELDS:
        raise _syntax(f"unknown element {min(raw.keys() - _FIELDS)!r}")
    if raw.get("Effect") not in ("Allow", "Deny"):
        raise _syntax("Effect is Allow or Deny")
    actions, not_actions = _either(raw, "Action")
    if not actions:
        raise MalformedPolicyDocument("Policy statement must contain actions.")
    resources, not_resources = _either(raw, "Resource")
    if "Principal" in raw and "NotPrincipal" in raw:
        raise _syntax("a statement has Principal or NotPrincipal")
    not_principals = "NotPrincipal" in raw
    principal = raw.get("NotPrincipal" if not_principals else "Principal")
    return Statement(
        allows=raw["Effect"] == "Allow",
        actions=actions,
        not_actions=not_actions,
        resources=resources,
        not_resources=not_resources,
        principals={} if principal is None else _principals(principal),
        not_principals=not_principals,
        conditions=_conditions(raw.get("Condition", {})),
    )


def _either(raw: dict[str, Any], name: str) -> tuple[tuple[str, ...], bool]:
    if name in raw and f"Not{name}" in raw:
        raise _syntax(f"a statement has {name} or Not{name}")
    negated = f"Not{name}" in raw
    value = raw.get(f"Not{name}" if negated else name)
    return (() if value is None else _words(value, name)), negated


def _principals(principal: Any) -> dict[str, tuple[str, ...]]:
    if principal == "*":
        return {"AWS": ("*",)}
    if not isinstance(principal, dict) or not principal:
        raise MalformedPolicyDocument("Invalid principal in policy")
    found: dict[str, tuple[str, ...]] = {}
    for kind, value in principal.items():
        if kind not in _PRINCIPAL_KINDS:
            raise MalformedPolicyDocument(f'Invalid principal in policy: "{kind}"')
        found[kind] = _words(value, "Principal")
        pattern = {"AWS": _AWS_PRINCIPAL, "Service": _SERVICE_PRINCIPAL}.get(kind)
        for word in found[kind]:
            if pattern is not None and not pattern.fullmatch(word):
                raise MalformedPolicyDocument(f'Invalid principal in policy: "{kind}":"{word}"')
    return found


def _conditions(condition: Any) -> dict[str, dict[str, tuple[str, ...]]]:
    if not isinstance(condition, dict):
        raise _syntax("Condition is an object")
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    for operator, tests in condition.items():
        if not _OPERATOR.fullmatch(operator):
            raise MalformedPolicyDocument(f"Invalid Condition type : {operator}")
        if not isinstance(tests, dict):
            raise _syntax("a condition operator holds an object")
        found[operator] = {key: _scalars(value) for key, value in tests.items()}
    return found


def _scalars(value: Any) -> tuple[str, ...]:
    """Texts of a condition's values: IAM takes true and 5 for "true" and "5"."""
    values = value if isinstance(value, list) else [value]
    if not all(isinstance(one, str | bool | int | float) for one in values):
        raise _syntax("a condition's values are texts, numbers or booleans")
    return tuple(one if isinstance(one, str) else json.dumps(one) for one in values)


def _words(value: Any, name: str) -> tuple[str, ...]:
    words = value if isinstance(value, list) else [value]
    if not words or not all(isinstance(word, str) and word for word in words):
        raise _syntax(f"{name} is a text or a list of texts")
    return tuple(words)


def _syntax(why: str) -> MalformedPolicyDocument:
    return MalformedPolicyDocument(f"Syntax errors in policy: {why}.")
