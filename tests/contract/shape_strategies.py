"""Hypothesis strategies for values of botocore's shapes, as botocore takes them."""

import datetime as dt
from typing import Any

from hypothesis import strategies as st

# What may stand in any body. NUL, other controls and surrogates have tests of their own.
TEXT = st.text(
    st.characters(exclude_categories=("Cs", "Cc", "Cn"), exclude_characters="\ufffe\uffff"),
    min_size=1,
    max_size=12,
)
TOKEN = st.text("abcXYZ019-_.~", min_size=1, max_size=12)  # survives headers and host names
PATH = st.text("abc/ é%+?&=#..~", min_size=1, max_size=12).map(lambda text: f"k{text}k")
_BARE = dt.datetime(2000, 1, 1)  # noqa: DTZ001 - hypothesis adds the zone itself
MOMENT = st.datetimes(
    _BARE.replace(year=1971), _BARE.replace(year=2100), timezones=st.just(dt.UTC)
).map(lambda moment: moment.replace(microsecond=0))
_NUMBERS = {
    "integer": st.integers(-(2**31), 2**31 - 1),
    "long": st.integers(-(2**63), 2**63 - 1),
    "float": st.floats(allow_nan=False, allow_infinity=False, width=32),
    "double": st.floats(allow_nan=False, allow_infinity=False),
}


def values(shape: Any, depth: int = 0) -> st.SearchStrategy[Any]:
    """Values of `shape`; optional members thin out with depth, so that recursion ends."""
    location = shape.serialization.get("location")
    match shape.type_name:
        case "structure":
            return structures(shape, depth)
        case "list":
            return st.lists(values(shape.member, depth + 1), min_size=1, max_size=3)
        case "map":
            keys = TOKEN.map(str.lower) if location else TEXT
            items = TOKEN if location else values(shape.value, depth + 1)
            return st.dictionaries(keys, items, min_size=1, max_size=3)
        case "string":
            return _strings(shape, location)
        case "blob":
            return st.binary(min_size=1, max_size=20)
        case "boolean":
            return st.booleans()
        case "timestamp":
            return MOMENT
    return _NUMBERS[shape.type_name]


def _strings(shape: Any, location: str | None) -> st.SearchStrategy[str]:
    if shape.enum:
        return st.sampled_from(shape.enum)
    if location == "uri":
        return PATH if shape.name == "ObjectKey" else TOKEN
    return TOKEN if location in ("header", "headers") else TEXT


def structures(shape: Any, depth: int) -> st.SearchStrategy[dict[str, Any]]:
    @st.composite
    def build(draw: Any) -> dict[str, Any]:
        names = list(shape.members)
        wanted = set(shape.required_members)
        room = max(0, 4 - depth)
        if names and room:
            wanted |= set(draw(st.lists(st.sampled_from(names), max_size=room)))
        if getattr(shape, "is_tagged_union", False):
            wanted = {draw(st.sampled_from(names))}
        kept = [name for name in names if name in wanted and not _is_left_out(shape, name)]
        return {name: draw(values(shape.members[name], depth + 1)) for name in kept}

    return build()


def _is_left_out(shape: Any, name: str) -> bool:
    member = shape.members[name]
    # botocore's own additions to the model turn Expires into two members.
    if name in ("Expires", "ExpiresString"):
        return True
    return bool(member.serialization.get("eventstream") or member.serialization.get("jsonvalue"))
