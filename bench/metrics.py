"""Metrics of runs under load: put in batches, and asked for where there are many."""

import itertools
import json
import time
from typing import Any

from bench import load
from bench.registry import connected
from bench.results import Figures, Wrong, measure
from bench.servers import ACCOUNT, HOST, Modelyard
from bench.signing import REGION

BATCH = 10  # points to a call: all that BatchPutMetrics takes
PUT = f"BatchPutMetrics, {BATCH} points"
BY_STEP = "BatchGetMetrics, every step"
BY_MINUTE = "BatchGetMetrics, by minute"
CLIENTS = 8
RUNS = 32  # that are written to at once
NAMES = 10  # metrics of each run
FILLED_RUNS = 100


class Metrics:
    """What is asked of one Modelyard. Numbers never come twice, so neither do points."""

    def __init__(self, server: Modelyard) -> None:
        self.server = server
        self._numbers = itertools.count()
        self._now = int(time.time())
        self._steps = 0

    def prepare(self, points: int) -> None:
        """Runs to write to, and an experiment that has `points` points already."""
        client = self.server.client("sagemaker")
        client.create_experiment(ExperimentName="filled")
        client.create_trial(TrialName="filled", ExperimentName="filled")
        for number in range(RUNS):
            client.create_trial_component(TrialComponentName=_run(number))
        self._steps = max(points // FILLED_RUNS // NAMES, 1)
        for number in range(FILLED_RUNS):
            name = _filled(number)
            client.create_trial_component(TrialComponentName=name)
            client.associate_trial_component(TrialComponentName=name, TrialName="filled")
            self._ask(self._put(name, 0, step=0))
        with connected(self.server.url) as connection:
            connection.execute(_COPIES.replace(":steps", str(self._steps)))
            connection.execute(_COUNTS.replace(":steps", str(self._steps)))

    def run(self, figures: Figures, seconds: float) -> None:
        measure(figures, PUT, self.server.target, self._next_put, clients=CLIENTS, seconds=seconds)

    def run_queries(self, figures: Figures, seconds: float) -> None:
        """One client: how long one answer takes."""
        for what, period, axis in (
            (BY_STEP, "IterationNumber", "IterationNumber"),
            (BY_MINUTE, "OneMinute", "Timestamp"),
        ):
            self._whole(period, axis)
            measure(
                figures,
                what,
                self.server.target,
                lambda number, period=period, axis=axis: self._get(number, period, axis),
                clients=1,
                seconds=seconds,
            )

    def _whole(self, period: str, axis: str) -> None:
        """Raises: Wrong: an answer is not what was stored."""
        (result,) = self._ask(self._get(7, period, axis))["MetricQueryResults"]
        steps = self._steps if period == "IterationNumber" else _minutes(self._now, self._steps)
        if result["Status"] != "Complete" or len(result["MetricValues"]) != steps:
            raise Wrong(f"{self.server.name}: {result['Status']}, {len(result['MetricValues'])}")

    def _next_put(self, _: int) -> bytes:
        number = next(self._numbers)
        return self._put(_run(number % RUNS), number, step=number * BATCH)

    def _put(self, name: str, number: int, *, step: int) -> bytes:
        data = [
            {
                "MetricName": f"m{place}",
                "Timestamp": self._now,
                "Step": step + (place if step else 0),
                "Value": 1 / (number * BATCH + place + 1),
            }
            for place in range(BATCH)
        ]
        document = {"TrialComponentName": name, "MetricData": data}
        return self._request("PUT", "/BatchPutMetrics", document)

    def _get(self, number: int, period: str, axis: str) -> bytes:
        arn = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:experiment-trial-component"
        query = {
            "MetricName": f"m{number % NAMES}",
            "ResourceArn": f"{arn}/{_filled(number * 7 % FILLED_RUNS)}",
            "MetricStat": "Avg",
            "Period": period,
            "XAxisType": axis,
        }
        return self._request("POST", "/BatchGetMetrics", {"MetricQueries": [query]})

    def _request(self, method: str, path: str, document: dict[str, Any]) -> bytes:
        body = json.dumps(document).encode()
        headers = {"content-type": "application/json"}
        return self.server.signer.request(method, path, body, headers, "sagemaker")

    def _ask(self, request: bytes) -> Any:
        status, body = load.ask(HOST, self.server.port, request)
        if status != 200:
            raise Wrong(f"{self.server.name}: {status} {body[:300].decode('latin-1')}")
        return json.loads(body)


def _run(number: int) -> str:
    return f"run-{number}"


def _filled(number: int) -> str:
    return f"filled-{number}"


def _minutes(start: int, seconds: int) -> int:
    return (start + seconds - 1) // 60 - start // 60 + 1


# Step 0 is there already. A point a second.
_COPIES = """
    WITH RECURSIVE numbers(number) AS (
        SELECT CAST(1 AS BIGINT)
        UNION ALL SELECT number + 1 FROM numbers WHERE number < :steps - 1
    )
    INSERT INTO metric_point (series, step, number, at_us, value)
    SELECT series, number, number, last_us + number * 1000000, 1.0 / (number + 1)
    FROM metric_series CROSS JOIN numbers
"""
_COUNTS = "UPDATE metric_series SET points = :steps"
