"""What DescribeTrialComponent and Search tell of the metrics of trial components."""

from collections.abc import Sequence

from modelyard.call import Document
from modelyard.experiments.metric_statistics import deviation
from modelyard.storage.transaction import Row, Transaction

_ROWS_MAX = 100  # trial components to a statement


async def of(
    tx: Transaction, account: str, region: str, components: Sequence[tuple[str, int]]
) -> dict[str, list[Document]]:
    """TrialComponentMetricSummary documents by ARN, sorted by name.

    `components` are ARNs and times of creation (microseconds). Those without metrics are left out.
    """
    found: dict[str, list[Document]] = {}
    for start in range(0, len(components), _ROWS_MAX):
        some = components[start : start + _ROWS_MAX]
        rows = await tx.all(
            "SELECT s.component_arn, s.name, s.points, s.pivot, s.total, s.spread, s.lowest,"
            f" s.highest, s.last, s.last_us FROM (VALUES {', '.join(['(?, ?)'] * len(some))}) AS k"
            " JOIN metric_series s ON s.account = ? AND s.region = ?"
            " AND s.component_arn = k.column1 AND s.component_us = k.column2",
            *(part for one in some for part in one),
            account,
            region,
        )
        for row in sorted(rows, key=lambda row: str(row[1])):
            found.setdefault(row[0], []).append(_summary(row))
    return found


def _summary(row: Row) -> Document:
    arn, name, points, pivot, total, spread, lowest, highest, last, last_us = row
    return {
        "MetricName": name,
        "SourceArn": arn,
        "TimeStamp": last_us,
        "Max": highest,
        "Min": lowest,
        "Last": last,
        "Count": points,
        "Avg": pivot + total / points,
        "StdDev": deviation(points, spread),
    }
