"""Conditions of statements, compiled once. Pure.

A test tells of one value of the request whether it is among a policy's values. Around it, the same
for every operator: what a missing key means, Not, ForAllValues, ForAnyValue, IfExists. A variable
without a value makes its text equal to nothing, so that Not... holds, as AWS documents it.
"""

import operator as comparisons
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from modelyard.access.policy import condition_values, patterns, variables
from modelyard.access.policy.patterns import Token, Wild
from modelyard.access.policy.variables import Template, Values

_OPERATOR = re.compile(r"(?:(ForAllValues|ForAnyValue):)?([A-Za-z]+?)(IfExists)?")
_NULL = "Null"
_ARN_PARTS = 6

Test = Callable[[str, Values], bool]  # a value of the request, and what its variables stand for


class NotAnOperator(ValueError):
    """AWS has no such condition operator."""


class BadValue(ValueError):
    """A value that its operator cannot compare with anything."""


class Context(Protocol):
    """What a request says of itself."""

    def values(self, key: str) -> Sequence[str]: ...


@dataclass(frozen=True, slots=True)
class Operator:
    """`ForAnyValue:StringNotEqualsIfExists`, taken apart."""

    qualifier: str  # "", "ForAllValues" or "ForAnyValue"
    name: str  # without the negation
    negated: bool
    if_exists: bool

    @property
    def when_missing(self) -> bool:
        """What it answers for a key that the request has not."""
        if self.if_exists or self.qualifier == "ForAllValues":
            return True
        return self.negated and not self.qualifier


def operator(text: str) -> Operator:
    """Raises: NotAnOperator."""
    found = _OPERATOR.fullmatch(text)
    if found is None:
        raise NotAnOperator
    qualifier, name, if_exists = found[1] or "", found[2], found[3] is not None
    positive = _NEGATIONS.get(name, name)
    if positive not in _TESTS and not (positive == _NULL and not qualifier and not if_exists):
        raise NotAnOperator
    return Operator(qualifier, positive, positive != name, if_exists)


@dataclass(frozen=True, slots=True)
class Condition:
    """One key under one operator."""

    name: str  # of the key, as the policy spells it
    key: str
    keys: frozenset[str]  # the key and those of the variables
    operator: Operator
    test: Test

    def met(self, context: Context) -> bool:
        found, how = context.values(self.key), self.operator
        if how.name == _NULL:
            return self.test("false" if found else "true", context.values)
        if not found:
            return how.when_missing
        if len(found) == 1 and found[0]:
            return self.test(found[0], context.values) is not how.negated
        return self._met_by_many(found, context.values)

    def _met_by_many(self, found: Sequence[str], values: Values) -> bool:
        how = self.operator
        # AWS: an empty text is an empty set to the set operators.
        if how.qualifier and not any(found):
            return how.qualifier == "ForAllValues"
        results = [self.test(value, values) for value in found]
        if how.qualifier == "ForAllValues":
            return not any(results) if how.negated else all(results)
        if how.qualifier == "ForAnyValue":
            return not all(results) if how.negated else any(results)
        return any(results) is not how.negated


def read(name: str, key: str, wanted: Sequence[str], *, with_variables: bool) -> Condition:
    """Raises: NotAnOperator, BadValue, variables.NotAVariable."""
    how = operator(name)
    if how.name == _NULL:
        test, mentioned = _null(wanted), frozenset[str]()
    else:
        test, mentioned = _TESTS[how.name](wanted, with_variables)
    return Condition(key, key.lower(), mentioned | {key.lower()}, how, test)


def _null(wanted: Sequence[str]) -> Test:
    asked = {condition_values.truth(text) for text in wanted}
    if None in asked:
        raise BadValue
    return lambda absent, _: (absent == "true") in asked


_Made = tuple[Test, frozenset[str]]
_Maker = Callable[[Sequence[str], bool], _Made]


def _texts(*, fold: bool = False, like: bool = False) -> _Maker:
    def make(wanted: Sequence[str], with_variables: bool) -> _Made:
        written = [text.lower() for text in wanted] if fold else wanted
        return _among(written, with_variables, like, str.lower if fold else None)

    return make


def _among(
    wanted: Sequence[str], with_variables: bool, like: bool, fold: Callable[[str], str] | None
) -> _Made:
    templates = [variables.parse(text, variables=with_variables, wildcards=like) for text in wanted]
    plain, open_ones = apart(templates)
    fixed = patterns.any_of(plain)

    def test(value: str, values: Values) -> bool:
        folded = value if fold is None else fold(value)
        if fixed(folded):
            return True
        for template in open_ones:
            pattern = variables.resolve(template, values)
            if pattern is not None and patterns.kept_matcher(_folded(pattern, fold))(folded):
                return True
        return False

    return test, frozenset().union(*map(variables.keys, open_ones))


def _folded(pattern: tuple[Token, ...], fold: Callable[[str], str] | None) -> tuple[Token, ...]:
    if fold is None:
        return pattern
    return tuple(fold(token) if isinstance(token, str) else token for token in pattern)


def apart(templates: Sequence[Template]) -> tuple[list[tuple[Token, ...]], list[Template]]:
    """Those without variables, as patterns, and those with."""
    plain, open_ones = [], []
    for template in templates:
        pattern = variables.fixed(template)
        if pattern is None:
            open_ones.append(template)
        else:
            plain.append(pattern)
    return plain, open_ones


def _truths(wanted: Sequence[str], with_variables: bool) -> _Made:
    for text in wanted:
        if condition_values.truth(text) is None and not (with_variables and "${" in text):
            raise BadValue
    return _texts(fold=True)(wanted, with_variables)


def _arns(wanted: Sequence[str], with_variables: bool) -> _Made:
    templates = [variables.parse(text, variables=with_variables, wildcards=True) for text in wanted]
    plain, open_ones = apart(templates)
    fixed = [_arn_matcher(pattern) for pattern in plain]

    def test(value: str, values: Values) -> bool:
        parts = value.split(":", _ARN_PARTS - 1)
        if len(parts) != _ARN_PARTS or parts[0] != "arn":
            return False
        if any(matches(parts) for matches in fixed):
            return True
        resolved = (variables.resolve(template, values) for template in open_ones)
        return any(_arn_matcher(found)(parts) for found in resolved if found is not None)

    return test, frozenset().union(*map(variables.keys, open_ones))


def _arn_matcher(pattern: tuple[Token, ...]) -> Callable[[list[str]], bool]:
    """Component by component. A lone star is every ARN; less than six components are none."""
    if pattern == (Wild.ANY,):
        return lambda _: True
    components: list[list[Token]] = [[]]
    for token in pattern:
        if isinstance(token, Wild):
            components[-1].append(token)
            continue
        first, *more = token.split(":", _ARN_PARTS - len(components))
        components[-1].append(first)
        components.extend([text] for text in more)
    if len(components) != _ARN_PARTS:
        return lambda _: False
    matchers = [patterns.matcher(component) for component in components]
    return lambda parts: all(map(_matches, matchers, parts))


def _matches(matcher: patterns.Matcher, text: str) -> bool:
    return matcher(text)


def _compared(read_value: Callable[[str], Any], holds: Callable[[Any, Any], bool]) -> _Maker:
    """An operator whose values are read; `holds` compares the request's with the policy's."""

    def make(wanted: Sequence[str], _: bool) -> _Made:
        limits = [read_value(text) for text in wanted]
        if None in limits:
            raise BadValue

        def test(value: str, _: Values) -> bool:
            found = read_value(value)
            return found is not None and any(holds(found, limit) for limit in limits)

        return test, frozenset()

    return make


def _networks(wanted: Sequence[str], _: bool) -> _Made:
    among = [network for text in wanted if (network := condition_values.network(text))]
    if len(among) != len(wanted):
        raise BadValue

    def test(value: str, _: Values) -> bool:
        one = condition_values.address(value)
        return one is not None and any(condition_values.holds(network, one) for network in among)

    return test, frozenset()


_ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "Equals": comparisons.eq,
    "LessThan": comparisons.lt,
    "LessThanEquals": comparisons.le,
    "GreaterThan": comparisons.gt,
    "GreaterThanEquals": comparisons.ge,
}
_TESTS: dict[str, _Maker] = {
    "StringEquals": _texts(),
    "StringEqualsIgnoreCase": _texts(fold=True),
    "StringLike": _texts(like=True),
    "Bool": _truths,
    "BinaryEquals": _compared(condition_values.octets, comparisons.eq),
    "IpAddress": _networks,
    "ArnEquals": _arns,
    "ArnLike": _arns,
    **{
        f"Numeric{how}": _compared(condition_values.number, holds) for how, holds in _ORDERS.items()
    },
    **{f"Date{how}": _compared(condition_values.moment, holds) for how, holds in _ORDERS.items()},
}
_NEGATIONS = {
    "StringNotEquals": "StringEquals",
    "StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase",
    "StringNotLike": "StringLike",
    "NumericNotEquals": "NumericEquals",
    "DateNotEquals": "DateEquals",
    "NotIpAddress": "IpAddress",
    "ArnNotEquals": "ArnEquals",
    "ArnNotLike": "ArnLike",
}
