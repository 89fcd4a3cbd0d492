"""Policy variables: `${aws:username}`, defaults `${key, 'text'}`, and the escapes `${*}`. Pure.

Only policies of Version 2012-10-17 have them; elsewhere the same characters are themselves.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from modelyard.access.policy import patterns
from modelyard.access.policy.patterns import Token

Values = Callable[[str], Sequence[str]]  # the values that a request has for a lower-case key
_VARIABLE = re.compile(r"\$\{(?:([*?$])|([^{}',$*?]+)(?:,\s*'([^']*)'\s*)?)\}", re.ASCII)


class NotAVariable(ValueError):
    """`${` begins something that is no variable."""


@dataclass(frozen=True, slots=True)
class Variable:
    """Stands for the one value of a key; `default` where the request has none."""

    key: str  # lower case
    default: str | None


Template = tuple[Token | Variable, ...]


def parse(text: str, *, variables: bool, wildcards: bool) -> Template:
    """The parts of one text of a policy. Without `wildcards` a star is a star.

    Raises: NotAVariable.
    """
    split = patterns.tokens if wildcards else _whole
    if not variables or "${" not in text:
        return split(text)
    parts: list[Token | Variable] = []
    position = 0
    for found in _VARIABLE.finditer(text):
        parts.extend(split(_plain(text[position : found.start()])))
        escape, key, default = found.groups()
        parts.append(escape or _variable(key, default))
        position = found.end()
    parts.extend(split(_plain(text[position:])))
    return tuple(parts)


def _variable(key: str, default: str | None) -> Variable:
    if not key.strip():
        raise NotAVariable
    return Variable(key.strip().lower(), default)


def _whole(text: str) -> tuple[Token, ...]:
    return (text,) if text else ()


def _plain(text: str) -> str:
    if "${" in text:
        raise NotAVariable
    return text


def keys(template: Template) -> frozenset[str]:
    return frozenset(part.key for part in template if isinstance(part, Variable))


def fixed(template: Template) -> tuple[Token, ...] | None:
    """The template itself when it has no variables."""
    plain = tuple(part for part in template if not isinstance(part, Variable))
    return plain if len(plain) == len(template) else None


def resolve(template: Template, values: Values) -> tuple[Token, ...] | None:
    """The pattern for one request; None when a variable has no value.

    A key with several values has no one value, so it is as if it had none. What a request brings
    is never a wildcard.
    """
    parts: list[Token] = []
    for part in template:
        if isinstance(part, Variable):
            found = values(part.key)
            value = found[0] if len(found) == 1 else part.default
            if value is None:
                return None
            parts.append(value)
        else:
            parts.append(part)
    return tuple(parts)
