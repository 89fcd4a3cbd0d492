"""Rows of floats from CSV and libsvm."""

import math
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.replica import csv_rows
from modelyard.replica.csv_rows import BadPayload


def test_an_empty_field_is_a_missing_value() -> None:
    rows = csv_rows.from_csv(b"1,,3\n,5,6\n")

    assert (rows.height, rows.columns) == (2, 3)
    assert [math.isnan(value) for value in rows.values] == [False, True, False, True, False, False]


@pytest.mark.parametrize(
    "body",
    [b"1\r\n2\r\n", b"1\n2", b"1;2\n3;4", b"1\t2", b"1 2", b" 1,2 ", b"1e3,-2.5E-2", b"nan,1"],
)
def test_usual_spellings_are_read(body: bytes) -> None:
    assert csv_rows.from_csv(body).height >= 1


@pytest.mark.parametrize(
    "body",
    [b"a,b\n1,2", b"1,2\n3", b"1,2\n\n3,4", b"\xff\xfe", b"inf,1", b"1,1e39", b"1,x", b"1_0,\xc3"],
)
def test_headers_ragged_rows_and_infinities_are_refused(body: bytes) -> None:
    with pytest.raises(BadPayload):
        csv_rows.from_csv(body)


@given(
    st.lists(
        st.lists(st.floats(width=32, allow_infinity=False), min_size=3, max_size=3),
        min_size=1,
        max_size=5,
    )
)
def test_what_is_written_is_read(table: list[list[float]]) -> None:
    body = "\n".join(",".join(map(repr, row)) for row in table).encode()

    rows = csv_rows.from_csv(body)

    assert repr(rows.values) == repr(array("f", [value for row in table for value in row]))


def test_libsvm_names_only_what_is_there() -> None:
    rows = csv_rows.from_libsvm(b"1 0:0.5 2:0\n0 1:7", 3)

    assert [None if math.isnan(v) else v for v in rows.values] == [0.5, None, 0.0, None, 7.0, None]


@pytest.mark.parametrize("body", [b"1 9:1", b"1 -1:1", b"1 a:1", b"1 0:x", b"0 \xd9\xa1:1"])
def test_libsvm_with_wrong_indices_or_values_is_refused(body: bytes) -> None:
    with pytest.raises(BadPayload):
        csv_rows.from_libsvm(body, 3)
