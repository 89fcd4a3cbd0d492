"""Condition keys of a request, read by the expressions of the tables of actions. Pure.

    Member.Inner            the value; of a list, each
    Members[].Inner         of every element
    Tags[]{Key=Value}       pairs: names and their values
    query(Tagging)          pairs of a text like `team=a&stage=b`
    'text'                  itself
    Member | 'text'         the text where the member is missing
    arn(model, Name)        the values as names of a kind, as ARNs
    {operation} {resource}  the operation's name; the ARN of the first resource it is judged on

A map, and pairs, give a family of keys one key a name; any other key gets the names.
What is not as the operation's shape says is left out: the operation itself refuses it.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qsl

from modelyard.access.policy import action_tables
from modelyard.call import Document

Context = Mapping[str, tuple[str, ...]]
NOTHING: Context = MappingProxyType({})
# Keys of conditions have no case, keys of tags do. Of a name that comes twice, as `team` and as
# `Team`, AWS says that a condition does not match both; here it has a value that no tag can have,
# so that neither of the two slips past a policy behind the other.
AMBIGUOUS = ("\0",)

_PAIRS = re.compile(r"(?P<path>[\w.\[\]]+)\{(?P<name>\w+)=(?P<value>\w+)\}", re.ASCII)
_QUERY = re.compile(r"query\((?P<path>[\w.\[\]]+)\)", re.ASCII)
_ARN = re.compile(r"arn\((?P<kind>[a-z-]+), (?P<path>[\w.\[\]]+)\)", re.ASCII)
_DEFAULT = re.compile(r"(?P<path>[\w.\[\]]+) \| '(?P<text>[^']*)'", re.ASCII)
_PATH = re.compile(r"[A-Za-z]\w*(?:\[\])?(?:\.[A-Za-z]\w*(?:\[\])?)*", re.ASCII)
_QUERY_FIELDS_MAX = 100


@dataclass(frozen=True, slots=True)
class Place:
    """Where a request came to, and the first resource it is judged on."""

    account: str
    region: str
    resource: str


# Values of a request, or (name, value) pairs.
_Read = Callable[[Document, Place], Iterable[Any]]
# Makes the ARN of a name of a kind.
Namer = Callable[[str, str, Place], str]


def steps(path: str) -> tuple[str, ...]:
    """Raises: ValueError: it is no path into a request."""
    if not _PATH.fullmatch(path):
        raise ValueError(f"{path!r} is no path into a request")
    return tuple(path.replace("[]", "").split("."))


def values(value: Any, path: Sequence[str]) -> Iterator[Any]:
    """What lies at the end of a path; nothing where the way there is missing."""
    if type(value) is list:
        for item in value:
            yield from values(item, path)
    elif not path:
        yield value
    elif type(value) is dict and (inner := value.get(path[0])) is not None:
        yield from values(inner, path[1:])


class ContextReader:
    """The condition keys that a check carries."""

    def __init__(
        self, keys: Mapping[str, str | Sequence[str]], operation: str, namer: Namer
    ) -> None:
        self._sources: list[tuple[str, str, bool, _Read]] = []
        for key, expressions in keys.items():
            for text in [expressions] if isinstance(expressions, str) else expressions:
                root, read = compiled(text, operation, namer)
                family = action_tables.is_family(key)
                self._sources.append((root, action_tables.stem(key), family, read))

    def read(self, request: Document, place: Place) -> Context:
        """Every key that the request carries, in lower case, with its values."""
        found: dict[str, tuple[str, ...]] = {}
        for root, stem, family, read in self._sources:
            if root and root not in request:
                continue
            if family:
                _add_family(found, stem, read(request, place))
            elif texts := tuple(_texts(read(request, place))):
                found[stem] = found.get(stem, ()) + texts
        return found or NOTHING


def _add_family(found: dict[str, tuple[str, ...]], stem: str, read: Iterable[Any]) -> None:
    for item in read:
        pairs = item.items() if type(item) is dict else (item,)
        for pair in pairs:
            if type(pair) is tuple and type(pair[0]) is str:
                key = stem + pair[0].lower()
                if texts := tuple(_texts(pair[1:])):
                    found[key] = AMBIGUOUS if key in found else texts


def _texts(read: Iterable[Any]) -> Iterator[str]:
    """As policies write values; of pairs and maps the names."""
    for value in read:
        if type(value) is str:
            yield value
        elif type(value) is bool:
            yield "true" if value else "false"
        elif type(value) is int or type(value) is float:
            yield str(value)
        elif type(value) is tuple:
            yield from _texts(value[:1])
        elif type(value) is dict:
            yield from _texts(value)


def compiled(text: str, operation: str, namer: Namer) -> tuple[str, _Read]:
    """The member at the root of an expression ("" for none), and what reads it.

    Raises: ValueError: it is no expression.
    """
    if text == "{resource}":
        return "", lambda request, place: (place.resource,)
    if text == "{operation}" or (text[:1] == text[-1:] == "'"):
        literal = operation if text == "{operation}" else text[1:-1]
        return "", lambda request, place: (literal,)
    if match := _PAIRS.fullmatch(text):
        path = steps(match["path"])
        return path[0], _pairs(path, match["name"], match["value"])
    if match := _QUERY.fullmatch(text):
        path = steps(match["path"])
        return path[0], lambda request, place: _query(values(request, path))
    if match := _ARN.fullmatch(text):
        kind, path = match["kind"], steps(match["path"])
        return path[0], lambda request, place: (
            namer(kind, name, place) for name in values(request, path) if type(name) is str
        )
    if match := _DEFAULT.fullmatch(text):
        path, default = steps(match["path"]), match["text"]
        return "", lambda request, place: [*values(request, path)] or [default]
    path = steps(text)
    if len(path) == 1:
        root = path[0]
        return root, lambda request, place: values(request[root], ())
    return path[0], lambda request, place: values(request, path)


def _pairs(path: Sequence[str], name: str, value: str) -> _Read:
    def read(request: Document, place: Place) -> Iterator[tuple[Any, Any]]:
        for item in values(request, path):
            if type(item) is dict and type(item.get(name)) is str:
                yield item[name], item.get(value, "")

    return read


def _query(texts: Iterable[Any]) -> Iterator[tuple[str, str]]:
    for text in texts:
        if type(text) is not str:
            continue
        try:
            yield from parse_qsl(
                text, keep_blank_values=True, max_num_fields=_QUERY_FIELDS_MAX, errors="strict"
            )
        except ValueError:  # the operation refuses it
            continue
