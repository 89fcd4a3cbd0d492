"""The patterns of the services we speak."""

import time

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from modelyard.contract import model
from modelyard.contract.patterns import matcher

SERVICES = ("sagemaker", "sagemaker-runtime", "sagemaker-metrics", "sts", "iam", "s3", "logs")
SHAPES = [
    service.shapes.shape(name)
    for service in map(model.load, SERVICES)
    for name in service.shapes
    if service.shapes.shape(name).pattern is not None
]
SECONDS_MAX = 1.0  # of this thread's own; 0.01 is usual, and a bad pattern takes for ever
PREFIXES = ("", "arn:aws:sagemaker:us-east-1:123456789012:", "https://", "s3://a/")
FILLINGS = ("a", "0", "-", "/", ":", ".", " ", "a-", "a/", "a.", "A_", "{}", "\n", "\t ")
ENDS = ("!", "\n", "\x07", "\u2028", "")


def test_every_pattern_of_the_models_is_understood() -> None:
    for shape in SHAPES:
        assert shape.pattern is not None
        assert callable(matcher(shape.pattern))


def test_no_string_keeps_a_pattern_busy() -> None:
    slow = []
    for pattern, size in {(shape.pattern, min(int(shape.max or 2048), 4096)) for shape in SHAPES}:
        assert pattern is not None
        matches = matcher(pattern)
        for text in _adversaries(size):
            started = time.thread_time()
            matches(text)
            if time.thread_time() - started > SECONDS_MAX:
                slow.append((pattern, text[:60]))
                break

    assert slow == []


def _adversaries(size: int) -> list[str]:
    return [
        (prefix + filling * (size // len(filling)))[: size - 1] + end
        for prefix in PREFIXES
        for filling in FILLINGS
        for end in ENDS
    ]


@pytest.mark.parametrize(
    ("pattern", "accepted", "refused"),
    [
        # classes of Java
        (r"[\p{L}\p{M}\p{Z}\p{S}\p{N}\p{P}]*", "Modèle n° 1 ✓", "tab\t"),
        (r"([\p{L}\p{Z}\p{N}_.:\/=+\-@]*)${1,128}", "clé=1", "a#b"),
        (r"\p{ASCII}*", "plain", "é"),
        (r"\A\S[\p{Print}]*\z", "one two", "one\ttwo"),
        (r"arn:[\p{Alnum}\-]+:x", "arn:aws-cn:x", "arn:é:x"),
        # digits and words are ASCII, a dot is no line end
        (r"\d+", "12", "٣"),
        (r"\w+", "ab", "é"),
        (r"a.*", "ab", "a\rb"),
        # only dots: anything of that length
        (r".+", "{\r\n \u2028}", ""),
        (r".{0,4}", "a\nb", "a\nbcd"),
        # both ends are held
        (r"[a-z]+", "ab", "ab\n"),
        (r"^[a-z]+$", "ab", "ab\n"),
        (r"a|b", "b", "ab"),
        # halves of surrogate pairs
        (
            r"[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\t]*",
            "a\U0001f600\t",
            "\n",
        ),
        (r".*(?:[ \r\n\t].*)*", '{\r\n "a": 1}', "\u2028"),
        (r"https://([.\-_a-zA-Z0-9]+/?){3,1016}", "https://a.b/c/d.git", "https://a//b"),
        (r"https://([.\-_a-zA-Z0-9]+/?){3,1016}", "https://a/b/c/", "https://ab"),
        (r"\/?.+\/.+", "/bucket/key", "bucket/"),
        (r"[a-z0-9]([-a-z0-9]*[a-z0-9]){0,39}?", "a-b", "a-"),
        (r".*[0-9a-z]+.*", "A1-", "AB"),
    ],
)
def test_a_pattern_means_what_java_means(pattern: str, accepted: str, refused: str) -> None:
    matches = matcher(pattern)

    assert matches(accepted)
    assert not matches(refused)


@given(st.text(st.characters(max_codepoint=127), max_size=30))
def test_plain_text_is_judged_as_the_unicode_classes_judge_it(text: str) -> None:
    for pattern in {shape.pattern for shape in SHAPES if r"\p{L}" in (shape.pattern or "")}:
        assert pattern is not None
        assert bool(matcher(pattern)(text)) == bool(regex.fullmatch(pattern, text))
