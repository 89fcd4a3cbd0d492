"""What is too much for a record each is told in one, and still says who did what, and how often."""

import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from modelyard import errors, sign_in_records
from modelyard.access.people import sign_in_events
from modelyard.access.people.sign_in_events import CONSOLE_LOGIN, HIDDEN, SignInEvent
from modelyard.audit.records import Record
from modelyard.audit.summaries import (
    DENIALS_A_MINUTE,
    MINUTE_US,
    OTHERS,
    STRANGERS_A_MINUTE,
    SUMS_MAX,
    TOLD_MAX,
    Summaries,
    What,
)
from modelyard.audit.summing import Summing
from modelyard.audit.trail import Trail
from modelyard.call import Principal
from modelyard.storage.database import Database
from tests.access.people.browsing import Browser
from tests.access.people.conftest import add_role, add_user
from tests.audit.in_process import ACCOUNT, EVE, OTHER_ACCOUNT, REGION, Yard, document
from tests.server_process import ServerProcess

BEYOND = 7


@pytest.fixture
async def yard(database: Database, tmp_path: Path) -> AsyncIterator[Yard]:
    made = Yard(database, tmp_path)
    yield made
    made.blobs.close()


async def told(yard: Yard, trail: Trail, operation: str) -> list[tuple[Record, dict[str, Any]]]:
    """The records of sums, and what they say."""
    await Summing(yard.database, trail, ACCOUNT, REGION).write()
    found = await yard.records(operation)
    return [(one, document(one)) for one in found if "told in one record" in one.document]


async def test_a_key_that_is_denied_without_end_leaves_a_thousand_records_and_one(
    yard: Yard,
) -> None:
    await yard("s3", "CreateBucket", Bucket="models")
    yard.principal = EVE
    yard.now_us = time.time_ns() // 1000 // MINUTE_US * MINUTE_US
    for operation in ["GetObject"] * (DENIALS_A_MINUTE - 3) + ["PutObject"] * (3 + BEYOND):
        body = {"Body": b""} if operation == "PutObject" else {}
        with pytest.raises(errors.Refusal, match="not authorized"):
            await yard("s3", operation, Bucket="models", Key="k", **body)

    [(record, said)] = await told(yard, yard.trail, "DeniedCalls")

    denied = [one for one in await yard.records() if one.error_code == "AccessDenied"]
    assert len(denied) == DENIALS_A_MINUTE + 1
    assert (record.account, record.principal) == (OTHER_ACCOUNT, EVE.arn)
    assert said["Parameters"]["Count"] == BEYOND
    assert said["Parameters"]["Actions"] == {"s3:PutObject": BEYOND}
    assert said["Parameters"]["AccessKeyIds"] == {EVE.access_key_id: BEYOND}
    assert said["Parameters"]["SourceIPAddresses"] == {"192.0.2.7": BEYOND}
    assert said["Parameters"]["FirstTime"] <= said["Parameters"]["LastTime"]
    assert await told(yard, yard.trail, "DeniedCalls") == [(record, said)]


async def test_sign_ins_of_strangers_fill_no_disk(yard: Yard) -> None:
    record = sign_in_records.recording(yard.trail, REGION)
    now_us = time.time_ns() // 1000 // MINUTE_US * MINUTE_US

    def attempt(number: int) -> SignInEvent:
        return SignInEvent(
            name=CONSOLE_LOGIN,
            account=ACCOUNT,
            origin=sign_in_events.Origin(
                source_ip=f"192.0.2.{number % 2}", user_agent="", request_id=str(number)
            ),
            now_us=now_us,
            user_name=HIDDEN,
            error="No username found in supplied account",
        )

    for number in range(STRANGERS_A_MINUTE + 2 * BEYOND):
        event = attempt(number)
        await yard.database.write(lambda tx, event=event: record(tx, event))

    sums = await told(yard, yard.trail, CONSOLE_LOGIN)

    assert len(await yard.records(CONSOLE_LOGIN)) == STRANGERS_A_MINUTE + len(sums)
    assert [said["Parameters"]["Count"] for _, said in sums] == [BEYOND, BEYOND]
    assert {said["SourceIp"] for _, said in sums} == {"192.0.2.0", "192.0.2.1"}
    assert {one.error_code for one, _ in sums} == {sign_in_records.FAILED}


async def test_what_storage_does_not_take_is_told_later(yard: Yard) -> None:
    trail = yard.trail
    trail.summaries.count(what("192.0.2.1"), 5, Actions="s3:GetObject")
    broken = Trail(b"seal")
    broken.summaries.put_back(trail.summaries.take())
    broken.summaries.count(what("192.0.2.1"), 3, Actions="s3:GetObject")

    [(_, said)] = await told(yard, broken, "DeniedCalls")

    assert (said["Parameters"]["Count"], said["Parameters"]["Actions"]) == (2, {"s3:GetObject": 2})


def what(source_ip: str) -> What:
    who = Principal(ACCOUNT, f"arn:aws:iam::{ACCOUNT}:user/ada", "AIDA", "")
    return What(
        principal=who,
        service="modelyard",
        operation="DeniedCalls",
        error_code="AccessDenied",
        why="x",
        source_ip=source_ip,
    )


def test_however_much_is_counted_little_is_kept() -> None:
    summaries = Summaries()
    for number in range(10 * SUMS_MAX):
        summaries.count(what(f"address {number}"), number, Actions="a")
    for number in range(10 * TOLD_MAX):
        summaries.count(what("address 0"), number, Actions=f"action {number}" * 100)

    taken = summaries.take()

    assert len(taken) <= SUMS_MAX + 1
    assert sum(found.count for found in taken.values()) == 10 * (SUMS_MAX + TOLD_MAX)
    actions = taken[what("address 0")].told["Actions"]
    assert len(actions) <= TOLD_MAX + 1
    assert sum(actions.values()) == 10 * TOLD_MAX + 1
    assert actions[OTHERS] > 0
    assert summaries.take() == {}


def test_a_minute_starts_afresh() -> None:
    summaries = Summaries()

    first = [summaries.admits("ana", 2, 0) for _ in range(3)]

    assert first == [True, True, False]
    assert summaries.admits("bob", 2, 0)
    assert summaries.admits("ana", 2, MINUTE_US)


def test_who_is_turned_away_and_what_proves_nobody_is_in_the_trail(server: ServerProcess) -> None:
    """The server tells what it counted when it stops, at the latest."""
    add_user(server, "ana")
    role = add_role(server, "people", "https://nobody.example")
    browser = Browser(server.url)
    while browser.sign_in("ana", "wrong").status != 429:
        pass
    sts = server.client("sts")
    for _ in range(3):
        with pytest.raises(sts.exceptions.InvalidIdentityTokenException):
            sts.assume_role_with_web_identity(
                RoleArn=role, RoleSessionName="me", WebIdentityToken="no token at all"
            )

    server.restart()

    cloudtrail = server.client("cloudtrail")
    wanted = {"AttributeKey": "EventName", "AttributeValue": "AssumeRoleWithWebIdentity"}
    [event] = cloudtrail.lookup_events(LookupAttributes=[wanted])["Events"]
    said = json.loads(event["CloudTrailEvent"])
    assert said["errorCode"] == "InvalidIdentityToken"
    assert said["requestParameters"]["count"] == 3
    assert said["sourceIPAddress"] == "127.0.0.1"
    wanted = {"AttributeKey": "EventName", "AttributeValue": CONSOLE_LOGIN}
    events = cloudtrail.lookup_events(LookupAttributes=[wanted])["Events"]
    sums = [one for one in events if "turned away" in one["CloudTrailEvent"]]
    assert [one["Username"] for one in sums] == ["ana"]
