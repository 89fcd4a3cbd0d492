"""Condition keys that every request carries, whatever it asks: when, from where, how. Pure."""

from collections.abc import Callable, Collection, Mapping

from modelyard.call import OpenCall
from modelyard.contract import timestamps

_SECOND_US = 1_000_000

_KEYS: Mapping[str, Callable[[OpenCall], str]] = {
    "aws:currenttime": lambda call: timestamps.iso_8601(call.now_us),
    "aws:epochtime": lambda call: str(call.now_us // _SECOND_US),
    "aws:requestedregion": lambda call: call.region,
    "aws:sourceip": lambda call: call.source_ip,
    "aws:useragent": lambda call: call.user_agent,
    # The server speaks HTTP; whoever ends TLS in front of it is not believed.
    "aws:securetransport": lambda call: "false",
}


def of(call: OpenCall, wanted: Collection[str]) -> dict[str, tuple[str, ...]]:
    """Those of `wanted` that the request has. `wanted` and the answer's keys are in lower case."""
    found: dict[str, tuple[str, ...]] = {}
    for key in wanted:
        read = _KEYS.get(key)
        if read is not None and (value := read(call)):
            found[key] = (value,)
    return found
