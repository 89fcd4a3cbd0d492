"""Wildcards match what they should, in time that nobody can stretch."""

import time

import pytest
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


POLICY_CHARS_MAX = 6144  # of a managed policy: no pattern is longer
LONGEST = 1 << 13  # characters of a value; keys of objects have 1,024, tags 256


@pytest.mark.parametrize("piece", ["*a", "a?", "?a", "*a?b", "aaaaaaab", "*?", "a*b"])
@pytest.mark.parametrize("end", ["b", "b*", "?b*"])
def test_the_longest_pattern_takes_a_step_a_character(piece: str, end: str) -> None:
    """Twice the text takes about twice as long: four times would be the square."""
    room = POLICY_CHARS_MAX - 1 - len(end)
    match = patterns.any_of([patterns.tokens("*" + piece * (room // len(piece)) + end)])

    def seconds(text: str) -> float:
        spent = []
        for _ in range(5):
            started = time.process_time()
            match(text)
            spent.append(time.process_time() - started)
        return min(spent)

    once, twice = seconds("a" * LONGEST), seconds("a" * 2 * LONGEST)

    assert twice < SECONDS_MAX / 4  # 0.02 s on the machine that this was written on
    # What takes no time is as good as any; a masked search begins to count behind its own length.
    assert twice < 0.005 or twice < 12 * max(once, 0.001)


def test_no_pattern_takes_long() -> None:
    started = time.process_time()

    for pattern in ("*a" * 1_000 + "b", "*?a" * 1_000 + "b", "?" * 1_000 + "*b", "*" * 5_000 + "b"):
        assert not patterns.matches(pattern, "a" * 10_000)

    assert time.process_time() - started < SECONDS_MAX
