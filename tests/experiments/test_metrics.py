"""Metrics through the real boto3, on both databases."""

import itertools
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.httpsession import URLLib3Session

from tests.experiments import components
from tests.postgresql_cluster import PostgresqlCluster
from tests.server_process import REGION, ServerProcess

NOW = datetime.now(UTC).replace(microsecond=0)


_numbers = itertools.count(1)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def served(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServerProcess]:
    """A running server on each database."""
    folder = tmp_path_factory.mktemp("metrics")
    url = f"sqlite:///{folder}/modelyard.db"
    if request.param == "postgresql":
        cluster: PostgresqlCluster = request.getfixturevalue("postgresql_cluster")
        url = cluster.new_database()
    server = ServerProcess(folder, database_url=url)
    server.start()
    yield server
    assert not server.close()


class Run:
    """The client of one trial component."""

    def __init__(self, server: ServerProcess) -> None:
        self.name = f"run-{next(_numbers)}"
        self.arn = components.arn(self.name)
        self.server = server
        server.client("sagemaker").create_trial_component(TrialComponentName=self.name)
        # What botocore would refuse itself is asked of the server.
        self.client = server.client("sagemaker-metrics", config=Config(parameter_validation=False))
        self.refused = self.client.exceptions.ClientError

    def put(self, *points: dict[str, Any], to: str = "") -> dict[str, Any]:
        answer: dict[str, Any] = self.client.batch_put_metrics(
            TrialComponentName=to or self.name, MetricData=list(points)
        )
        answer.pop("ResponseMetadata")
        return answer

    def asked(self, statistic: str, **more: Any) -> dict[str, Any]:
        return {
            "MetricName": "loss",
            "ResourceArn": self.arn,
            "MetricStat": statistic,
            "Period": "IterationNumber",
            "XAxisType": "IterationNumber",
            **more,
        }

    def get(self, *queries: dict[str, Any]) -> list[dict[str, Any]]:
        answer = self.client.batch_get_metrics(MetricQueries=list(queries))
        return list(answer["MetricQueryResults"])

    def series(self, statistic: str, **more: Any) -> list[tuple[int, float]]:
        (result,) = self.get(self.asked(statistic, **more))
        assert result["Status"] == "Complete", result
        return list(zip(result["XAxisValues"], result["MetricValues"], strict=True))


@pytest.fixture
def run(served: ServerProcess) -> Run:
    return Run(served)


def point(value: float, step: int | None = None, name: str = "loss", **more: Any) -> dict[str, Any]:
    found = {"MetricName": name, "Value": value, "Timestamp": NOW, **more}
    return found if step is None else {**found, "Step": step}


def test_points_come_back_by_iteration(run: Run) -> None:
    assert run.put(*[point(1 / (step + 1), step) for step in range(10)]) == {}

    assert run.series("Last") == [(step, 1 / (step + 1)) for step in range(10)]


def test_every_statistic_of_an_iteration_that_has_several_points(run: Run) -> None:
    run.put(point(1.0, 3), point(5.0, 3), point(3.0, 3), point(7.0, 4))

    told = {one: run.series(one)[0] for one in ("Min", "Max", "Avg", "Count", "Last")}

    assert told == {"Min": (3, 1), "Max": (3, 5), "Avg": (3, 3), "Count": (3, 3), "Last": (3, 3)}
    assert run.series("StdDev") == [(3, pytest.approx((8 / 3) ** 0.5)), (4, 0.0)]


def test_points_come_back_by_periods_of_time(run: Run) -> None:
    hour = NOW.replace(minute=0, second=0) - timedelta(hours=3)
    for minutes, value in ((0, 1.0), (1, 2.0), (6, 4.0), (60, 8.0)):
        run.put(point(value, Timestamp=hour + timedelta(minutes=minutes)))
    start = int(hour.timestamp())

    def by(period: str, **more: Any) -> list[tuple[int, float]]:
        found = run.series("Max", Period=period, XAxisType="Timestamp", **more)
        return [(x - start, value) for x, value in found]

    assert by("OneMinute") == [(0, 1), (60, 2), (360, 4), (3600, 8)]
    assert by("FiveMinute") == [(0, 2), (300, 4), (3600, 8)]
    assert by("OneHour") == [(0, 4), (3600, 8)]
    assert by("OneMinute", Start=start + 60, End=start + 360) == [(60, 2)]


def test_points_without_a_step_count_as_they_come(run: Run) -> None:
    run.put(point(0.5), point(0.4), point(9.0, name="other"), point(0.3))

    assert run.series("Last") == [(0, 0.5), (1, 0.4), (2, 0.3)]


def test_the_same_step_twice_keeps_both_points(run: Run) -> None:
    run.put(point(1.0, 0))
    run.put(point(2.0, 0))

    assert run.series("Count") == [(0, 2)]
    assert run.series("Last") == [(0, 2)]


def test_start_and_end_limit_the_iterations(run: Run) -> None:
    run.put(*[point(step, step) for step in range(10)])

    assert run.series("Last", Start=3, End=6) == [(3, 3), (4, 4), (5, 5)]
    assert run.series("Last", Start=8) == [(8, 8), (9, 9)]


def test_what_does_not_fit_into_an_answer_is_told_and_asked_for_next(run: Run) -> None:
    for start in range(0, 1020, 10):
        run.put(*[point(step, step) for step in range(start, start + 10)])

    first, *_ = run.get(*[run.asked("Last")] * 100)
    (rest,) = run.get(run.asked("Last", Start=first["XAxisValues"][-1] + 1))

    assert first["Status"] == "Truncated"
    assert first["Message"] == "There is more: ask again with Start 1008."
    assert first["XAxisValues"] == list(range(1008))
    assert (rest["Status"], rest["XAxisValues"]) == ("Complete", list(range(1008, 1020)))


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"MetricName": "none"}, "has no metric none"),
        ({"ResourceArn": components.arn("absent")}, "does not exist"),
        ({"ResourceArn": components.arn("run-1").replace(REGION, "eu-west-1")}, "does not exist"),
        ({"Period": "OneHour"}, "does not go with XAxisType IterationNumber"),
        ({"XAxisType": "Timestamp"}, "does not go with XAxisType Timestamp"),
        ({"Start": 5, "End": 5}, "Start 5 is not before End 5"),
        ({"Start": -1}, "iteration numbers; -1 is not"),
        (
            {"Period": "OneHour", "XAxisType": "Timestamp", "Start": 1_800_000_000_000},
            "seconds since the epoch; 1800000000000 is not",
        ),
    ],
)
def test_a_query_that_cannot_be_answered_says_why_and_spoils_no_other(
    run: Run, query: dict[str, Any], message: str
) -> None:
    run.put(point(1.0, 0))

    bad, good = run.get(run.asked("Last", **query), run.asked("Last"))

    assert (bad["Status"], bad["XAxisValues"], bad["MetricValues"]) == ("ValidationError", [], [])
    assert message in bad["Message"]
    assert good["Status"] == "Complete"


@pytest.mark.parametrize(
    ("points", "message"),
    [
        ([point(float("nan"))], "Value 'NaN' at 'metricData.1.member.value'.* finite number"),
        ([point(1.0), point(float("inf"))], "'metricData.2.member.value'.* finite number"),
        ([point(float("-inf"))], "Value '-Infinity' at .* finite number"),
        ([point(1e200)], "metricData.1.member is out of range: it must be between -2.360 and"),
        ([point(1.0, Timestamp=NOW - timedelta(days=15))], "two weeks before and two hours from"),
        ([point(1.0), point(1.0, Timestamp=NOW + timedelta(hours=3))], "metricData.2.member"),
        ([point(1.0, -1)], "value greater than or equal to 0"),
        ([point(1.0)] * 11, "length less than or equal to 10"),
    ],
)
def test_what_cannot_be_kept_is_refused_with_all_of_its_request(
    run: Run, points: list[dict[str, Any]], message: str
) -> None:
    run.put(point(1.0, 0))

    with pytest.raises(run.refused, match=message) as refused:
        run.put(*points)

    assert refused.value.response["Error"]["Code"] == "ValidationException"
    assert run.series("Count") == [(0, 1)]


def test_an_unknown_trial_component_is_refused(run: Run) -> None:
    with pytest.raises(run.refused, match="does not exist") as refused:
        run.put(point(1.0), to="absent")

    assert refused.value.response["Error"]["Code"] == "ValidationException"


def test_metrics_beyond_the_limit_are_refused_one_by_one(run: Run) -> None:
    for start in range(0, 990, 10):
        run.put(*[point(1.0, name=f"m{number}") for number in range(start, start + 10)])
    run.put(*[point(1.0, name=f"m{number}") for number in range(990, 998)])

    answer = run.put(
        *[point(2.0, name=name) for name in ("a", "m0", "b", "loss", "late", "m1")],
    )

    assert answer == {
        "Errors": [
            {"Code": "METRIC_LIMIT_EXCEEDED", "MetricIndex": 3},
            {"Code": "METRIC_LIMIT_EXCEEDED", "MetricIndex": 4},
        ]
    }
    assert run.get(run.asked("Last"))[0]["Status"] == "ValidationError"
    assert run.series("Count", MetricName="m0") == [(0, 1), (1, 1)]
    assert run.series("Last", MetricName="b") == [(0, 2)]


def test_names_of_metrics_are_any_text(run: Run) -> None:
    names = ['say "b"', "a\\b", "{x,y}", "NULL", "Größe µ 🚀", "'; --", "a b", "%s ?", ","]

    run.put(*[point(number, 0, name) for number, name in enumerate(names)])

    assert [run.series("Last", MetricName=name) for name in names] == [
        [(0, number)] for number in range(len(names))
    ]


def test_a_time_as_the_sdk_sends_it(run: Run) -> None:
    run.put(point(1.0, 0, Timestamp=str(int(time.time()))))

    assert run.series("Last") == [(0, 1.0)]


def test_a_number_that_is_no_number_in_json_is_refused(run: Run) -> None:
    server: ServerProcess = run.server
    body = json.dumps(
        {"TrialComponentName": run.name, "MetricData": [point(float("nan"), Timestamp=1)]}
    )
    request = AWSRequest(
        "PUT", f"{server.url}/BatchPutMetrics", {"Content-Type": "application/json"}, body
    )
    credentials = Credentials(server.access_key_id, server.secret_access_key)
    SigV4Auth(credentials, "sagemaker", REGION).add_auth(request)

    answer = URLLib3Session().send(request.prepare())

    assert (answer.status_code, "SerializationException") == (
        400,
        answer.headers["x-amzn-errortype"],
    )
