"""Moments survive their spellings."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.contract import timestamps

MOMENTS = st.integers(-62_135_596_800_000, 253_402_300_799_000).map(lambda ms: ms * 1000)


@given(MOMENTS)
def test_iso_8601_keeps_milliseconds(us: int) -> None:
    assert timestamps.read(timestamps.iso_8601(us)) == us


@given(st.integers(-2_208_988_800_000_000, 253_402_300_799_000_000))  # from 1900: mail's dates
def test_http_dates_keep_seconds(us: int) -> None:
    second = us // 1_000_000 * 1_000_000

    assert timestamps.read(timestamps.http_date(us)) == second


@given(st.integers(0, 4_102_444_800_000).map(lambda ms: ms * 1000))
def test_epoch_seconds_keep_milliseconds(us: int) -> None:
    assert timestamps.read(timestamps.epoch_seconds(us)) == us


@given(st.text() | st.floats() | st.integers() | st.none() | st.booleans())
def test_anything_is_a_moment_in_the_calendar_or_refused(value: object) -> None:
    try:
        us = timestamps.read(value)
    except timestamps.NotAMoment:
        return

    assert timestamps.iso_8601(us)


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"])
def test_an_offset_does_not_leave_the_calendar(text: str) -> None:
    with pytest.raises(timestamps.NotAMoment):
        timestamps.read(text)
