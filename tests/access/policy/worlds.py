"""Policies and requests out of small shared vocabularies, so that they often meet.

A world is read off a row of bytes: one draw of hypothesis makes all of it, which is what lets
thousands be looked at in seconds. Where the bytes end, the first option is taken.
"""

from collections.abc import Sequence
from typing import Any, TypeVar

from hypothesis import strategies as st

from tests.access.policy.slow_evaluator import Case

Option = TypeVar("Option")
BYTES = 240  # enough for nearly every world

HERE, THERE = "111111111111", "222222222222"
ROLE = f"arn:aws:iam::{HERE}:role/team/builder"
SESSION = f"arn:aws:sts::{HERE}:assumed-role/builder/walk"
USER = f"arn:aws:iam::{HERE}:user/ana"
ROOT = f"arn:aws:iam::{HERE}:root"
PROVIDER = f"arn:aws:iam::{HERE}:oidc-provider/login.example.com"
SERVICE = "sagemaker.amazonaws.com"

ACTIONS = (
    "s3:GetObject",
    "s3:PutObject",
    "sagemaker:UpdateModelPackage",
    "sts:AssumeRole",
    "s3:PutBucketPolicy",
)
ACTION_PATTERNS = (
    "*",
    "*",
    "*",
    "*",
    "s3:*",
    "S3:getobject",
    "s3:?etObject",
    "s3:*Object",
    "s3:Put*Policy",
    "sagemaker:*",
    "sagemaker:UPDATEmodelpackage",
    "sagemaker:*Model*",
    "sts:AssumeRole",
    "sts:*",
)
RESOURCES = (
    "arn:aws:s3:::lake",
    "arn:aws:s3:::lake/raw/a.csv",
    "arn:aws:s3:::Lake/raw/a.csv",
    "arn:aws:s3:::lake/ana/*",
    f"arn:aws:sagemaker:us-east-1:{HERE}:model-package/churn/1",
    f"arn:aws:sagemaker:us-east-1:{HERE}:model-package/churn/raw/x:1",
    ROLE,
    "*",
)
RESOURCE_PATTERNS = (
    "*",
    "*",
    "*",
    "*",
    "*",
    "*",
    "arn:aws:s3:::lake",
    "arn:aws:s3:::lake*",
    "arn:aws:s3:::lake/*",
    "arn:aws:s3:::?ake/*/?.csv",
    "arn:aws:s3:::*/*a*",
    "arn:aws:s3:::lake/${aws:username}/${*}",
    "arn:aws:s3:::lake/${aws:PrincipalTag/team, 'raw'}/*",
    "arn:aws:s3:::lake/${aws:TagKeys}/*",
    "arn:aws:sagemaker:*:*:model-package/*",
    f"arn:aws:sagemaker:us-east-1:{HERE}:model-package/${{aws:PrincipalTag/team}}/1",
    f"arn:aws:sagemaker:*:{HERE}:*1",
    f"arn:aws:sagemaker:us-*:{HERE}:model-package/*/raw/*",
    "arn:aws:iam::*:role/*",
)
TEXTS = ("churn", "ana", "Ana", "raw", "*", "", "churn/raw")
_TEXT_VALUES = (*TEXTS, "a*", "?na", "ch*n", "${aws:username}", "${aws:PrincipalTag/team}", "${*}")
_TEXT_OPERATORS = (
    "StringEquals",
    "StringNotEquals",
    "StringEqualsIgnoreCase",
    "StringNotEqualsIgnoreCase",
    "StringLike",
    "StringNotLike",
)
_ORDERS = ("LessThan", "LessThanEquals", "GreaterThan", "GreaterThanEquals", "Equals", "NotEquals")
_ARNS = (USER, ROLE, SESSION, ROOT, "arn:aws:s3:::lake", "lake")
_ARN_VALUES = (
    *_ARNS,
    "*",
    "arn:aws:iam::*:role/*",
    f"arn:aws:iam:*:{HERE}:*",
    "arn:*",
    "arn:aws:iam::111111111111:user/${aws:username}",
    "${aws:PrincipalArn}",
)
_MOMENTS = ("2026-11-21T09:00:00Z", "2026-11-21", "1795255200", "2026-11-21T10:00:00+01:00", "2027")
_NUMBERS = ("5", "5.0", "-1", "1e2", "100", "007")
_ADDRESSES = ("10.1.2.3", "192.168.0.9", "2001:db8::1", "::1")
_NETWORKS = ("10.0.0.0/8", "10.1.2.3", "192.168.0.0/16", "2001:db8::/32", "0.0.0.0/0", "::/0")
# Key, its values in requests, operators and values in policies.
_TRUTHS = ("true", "false", "True")
KINDS: tuple[tuple[str, tuple[str, ...], tuple[str, ...], tuple[Any, ...]], ...] = (
    ("aws:ResourceTag/team", TEXTS, _TEXT_OPERATORS, _TEXT_VALUES),
    ("aws:TagKeys", TEXTS, _TEXT_OPERATORS, _TEXT_VALUES),
    ("aws:username", TEXTS, _TEXT_OPERATORS, _TEXT_VALUES),
    (
        "aws:PrincipalArn",
        _ARNS,
        ("ArnEquals", "ArnLike", "ArnNotEquals", "ArnNotLike"),
        _ARN_VALUES,
    ),
    ("aws:CurrentTime", _MOMENTS, tuple(f"Date{o}" for o in _ORDERS), _MOMENTS),
    ("s3:max-keys", (*_NUMBERS, "many"), tuple(f"Numeric{o}" for o in _ORDERS), _NUMBERS),
    ("aws:SourceIp", _ADDRESSES, ("IpAddress", "NotIpAddress"), _NETWORKS),
    ("aws:SecureTransport", _TRUTHS, ("Bool",), (True, False, "true")),
    ("s3:token", ("YQ==", "Yg=="), ("BinaryEquals",), ("YQ==", "Yw==")),
)
_QUALIFIERS = ("", "", "", "ForAllValues:", "ForAnyValue:")
_PRINCIPALS: tuple[Any, ...] = (
    "*",
    {"AWS": HERE},
    {"AWS": ROOT},
    {"AWS": [USER, ROLE]},
    {"AWS": SESSION},
    {"AWS": ROLE},
    {"AWS": [USER, HERE]},
    {"AWS": [SESSION, ROLE, ROOT]},
    {"AWS": THERE},
    {"Federated": PROVIDER},
    {"Service": SERVICE},
)


class Dice:
    """Choices read off bytes, one byte each."""

    def __init__(self, row: bytes) -> None:
        self._row = iter(row)

    def one(self, options: Sequence[Option]) -> Option:
        return options[next(self._row, 0) % len(options)]

    def chance(self, one_in: int) -> bool:
        return next(self._row, 0) % one_in == 1

    def some(self, options: Sequence[Option], most: int = 2) -> list[Option]:
        return [self.one(options) for _ in range(self.one(range(1, most + 1)))]


def _condition(dice: Dice) -> dict[str, Any]:
    key, _, operators, values = dice.one(KINDS)
    if dice.chance(9):
        return {"Null": {key: dice.one((True, False, "true", "FALSE"))}}
    operator = dice.one(_QUALIFIERS) + dice.one(operators) + dice.one(("", "", "IfExists"))
    wanted: Any = dice.some(values)
    if dice.chance(2):
        wanted = wanted[0]
    return {operator: {dice.one((key, key.upper())): wanted}}


def _statement(dice: Dice, *, principals: bool, trust: bool) -> dict[str, Any]:
    found: dict[str, Any] = {"Effect": "Deny" if dice.chance(3) else "Allow"}
    patterns = ("sts:AssumeRole", "sts:*", "*") if trust else ACTION_PATTERNS
    found["NotAction" if dice.chance(8) else "Action"] = dice.some(patterns)
    if not trust:
        found["NotResource" if dice.chance(8) else "Resource"] = dice.some(RESOURCE_PATTERNS)
    if principals:
        found["NotPrincipal" if dice.chance(5) else "Principal"] = dice.one(_PRINCIPALS)
    # A Deny of everything ends a world; a condition gives it something to decide.
    if dice.chance(2) or (found["Effect"] == "Deny" and dice.chance(2)):
        found["Condition"] = _condition(dice)
        if dice.chance(4):
            found["Condition"] |= _condition(dice)
    return found


def _document(dice: Dice, *, principals: bool = False, trust: bool = False) -> dict[str, Any]:
    count = dice.one((1, 2, 2))
    body = [_statement(dice, principals=principals, trust=trust) for _ in range(count)]
    version = "2008-10-17" if dice.chance(5) else "2012-10-17"
    return {"Version": version, "Statement": body[0] if count == 1 else body}


def _caller(dice: Dice) -> Case:
    who = dice.one(("user", "user", "user", "session", "session", "session", "root", "provider"))
    team = dice.one((None, "churn", "raw", "*"))
    facts: dict[str, tuple[str, ...]] = {}
    if team is not None:
        facts["aws:principaltag/team"] = (team,)
    if who == "provider":
        return Case("", PROVIDER, facts=facts)
    if who == "root":
        return Case(HERE, ROOT, is_root=True, facts=facts | {"aws:principalarn": (ROOT,)})
    case = Case(HERE, USER, facts=facts | {"aws:username": ("ana",), "aws:principalarn": (USER,)})
    if who == "session":
        case = Case(HERE, SESSION, ROLE, facts=facts | {"aws:principalarn": (ROLE,)})
    case.identity = [_document(dice) for _ in range(dice.one((1, 2, 0, 1)))]
    if dice.chance(4):
        case.boundary = _document(dice)
    if dice.chance(4):
        case.session = [_document(dice) for _ in range(dice.one((1, 2)))]
    return case


def world(row: bytes) -> Case:
    dice = Dice(row)
    case = _caller(dice)
    case.action, case.resource = dice.one(ACTIONS), dice.one(RESOURCES)
    case.owner = dice.one(("", HERE, HERE, THERE))
    trust = case.action.startswith("sts:")
    if trust or case.owner == THERE or not case.account or dice.chance(2):
        case.resource_policy = _document(dice, principals=True, trust=trust)
    for key, values, _, _ in KINDS:
        if key.lower() not in case.facts and not dice.chance(3):
            case.context[key.lower()] = tuple(dice.some(values, 3 if key == "aws:TagKeys" else 1))
    return case


def cases() -> st.SearchStrategy[Case]:
    return st.binary(min_size=BYTES, max_size=BYTES).map(world)
