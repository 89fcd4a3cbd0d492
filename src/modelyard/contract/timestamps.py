"""Moments on the wire and inside: integer microseconds since the epoch, nothing else inside."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_SECONDS_MIN = -62_135_596_800  # the first second of the year 1
_SECONDS_MAX = 253_402_300_799  # the last second of the year 9999
_TEXT_MAX = 64  # characters


class NotAMoment(ValueError):
    """The value names no moment between the years 1 and 9999."""


def read(value: object) -> int:
    """Microseconds of epoch seconds (a number, or one as text), ISO 8601 or an HTTP date.

    Raises: NotAMoment.
    """
    if isinstance(value, bool):
        raise NotAMoment
    if isinstance(value, int | float):
        return _from_seconds(value)
    if isinstance(value, str) and 0 < len(value) <= _TEXT_MAX:
        return _from_text(value)
    raise NotAMoment


def _from_seconds(value: float) -> int:
    if not _SECONDS_MIN <= value <= _SECONDS_MAX:  # which no NaN is
        raise NotAMoment
    return value * 1_000_000 if isinstance(value, int) else round(value * 1_000_000)


def _from_text(text: str) -> int:
    try:
        return _from_seconds(float(text))
    except NotAMoment:
        raise
    except ValueError:
        pass
    try:
        moment = parsedate_to_datetime(text) if text[0].isalpha() else datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        us = (moment - _EPOCH) // _MICROSECOND
    except (ValueError, OverflowError, IndexError, TypeError):
        raise NotAMoment from None
    # An offset can carry the first and last hours out of the calendar.
    if not _SECONDS_MIN * 1_000_000 <= us <= _SECONDS_MAX * 1_000_000:
        raise NotAMoment
    return us


def epoch_seconds(us: int) -> float:
    """For JSON: seconds to the millisecond, as AWS writes them."""
    return us // 1000 / 1000


def iso_8601(us: int) -> str:
    """For XML: `2026-11-21T03:47:18.123Z`."""
    moment = _EPOCH + timedelta(microseconds=us)
    return moment.isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def http_date(us: int) -> str:
    """For headers: `Sat, 21 Nov 2026 03:47:18 GMT`."""
    return format_datetime(_EPOCH + timedelta(seconds=us // 1_000_000), usegmt=True)


def written(us: int, form: str) -> str | float:
    """In one of the model's timestamp formats."""
    if form == "rfc822":
        return http_date(us)
    return iso_8601(us) if form == "iso8601" else epoch_seconds(us)
