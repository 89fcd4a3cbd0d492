"""Patterns of service models, which are Java's, as Python ones that match a whole string."""

import re
from collections.abc import Callable, Iterator
from functools import cache

import regex

Matches = Callable[[str], object]

_JAVA_DOT = r"[^\n\r\x85\u2028\u2029]"
_ANY_LINE = r"[^\x85\u2028\u2029]*"  # a Java dot, or a line's end

# The same strings, said so that Python can read it (Java writes astral characters as surrogate
# halves), or so that no string takes more than linear time to refuse.
_BY_HAND = {
    r".*(?:[ \r\n\t].*)*": _ANY_LINE,
    r".*(?:[ \r\n\t].*)*.*": _ANY_LINE,
    r".*[0-9a-z]+.*": r"[^0-9a-z\n\r\x85\u2028\u2029]*[0-9a-z].*",
    r"[a-z0-9]([-a-z0-9]*[a-z0-9]){0,39}?": r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?",
    r"https://([.\-_a-zA-Z0-9]+/?){3,1016}": (
        r"https://(?=(?:/?[.\-_a-zA-Z0-9]){3})[.\-_a-zA-Z0-9]+(?:/[.\-_a-zA-Z0-9]+)*/?"
    ),
    r"\/?.+\/.+": r"(?=.+\Z).+/.+",
    r"[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\t]*": (
        r"[\u0020-\uD7FF\uE000-\uFFFD\U00010000-\U0010FFFF\t]*"
    ),
}
# Java's POSIX classes are ASCII; `regex` reads the same names as Unicode.
_POSIX = {
    r"\p{ASCII}": r"\x00-\x7f",
    r"\p{Print}": r"\x20-\x7e",
    r"\p{Graph}": r"\x21-\x7e",
    r"\p{Alnum}": "a-zA-Z0-9",
    r"\p{Alpha}": "a-zA-Z",
    r"\p{Upper}": "A-Z",
    r"\p{Lower}": "a-z",
    r"\p{Digit}": "0-9",
    r"\p{Punct}": r"!-/:-@\[-`{-~",
    r"\p{Space}": r" \t\n\x0b\f\r",
    r"\p{XDigit}": "0-9a-fA-F",
}
# Only dots: the model asks for a length, not for what is in it. Clients send such members with line
# ends in them (pretty-printed policies and cards, notes of two lines), which a Java dot refuses.
_ANYTHING = re.compile(r"\^?(\.(?:[*+]|\{\d+,\d*\}))\$?")
_REPEATED_END = re.compile(r"\$\{1,\d+\}")  # an end that is there once is there often
_CATEGORY = re.compile(r"\\[pP]\{\w+\}")
# The ASCII characters of Unicode's general categories; these appear only inside of classes.
_ASCII_CATEGORIES = {
    r"\p{L}": "a-zA-Z",
    r"\p{M}": "",
    r"\p{N}": "0-9",
    r"\p{Z}": " ",
    r"\p{S}": "$+<=>^`|~",
    r"\p{P}": r"!-#%-*,-/:;?@\[-\]_{}",
}
_TOKEN = re.compile(r"\\p\{\w+\}|\\.|.", re.DOTALL)


@cache
def matcher(pattern: str) -> Matches:
    """A function that is true of the strings `pattern` describes from end to end."""
    if anything := _ANYTHING.fullmatch(pattern):
        return re.compile(anything[1], re.DOTALL).fullmatch
    once = _REPEATED_END.sub("$", _BY_HAND.get(pattern, pattern))
    translated = "".join(_translated(once))
    if r"\p{" in translated or r"\P{" in translated:
        return _unicode_matcher(translated)
    try:
        return re.compile(translated, re.ASCII).fullmatch
    except re.error:
        return regex.compile(translated, regex.ASCII).fullmatch


def _unicode_matcher(translated: str) -> Matches:
    """Unicode classes need `regex`; for plain text the same classes in ASCII are thrice as fast."""
    wide = regex.compile(translated).fullmatch
    narrowed = _CATEGORY.sub(lambda match: _ASCII_CATEGORIES.get(match[0], match[0]), translated)
    if _CATEGORY.search(narrowed):
        return wide
    narrow = re.compile(narrowed, re.ASCII).fullmatch

    def matches(text: str) -> object:
        return narrow(text) if text.isascii() else wide(text)

    return matches


def _translated(pattern: str) -> Iterator[str]:
    depth = 0  # of character classes
    for token in _TOKEN.findall(pattern):
        if token in _POSIX:
            yield _POSIX[token] if depth else f"[{_POSIX[token]}]"
        elif token == r"\z":
            yield r"\Z"
        elif token == "." and not depth:
            yield _JAVA_DOT
        else:
            # `[` inside a class is a plain character in these models.
            if token == "[":
                token, depth = ("[", 1) if not depth else (r"\[", 1)
            elif token == "]":
                depth = 0
            yield token
