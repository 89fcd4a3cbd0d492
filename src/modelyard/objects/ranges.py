"""The Range header, of which S3 understands one range. Pure, and linear in its length."""

import re

from modelyard.objects import refusals

_HEADER_CHARACTERS_MAX = 100  # two numbers of 19 digits; longer ones are not one range
_RANGE = re.compile(r"bytes=([0-9]{0,19})-([0-9]{0,19})")
_COPY_RANGE = re.compile(r"bytes=([0-9]{1,19})-([0-9]{1,19})")


def parse(header: str | None, size: int) -> tuple[int, int] | None:
    """Start and end (exclusive) of what `header` asks of `size` bytes.

    None, the whole object, for no header, for a malformed one and for several ranges, as in S3.
    Raises: InvalidRange: nothing of it lies within the object.
    """
    if header is None or len(header) > _HEADER_CHARACTERS_MAX:
        return None
    match = _RANGE.fullmatch(header.strip())
    if match is None or not (match[1] or match[2]):
        return None
    if not match[1]:
        start, end = max(size - int(match[2]), 0), size
    else:
        start, end = int(match[1]), min(int(match[2]) + 1, size) if match[2] else size
        if match[2] and int(match[2]) < start:
            return None
    if start >= size or start >= end:
        raise refusals.InvalidRange(
            "The requested range is not satisfiable",
            RangeRequested=header,
            ActualObjectSize=str(size),
        )
    return start, end


def parse_copy(header: str, size: int) -> tuple[int, int]:
    """The same of x-amz-copy-source-range, where both ends must be given and lie within.

    Raises: InvalidArgument, InvalidRequest.
    """
    match = _COPY_RANGE.fullmatch(header) if len(header) <= _HEADER_CHARACTERS_MAX else None
    if match is None or int(match[1]) > int(match[2]):
        raise refusals.InvalidArgument(
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first "
            "and last are the zero-based offsets of the first and last bytes to copy",
            ArgumentName="x-amz-copy-source-range",
            ArgumentValue=header[:_HEADER_CHARACTERS_MAX],
        )
    if int(match[2]) >= size:
        raise refusals.InvalidArgument(
            f"Range specified is not valid for source object of size: {size}",
            ArgumentName="x-amz-copy-source-range",
            ArgumentValue=header,
        )
    return int(match[1]), int(match[2]) + 1
