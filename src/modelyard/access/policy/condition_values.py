"""What the values of conditions mean: numbers, moments, addresses, bytes. Pure.

Each reader takes ASCII only and answers None for what is not of its kind, so that a value is never
taken for more than it says ("1e999", "NaN", digits of other scripts, a netmask that is none).
"""

import base64
import binascii
import ipaddress
import re
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from functools import lru_cache

_NUMBER = re.compile(r"[+-]?[0-9]{1,40}(?:\.[0-9]{1,40})?(?:[eE][+-]?[0-9]{1,3})?")
_EPOCH_SECONDS = re.compile(r"-?[0-9]{1,12}(?:\.[0-9]{1,9})?")
# https://www.w3.org/TR/NOTE-datetime; without a zone it is UTC.
_MOMENT = re.compile(
    r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2})"
    r"(?:T([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]{1,9}))?)?(Z|[+-][0-9]{2}:[0-9]{2})?)?)?)?"
)
_NETWORK = re.compile(r"([0-9A-Fa-f:.]{2,45})(?:/([0-9]{1,3}))?")
_ADDRESS_CHARS_MAX = 45  # IPv6 with an IPv4 tail
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND_NS = 1_000_000_000
_V4_BITS = 32
_MAPPED = int(ipaddress.IPv6Address("::ffff:0:0")) >> _V4_BITS

Address = tuple[int, int]  # version 4 or 6, the bits as a number


def number(text: str) -> Decimal | None:
    return Decimal(text) if _NUMBER.fullmatch(text) else None


def moment(text: str) -> int | None:
    """Nanoseconds since the epoch of ISO 8601 or of epoch seconds; four digits are a year."""
    found = _MOMENT.fullmatch(text)
    if found is None:
        if not _EPOCH_SECONDS.fullmatch(text):
            return None
        return int(Decimal(text) * _SECOND_NS)
    year, month, day, hour, minute, second, fraction, zone = found.groups()
    try:
        at = datetime(
            int(year),
            int(month or 1),
            int(day or 1),
            int(hour or 0),
            int(minute or 0),
            int(second or 0),
            tzinfo=_zone(zone),
        )
    except ValueError:
        return None
    seconds = (at - _EPOCH) // timedelta(seconds=1)
    return seconds * _SECOND_NS + int((fraction or "").ljust(9, "0"))


def _zone(text: str | None) -> timezone:
    if text is None or text == "Z":
        return UTC
    hours, minutes = int(text[1:3]), int(text[4:6])
    if hours > 23 or minutes > 59:
        raise ValueError
    offset = timedelta(hours=hours, minutes=minutes)
    return timezone(-offset if text[0] == "-" else offset)


def address(text: str) -> Address | None:
    """One address; IPv4 that is written as IPv6 is IPv4."""
    return _address(text) if len(text) <= _ADDRESS_CHARS_MAX else None


@lru_cache(maxsize=1024)
def _address(text: str) -> Address | None:
    network_of_one = None if "/" in text else network(text)
    return None if network_of_one is None else network_of_one[:2]


def network(text: str) -> tuple[int, int, int] | None:
    """Version, bits of the network, and how many bits of an address are free in it."""
    found = _NETWORK.fullmatch(text)
    if found is None:
        return None
    try:
        at = ipaddress.ip_address(found[1])
    except ValueError:
        return None
    prefix = at.max_prefixlen if found[2] is None else int(found[2])
    if prefix > at.max_prefixlen:
        return None
    version, bits, free = at.version, int(at), at.max_prefixlen - prefix
    if version == 6 and bits >> _V4_BITS == _MAPPED and free <= _V4_BITS:
        version, bits = 4, bits & 0xFFFFFFFF
    return version, bits >> free << free, free


def holds(among: tuple[int, int, int], one: Address) -> bool:
    """Whether a network has an address."""
    version, bits, free = among
    return version == one[0] and bits == one[1] >> free << free


def octets(text: str) -> bytes | None:
    """Bytes in base64."""
    try:
        return base64.b64decode(text.encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error):
        return None


def truth(text: str) -> bool | None:
    return {"true": True, "false": False}.get(text.lower())
