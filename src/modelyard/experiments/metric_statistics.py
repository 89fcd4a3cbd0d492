"""What is known of many values without keeping them. Pure; the same sums are in metric_store's SQL.

Sums are of distances from a pivot, the first value there was: values far from zero and close to
each other keep their digits. The spread is the sum of squared distances from the mean. Two parts
are put together as Youngs and Cramer do, from their counts and totals.
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
    """Some values, at least one. `total` is the sum of their distances from `pivot`."""

    count: int
    pivot: float
    total: float
    spread: float
    lowest: float
    highest: float

    @property
    def mean(self) -> float:
        return self.pivot + self.total / self.count


def tally(values: Sequence[float]) -> Tally:
    """What one batch adds to its series."""
    pivot = _counted(values[0])
    if len(values) == 1:  # as of every metric of a training loop that logs all of them at each step
        return Tally(1, pivot, 0.0, 0.0, values[0], values[0])
    distances = [_counted(value) - pivot for value in values]
    total = math.fsum(distances)
    mean = total / len(distances)
    spread = math.fsum((distance - mean) ** 2 for distance in distances)
    return Tally(len(values), pivot, total, spread, min(values), max(values))


def joined(one: Tally, other: Tally) -> Tally:
    """What both have together."""
    count = one.count + other.count
    apart = other.pivot - one.pivot
    between = apart + other.total / other.count - one.total / one.count  # their means
    return Tally(
        count,
        one.pivot,
        one.total + other.total + other.count * apart,
        one.spread + other.spread + between * between * one.count * other.count / count,
        min(one.lowest, other.lowest),
        max(one.highest, other.highest),
    )


def _counted(value: float) -> float:
    return value if abs(value) >= _COUNTED_MIN else 0.0


def deviation(count: int, spread: float) -> float:
    """The standard deviation of all there is, not of a sample: 0 of one value."""
    return math.sqrt(max(spread, 0.0) / count)
