"""Frames: what goes in comes out, however the stream is cut; nonsense ends the stream."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.replica import frames

_TEXT = st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]), max_size=40)
_FRAMES = st.builds(
    frames.Frame,
    kind=st.sampled_from([frames.INVOKE, frames.ANSWER]),
    id=st.integers(0, 2**32 - 1),
    status=st.integers(0, 599),
    content_type=_TEXT,
    accept=_TEXT,
    attributes=st.dictionaries(_TEXT, _TEXT, max_size=4),
    body=st.binary(max_size=300),
)


@given(sent=st.lists(_FRAMES, max_size=6), data=st.data())
def test_frames_survive_any_cut_of_the_stream(
    sent: list[frames.Frame], data: st.DataObject
) -> None:
    stream = b"".join(frames.encode(*frame) for frame in sent)
    reader, got, at = frames.Reader(), [], 0
    while at < len(stream):
        size = data.draw(st.integers(1, len(stream) - at))
        got += reader.feed(stream[at : at + size])
        at += size

    assert got == sent


@given(st.binary(max_size=200))
def test_nonsense_gives_frames_or_an_error_and_nothing_else(noise: bytes) -> None:
    try:
        list(frames.Reader().feed(noise))
    except (frames.FrameError, UnicodeDecodeError):
        return


def test_a_line_feed_in_an_attribute_is_refused() -> None:
    with pytest.raises(frames.FrameError):
        frames.encode(frames.INVOKE, 1, 0, "text/csv", "", {"custom": "a\nb"}, b"")


def test_an_oversized_frame_is_refused_before_it_is_read() -> None:
    head = frames.HEAD.pack(0, frames.BODY_BYTES_MAX + 1, 1, 0, frames.INVOKE)

    with pytest.raises(frames.FrameError):
        list(frames.Reader().feed(head))
