"""IAM policy documents: read strictly, refused when malformed. Pure.

Knows the grammar, not what a policy decides. Three kinds: identity policies, which name resources
(session policies and permissions boundaries are no different); trust policies of roles, which name
principals; and policies of resources, which name both. A refusal ends in the place of what is
wrong, such as `Statement[2].Condition.StringEquals`.
"""

import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from modelyard.access.identities.refusals import MalformedPolicyDocument
from modelyard.access.policy import conditions, variables

VERSIONS = frozenset({"2012-10-17", "2008-10-17"})
_VERSION_WITH_VARIABLES = "2012-10-17"
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
# S3 takes any characters in a Sid; spaces and what names are made of is what is met with.
_RESOURCE_SID = re.compile(r"[A-Za-z0-9 _.,:/=+@*()-]{0,256}")
_ACTION = re.compile(r"\*|[A-Za-z0-9-]{1,63}:[A-Za-z0-9*?_-]{1,128}")
_STS_ACTION = re.compile(r"\*|[sS][tT][sS]:[A-Za-z*?]{1,128}")
_PRINCIPALS = {
    # AWS: a wildcard cannot match a part of a principal's name or ARN.
    "AWS": re.compile(
        r"\*|[0-9]{12}|"
        r"arn:aws[a-z-]*:iam::[0-9]{12}:(?:root|(?:user|role)/[!-)+->@-~]{1,576})|"
        r"arn:aws[a-z-]*:sts::[0-9]{12}:assumed-role/[\w+=,.@-]{1,64}/[\w+=,.@-]{2,64}",
        re.ASCII,
    ),
    "Service": re.compile(r"[a-z0-9.-]{1,128}\.(?:amazonaws\.com(?:\.cn)?|internal)"),
    "Federated": re.compile(
        r"arn:aws[a-z-]*:iam::[0-9]{12}:(?:oidc|saml)-provider/[!-)+-~]{1,512}|"
        r"(?:[a-z0-9-]{1,63}\.){1,8}com"
    ),
    "CanonicalUser": re.compile(r"[0-9a-f]{64}"),
}
_ARN_COLONS = 5
_SHOWN_CHARS_MAX = 200  # of a value, in a refusal


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
    sid: str = ""
    place: str = "Statement"  # "Statement[2]"; without a number where it is the only one
    variables: bool = True  # whether "${" begins a policy variable


@dataclass(frozen=True, slots=True)
class _Number:
    """As the document spells it, since 1e999 is infinite to a float."""

    text: str


def read_identity(text: str) -> tuple[Statement, ...]:
    """Raises: MalformedPolicyDocument: it is not the document of an identity policy."""
    return tuple(_identity_statement(*one) for one in _statements(text, _SID))


def read_trust(text: str) -> tuple[Statement, ...]:
    """Raises: MalformedPolicyDocument: it is not the trust policy of a role."""
    return tuple(_trust_statement(*one) for one in _statements(text, _SID))


def read_resource(text: str, services: Collection[str] = ()) -> tuple[Statement, ...]:
    """`services` are those whose actions may be named ("s3"); empty: any.

    Raises: MalformedPolicyDocument: it is not the policy of a resource.
    """
    found = _statements(text, _RESOURCE_SID)
    return tuple(_resource_statement(*one, services) for one in found)


_Raw = tuple[dict[str, Any], str, bool]  # a statement, its place, whether it has variables


def _statements(text: str, sid_form: re.Pattern[str]) -> list[_Raw]:
    document = _json(text)
    if not isinstance(document, dict):
        raise _syntax("a policy is an object of Version, Id and Statement", "the document")
    if unknown := document.keys() - {"Version", "Id", "Statement"}:
        raise _syntax("a policy is an object of Version, Id and Statement", _shown(min(unknown)))
    version = document.get("Version", "2008-10-17")
    if not isinstance(version, str) or version not in VERSIONS:
        raise malformed("Policy document must be version 2012-10-17 or greater.", "Version")
    if not isinstance(document.get("Id", ""), str):
        raise _syntax("Id is a text", "Id")
    found = document.get("Statement")
    if isinstance(found, dict):
        statements = [(found, "Statement")]
    elif isinstance(found, list) and 1 <= len(found) <= STATEMENTS_MAX:
        statements = [(raw, f"Statement[{index}]") for index, raw in enumerate(found)]
    else:
        raise _syntax(f"Statement is a list of 1 to {STATEMENTS_MAX} statements", "Statement")
    _check_sids(statements, sid_form)
    return [(raw, place, version == _VERSION_WITH_VARIABLES) for raw, place in statements]


def _json(text: str) -> Any:
    try:
        return json.loads(
            text,
            object_pairs_hook=_once,
            parse_constant=_no_constant,
            parse_int=_Number,
            parse_float=_Number,
        )
    except json.JSONDecodeError as failure:
        place = f"line {failure.lineno}, column {failure.colno}"
        raise malformed("This policy contains invalid Json", place) from None
    # RecursionError is how the parser refuses what is nested deeper than the interpreter's limit.
    except (ValueError, RecursionError) as failure:
        why = str(failure) if isinstance(failure, _Repeated) else "the document"
        raise malformed("This policy contains invalid Json", why) from None


class _Repeated(ValueError):
    """A name that is given twice; says which."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise _Repeated(f"{_shown(name)} is given twice")
        found[name] = value
    return found


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _check_sids(statements: list[tuple[Any, str]], form: re.Pattern[str]) -> None:
    seen = set()
    for raw, place in statements:
        if not isinstance(raw, dict):
            raise _syntax("a statement is an object", place)
        sid = raw.get("Sid", "")
        if not isinstance(sid, str) or not form.fullmatch(sid):
            raise _syntax("a Sid has letters and digits only", f"{place}.Sid")
        if "Sid" in raw and sid in seen:
            raise malformed(
                "Statement IDs (SID) in a single policy must be unique.", f"{place}.Sid"
            )
        seen.update([sid] if "Sid" in raw else [])


def _identity_statement(raw: dict[str, Any], place: str, with_variables: bool) -> Statement:
    for prohibited in ("Principal", "NotPrincipal"):
        if prohibited in raw:
            raise malformed(
                "Policy document should not specify a principal.", f"{place}.{prohibited}"
            )
    statement = _statement(raw, place, with_variables)
    _check_actions(statement)
    _check_resources(statement)
    return statement


def _resource_statement(
    raw: dict[str, Any], place: str, with_variables: bool, services: Collection[str]
) -> Statement:
    statement = _statement(raw, place, with_variables)
    if not statement.principals:
        raise malformed("Missing required field Principal", place)
    _check_actions(statement)
    for number, action in enumerate(statement.actions):
        if services and action.partition(":")[0].lower() not in {"*", *services}:
            raise malformed("Policy has invalid action", _item(statement, "Action", number, action))
    _check_resources(statement)
    return statement


def _trust_statement(raw: dict[str, Any], place: str, with_variables: bool) -> Statement:
    for prohibited in ("Resource", "NotResource"):
        if prohibited in raw:
            raise malformed(f"Has prohibited field {prohibited}", f"{place}.{prohibited}")
    statement = _statement(raw, place, with_variables)
    if not statement.principals:
        raise malformed("Missing required field Principal", place)
    for number, action in enumerate(statement.actions):
        if not _STS_ACTION.fullmatch(action):
            raise malformed(
                "AssumeRole policy may only specify STS AssumeRole actions.",
                _item(statement, "Action", number, action),
            )
    return statement


def _check_actions(statement: Statement) -> None:
    for number, action in enumerate(statement.actions):
        if not _ACTION.fullmatch(action):
            raise malformed(
                "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.",
                _item(statement, "Action", number, action),
            )


def _check_resources(statement: Statement) -> None:
    if not statement.resources:
        raise malformed("Policy statement must contain resources.", statement.place)
    for number, resource in enumerate(statement.resources):
        fixed = resource.partition("${")[0] if statement.variables else resource
        if resource == "*" or (fixed.startswith("arn:") and fixed.count(":") >= _ARN_COLONS):
            _check_variables(statement, number, resource)
            continue
        shown = _shown(resource)
        why = f'Resource {shown} must be in ARN format or "*".'
        if resource.startswith("arn:") and resource.count(":") >= _ARN_COLONS:
            why = f"Resource {shown} may have a policy variable only after its fifth colon."
        raise malformed(why, _item(statement, "Resource", number))


def _check_variables(statement: Statement, number: int, resource: str) -> None:
    try:
        variables.parse(resource, variables=statement.variables, wildcards=True)
    except variables.NotAVariable:
        raise malformed(
            f"Resource {_shown(resource)} has a policy variable that is not one.",
            _item(statement, "Resource", number),
        ) from None


def _statement(raw: dict[str, Any], place: str, with_variables: bool) -> Statement:
    if unknown := raw.keys() - _FIELDS:
        raise _syntax(f"unknown element {_shown(min(unknown))}", place)
    if raw.get("Effect") not in ("Allow", "Deny"):
        raise _syntax("Effect is Allow or Deny", f"{place}.Effect")
    actions, not_actions = _either(raw, "Action", place)
    if not actions:
        raise malformed("Policy statement must contain actions.", place)
    resources, not_resources = _either(raw, "Resource", place)
    if "Principal" in raw and "NotPrincipal" in raw:
        raise _syntax("a statement has Principal or NotPrincipal", place)
    not_principals = "NotPrincipal" in raw
    name = "NotPrincipal" if not_principals else "Principal"
    return Statement(
        allows=raw["Effect"] == "Allow",
        actions=actions,
        not_actions=not_actions,
        resources=resources,
        not_resources=not_resources,
        principals=_principals(raw[name], f"{place}.{name}") if name in raw else {},
        not_principals=not_principals,
        conditions=_conditions(raw.get("Condition", {}), f"{place}.Condition", with_variables),
        sid=raw.get("Sid", ""),
        place=place,
        variables=with_variables,
    )


def _either(raw: dict[str, Any], name: str, place: str) -> tuple[tuple[str, ...], bool]:
    if name in raw and f"Not{name}" in raw:
        raise _syntax(f"a statement has {name} or Not{name}", place)
    found = f"Not{name}" if f"Not{name}" in raw else name
    words = _words(raw[found], found, f"{place}.{found}") if found in raw else ()
    return words, found != name


def _principals(principal: Any, place: str) -> dict[str, tuple[str, ...]]:
    if principal == "*":
        return {"AWS": ("*",)}
    if not isinstance(principal, dict) or not principal:
        raise malformed("Invalid principal in policy", place)
    found: dict[str, tuple[str, ...]] = {}
    for kind, value in principal.items():
        pattern = _PRINCIPALS.get(kind)
        if pattern is None:
            raise malformed(f'Invalid principal in policy: "{_shown(kind)}"', place)
        found[kind] = _words(value, "Principal", f"{place}.{kind}")
        for word in found[kind]:
            if not pattern.fullmatch(word):
                raise malformed(
                    f'Invalid principal in policy: "{kind}":"{_shown(word)}"', f"{place}.{kind}"
                )
    return found


def _conditions(
    condition: Any, place: str, with_variables: bool
) -> dict[str, dict[str, tuple[str, ...]]]:
    if not isinstance(condition, dict):
        raise _syntax("Condition is an object", place)
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    for operator, tests in condition.items():
        here = f"{place}.{_shown(operator)}"
        if not isinstance(tests, dict) or not tests:
            raise _syntax("a condition operator holds an object", here)
        found[operator] = {
            key: _condition(operator, key, value, here, with_variables)
            for key, value in tests.items()
        }
    return found


def _condition(
    operator: str, key: str, value: Any, place: str, with_variables: bool
) -> tuple[str, ...]:
    here = f"{place}.{_shown(key)}"
    wanted = _scalars(value, here)
    try:
        conditions.read(operator, key, wanted, with_variables=with_variables)
    except conditions.NotAnOperator:
        raise malformed(f"Invalid Condition type : {_shown(operator)}", place) from None
    except conditions.BadValue:
        raise _syntax(f"a value that {operator} cannot compare", here) from None
    except variables.NotAVariable:
        raise _syntax("a policy variable that is not one", here) from None
    return wanted


def _scalars(value: Any, place: str) -> tuple[str, ...]:
    """Texts of a condition's values: IAM takes true and 5 for "true" and "5"."""
    values = value if isinstance(value, list) else [value]
    if not all(isinstance(one, str | bool | _Number) for one in values):
        raise _syntax("a condition's values are texts, numbers or booleans", place)
    return tuple(_scalar(one) for one in values)


def _scalar(value: str | bool | _Number) -> str:
    if isinstance(value, _Number):
        return value.text
    return value if isinstance(value, str) else str(value).lower()


def _words(value: Any, name: str, place: str) -> tuple[str, ...]:
    words = value if isinstance(value, list) else [value]
    if not words or not all(isinstance(word, str) and word for word in words):
        raise _syntax(f"{name} is a text or a list of texts", place)
    return tuple(words)


def _item(statement: Statement, name: str, number: int, shown: str = "") -> str:
    negated = statement.not_actions if name == "Action" else statement.not_resources
    found = f"{statement.place}.{'Not' * negated}{name}[{number}]"
    return f"{found}: {_shown(shown)}" if shown else found


def _shown(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARS_MAX else f"{text[:_SHOWN_CHARS_MAX]}..."


def _syntax(why: str, place: str) -> MalformedPolicyDocument:
    return malformed(f"Syntax errors in policy: {why}.", place)


def malformed(sentence: str, place: str) -> MalformedPolicyDocument:
    """AWS's sentence, and where."""
    return MalformedPolicyDocument(f"{sentence} (at {place})")
