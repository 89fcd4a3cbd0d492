"""Whatever is done to a chain is found, and the record at fault is named."""

import dataclasses
import random
from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelyard.audit.chain import BEGINNING, Chained, Finding, Wrong, check, link
from modelyard.audit.records import COLUMNS, Record

KEY = b"a key that the tamperer does not have"
TEXTS = tuple(c for c in COLUMNS if c not in ("at_us", "read_only", "seal"))


def record(number: int) -> Record:
    unsealed = Record(
        id=f"request-{number:06}",
        account="123456789012",
        region="us-east-1",
        at_us=1_790_000_000_000_000 + number,
        principal=f"arn:aws:iam::123456789012:user/ada{number % 3}",
        user_name=f"ada{number % 3}",
        access_key_id="AKIAADA",
        service="sagemaker",
        operation="CreateModelPackage",
        read_only=0,
        resource=f"arn:aws:sagemaker:us-east-1:123456789012:model-package/churn/{number}",
        error_code="",
        document='{"Parameters":{"ModelPackageGroupName":"churn"}}',
    )
    return unsealed.sealed(KEY)


def chain(length: int) -> list[Chained]:
    found: list[Chained] = []
    last = BEGINNING
    for number in range(1, length + 1):
        last = link(last, record(number))
        found.append(Chained(number, last, record(number)))
    return found


def named(findings: list[Finding]) -> set[tuple[Wrong, int]]:
    return {(finding.wrong, finding.sequence) for finding in findings}


def renumbered(some: list[Chained]) -> list[Chained]:
    return [dataclasses.replace(one, sequence=n) for n, one in enumerate(some, 1)]


def altered(one: Chained, column: str = "principal", value: object = "x") -> Chained:
    changes: dict[str, object] = {column: value}
    return dataclasses.replace(
        one,
        record=msgspec.structs.replace(one.record, **changes),
    )


def test_a_chain_that_nobody_touched_is_whole() -> None:
    assert check(chain(50), KEY) == []
    assert check(chain(50), None) == []


@pytest.mark.parametrize("column", TEXTS)
def test_a_byte_that_was_changed_is_found_in_any_column(column: str) -> None:
    trail = chain(9)
    value = getattr(trail[4].record, column)
    trail[4] = altered(trail[4], column, f"{value[:-1]}~")

    found = check(trail, KEY)

    assert named(found) == {(Wrong.ALTERED, 5)}
    assert found[0].at_us == trail[4].record.at_us
    assert found[0].request_id == trail[4].record.id


def test_a_seal_that_was_changed_is_found() -> None:
    trail = chain(9)
    trail[4] = altered(trail[4], "seal", "0" * 64)

    assert named(check(trail, KEY)) == {(Wrong.ALTERED, 5)}


def test_a_record_that_was_dropped_is_named_by_its_number() -> None:
    trail = chain(9)
    del trail[4]

    assert (Wrong.REMOVED, 5) in named(check(trail, KEY))


def test_a_gap_that_was_hidden_by_new_numbers_is_found_where_it_was() -> None:
    trail = chain(9)
    del trail[4]

    assert named(check(renumbered(trail), KEY)) == {(Wrong.MOVED, 5)}


def test_two_records_that_were_swapped_are_both_named() -> None:
    trail = chain(9)
    trail[2], trail[6] = trail[6], trail[2]

    assert {(Wrong.MOVED, 3), (Wrong.MOVED, 7)} <= named(check(renumbered(trail), KEY))


def test_two_records_that_kept_their_hashes_when_swapped_are_both_named() -> None:
    trail = chain(9)
    third, seventh = trail[2].record, trail[6].record
    trail[2] = dataclasses.replace(trail[2], record=seventh)
    trail[6] = dataclasses.replace(trail[6], record=third)

    assert named(check(trail, KEY)) == {(Wrong.MOVED, 3), (Wrong.MOVED, 7)}


def test_a_record_that_was_put_in_between_is_told_from_one_that_was_altered() -> None:
    trail = chain(9)
    forged = altered(Chained(0, "", record(100)), "principal", "arn:aws:iam::123456789012:user/eve")
    forged = dataclasses.replace(forged, hash=link(trail[3].hash, forged.record))
    trail.insert(4, forged)

    assert named(check(renumbered(trail), KEY)) == {(Wrong.INSERTED, 5)}


def test_a_chain_that_was_made_anew_around_a_lie_is_found_by_its_seal() -> None:
    trail = chain(9)
    trail[4] = altered(trail[4])
    last = trail[3].hash
    for place in range(4, 9):
        last = link(last, trail[place].record)
        trail[place] = dataclasses.replace(trail[place], hash=last)

    assert named(check(trail, KEY)) == {(Wrong.ALTERED, 5)}


def _alter(trail: list[Chained], place: int, dice: random.Random) -> None:
    column = dice.choice([*TEXTS, "seal"])
    value = getattr(trail[place].record, column) or "?"
    at = dice.randrange(len(value))
    changed = value[:at] + chr(ord(value[at]) ^ 1) + value[at + 1 :]
    trail[place] = altered(trail[place], column, changed)


def _alter_hash(trail: list[Chained], place: int, dice: random.Random) -> None:
    trail[place] = dataclasses.replace(trail[place], hash=dice.randbytes(32).hex())


def _drop(trail: list[Chained], place: int, dice: random.Random) -> None:
    del trail[min(place, len(trail) - 2)]  # the last one's absence is the head's to show


def _drop_and_renumber(trail: list[Chained], place: int, dice: random.Random) -> None:
    _drop(trail, place, dice)
    trail[:] = renumbered(trail)


def _swap(trail: list[Chained], place: int, dice: random.Random) -> None:
    other = dice.choice([n for n in range(len(trail)) if n != place])
    trail[place], trail[other] = trail[other], trail[place]
    trail[:] = renumbered(trail)


def _repeat(trail: list[Chained], place: int, dice: random.Random) -> None:
    trail.insert(place, trail[dice.randrange(len(trail))])
    trail[:] = renumbered(trail)


def _insert(trail: list[Chained], place: int, dice: random.Random) -> None:
    forged = msgspec.structs.replace(record(500), seal=dice.randbytes(32).hex())
    before = trail[place - 1].hash if place else BEGINNING
    trail.insert(place, Chained(0, link(before, forged), forged))
    trail[:] = renumbered(trail)


TAMPERINGS = [_alter, _alter_hash, _drop, _drop_and_renumber, _swap, _repeat, _insert]


@settings(max_examples=400, deadline=None)
@given(
    length=st.integers(3, 25),
    place=st.integers(0, 24),
    seed=st.integers(0, 2**32),
    tamper=st.sampled_from(TAMPERINGS),
)
def test_any_tampering_is_found_at_or_beside_its_place(
    length: int,
    place: int,
    seed: int,
    tamper: Callable[[list[Chained], int, random.Random], None],
) -> None:
    trail, dice = chain(length), random.Random(seed)
    place = place % length
    untouched = list(trail)

    tamper(trail, place, dice)

    found = check(trail, KEY)
    assert found
    differing = [
        n for n, (one, other) in enumerate(zip(trail, untouched, strict=False), 1) if one != other
    ]
    first = min([*differing, min(len(trail), len(untouched)) + 1])
    assert first <= min(finding.sequence for finding in found) <= first + 1


@settings(max_examples=200, deadline=None)
@given(length=st.integers(3, 25), seed=st.integers(0, 2**32), tampered=st.integers(1, 4))
def test_several_tamperings_do_not_hide_each_other(length: int, seed: int, tampered: int) -> None:
    trail, dice = chain(length), random.Random(seed)
    places = dice.sample(range(length), min(tampered, length))
    for place in places:
        _alter(trail, place, dice)

    found = named(check(trail, KEY))

    assert {sequence for _, sequence in found} >= {place + 1 for place in places}


@settings(max_examples=200, deadline=None)
@given(length=st.integers(3, 25), place=st.integers(0, 24), seed=st.integers(0, 2**32))
def test_without_the_secret_the_chain_alone_finds_a_change(
    length: int, place: int, seed: int
) -> None:
    trail = chain(length)
    place %= length
    _alter(trail, place, random.Random(seed))

    assert {finding.sequence for finding in check(trail, None)} == {place + 1}
