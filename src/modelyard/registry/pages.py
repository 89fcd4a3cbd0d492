"""Pages of the registry's lists. A row ends with its document, which names it."""

from collections.abc import Sequence

from modelyard import listings
from modelyard.call import Call, Document
from modelyard.listings import ASCENDING, Listing, Sees, answer
from modelyard.registry import documents
from modelyard.storage.transaction import Row

__all__ = ["ASCENDING", "SIZE_DEFAULT", "Listing", "answer", "page"]

SIZE_DEFAULT = 100  # AWS does not state it; the most a page may have spares who do not page


async def page(
    call: Call, request: Document, listing: Listing, size_default: int, sees: Sees | None = None
) -> tuple[Sequence[Row], str | None]:
    """As `listings.page`."""
    return await listings.page(
        call, request, listing, size_default, lambda row: documents.arn(row[-1]), sees
    )
