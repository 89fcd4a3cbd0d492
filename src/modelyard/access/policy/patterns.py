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


@lru_cache(maxsize=4096)
def kept_matcher(pattern: tuple[Token, ...]) -> Matcher:
    """For patterns that requests fill in: a caller's own come again and again."""
    return matcher(pattern)


def _anything(text: str) -> bool:
    return True


class AnyOf:
    """Whether a text matches one of many patterns: one look-up for what is spelled out."""

    __slots__ = ("_exact", "_globs", "_prefixes", "everything")

    def __init__(self, patterns: Iterable[Sequence[Token]]) -> None:
        exact, prefixes, globs = set(), [], []
        self.everything = False
        for pattern in patterns:
            literal = "".join(token for token in pattern if isinstance(token, str))
            wilds = [token for token in pattern if isinstance(token, Wild)]
            if not wilds:
                exact.add(literal)
            elif wilds == [Wild.ANY] and pattern[-1] is Wild.ANY:
                prefixes.append(literal)
                self.everything = self.everything or not literal
            else:
                globs.append(matcher(pattern))
        self._exact, self._prefixes, self._globs = frozenset(exact), tuple(prefixes), tuple(globs)

    def __call__(self, text: str) -> bool:
        if text in self._exact or text.startswith(self._prefixes):
            return True
        return any(glob(text) for glob in self._globs)


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
        for piece in self._middle:
            found = piece.after(text, position, end)
            if found < 0:
                return False
            position = found + piece.size
        return position <= end
