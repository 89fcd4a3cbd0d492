"""Every condition operator, on what it takes and what it must not be fooled by."""

from typing import Any

import pytest

from tests.access.policy.asking import USER, allow, ask, caller

KEY = "aws:key"
ELF = chr(0x661) + chr(0x662)  # 12 in Arabic digits


def holds(operator: str, wanted: Any, *values: str, **facts: tuple[str, ...]) -> bool:
    """Whether a condition on KEY is met by its values in the request; none: it is missing."""
    statement = allow(Condition={operator: {"AWS:Key": wanted}})
    context = {KEY: values} if values else {}
    known = {key.replace("__", ":"): value for key, value in facts.items()}
    return ask(caller(USER, statement, facts=known), **context).allowed


@pytest.mark.parametrize(
    ("operator", "wanted", "value", "met"),
    [
        ("StringEquals", "a", "a", True),
        ("StringEquals", ["b", "a"], "a", True),
        ("StringEquals", "A", "a", False),
        ("StringEquals", "a*", "ab", False),
        ("StringEquals", "a*", "a*", True),
        ("StringEquals", "${*}", "*", True),
        ("StringEquals", True, "true", True),
        ("StringEquals", 5, "5", True),
        ("StringNotEquals", ["a", "b"], "b", False),
        ("StringNotEquals", ["a", "b"], "c", True),
        ("StringEqualsIgnoreCase", "AbC", "aBc", True),
        ("StringNotEqualsIgnoreCase", "AbC", "aBc", False),
        ("StringLike", "a*c", "abbc", True),
        ("StringLike", "a?c", "abbc", False),
        ("StringLike", "a?c", "a\nc", True),
        ("StringLike", ["", "home/*"], "", True),
        ("StringLike", "${*}", "x", False),
        ("StringNotLike", "a*", "abc", False),
        ("NumericEquals", "10", "10.0", True),
        ("NumericEquals", 1e3, "1000", True),
        ("NumericLessThanEquals", "10", "10", True),
        ("NumericLessThan", "10", "10", False),
        ("NumericLessThan", "10", "9", True),
        ("NumericLessThan", "9", "10", False),
        ("NumericGreaterThan", 10, "1e999", True),
        ("NumericGreaterThan", 10, "1e9999", False),
        ("NumericGreaterThan", 10, "inf", False),
        ("NumericLessThan", 10, "NaN", False),
        ("NumericEquals", 12, ELF, False),
        ("NumericEquals", 12, " 12", False),
        ("NumericEquals", 12, "1_2", False),
        ("NumericNotEquals", 12, "12.0", False),
        ("NumericNotEquals", 12, "many", True),
        ("NumericEquals", "9007199254740993", "9007199254740992", False),
        ("DateEquals", "2026-11-21T09:00:00Z", "2026-11-21T10:00:00+01:00", True),
        ("DateEquals", "2026-11-21", "2026-11-21T00:00:00Z", True),
        ("DateLessThan", "2026-11-21T09:00:00Z", "2026-11-21T08:59:59.999Z", True),
        ("DateLessThan", "2026-11-21T09:00:00Z", "2026-11-21T09:00:00Z", False),
        ("DateLessThanEquals", "1795251600", "2026-11-21T09:00:00Z", True),
        ("DateGreaterThan", "2026", "2026-01-01T00:00:01Z", True),
        ("DateGreaterThanEquals", "2026-11", "2026-10-31T23:59:59Z", False),
        ("DateGreaterThan", "2026-11-21", "2026-11-31", False),
        ("DateGreaterThan", "2026-11-21", "tomorrow", False),
        ("DateGreaterThan", "2026-11-21", "20261122", False),
        ("DateGreaterThan", "2026-11-21", f"20{ELF}-11-22", False),
        ("DateGreaterThan", "2026-11-21", "2026-11-22T00:00:00+24:00", False),
        ("DateNotEquals", "2026-11-21", "2026-11-22", True),
        ("Bool", "true", "TRUE", True),
        ("Bool", True, "false", False),
        ("Bool", False, "0", False),
        ("BinaryEquals", "QUI=", "QUI=", True),
        ("BinaryEquals", "QUI=", "QUJD", False),
        ("BinaryEquals", "QUI=", "QUI= ", False),
        ("IpAddress", "203.0.113.0/24", "203.0.113.255", True),
        ("IpAddress", "203.0.113.0/24", "203.0.114.0", False),
        ("IpAddress", "203.0.113.7", "203.0.113.7", True),
        ("IpAddress", "203.0.113.7", "203.0.113.8", False),
        ("IpAddress", "0.0.0.0/0", "2001:db8::1", False),
        ("IpAddress", "2001:DB8:1234:5678::/64", "2001:db8:1234:5678::9", True),
        ("IpAddress", "2001:db8::/32", "2001:db9::", False),
        ("IpAddress", "10.0.0.0/8", "::ffff:10.1.2.3", True),
        ("IpAddress", "10.0.0.0/8", "010.1.2.3", False),
        ("IpAddress", "10.0.0.0/8", "10.1.2.3/8", False),
        ("IpAddress", "10.0.0.0/8", "167837955", False),
        ("IpAddress", "fe80::/10", "fe80::1%eth0", False),
        ("NotIpAddress", ["10.0.0.0/8", "192.168.0.0/16"], "192.168.1.1", False),
        ("NotIpAddress", ["10.0.0.0/8", "192.168.0.0/16"], "203.0.113.7", True),
        ("ArnLike", "arn:aws:iam::*:role/*", "arn:aws:iam::1:role/a/b", True),
        ("ArnEquals", "arn:aws:iam::*:role/*", "arn:aws:iam::1:role/a/b", True),
        ("ArnLike", "arn:aws:iam::1:role/a", "arn:aws:iam::1:role/A", False),
        ("ArnNotLike", "arn:aws:iam::1:role/a", "arn:aws:iam::1:role/b", True),
        ("ArnLike", "arn:aws:a:b:1:c:*", "arn:aws:a:b:1:c:d:e", True),
        ("ArnLike", "arn:aws:a:*:c:d", "arn:aws:a:b:1:c:d", False),
        ("ArnLike", "arn:aws:*", "arn:aws:a:b:1:c:d", False),
        ("ArnLike", "*", "no arn", False),
        ("ArnLike", "*", "arn:aws:s3:::b", True),
        # The guide's own example: a star of one component does not reach into the next.
        (
            "ArnLike",
            "arn:aws:someservice:*:111122223333:finance/*",
            "arn:aws:someservice:us-east-2:999999999999:store/abc:111122223333:finance/d.txt",
            False,
        ),
        (
            "StringLike",
            "arn:aws:someservice:*:111122223333:finance/*",
            "arn:aws:someservice:us-east-2:999999999999:store/abc:111122223333:finance/d.txt",
            True,
        ),
    ],
)
def test_an_operator_compares(operator: str, wanted: Any, value: str, met: bool) -> None:
    assert holds(operator, wanted, value) is met


@pytest.mark.parametrize(
    ("operator", "wanted", "met"),
    [
        ("StringEquals", "a", False),
        ("StringLike", "*", False),
        ("StringNotEquals", "a", True),
        ("StringNotLike", "*", True),
        ("NumericNotEquals", 1, True),
        ("NumericLessThan", 1, False),
        ("DateNotEquals", "2026", True),
        ("NotIpAddress", "10.0.0.0/8", True),
        ("IpAddress", "0.0.0.0/0", False),
        ("ArnNotLike", "*", True),
        ("Bool", False, False),
        ("StringEqualsIfExists", "a", True),
        ("StringNotEqualsIfExists", "a", True),
        ("BoolIfExists", True, True),
        ("Null", True, True),
        ("Null", "false", False),
        ("ForAllValues:StringEquals", "a", True),
        ("ForAllValues:StringNotEquals", "a", True),
        ("ForAnyValue:StringEquals", "a", False),
        ("ForAnyValue:StringNotEquals", "a", False),
        ("ForAnyValue:StringEqualsIfExists", "a", True),
    ],
)
def test_a_missing_key_is_no_value_at_all(operator: str, wanted: Any, met: bool) -> None:
    assert holds(operator, wanted) is met


@pytest.mark.parametrize(
    ("operator", "wanted", "values", "met"),
    [
        ("ForAllValues:StringEquals", ["a", "b"], ("a", "b", "a"), True),
        ("ForAllValues:StringEquals", ["a", "b"], ("a", "c"), False),
        ("ForAllValues:StringLike", ["a*"], ("ab", "ac"), True),
        ("ForAllValues:StringNotEquals", ["a", "b"], ("c", "d"), True),
        ("ForAllValues:StringNotEquals", ["a", "b"], ("c", "a"), False),
        ("ForAllValues:StringEquals", ["a"], ("",), True),
        ("ForAnyValue:StringEquals", ["a", "b"], ("c", "b"), True),
        ("ForAnyValue:StringEquals", ["a", "b"], ("c",), False),
        ("ForAnyValue:StringNotEquals", ["a", "b"], ("a", "c"), True),
        ("ForAnyValue:StringNotEquals", ["a", "b"], ("a", "b"), False),
        ("ForAnyValue:StringEquals", [""], ("",), False),
        ("ForAnyValue:NumericLessThan", [5], ("9", "4"), True),
        ("StringEquals", "a", ("a", "b"), True),
        ("StringNotEquals", "a", ("a", "b"), False),
        ("Null", True, ("",), False),
        ("Null", False, ("",), True),
    ],
)
def test_set_operators_look_at_every_value(
    operator: str, wanted: Any, values: tuple[str, ...], met: bool
) -> None:
    assert holds(operator, wanted, *values) is met


def test_all_keys_and_all_operators_of_a_condition_must_hold() -> None:
    both = allow(Condition={"StringEquals": {"aws:a": "1", "aws:b": "2"}, "Bool": {"aws:c": True}})
    subject = caller(USER, both)
    full = {"aws:a": ("1",), "aws:b": ("2",), "aws:c": ("true",)}

    assert ask(subject, **full).allowed
    for key in full:
        assert not ask(subject, **{**full, key: ("x",)}).allowed


def test_a_variable_without_a_value_is_equal_to_nothing() -> None:
    assert not holds("StringEquals", "${aws:PrincipalTag/team}", "")
    assert not holds("StringLike", "${aws:PrincipalTag/team}*", "x")
    assert holds("StringNotEquals", "${aws:PrincipalTag/team}", "x")
    assert holds("StringEquals", "${aws:username}-1", "ana-1", aws__username=("ana",))
    assert holds("ArnLike", "arn:aws:iam::*:user/${aws:username}", USER, aws__username=("ana",))
    assert holds("ArnEquals", "${aws:principalarn}", USER, aws__principalarn=(USER,))
    # A key with several values has no one value to stand for.
    assert not holds("StringEquals", "${aws:tagkeys}", "a", aws__tagkeys=("a", "b"))


def test_a_key_is_the_same_in_any_case() -> None:
    assert holds("StringEquals", "a", "a")
    statement = allow(Condition={"StringEquals": {"aws:ResourceTag/Team": "a"}})
    assert ask(caller(USER, statement), **{"aws:resourcetag/team": ("a",)}).allowed
