"""Request bodies as rows of floats: CSV and libsvm. Knows no model and no library."""

import math
from array import array
from typing import NamedTuple

VALUES_MAX = 64 << 20  # floats of one request; 256 MB


class BadPayload(Exception):
    """What the client sent is not what its content type says."""


class Rows(NamedTuple):
    """A dense matrix, row by row; NaN is a missing value."""

    values: "array[float]"
    height: int
    columns: int


_DELIMITERS = (",", "\t", ";", "|", " ")


def from_csv(body: bytes) -> Rows:
    """Rows of equal length without a header; an empty field is a missing value."""
    body = body.strip()
    if b"\n" not in body:
        try:  # the common case: one row of plain numbers
            values = array("f", map(float, body.split(b",")))
            _refuse_infinity(values)
            return Rows(values, 1, len(values))
        except ValueError:
            pass
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise BadPayload("the body is not UTF-8") from None
    lines = [line.rstrip("\r") for line in text.split("\n")]
    delimiter = next((d for d in _DELIMITERS if d in lines[0]), ",")
    columns = lines[0].count(delimiter) + 1
    values = array("f")
    for number, line in enumerate(lines, 1):
        fields = line.split(delimiter)
        if len(fields) != columns:
            raise BadPayload(f"row {number} has {len(fields)} values, row 1 has {columns}")
        values.extend([_number(field, number) for field in fields])
    _refuse_infinity(values)
    return Rows(values, len(lines), columns)


def from_libsvm(body: bytes, features: int) -> Rows:
    """Rows of `index:value`, counted from 0; what is not named is missing; labels are ignored."""
    try:
        lines = body.strip().decode("utf-8").split("\n")
    except UnicodeDecodeError:
        raise BadPayload("the body is not UTF-8") from None
    if len(lines) * features > VALUES_MAX:
        raise BadPayload("too many rows for one request")
    values = array("f", [math.nan]) * (len(lines) * features)
    for row, line in enumerate(lines):
        for item in line.split():
            name, colon, text = item.partition(":")
            if not colon:
                continue
            if not (name.isascii() and name.isdigit()) or len(name) > 9:
                raise BadPayload(f"row {row + 1}: {item[:40]!r} is not index:value")
            if int(name) >= features:
                raise BadPayload(
                    f"Feature size of libsvm inference data {int(name) + 1} is larger than "
                    f"feature size of trained model {features}."
                )
            values[row * features + int(name)] = _number(text, row + 1)
    _refuse_infinity(values)
    return Rows(values, len(lines), features)


def _number(field: str, row: int) -> float:
    try:
        return float(field) if field and not field.isspace() else math.nan
    except ValueError:
        raise BadPayload(f"row {row}: could not convert string to float: {field[:80]!r}") from None


def _refuse_infinity(values: "array[float]") -> None:
    # The sum is finite for nearly every request, so that the scan is rare.
    if not math.isfinite(sum(values)) and any(map(math.isinf, values)):
        raise BadPayload("Input data contains `inf` or a value too large")
