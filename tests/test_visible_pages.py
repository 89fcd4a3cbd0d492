"""Pages of a list of which some may be seen: complete, without repeats, whatever may be seen."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard import visible_pages
from modelyard.visible_pages import Position


class Listed:
    """Numbers, of which some may be seen."""

    def __init__(self, visible: Sequence[bool]) -> None:
        self.visible = visible
        self.fetched = 0

    async def fetch(self, after: Position | None, limit: int) -> Sequence[int]:
        self.fetched += 1
        first = 0 if after is None else after[0] + 1
        return range(len(self.visible))[first : first + limit]

    async def sees(self, item: int) -> bool:
        return self.visible[item]

    async def page(self, size: int, after: Position | None) -> tuple[list[int], Position | None]:
        return await visible_pages.gather(self.fetch, self.sees, lambda item: (item,), size, after)

    async def pages(self, size: int) -> list[list[int]]:
        pages: list[list[int]] = []
        after: Position | None = None
        while True:
            page, after = await self.page(size, after)
            pages.append(page)
            if after is None:
                return pages


@given(
    visible=st.lists(st.booleans(), max_size=60),
    size=st.integers(1, 12),
    batch=st.integers(1, 9),
    batches=st.integers(1, 5),
)
async def test_pages_have_all_that_may_be_seen_once_and_in_order(
    visible: list[bool], size: int, batch: int, batches: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(visible_pages, "BATCH", batch)
        patch.setattr(visible_pages, "BATCHES_MAX", batches)

        pages = await Listed(visible).pages(size)

    assert [item for page in pages for item in page] == [
        number for number, seen in enumerate(visible) if seen
    ]
    assert all(len(page) <= size for page in pages)


async def test_a_page_that_sees_nothing_for_long_is_short_and_goes_on() -> None:
    looked_at = visible_pages.BATCH * visible_pages.BATCHES_MAX
    listed = Listed([False] * (looked_at + 10) + [True])

    page, after = await listed.page(10, None)
    assert page == []
    assert after is not None
    assert listed.fetched == visible_pages.BATCHES_MAX

    assert await listed.page(10, after) == ([looked_at + 10], None)


async def test_the_page_that_ends_with_the_list_is_the_last() -> None:
    assert await Listed([]).page(3, None) == ([], None)
    assert await Listed([True, True]).page(3, None) == ([0, 1], None)
