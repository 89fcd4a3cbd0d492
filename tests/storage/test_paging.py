"""Pages by the last key seen, against a plain model in Python."""

import asyncio
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelyard.storage import database as databases
from modelyard.storage import records
from modelyard.storage.records import Filter, Record, Table
from modelyard.storage.transaction import Transaction

PACKAGES = Table(
    "model_package",
    ("account", "region", "group_name", "name", "version"),
    (
        "account",
        "region",
        "group_name",
        "name",
        "version",
        "arn",
        "created_us",
        "modified_us",
        "approval",
        "document",
    ),
)

# Few different values, so that equal times and equal names are common.
entries = st.lists(
    st.tuples(st.sampled_from(["a", "b", "B"]), st.integers(0, 3), st.sampled_from(["Yes", "No"])),
    max_size=25,
)


def package(number: int, group: str, created_us: int, approval: str) -> Record:
    return {
        "account": "1",
        "region": "r",
        "group_name": group,
        "name": "",
        "version": number,
        "arn": f"arn:{number}",
        "created_us": created_us,
        "modified_us": created_us,
        "approval": approval,
        "document": {"Number": number},
    }


@given(
    entries=entries,
    limit=st.integers(1, 7),
    descending=st.booleans(),
    group=st.sampled_from([None, "a"]),
    approval=st.sampled_from([None, "Yes"]),
    since=st.sampled_from([None, 2]),
)
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_pages_put_together_are_the_whole_list_in_order(
    database_url: str,
    entries: list[tuple[str, int, str]],
    limit: int,
    descending: bool,
    group: str | None,
    approval: str | None,
    since: int | None,
) -> None:
    order = ("created_us", "version") if group else ("created_us", "group_name", "name", "version")
    everything = [package(n, *entry) for n, entry in enumerate(entries, 1)]
    equal = {"account": "1", "region": "r"}
    equal |= {"group_name": group} if group else {}
    equal |= {"approval": approval} if approval else {}
    filters = [Filter("created_us", ">=", since)] if since else []

    async def pages() -> list[Record]:
        database = await databases.connect(database_url)

        async def fill(tx: Transaction) -> None:
            await tx.run("DELETE FROM model_package")
            for each in everything:
                await records.insert(tx, PACKAGES, each)

        await database.write(fill)
        found: list[Record] = []
        after = None
        while True:
            page = await database.read(
                lambda tx: records.page(
                    tx,
                    PACKAGES,
                    equal=equal,
                    order=order,
                    limit=limit,
                    descending=descending,
                    filters=filters,
                    after=after,  # noqa: B023  run before the next turn
                )
            )
            found += page.records
            assert len(page.records) <= limit
            if page.last is None:
                await database.close()
                return found
            assert len(page.records) == limit
            after = page.last

    expected = [
        each
        for each in everything
        if all(each[column] == value for column, value in equal.items())
        and (since is None or each["created_us"] >= since)
    ]
    expected.sort(key=lambda each: [each[column] for column in order], reverse=descending)
    assert asyncio.run(pages()) == expected


LISTS = {
    "group, by time": (("account", "region", "group_name"), ("created_us", "version")),
    "group and approval": (
        ("account", "region", "group_name", "approval"),
        ("created_us", "version"),
    ),
    "all, by time": (("account", "region"), ("created_us", "group_name", "name", "version")),
    "all, by name": (("account", "region"), ("group_name", "name", "version")),
}


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize("descending", [False, True])
async def test_every_list_reads_its_page_from_an_index(
    name: str, descending: bool, tmp_path: Path
) -> None:
    """No sort and no scan: a page costs the same in a small table and in a large one."""
    equal, order = LISTS[name]
    sql = records._page(PACKAGES, equal, (), order, descending, True)
    database = await databases.connect(f"sqlite:///{tmp_path}/modelyard.db")

    plan = await database.read(
        lambda tx: tx.all("EXPLAIN QUERY PLAN " + sql, *[""] * (len(equal) + len(order)), 10)
    )

    assert len(plan) == 1
    assert "SEARCH model_package USING INDEX" in plan[0][3]
    assert f"{order[0]}<?" in plan[0][3].replace(">", "<") or "(" in plan[0][3].split("AND")[-1]
    await database.close()
