"""Brings a container's model.tar.gz to where a replica can read it, or says why it cannot.

A copy that is in use stays here: a replica that has to start again must not depend on an object
that was overwritten or deleted since. The digest is computed anew at every start, so rotten bytes
are never loaded. Knows no replica.
"""

import asyncio
import hashlib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Protocol

from modelyard.contract import s3_locations
from modelyard.contract.s3_locations import Location
from modelyard.objects.refusals import InternalError
from modelyard.storage import stored_objects
from modelyard.storage.database import Database
from modelyard.storage.stored_objects import StoredObject
from modelyard.storage.transaction import Transaction


class ArtifactLost(Exception):
    """The bytes cannot be had; the text is a sentence for FailureReason."""


class ObjectSource(Protocol):
    """Where the bytes of objects are: the S3 door."""

    async def fetch(self, stored: StoredObject, path: Path) -> None:
        """Write a verified copy to `path`. Raises: InternalError: damaged or gone."""


class Artifacts:
    """`store` has the bytes of this server's objects; `folder` is for copies in use."""

    def __init__(self, database: Database, store: ObjectSource, folder: Path) -> None:
        self._database = database
        self._store = store
        self._folder = folder
        self._folder_lock = asyncio.Lock()  # one copy is made, checked or removed at a time

    async def fetch(self, account: str, container: Mapping[str, Any]) -> Path | None:
        """The container's archive as a local file; None when the image brings its own model.

        Raises: ArtifactLost. Unavailable: the database is away.
        """
        url: str | None = container.get("ModelDataUrl")
        if url is None:
            return None
        digest: str | None = container.get("Artifact", {}).get("Sha256")
        if digest:
            copy = self._folder / digest
            async with self._folder_lock:
                if await asyncio.to_thread(_sha256, copy) == digest:
                    return copy
        location = s3_locations.parse(url)
        if location is None:
            raise ArtifactLost(f"The artifact at {url} cannot be read: it is not an S3 location.")
        owner = container.get("Artifact", {}).get("Account", account)
        stored = await self._stored(owner, location)
        if digest and stored.sha256 != digest:
            raise ArtifactLost(
                f"The artifact at {location.url} is no longer the one that was registered: its "
                f"SHA-256 was {digest} and is {stored.sha256} now."
            )
        async with self._folder_lock:
            return await self._take(location, stored)

    async def sweep(self, used: Collection[str]) -> None:
        """Remove the copies whose digest is not in `used`."""
        async with self._folder_lock:
            await asyncio.to_thread(self._sweep, frozenset(used))

    async def _stored(self, account: str, location: Location) -> StoredObject:
        async def look(tx: Transaction) -> tuple[str | None, StoredObject | None]:
            owner = await stored_objects.owner(tx, location.bucket)
            return owner, await stored_objects.find(tx, location.bucket, location.key)

        owner, stored = await self._database.read(look)
        if owner != account:
            raise ArtifactLost(
                f"The artifact at {location.url} cannot be read: this server does not hold bucket "
                f"{location.bucket}. Copy the artifact into a bucket of this server."
            )
        if stored is None:
            raise ArtifactLost(
                f"The artifact at {location.url} cannot be read: there is no such object."
            )
        return stored

    async def _take(self, location: Location, stored: StoredObject) -> Path:
        self._folder.mkdir(parents=True, exist_ok=True)
        copy = self._folder / stored.sha256
        copy.unlink(missing_ok=True)
        try:
            await self._store.fetch(stored, copy)
        except InternalError:
            raise ArtifactLost(
                f"The artifact at {location.url} is damaged or gone in the store: its bytes no "
                f"longer have the SHA-256 {stored.sha256}. Upload it again."
            ) from None
        return copy

    def _sweep(self, used: frozenset[str]) -> None:
        if not self._folder.is_dir():
            return
        for path in self._folder.iterdir():
            if path.name not in used:
                path.unlink(missing_ok=True)


def _sha256(path: Path) -> str | None:
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except FileNotFoundError:
        return None
