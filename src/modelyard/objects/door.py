"""The S3 door: every operation that is offered, and what other families ask of objects."""

import asyncio
import logging
from pathlib import Path

from modelyard.errors import Unavailable
from modelyard.objects.attributes import Attributes
from modelyard.objects.blobs import Missing, Rotted
from modelyard.objects.bucket_policies import BucketPolicies
from modelyard.objects.buckets import Buckets
from modelyard.objects.copies import Copies
from modelyard.objects.listing import Listing
from modelyard.objects.objects import Objects, not_as_stored
from modelyard.objects.shelf import blob_of
from modelyard.objects.tagging import Tagging
from modelyard.objects.upload_lists import UploadLists
from modelyard.storage.stored_objects import StoredObject

SWEEP_SECONDS = 3600.0

log = logging.getLogger(__name__)


class ObjectDoor(
    Buckets, BucketPolicies, Objects, Attributes, Tagging, Listing, Copies, UploadLists
):
    """S3's operations over one database and one blob folder."""

    async def fetch(self, stored: StoredObject, path: Path) -> None:
        """Write a verified copy of an object to `path`, which does not exist yet.

        Raises: InternalError: the bytes are gone or damaged; no file is left then. Unavailable.
        """
        try:
            await self.blobs.fetch(blob_of(stored), path)
        except (Missing, Rotted) as fact:
            raise not_as_stored() from fact

    async def read(self, stored: StoredObject) -> bytes:
        """The verified bytes of a small object.

        Raises: InternalError: the bytes are gone or damaged. Unavailable.
        """
        try:
            return b"".join([piece async for piece in await self.blobs.open(blob_of(stored))])
        except (Missing, Rotted) as fact:
            raise not_as_stored() from fact

    async def keep_swept(self) -> None:
        """Sweep now and every hour, until cancelled."""
        while True:
            try:
                swept = await self.sweep()
                if swept:
                    log.info("blobs_swept", extra={"files": swept})
            except Unavailable as fact:
                log.warning("sweep_failed", extra={"reason": str(fact)})
            await asyncio.sleep(SWEEP_SECONDS)

    async def sweep(self) -> int:
        """Remove files that nothing names: after a start, and from time to time."""
        return await self.blobs.sweep(self.named)
