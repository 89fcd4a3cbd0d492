"""Records over tables, on both engines."""

import pytest

from modelyard import errors
from modelyard.storage import records
from modelyard.storage.database import Database
from modelyard.storage.records import Filter, Record, Table
from modelyard.storage.transaction import Transaction

MODELS = Table(
    "model",
    ("account", "region", "name"),
    ("account", "region", "name", "arn", "created_us", "modified_us", "document"),
)


def model(name: str, created_us: int = 1, **document: object) -> Record:
    return {
        "account": "1",
        "region": "r",
        "name": name,
        "arn": f"arn:{name}",
        "created_us": created_us,
        "modified_us": created_us,
        "document": document,
    }


async def add(database: Database, *models: Record) -> None:
    async def work(tx: Transaction) -> None:
        for each in models:
            await records.insert(tx, MODELS, each)

    await database.write(work)


async def test_a_record_is_read_back_as_it_was_written(database: Database) -> None:
    written = model("a", 2**62, Nested={"List": [1, 2.5, None, True, "é \U0001f600 \x7f"]})

    await add(database, written)

    assert await database.read(lambda tx: records.get(tx, MODELS, "1", "r", "a")) == written


async def test_a_missing_record_is_not_found(database: Database) -> None:
    with pytest.raises(errors.NotFound):
        await database.read(lambda tx: records.get(tx, MODELS, "1", "r", "a"))


async def test_a_taken_key_is_a_conflict(database: Database) -> None:
    await add(database, model("a"))

    with pytest.raises(errors.Conflict):
        await add(database, model("a"))


async def test_a_taken_arn_is_a_conflict_and_undoes_the_whole_transaction(
    database: Database,
) -> None:
    await add(database, model("a"))

    with pytest.raises(errors.Conflict):
        await add(database, model("b"), {**model("c"), "arn": "arn:a"})

    assert await database.read(lambda tx: records.find(tx, MODELS, "1", "r", "b")) is None


async def test_an_update_changes_what_is_named_and_nothing_else(database: Database) -> None:
    await add(database, model("a", Before=1))

    changed = await database.write(
        lambda tx: records.update(tx, MODELS, ("1", "r", "a"), {"document": {"After": 2}})
    )

    assert changed
    found = await database.read(lambda tx: records.get(tx, MODELS, "1", "r", "a"))
    assert found == {**model("a"), "document": {"After": 2}}


async def test_an_update_of_something_that_has_changed_meanwhile_changes_nothing(
    database: Database,
) -> None:
    await add(database, model("a", created_us=5))

    changed = await database.write(
        lambda tx: records.update(
            tx, MODELS, ("1", "r", "a"), {"modified_us": 9}, expected={"modified_us": 4}
        )
    )

    assert not changed


async def test_deleting_says_whether_there_was_something(database: Database) -> None:
    await add(database, model("a"))

    assert await database.write(lambda tx: records.delete(tx, MODELS, "1", "r", "a"))
    assert not await database.write(lambda tx: records.delete(tx, MODELS, "1", "r", "a"))


async def test_text_sorts_and_is_searched_by_code_point(database: Database) -> None:
    names = ["a", "B", "_", "á", "Z", "a-1", "aB", "\U0001f600", "\uffee", "10", "9"]
    await add(database, *(model(name) for name in names))

    async def names_of(*filters: Filter) -> list[str]:
        page = await database.read(
            lambda tx: records.page(
                tx, MODELS, equal={"account": "1"}, order=("name",), limit=99, filters=filters
            )
        )
        return [record["name"] for record in page.records]

    assert await names_of() == sorted(names)
    assert await names_of(Filter("name", "contains", "B")) == ["B", "aB"]
    assert await names_of(Filter("name", "contains", "_")) == ["_"]
    assert await names_of(Filter("name", ">=", "a"), Filter("name", "<>", "a-1")) == [
        name for name in sorted(names) if name >= "a" and name != "a-1"
    ]


def test_a_name_that_is_no_column_never_reaches_sql() -> None:
    with pytest.raises(ValueError, match="no column"):
        records._update(MODELS, ("name = name; --",), ())
