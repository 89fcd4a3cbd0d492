"""Lists of objects: order, folding and pages, against a model that sorts in memory."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelyard.contract.page_tokens import PageTokens
from modelyard.objects import refusals
from modelyard.objects.listing import Asked, Listed, fold, successor
from modelyard.storage.transaction import Row
from tests.objects.conftest import Ask, body

KEYS = st.text(st.sampled_from("a/b\x01\U0010ffff\ud7ff."), min_size=1, max_size=6)


class Table:
    """The object table of one bucket, as a transaction answers for it."""

    def __init__(self, keys: set[str]) -> None:
        self.keys = sorted(keys)
        self.rows_read = 0

    async def all(self, sql: str, *parameters: Any) -> list[Row]:
        _, seek, *end, limit = parameters
        beyond = "key > " in sql
        found = [k for k in self.keys if (k > seek if beyond else k >= seek)]
        found = [k for k in found if not end or k < end[0]][:limit]
        self.rows_read += len(found)
        return [(key, 1, "etag", 0) for key in found]


def expected(keys: set[str], prefix: str, delimiter: str) -> list[str]:
    names: list[str] = []
    for key in sorted(keys):
        if not key.startswith(prefix):
            continue
        at = key.find(delimiter, len(prefix)) if delimiter else -1
        name = key if at < 0 else key[: at + len(delimiter)]
        if name not in names:
            names.append(name)
    return names


def names(listed: Listed) -> list[str]:
    return sorted([row[0] for row in listed.contents] + listed.prefixes)


@given(
    keys=st.sets(KEYS, max_size=30),
    prefix=st.text(st.sampled_from("a/b"), max_size=2),
    delimiter=st.sampled_from(["", "/", "a/", "\U0010ffff"]),
    keys_max=st.integers(1, 5),
)
@settings(max_examples=300)
async def test_pages_together_are_the_whole_list(
    keys: set[str], prefix: str, delimiter: str, keys_max: int
) -> None:
    table, seen, after = Table(keys), [], ""
    for _ in range(len(keys) + 2):
        page = await fold(table, Asked("b", prefix, delimiter, after, keys_max))  # type: ignore[arg-type]
        assert page.count == keys_max or page.last is None
        seen += names(page)
        if page.last is None:
            break
        after = page.last
    assert seen == expected(keys, prefix, delimiter)


@given(prefix=KEYS, key=KEYS)
def test_the_successor_is_right_behind_the_prefix(prefix: str, key: str) -> None:
    beyond = successor(prefix)
    if key.startswith(prefix):
        assert beyond is None or key < beyond
    elif beyond is not None:
        assert key < prefix or key >= beyond


async def test_a_large_folder_costs_what_a_single_key_costs() -> None:
    table = Table({f"big/{n:06}" for n in range(50_000)} | {"after"} | {"z"})

    page = await fold(table, Asked("b", "", "/", "", 1000))  # type: ignore[arg-type]

    assert names(page) == ["after", "big/", "z"]
    assert table.rows_read < 100


async def fill(ask: Ask, bucket: str, *keys: str) -> None:
    for key in keys:
        await ask("put_object", Bucket=bucket, Key=key, Body=body(b"x"))


ODD = ["a b", "a+b", "a%2Fb", "a//b", "a/../b", "ä/日本", "\U0001f600", "z\x01"]


async def test_both_versions_list_in_byte_order(ask: Ask, bucket: str) -> None:
    await fill(ask, bucket, *ODD)

    two = await ask("list_objects_v2", Bucket=bucket, FetchOwner=True)
    one = await ask("list_objects", Bucket=bucket)

    in_order = sorted(ODD, key=str.encode)
    assert [found["Key"] for found in two["Contents"]] == in_order
    assert [found["Key"] for found in one["Contents"]] == in_order
    assert two["KeyCount"] == len(ODD)
    assert two["Contents"][0]["Owner"] == one["Contents"][0]["Owner"]
    assert two["IsTruncated"] is False


async def test_tokens_continue_the_list_they_come_from_only(ask: Ask, bucket: str) -> None:
    await fill(ask, bucket, "a/1", "a/2", "b", "c")
    page = await ask("list_objects_v2", Bucket=bucket, MaxKeys=2, Delimiter="/")
    assert [one["Prefix"] for one in page["CommonPrefixes"]] == ["a/"]
    token = page["NextContinuationToken"]

    await fill(ask, bucket, "a/0", "bb")
    rest = await ask("list_objects_v2", Bucket=bucket, Delimiter="/", ContinuationToken=token)

    assert [found["Key"] for found in rest["Contents"]] == ["bb", "c"]
    for wrong in ({"Delimiter": "/", "Prefix": "b"}, {}):
        with pytest.raises(refusals.InvalidArgument):
            await ask("list_objects_v2", Bucket=bucket, ContinuationToken=token, **wrong)
    forged = PageTokens(b"other").seal  # another server's
    assert forged
    with pytest.raises(refusals.InvalidArgument):
        await ask("list_objects_v2", Bucket=bucket, ContinuationToken="AAAA")


async def test_url_encoding_covers_every_name(ask: Ask, bucket: str) -> None:
    await fill(ask, bucket, "a b/ü+%", "a b&")

    page = await ask(
        "list_objects_v2", Bucket=bucket, Prefix="a b", Delimiter="/", EncodingType="url"
    )

    assert page["Prefix"] == "a%20b"
    assert page["Contents"][0]["Key"] == "a%20b%26"
    assert page["CommonPrefixes"] == [{"Prefix": "a%20b/"}]


async def test_version_one_continues_at_a_marker(ask: Ask, bucket: str) -> None:
    await fill(ask, bucket, "a/1", "a/2", "b", "c")

    page = await ask("list_objects", Bucket=bucket, MaxKeys=1, Delimiter="/")
    assert page["NextMarker"] == "a/"
    rest = await ask("list_objects", Bucket=bucket, Marker=page["NextMarker"], Delimiter="/")

    assert [found["Key"] for found in rest["Contents"]] == ["b", "c"]
    assert "CommonPrefixes" not in rest
    none = await ask("list_objects", Bucket=bucket, MaxKeys=0)
    assert (none["IsTruncated"], "Contents" in none) == (False, False)
    with pytest.raises(refusals.InvalidArgument):
        await ask("list_objects", Bucket=bucket, MaxKeys=-1)
