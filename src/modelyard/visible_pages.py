"""Pages of what a caller may see, when a policy lets it see some of a list only."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

Item = TypeVar("Item")
Position = Sequence[Any]  # the values of an item's order columns
Fetch = Callable[[Position | None, int], Awaitable[Sequence[Item]]]

BATCH = 200  # items looked at at once
BATCHES_MAX = 20  # in one call; then the page is short, and its token goes on


async def gather(
    fetch: Fetch[Item],
    sees: Callable[[Item], Awaitable[bool]],
    position: Callable[[Item], Position],
    size: int,
    after: Position | None,
) -> tuple[list[Item], Position | None]:
    """The next `size` items that `sees` lets through, and where to go on if there may be more.

    `fetch(after, limit)` gives the next items of the whole list. A page can be short, even empty,
    and still have a position, as AWS's pages may.
    """
    kept: list[Item] = []
    for _ in range(BATCHES_MAX):
        batch = await fetch(after, BATCH)
        for item in batch:
            if len(kept) == size:
                return kept, after
            if await sees(item):
                kept.append(item)
            after = position(item)
        if len(batch) < BATCH:
            return kept, None
    return kept, after
