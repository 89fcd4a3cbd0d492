"""What is known of many values without keeping them. Pure; the same sums are in metric_store's SQL.

The spread is the sum of squared distances from the mean. Two parts are put together as Youngs and
Cramer do, from their counts and totals, which loses no digits where values are far from zero and
close to each other, as sums of squares would.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

# CloudWatch takes values from -2**360 to 2**360: squares of all of them are finite.
VALUE_MAX = 2.0**360
# Smaller ones count as 0 in totals: their squares would be too small for PostgreSQL, which refuses
# what SQLite rounds to 0.
_COUNTED_MIN = 2.0**-360


@dataclass(frozen=True, slots=True)
class Tally:
    """Some values, at least one."""

    count: int
    total: float
    spread: float
    lowest: float
    highest: float


def tally(values: Sequence[float]) -> Tally:
    """What one batch adds to its series."""
    if len(values) == 1:  # as of every metric of a training loop that logs all of them at each step
        (value,) = values
        return Tally(1, value if abs(value) >= _COUNTED_MIN else 0.0, 0.0, value, value)
    counted = [value if abs(value) >= _COUNTED_MIN else 0.0 for value in values]
    total = math.fsum(counted)
    mean = total / len(counted)
    # The last term is 0 but for the rounding of the mean, which it takes back.
    spread = math.fsum((value - mean) ** 2 for value in counted)
    spread -= math.fsum(value - mean for value in counted) ** 2 / len(counted)
    return Tally(len(counted), total, max(spread, 0.0), min(values), max(values))


def joined(one: Tally, other: Tally) -> Tally:
    """What both have together."""
    count = one.count + other.count
    between = other.total / other.count - one.total / one.count
    return Tally(
        count,
        one.total + other.total,
        one.spread + other.spread + between * between * one.count * other.count / count,
        min(one.lowest, other.lowest),
        max(one.highest, other.highest),
    )


def deviation(count: int, spread: float) -> float:
    """The standard deviation of all there is, not of a sample: 0 of one value."""
    return math.sqrt(max(spread, 0.0) / count)
