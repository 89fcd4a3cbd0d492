"""JSON bodies, read strictly: one object, strict UTF-8, bounded depth, numbers that fit."""

from typing import Any

import msgspec

from modelyard.errors import SerializationException

DEPTH_MAX = 200

_decode = msgspec.json.Decoder().decode


def read_object(body: bytes) -> dict[str, Any]:
    """The object in `body`; an empty body is an empty object.

    A key that is repeated counts once, with its last value, for every reader alike.
    Raises: SerializationException.
    """
    if not body:
        return {}
    try:
        found = _decode(body)
    # RecursionError is how msgspec refuses what is nested deeper than the interpreter's limit.
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise SerializationException("The request body is not valid JSON.") from None
    if type(found) is not dict:
        raise SerializationException("The request body is not a JSON object.")
    # Each level costs one bracket, so a body with few brackets is shallow.
    if body.count(b"{") + body.count(b"[") > DEPTH_MAX and not _is_shallow(found):
        raise SerializationException(f"The request body is nested deeper than {DEPTH_MAX} levels.")
    return found


def _is_shallow(value: dict[str, Any]) -> bool:
    level: list[Any] = [value]
    for _ in range(DEPTH_MAX):
        level = [
            item
            for outer in level
            for item in (outer.values() if type(outer) is dict else outer)
            if type(item) is dict or type(item) is list
        ]
        if not level:
            return True
    return False
