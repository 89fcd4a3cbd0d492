"""What the audit trail tells of metrics: who put them where, and how many in each minute."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from modelyard import errors
from modelyard.experiments.metric_events import SUMMED_US
from modelyard.storage.database import Database
from modelyard.storage.transaction import Transaction
from tests.audit.in_process import ADA, Yard, document
from tests.experiments import components


@pytest.fixture
async def yard(database: Database, tmp_path: Path) -> AsyncIterator[Yard]:
    made = Yard(database, tmp_path)
    await components.make(database, "run", "other")
    yield made
    made.blobs.close()


async def put(yard: Yard, count: int = 1, to: str = "run") -> None:
    point = {"MetricName": "loss", "Timestamp": yard.now_us, "Value": 0.5}
    request = {"TrialComponentName": to, "MetricData": [point] * count}
    await yard("sagemaker-metrics", "BatchPutMetrics", **request)


async def told(yard: Yard) -> list[tuple[str, str, Any]]:
    """By record: who, on what, and what it says was counted."""
    return [
        (one.user_name, one.resource.rpartition("/")[2], counted(document(one)))
        for one in await yard.records("BatchPutMetrics")
    ]


def counted(record: dict[str, Any]) -> Any:
    changes = record.get("Changes")
    return changes[0]["After"] if changes else None


async def test_the_first_call_has_a_record_and_those_of_its_minute_are_counted(yard: Yard) -> None:
    await put(yard, 3)
    await put(yard, 10)
    await put(yard, 5)
    assert await told(yard) == [("ada", "run", None)]

    await yard.data_events.close(yard.now_us)
    assert await told(yard) == [("ada", "run", None), ("ada", "run", {"Calls": 2, "Points": 15})]

    await put(yard)
    assert len(await told(yard)) == 3, "the next minute begins with a record of its own"


async def test_a_minute_that_is_not_over_is_left_open(yard: Yard) -> None:
    await put(yard)
    began_us = yard.now_us
    await put(yard)

    await yard.data_events.close(began_us - 1)
    assert len(await told(yard)) == 1

    await yard.data_events.close(began_us + SUMMED_US)
    assert len(await told(yard)) == 2


async def test_each_caller_and_each_component_has_its_own_record(yard: Yard) -> None:
    await put(yard)
    await put(yard, to="other")
    yard.principal = replace(ADA, access_key_id="AKIAOTHER")
    await put(yard)

    assert await told(yard) == [("ada", "run", None), ("ada", "other", None), ("ada", "run", None)]


async def test_a_call_without_followers_needs_no_second_record(yard: Yard) -> None:
    await put(yard)

    await yard.data_events.close()

    assert len(await told(yard)) == 1


async def test_what_is_refused_opens_no_minute(yard: Yard) -> None:
    with pytest.raises(errors.ValidationException):
        await put(yard, to="absent")

    assert await told(yard) == []
    await components.make(yard.database, "absent")
    await put(yard, to="absent")
    assert await told(yard) == [("ada", "absent", None)]


async def test_points_whose_record_cannot_be_kept_are_not_stored(yard: Yard) -> None:
    async def drop(tx: Transaction) -> None:
        await tx.run("DROP TABLE audit_record")

    await yard.database.write(drop)

    with pytest.raises(Exception, match="audit_record"):
        await put(yard)

    assert await yard.database.read(lambda tx: tx.one("SELECT COUNT(*) FROM metric_point")) == (0,)
    assert await yard.database.read(lambda tx: tx.one("SELECT COUNT(*) FROM metric_series")) == (0,)


async def test_counts_that_cannot_be_recorded_now_are_kept(yard: Yard) -> None:
    await put(yard)
    await put(yard, 4)
    database = yard.data_events._database
    yard.data_events._database = Away()  # type: ignore[assignment]
    with pytest.raises(errors.Unavailable):
        await yard.data_events.close()
    await put(yard, 2)

    yard.data_events._database = database
    await yard.data_events.close()

    assert (await told(yard))[-1] == ("ada", "run", {"Calls": 2, "Points": 6})


class Away:
    """A database that is away."""

    async def write(self, work: Any) -> None:
        raise errors.Unavailable("away")
