"""Wildcards match what they should, in time that nobody can stretch."""

import time

from hypothesis import given
from hypothesis import strategies as st

from modelyard.access.policy import patterns
from tests.access.policy import slow_evaluator

SECONDS_MAX = 2.0  # of CPU; a search that goes back over its steps would take years


@given(st.text("ab*?", max_size=8), st.text("ab*", max_size=10))
def test_a_pattern_matches_what_a_plain_search_finds(pattern: str, text: str) -> None:
    expected = slow_evaluator.matches(slow_evaluator.wildcards(pattern), text)

    assert patterns.matches(pattern, text) is expected
    assert patterns.any_of([patterns.tokens(pattern)])(text) is expected


@given(st.lists(st.text("ab*?", max_size=5), max_size=4), st.text("ab", max_size=6))
def test_one_of_many_patterns_is_enough(written: list[str], text: str) -> None:
    expected = any(patterns.matches(pattern, text) for pattern in written)

    assert patterns.any_of(map(patterns.tokens, written))(text) is expected


def test_no_pattern_takes_long() -> None:
    started = time.process_time()

    for pattern in ("*a" * 1_000 + "b", "*?a" * 1_000 + "b", "?" * 1_000 + "*b", "*" * 5_000 + "b"):
        assert not patterns.matches(pattern, "a" * 10_000)

    assert time.process_time() - started < SECONDS_MAX
