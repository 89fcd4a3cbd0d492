"""BatchPutMetrics and BatchGetMetrics, of the service sagemaker-metrics."""

from modelyard import call as calls
from modelyard import lineage_names
from modelyard.call import Call, Change, Document, OpenCall
from modelyard.errors import ValidationException
from modelyard.experiments import metric_queries
from modelyard.experiments.metric_events import DataEvents
from modelyard.experiments.metric_statistics import VALUE_MAX
from modelyard.experiments.metric_store import NO_STEP, Batch, Point, Stored
from modelyard.experiments.metric_writer import MetricWriter, Record
from modelyard.lineage_names import TRIAL_COMPONENT
from modelyard.storage.transaction import Transaction

# As CloudWatch and the SDK have it (sagemaker.experiments._metrics): two weeks and two hours.
PAST_US_MAX = 14 * 86_400 * 1_000_000
FUTURE_US_MAX = 2 * 3600 * 1_000_000


class Metrics:
    """The operations, over one writer and one book of data events."""

    def __init__(self, writer: MetricWriter, events: DataEvents) -> None:
        self._writer = writer
        self._events = events

    @calls.open_ended
    async def batch_put_metrics(self, call: OpenCall, request: Document) -> Document:
        """Raises: ValidationException: then no point of the request is stored."""
        name = request["TrialComponentName"]
        batch = Batch(call.account, call.region, name, _points(call, request["MetricData"]))
        recorded = self._events.begins(call, name)
        stored = await self._writer.put(batch, _recording(call) if recorded else None)
        if stored.component is None:
            arn = lineage_names.named_arn(call.account, call.region, TRIAL_COMPONENT, name)
            raise ValidationException(f"Trial component {arn} does not exist.")
        taken = len(batch.points) - len(stored.refused)
        self._events.stored(call, name, stored.component.arn, taken, recorded=recorded)
        return _answer(stored)

    @calls.scan
    async def batch_get_metrics(self, call: Call, request: Document) -> Document:
        queries = request["MetricQueries"]
        values_max = metric_queries.VALUES_MAX // len(queries)
        return {
            "MetricQueryResults": [
                await metric_queries.answer(call, query, values_max) for query in queries
            ]
        }


def _points(call: OpenCall, data: list[Document]) -> list[Point]:
    earliest, latest = call.now_us - PAST_US_MAX, call.now_us + FUTURE_US_MAX
    points = []
    for place, item in enumerate(data, 1):
        at_us, value = item["Timestamp"], float(item["Value"])
        if not earliest <= at_us <= latest:
            raise ValidationException(
                f"The Timestamp of metricData.{place}.member is out of range: it must be between"
                " two weeks before and two hours from now."
            )
        if not -VALUE_MAX <= value <= VALUE_MAX:
            raise ValidationException(
                f"The Value of metricData.{place}.member is out of range: it must be between"
                " -2^360 and 2^360."
            )
        points.append(Point(item["MetricName"], item.get("Step", NO_STEP), at_us, value))
    return points


def _recording(call: OpenCall) -> Record:
    async def record(tx: Transaction, stored: Stored) -> None:
        assert stored.component is not None
        await call.audit.record(tx, [Change(stored.component.arn)], _answer(stored))

    return record


def _answer(stored: Stored) -> Document:
    if not stored.refused:
        return {}
    code = "METRIC_LIMIT_EXCEEDED"
    return {"Errors": [{"Code": code, "MetricIndex": place} for place in stored.refused]}
