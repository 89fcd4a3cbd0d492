"""Policies judged slowly and plainly, straight from AWS's user guide. Shares no code with src.

Takes documents as JSON objects and answers one of ALLOWED, DENIED, NOT_ALLOWED. Every statement is
looked at every time, every text is compared character by character.
"""

import base64
import socket
from dataclasses import dataclass, field
from datetime import datetime, timezone
from fractions import Fraction
from typing import Any

ALLOWED, DENIED, NOT_ALLOWED = "allowed", "explicitDeny", "implicitDeny"
ANY, ONE = object(), object()
NEGATIVE = {
    "StringNotEquals": "StringEquals",
    "StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase",
    "StringNotLike": "StringLike",
    "NumericNotEquals": "NumericEquals",
    "DateNotEquals": "DateEquals",
    "NotIpAddress": "IpAddress",
    "ArnNotEquals": "ArnEquals",
    "ArnNotLike": "ArnLike",
}


@dataclass
class Case:
    """Who asks for what, and all policies that may have a say."""

    account: str  # "" for a service or somebody that a provider vouches for
    arn: str
    role_arn: str = ""
    is_root: bool = False
    identity: list[dict[str, Any]] = field(default_factory=list)
    boundary: dict[str, Any] | None = None
    session: list[dict[str, Any]] | None = None
    facts: dict[str, tuple[str, ...]] = field(default_factory=dict)
    action: str = "s3:GetObject"
    resource: str = "*"
    owner: str = ""
    context: dict[str, tuple[str, ...]] = field(default_factory=dict)
    resource_policy: dict[str, Any] | None = None

    def key(self, name: str) -> tuple[str, ...]:
        for source in (self.facts, self.context):
            for known, values in source.items():
                if known.lower() == name.lower():
                    return values
        return ()


def decide(case: Case) -> str:
    identity = [s for document in case.identity for s in statements(document)]
    boundary = statements(case.boundary) if case.boundary else []
    session = [s for document in case.session or [] for s in statements(document)]
    resource = statements(case.resource_policy) if case.resource_policy else []

    # "An explicit deny in any of these policies overrides the allow."
    for version, statement in identity + boundary + session:
        if statement["Effect"] == "Deny" and about(case, version, statement):
            return DENIED
    spared = case.is_root and same_account(case) and case.action.lower().endswith("bucketpolicy")
    for version, statement in [] if spared else resource:
        if statement["Effect"] == "Deny" and denied_principal(case, statement):
            if about(case, version, statement):
                return DENIED

    levels = [
        level(case, statement)
        for version, statement in resource
        if statement["Effect"] == "Allow" and about(case, version, statement)
    ]
    if case.account == "":
        return ALLOWED if "named" in levels else NOT_ALLOWED
    by_identity = case.is_root or any(allows(case, one) for one in identity)
    by_boundary = case.boundary is None or any(allows(case, one) for one in boundary)
    by_session = case.session is None or any(allows(case, one) for one in session)
    by_resource = any(levels)
    if not same_account(case):
        together = by_identity and by_boundary and by_session and by_resource
        return ALLOWED if together else NOT_ALLOWED
    if "named" in levels or "everyone" in levels:
        return ALLOWED
    if is_role_trust(case.action) and not by_resource:
        return NOT_ALLOWED
    if (by_identity or "role" in levels) and by_boundary and by_session:
        return ALLOWED
    return NOT_ALLOWED


def same_account(case: Case) -> bool:
    return case.owner in ("", case.account)


def is_role_trust(action: str) -> bool:
    name = action.lower()
    return name.startswith("sts:assumerole") or name in ("sts:tagsession", "sts:setsourceidentity")


def statements(document: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    version = document.get("Version", "2008-10-17")
    found = document["Statement"]
    return [(version, one) for one in (found if isinstance(found, list) else [found])]


def allows(case: Case, one: tuple[str, dict[str, Any]]) -> bool:
    version, statement = one
    return statement["Effect"] == "Allow" and about(case, version, statement)


def many(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


# --- Principal -----------------------------------------------------------------------------------


def words(value: Any) -> set[str]:
    """Every principal that is named; an account once by its number and once by its root."""
    if value == "*":
        return {"*"}
    found = {word for kind in value.values() for word in many(kind)}
    for word in list(found):
        if word.isdigit():
            found.add(f"arn:aws:iam::{word}:root")
        if word.endswith(":root"):
            found.add(word.split(":")[4])
    return found


def denied_principal(case: Case, statement: dict[str, Any]) -> bool:
    if "NotPrincipal" in statement:
        listed = words(statement["NotPrincipal"])
        # "you must also specify the account ARN of the not-denied principal", and for a session
        # its role too.
        own = [name for name in (case.arn, case.role_arn, case.account) if name]
        return "*" not in listed and not all(name in listed for name in own)
    listed = words(statement["Principal"])
    return "*" in listed or bool(listed & {case.arn, case.role_arn, case.account})


def level(case: Case, statement: dict[str, Any]) -> str:
    """How the resource's policy names the caller; "" when it does not."""
    if "NotPrincipal" in statement:
        listed = words(statement["NotPrincipal"])
        others = case.account and "*" not in listed
        return "role" if others and not listed & {case.arn, case.role_arn, case.account} else ""
    listed = words(statement["Principal"])
    if case.arn in listed:
        made_session = ":user/" in case.arn and case.session is not None
        return "role" if made_session else "named"
    if "*" in listed:
        return "everyone" if case.account else ""
    if case.role_arn and case.role_arn in listed:
        return "role"
    return "account" if case.account and case.account in listed else ""


# --- Action, Resource, Condition -----------------------------------------------------------------


def about(case: Case, version: str, statement: dict[str, Any]) -> bool:
    return (
        about_action(case, statement)
        and about_resource(case, version, statement)
        and all(
            condition(case, version, operator, key, many(values))
            for operator, tests in statement.get("Condition", {}).items()
            for key, values in tests.items()
        )
    )


def about_action(case: Case, statement: dict[str, Any]) -> bool:
    name = "NotAction" if "NotAction" in statement else "Action"
    found = any(
        matches(wildcards(pattern.lower()), case.action.lower())
        for pattern in many(statement[name])
    )
    return not found if name == "NotAction" else found


def about_resource(case: Case, version: str, statement: dict[str, Any]) -> bool:
    if "Resource" not in statement and "NotResource" not in statement:
        return True  # a trust policy
    name = "NotResource" if "NotResource" in statement else "Resource"
    patterns = [fill(case, version, text) for text in many(statement[name])]
    found = any(matches(pattern, case.resource) for pattern in patterns if pattern is not None)
    if name == "Resource":
        return found
    if None in patterns and statement["Effect"] == "Allow":
        return False  # a variable without a value opens nothing
    return not found


def wildcards(text: str) -> list[Any]:
    return [{"*": ANY, "?": ONE}.get(character, character) for character in text]


def fill(case: Case, version: str, text: str, wild: bool = True) -> list[Any] | None:
    """Characters and wildcards of a text after its variables; None: one has no value."""
    result: list[Any] = []
    while text:
        if version == "2012-10-17" and text.startswith("${"):
            inside, _, text = text[2:].partition("}")
            if inside in ("*", "?", "$"):
                result.append(inside)
                continue
            key, comma, rest = inside.partition(",")
            values = case.key(key.strip())
            if len(values) == 1:
                result.extend(values[0])
            elif comma:
                result.extend(rest.strip()[1:-1])
            else:
                return None
        else:
            result.extend(wildcards(text[0]) if wild else [text[0]])
            text = text[1:]
    return result


def matches(pattern: list[Any], text: str) -> bool:
    """Follows every place of the text that the pattern could have come to."""
    places = {0}
    for token in pattern:
        if token is ANY:
            places = {later for place in places for later in range(place, len(text) + 1)}
        else:
            places = {
                place + 1
                for place in places
                if place < len(text) and (token is ONE or token == text[place])
            }
    return len(text) in places


def condition(case: Case, version: str, operator: str, key: str, wanted: list[Any]) -> bool:
    texts = [one if isinstance(one, str) else str(one).lower() for one in wanted]
    values = case.key(key)
    if operator == "Null":
        return ("true" if not values else "false") in [text.lower() for text in texts]
    qualifier, _, name = operator.rpartition(":")
    if_exists = name.endswith("IfExists")
    name = name.removesuffix("IfExists")
    negative = name in NEGATIVE
    positive = NEGATIVE.get(name, name)
    if not values:
        if if_exists:
            return True
        if qualifier:
            return qualifier == "ForAllValues"
        return negative

    def one(value: str) -> bool:
        equal = any(compare(case, version, positive, value, text) for text in texts)
        return not equal if negative else equal

    if qualifier and all(value == "" for value in values):
        return qualifier == "ForAllValues"
    if qualifier == "ForAllValues":
        return all(one(value) for value in values)
    if qualifier == "ForAnyValue":
        return any(one(value) for value in values)
    return all(one(value) for value in values) if negative else any(one(value) for value in values)


def compare(case: Case, version: str, operator: str, value: str, text: str) -> bool:
    if operator in ("StringEquals", "StringEqualsIgnoreCase", "Bool"):
        filled = fill(case, version, text, wild=False)
        if filled is None:
            return False
        wanted = "".join(filled)
        return value == wanted if operator == "StringEquals" else value.lower() == wanted.lower()
    if operator == "StringLike":
        pattern = fill(case, version, text)
        return pattern is not None and matches(pattern, value)
    if operator in ("ArnEquals", "ArnLike"):
        pattern = fill(case, version, text)
        return pattern is not None and arn_matches(pattern, value)
    if operator == "BinaryEquals":
        return base64.b64decode(value) == base64.b64decode(text)
    if operator == "IpAddress":
        return in_network(value, text)
    for kind, read in (("Numeric", number), ("Date", date)):
        if operator.startswith(kind):
            left, right = read(value), read(text)
            if left is None or right is None:
                return False
            return {
                "Equals": left == right,
                "LessThan": left < right,
                "LessThanEquals": left <= right,
                "GreaterThan": left > right,
                "GreaterThanEquals": left >= right,
            }[operator.removeprefix(kind)]
    raise AssertionError(operator)


def arn_matches(pattern: list[Any], value: str) -> bool:
    """ "Each of the six colon-delimited components of the ARN is checked separately." """
    if not value.startswith("arn:") or value.count(":") < 5:
        return False
    if pattern == [ANY]:
        return True
    parts: list[list[Any]] = [[]]
    for token in pattern:
        if token == ":" and len(parts) < 6:
            parts.append([])
        else:
            parts[-1].append(token)
    if len(parts) < 6:
        return False
    return all(map(matches, parts, value.split(":", 5)))


def number(text: str) -> Fraction | None:
    try:
        return Fraction(text) if "/" not in text and text.isascii() else None
    except ValueError:
        return None


def date(text: str) -> Fraction | None:
    for form in ("%Y", "%Y-%m", "%Y-%m-%d", "%Y-%m-%dT%H:%M%z", "%Y-%m-%dT%H:%M:%S%z"):
        if form == "%Y" and len(text) != 4:
            continue
        try:
            moment = datetime.strptime(text, form)  # noqa: DTZ007
        except ValueError:
            continue
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=timezone.utc)  # noqa: UP017
        return Fraction(int(moment.timestamp()))
    return number(text)


def in_network(address: str, network: str) -> bool:
    base, slash, size = network.partition("/")
    left, right = bits(address), bits(base)
    if left is None or right is None or len(left) != len(right):
        return False
    length = int(size) if slash else len(right)
    return left[:length] == right[:length]


def bits(address: str) -> str | None:
    for family, pack in ((socket.AF_INET, 4), (socket.AF_INET6, 16)):
        try:
            packed = socket.inet_pton(family, address)
        except OSError:
            continue
        return "".join(f"{byte:08b}" for byte in packed[:pack])
    return None
