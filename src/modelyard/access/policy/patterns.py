"""Patterns of policies: `*` is any characters, `?` is one, everything else is itself. Pure.

A pattern is a tuple of tokens, so that a star in a person's name or behind an escape stays a star:
what is a wildcard is decided where the policy is read, never where it meets a value. No pattern is
turned into a regular expression with repetition; the time to match grows with the text times the
pattern at worst, whatever they are.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from enum import Enum
from functools import lru_cache

Matcher = Callable[[str], bool]


class Wild(Enum):
    """The two wildcards."""

    ANY = "*"
    ONE = "?"

    __hash__ = object.__hash__  # members are themselves; Enum's own hashes their names each time


Token = str | Wild
_WILDCARD = re.compile(r"(\*+|\?)")


def tokens(text: str) -> tuple[Token, ...]:
    """The tokens of a pattern as policies write it. Runs of stars are one star."""
    wilds: dict[str, Wild] = {"*": Wild.ANY, "?": Wild.ONE}
    return tuple(wilds.get(part[:1], part) for part in _WILDCARD.split(text) if part)


def matches(pattern: str, text: str, *, fold: bool = False) -> bool:
    """Whether `text` matches a pattern; `fold` takes no notice of case, as actions do."""
    if fold:
        pattern, text = pattern.lower(), text.lower()
    return matcher(tokens(pattern))(text)


def matcher(pattern: Sequence[Token]) -> Matcher:
    """What tells whether a text matches, in the cheapest way that the pattern permits."""
    if Wild.ONE not in pattern:
        stars = pattern.count(Wild.ANY)
        literal = "".join(token for token in pattern if isinstance(token, str))
        if not stars:
            return literal.__eq__
        if not literal:
            return _anything
        if stars == 1 and pattern[-1] is Wild.ANY:
            return lambda text: text.startswith(literal)
    return _Glob(pattern).__call__


@lru_cache(maxsize=1024)
def kept_matcher(pattern: tuple[Token, ...]) -> Matcher:
    """For patterns that requests fill in: a caller's own come again and again."""
    return matcher(pattern)


def _anything(text: str) -> bool:
    return True


def any_of(patterns: Iterable[Sequence[Token]]) -> Matcher:
    """Whether a text matches one of many patterns: one look-up for all that is spelled out."""
    exact, prefixes, globs = set(), [], []
    for pattern in patterns:
        wilds = [token for token in pattern if isinstance(token, Wild)]
        if not wilds:
            exact.add("".join(map(str, pattern)))
        elif len(wilds) == 1 and pattern[-1] is Wild.ANY:
            prefixes.append("".join(map(str, pattern[:-1])))
        else:
            globs.append(pattern)
    if "" in prefixes:
        return _anything
    if not globs and not prefixes:
        return frozenset(exact).__contains__
    return _any_of(frozenset(exact), tuple(prefixes), globs)


def _any_of(
    exact: frozenset[str], prefixes: tuple[str, ...], globs: list[Sequence[Token]]
) -> Matcher:
    matchers = tuple(map(matcher, globs))
    # Most texts do not even begin as a pattern does; one comparison tells for all.
    heads = tuple(glob[0] if isinstance(glob[0], str) else "" for glob in globs)

    def matches_one(text: str) -> bool:
        if text in exact or text.startswith(prefixes):
            return True
        return text.startswith(heads) and any(glob(text) for glob in matchers)

    return matches_one


class _Piece:
    """What stands between two stars: as long as what it matches."""

    __slots__ = ("_mask", "literal", "size")

    def __init__(self, part: Sequence[Token]) -> None:
        self.literal = "".join(token if isinstance(token, str) else "?" for token in part)
        self.size = len(self.literal)
        # A dot for each question mark and no repetition: nothing to go back over.
        masked = Wild.ONE in part
        text = "".join(re.escape(token) if isinstance(token, str) else "." for token in part)
        self._mask = re.compile(text, re.DOTALL) if masked else None

    def at(self, text: str, position: int) -> bool:
        if self._mask is None:
            return text.startswith(self.literal, position)
        return self._mask.match(text, position) is not None

    def after(self, text: str, start: int, end: int) -> int:
        """Where it is found first, -1 when it is not."""
        if self._mask is None:
            return text.find(self.literal, start, end)
        found = self._mask.search(text, start, end)
        return -1 if found is None else found.start()


class _Glob:
    """The general case. Taking the first place for each piece is enough: stars take the rest."""

    __slots__ = ("_first", "_last", "_middle", "_size")

    def __init__(self, pattern: Sequence[Token]) -> None:
        parts: list[list[Token]] = [[]]
        for token in pattern:
            if token is Wild.ANY:
                parts.append([])
            else:
                parts[-1].append(token)
        pieces = [_Piece(part) for part in parts]
        self._first, self._last = pieces[0], pieces[-1] if len(pieces) > 1 else None
        self._middle = tuple(piece for piece in pieces[1:-1] if piece.size)
        self._size = sum(piece.size for piece in pieces)

    def __call__(self, text: str) -> bool:
        size = len(text)
        if size < self._size or not self._first.at(text, 0):
            return False
        if self._last is None:
            return size == self._size
        end = size - self._last.size
        if not self._last.at(text, end):
            return False
        position = self._first.size
        for piece in self._middle:  # none reaches over `end`, where it would not be found
            found = piece.after(text, position, end)
            if found < 0:
                return False
            position = found + piece.size
        return True
