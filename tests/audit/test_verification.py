"""Whatever is done to the tables of a trail is found by verification, and named."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from modelyard.audit import chaining, heads
from modelyard.audit.chain import Wrong
from modelyard.audit.chaining import Chaining
from modelyard.audit.checkpoints import Checkpoint, Keys
from modelyard.audit.verification import Report, Trust, verify
from modelyard.storage.database import Database
from modelyard.storage.transaction import Transaction
from tests.audit.in_process import Yard
from tests.audit_entries import SEAL_KEY

KEYS = Keys(b"secret of a test")
KEYS.seal = SEAL_KEY
TRUST = Trust(KEYS.public, KEYS.seal)
RECORDS = 12
AT = "id = (SELECT id FROM audit_chain WHERE sequence = {})"
FOR_LOOK_UPS = "account, at_us, user_name, resource"


@pytest.fixture
async def yard(database: Database, tmp_path: Path) -> AsyncIterator[Yard]:
    """Twelve records, chained."""
    made = Yard(database, tmp_path)
    for number in range(RECORDS):
        await made("sagemaker", "CreateModelPackageGroup", ModelPackageGroupName=f"g{number}")
    assert await Chaining(database, KEYS, "a-server").chain_all() == RECORDS
    yield made
    made.blobs.close()


async def report(yard: Yard, *exported: Checkpoint, trust: Trust = TRUST) -> Report:
    return await verify(yard.database, trust, exported)


def named(found: Report) -> set[tuple[Wrong, int]]:
    return {(one.wrong, one.sequence) for one in found.findings}


async def tamper(yard: Yard, *statements: str) -> None:
    """What whoever can write to the database can do."""

    async def work(tx: Transaction) -> None:
        for statement in statements:
            await tx.run(statement)

    await yard.database.write(work)


def cut_behind(sequence: int) -> list[str]:
    """The end of the trail goes, records and places."""
    gone = f"SELECT id FROM audit_chain WHERE sequence > {sequence}"
    return [
        f"DELETE FROM audit_record WHERE id IN ({gone})",
        f"DELETE FROM audit_chain WHERE sequence > {sequence}",
    ]


async def test_a_trail_that_nobody_touched_is_whole(yard: Yard) -> None:
    found = await report(yard)

    assert found.findings == ()
    assert (found.records, found.waiting, found.head.sequence) == (RECORDS, 0, RECORDS)


async def test_one_byte_that_was_changed_is_found_and_its_record_named(yard: Yard) -> None:
    await tamper(
        yard,
        f"UPDATE audit_record SET document = replace(document, 'g4', 'g5') WHERE {AT.format(5)}",
    )

    found = await report(yard)

    assert named(found) == {(Wrong.ALTERED, 5)}
    assert found.findings[0].request_id == "request-000005"
    assert found.findings[0].at_us > 0


@pytest.mark.parametrize(
    "change",
    [
        "principal = 'arn:aws:iam::123456789012:user/eve'",
        "at_us = at_us + 1",
        "error_code = 'AccessDenied'",
        "read_only = 1",
        "account = '999999999999'",
        "seal = document",
    ],
)
async def test_a_changed_column_is_found(yard: Yard, change: str) -> None:
    await tamper(yard, f"UPDATE audit_record SET {change} WHERE {AT.format(7)}")

    assert named(await report(yard)) == {(Wrong.ALTERED, 7)}


@pytest.mark.parametrize(
    "change", ["account = '999999999999'", "at_us = at_us + 1", "user_name = 'x'", "resource = ''"]
)
async def test_a_record_that_is_hidden_from_look_ups_is_found(yard: Yard, change: str) -> None:
    await tamper(yard, f"UPDATE audit_chain SET {change} WHERE sequence = 7")

    assert named(await report(yard)) == {(Wrong.ALTERED, 7)}


@pytest.mark.parametrize("sequence", [1, 7, RECORDS])
async def test_a_dropped_record_is_found(yard: Yard, sequence: int) -> None:
    await tamper(yard, f"DELETE FROM audit_record WHERE {AT.format(sequence)}")

    found = named(await report(yard))

    assert (Wrong.TRUNCATED if sequence == RECORDS else Wrong.REMOVED, sequence) in found


async def test_a_dropped_place_is_found_and_the_record_named_that_lost_it(yard: Yard) -> None:
    await tamper(yard, "DELETE FROM audit_chain WHERE sequence = 7")

    found = await report(yard)

    assert {(Wrong.REMOVED, 7), (Wrong.REMOVED, 0)} <= named(found)
    assert "request-000007" in {one.request_id for one in found.findings}


async def test_a_record_that_is_dropped_while_it_waits_is_found_and_holds_up_no_other(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chaining, "BATCH", 1)
    for name in ("dropped", "later"):
        await yard("sagemaker", "CreateModelPackageGroup", ModelPackageGroupName=name)
    await tamper(yard, "DELETE FROM audit_record WHERE id = 'request-000013'")

    chained = await Chaining(yard.database, KEYS, "a-server").chain_all()

    found = await report(yard)
    assert (chained, found.records) == (1, RECORDS + 1)
    assert [(one.wrong, one.request_id) for one in found.findings] == [
        (Wrong.REMOVED, "request-000013")
    ]


async def test_a_record_that_is_kept_from_the_chain_is_found(yard: Yard) -> None:
    await yard("sagemaker", "CreateModelPackageGroup", ModelPackageGroupName="hidden")
    await tamper(yard, "DELETE FROM audit_waiting")
    await Chaining(yard.database, KEYS, "a-server").chain_all()

    found = await report(yard)

    assert [(one.wrong, one.sequence, one.request_id) for one in found.findings] == [
        (Wrong.REMOVED, 0, "request-000013")
    ]


async def test_two_swapped_records_are_found(yard: Yard) -> None:
    await tamper(
        yard,
        "UPDATE audit_chain SET sequence = 100 WHERE sequence = 3",
        "UPDATE audit_chain SET sequence = 3 WHERE sequence = 9",
        "UPDATE audit_chain SET sequence = 9 WHERE sequence = 100",
    )

    assert {(Wrong.MOVED, 3), (Wrong.MOVED, 9)} <= named(await report(yard))


async def test_a_tail_that_was_cut_is_found(yard: Yard) -> None:
    await tamper(yard, *cut_behind(10))

    found = await report(yard)

    assert {(Wrong.TRUNCATED, 11), (Wrong.TRUNCATED, 12)} <= named(found)


async def test_a_head_that_was_moved_with_the_cut_is_found(yard: Yard) -> None:
    await tamper(
        yard,
        *cut_behind(10),
        "UPDATE audit_head SET sequence = 10, hash ="
        " (SELECT hash FROM audit_chain WHERE sequence = 10)",
    )

    assert (Wrong.UNSIGNED, 10) in named(await report(yard))


async def test_a_record_that_was_put_in_is_found(yard: Yard) -> None:
    columns = (
        "account, region, at_us, principal, user_name, access_key_id, service, operation,"
        " read_only, resource, error_code, document, seal"
    )
    await tamper(
        yard,
        f"INSERT INTO audit_record (id, {columns}) SELECT 'forged', {columns} FROM audit_record"
        f" WHERE {AT.format(12)}",
        f"INSERT INTO audit_chain (sequence, id, hash, {FOR_LOOK_UPS}) SELECT 13, 'forged', hash,"
        f" {FOR_LOOK_UPS} FROM audit_chain WHERE sequence = 12",
    )

    found = await report(yard)

    assert {sequence for _, sequence in named(found)} == {13}


async def test_a_record_that_is_slipped_in_before_it_is_chained_is_found(yard: Yard) -> None:
    columns = (
        "account, region, at_us, user_name, access_key_id, service, operation,"
        " read_only, resource, error_code, document, seal"
    )
    await tamper(
        yard,
        f"INSERT INTO audit_record (id, principal, {columns}) SELECT 'forged', 'eve',"
        f" {columns} FROM audit_record WHERE {AT.format(12)}",
        "INSERT INTO audit_waiting (id) VALUES ('forged')",
    )
    waiting = await report(yard)
    await Chaining(yard.database, KEYS, "a-server").chain_all()

    assert [one.request_id for one in waiting.findings] == ["forged"]
    assert named(await report(yard)) == {(Wrong.ALTERED, 13)}


async def test_a_trail_set_back_as_a_whole_is_found_by_an_exported_checkpoint(yard: Yard) -> None:
    earlier = await yard.database.read(heads.head)
    for number in range(5):
        await yard("sagemaker", "CreateModelPackageGroup", ModelPackageGroupName=f"later{number}")
    await Chaining(yard.database, KEYS, "a-server").chain_all()
    exported = await yard.database.read(heads.head)
    assert (await report(yard, earlier, exported)).findings == ()
    await tamper(
        yard,
        *cut_behind(12),
        f"UPDATE audit_head SET sequence = 12, hash = '{earlier.hash}', at_us = {earlier.at_us},"
        f" signed_by = '{earlier.signed_by}', signature = '{earlier.signature}'",
        "DELETE FROM audit_checkpoint WHERE sequence > 12",
    )

    assert (await report(yard)).findings == ()  # nothing in the database can tell
    assert named(await report(yard, exported)) == {(Wrong.TRUNCATED, 17)}
    assert (await report(yard, earlier)).findings == ()


@pytest.mark.parametrize("member", ["sequence", "hash", "at_us", "signature"])
async def test_a_forged_checkpoint_proves_nothing(yard: Yard, member: str) -> None:
    head = await yard.database.read(heads.head)
    forged: dict[str, object] = {
        "sequence": 3,
        "hash": "ab" * 32,
        "at_us": 1,
        "signature": "ab" * 64,
    }
    change: Callable[..., Checkpoint] = dataclasses.replace
    checkpoint = change(head, **{member: forged[member]})

    assert (Wrong.UNSIGNED, checkpoint.sequence) in named(await report(yard, checkpoint))


async def test_another_servers_key_is_not_trusted(yard: Yard) -> None:
    other = Keys(b"another secret")

    found = await report(yard, trust=Trust(other.public, None))

    assert {wrong for wrong, _ in named(found)} == {Wrong.UNSIGNED}
    assert KEYS.public.id in found.findings[0].what


async def test_two_chaining_servers_make_one_chain(yard: Yard) -> None:
    servers = [Chaining(yard.database, KEYS, f"server-{n}") for n in range(2)]
    for number in range(20):
        await yard("sagemaker", "CreateModelPackageGroup", ModelPackageGroupName=f"more{number}")
        await servers[number % 2].chain_all()

    waiting = (await report(yard)).waiting
    found = await report(yard)

    assert found.findings == ()
    assert found.records == RECORDS + 20 - waiting


async def test_a_trail_longer_than_a_page_is_verified(yard: Yard) -> None:
    async def many(tx: Transaction) -> None:
        from tests.audit.in_process import ADA
        from tests.audit_entries import entry

        for number in range(2500):
            await entry(ADA, "CreateBucket", {"Bucket": f"b{number}"}, now_us=number).record(tx)

    await yard.database.write(many)
    assert await Chaining(yard.database, KEYS, "a-server").chain_all() == 2500

    found = await report(yard)

    assert (found.records, found.findings) == (RECORDS + 2500, ())
    assert found.checkpoints == 3


async def test_chaining_goes_on_after_its_tables_were_meddled_with(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chaining, "FAILED_SECONDS", 0.01)
    await tamper(yard, "ALTER TABLE audit_head RENAME TO audit_head_away")
    await yard("sagemaker", "CreateModelPackageGroup", ModelPackageGroupName="later")
    work = asyncio.create_task(Chaining(yard.database, KEYS, "a-server").run())
    await asyncio.sleep(0.2)  # rounds that fail; how many does not matter
    assert not work.done()

    await tamper(yard, "ALTER TABLE audit_head_away RENAME TO audit_head")

    async with asyncio.timeout(60):
        while await yard.records():
            await asyncio.sleep(0.05)
    work.cancel()
    await asyncio.wait([work])
    assert (await report(yard)).records == RECORDS + 1
