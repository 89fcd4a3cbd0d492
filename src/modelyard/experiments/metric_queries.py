"""One query of BatchGetMetrics: the points of a series, a value for each period.

Periods are counted by the database. A time is told in whole seconds since the epoch, as on the x
axis of the answer; Start belongs to what is asked for and End does not, as in CloudWatch.
"""

import math
from dataclasses import dataclass

from modelyard.call import Call, Document
from modelyard.contract import arns
from modelyard.experiments import metric_store
from modelyard.lineage_names import TRIAL_COMPONENT

# All queries of a call together, as CloudWatch's GetMetricData has it.
VALUES_MAX = 100_800

_SECONDS = {"OneMinute": 60, "FiveMinute": 300, "OneHour": 3600}
_ITERATION = "IterationNumber"
_SECOND_US = 1_000_000
_SECONDS_MAX = 253_402_300_799  # the last second of the year 9999
# Distances whose squares PostgreSQL would refuse as too small.
_NEAR = 1e-150

_OF_PERIOD = {
    "Min": "MIN(value)",
    "Max": "MAX(value)",
    "Avg": "AVG(value)",
    "Count": "COUNT(*)",
}


class _Unanswerable(Exception):
    """What is wrong with a query."""


@dataclass(frozen=True, slots=True)
class _Axis:
    """The x axis of a query: SQL of the column and of its periods; a period's width in x."""

    column: str
    period: str
    width: int
    unit: int  # of the column, in one of x


async def answer(call: Call, query: Document, values_max: int) -> Document:
    """A MetricQueryResult of at most `values_max` values."""
    try:
        axis = _axis(query)
        bounds = _bounds(query, axis)
        series = await _series(call, query)
    except _Unanswerable as problem:
        refused = {"Status": "ValidationError", "Message": str(problem)}
        return {**refused, "XAxisValues": [], "MetricValues": []}
    where, parameters = "series = ?", [series]
    for comparison, bound in zip((">=", "<"), bounds, strict=True):
        if bound is not None:
            where += f" AND {axis.column} {comparison} ?"
            parameters.append(bound * axis.unit)
    sql, first = _statement(query["MetricStat"], axis, where)
    rows = await call.tx.all(sql, *first, *parameters, values_max + 1)
    periods, values = zip(*rows[:values_max], strict=True) if rows else ((), ())
    found: Document = {
        "Status": "Complete",
        "XAxisValues": [period * axis.width for period in periods],
        "MetricValues": list(map(math.sqrt if query["MetricStat"] == "StdDev" else float, values)),
    }
    if len(rows) > values_max:
        following = rows[values_max][0] * axis.width
        message = f"There is more: ask again with Start {following}."
        found |= {"Status": "Truncated", "Message": message}
    return found


def _axis(query: Document) -> _Axis:
    by_step = query["Period"] == _ITERATION
    if by_step != (query["XAxisType"] == _ITERATION):
        raise _Unanswerable(
            f"Period {query['Period']} does not go with XAxisType {query['XAxisType']}:"
            " IterationNumber goes with IterationNumber, periods of time with Timestamp."
        )
    if by_step:
        return _Axis("step", "step", 1, 1)
    seconds = _SECONDS[query["Period"]]
    return _Axis("at_us", f"at_us / {seconds * _SECOND_US}", seconds, _SECOND_US)


def _bounds(query: Document, axis: _Axis) -> tuple[int | None, int | None]:
    start, end = query.get("Start"), query.get("End")
    for bound in (start, end):
        if bound is not None and not 0 <= bound <= _SECONDS_MAX:
            what = "iteration numbers" if axis.unit == 1 else "seconds since the epoch"
            raise _Unanswerable(f"Start and End are {what}; {bound} is not.")
    if start is not None and end is not None and start >= end:
        raise _Unanswerable(f"Start {start} is not before End {end}.")
    return start, end


async def _series(call: Call, query: Document) -> int:
    named = arns.parse(query["ResourceArn"])
    found = None
    if named is not None and (named.account, named.region, named.kind) == (
        call.account,
        call.region,
        TRIAL_COMPONENT,
    ):
        found = await metric_store.component(call.tx, call.account, call.region, named.name)
    if found is None:
        raise _Unanswerable(f"Trial component {query['ResourceArn']} does not exist.")
    number = await metric_store.series(call.tx, found, query["MetricName"])
    if number is None:
        raise _Unanswerable(f"{found.arn} has no metric {query['MetricName']}.")
    return number


def _statement(statistic: str, axis: _Axis, where: str) -> tuple[str, list[float]]:
    """SQL of rows (period, value), in order; the parameters before those of `where`.

    The last parameter is how many rows.
    """
    periods = f"FROM metric_point WHERE {where}"
    if statistic in _OF_PERIOD:
        sql = f"SELECT {axis.period} AS x, {_OF_PERIOD[statistic]} {periods} GROUP BY x"
        return f"{sql} ORDER BY x LIMIT ?", []
    if statistic == "Last":
        order = "ORDER BY at_us DESC, number DESC"
        sql = (
            f"SELECT x, value FROM (SELECT {axis.period} AS x, value,"
            f" ROW_NUMBER() OVER (PARTITION BY {axis.period} {order}) AS place {periods}) AS p"
            " WHERE place = 1 ORDER BY x LIMIT ?"
        )
        return sql, []
    sql = (  # StdDev, squared, from distances to the mean of each period
        "SELECT x, SUM(CASE WHEN ABS(distance) > ? THEN distance * distance ELSE 0 END)"
        f" / COUNT(*) FROM (SELECT {axis.period} AS x,"
        f" value - AVG(value) OVER (PARTITION BY {axis.period}) AS distance {periods}) AS p"
        " GROUP BY x ORDER BY x LIMIT ?"
    )
    return sql, [_NEAR]
