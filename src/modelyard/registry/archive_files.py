"""The files in the archives of model packages, read once and kept by the digest of the archive.

An archive is read when somebody asks for its files, not at registration: it can take minutes, and
most are never asked for.
"""

import asyncio
import logging
from collections.abc import Sequence
from typing import Protocol

import msgspec

from modelyard import errors
from modelyard.storage.database import Database
from modelyard.storage.stored_objects import StoredObject
from modelyard.storage.transaction import Transaction

WAIT_SECONDS = 20.0  # of one request; clients give up after 60

log = logging.getLogger(__name__)


class ArchivedFile(msgspec.Struct, frozen=True, array_like=True):
    """`sha256` is of the file's content, in lower-case hex."""

    path: str
    bytes: int
    sha256: str


class Listing(msgspec.Struct, frozen=True):
    """What is known of an archive: its files by path, or why they cannot be listed."""

    files: tuple[ArchivedFile, ...] = ()
    problem: str = ""


class Place(msgspec.Struct, frozen=True):
    """Whose archive: the account and region of its model package, and its digest."""

    account: str
    region: str
    sha256: str


class Unlistable(errors.Fact):
    """These bytes are no archive whose files can be listed; they never will be."""


class Unread(errors.Fact):
    """The bytes could not be read this time."""


class Archives(Protocol):
    """What can read an archive."""

    async def read(self, stored: StoredObject) -> Sequence[ArchivedFile]:
        """Raises: Unlistable, Unread, Unavailable."""


async def kept(tx: Transaction, place: Place) -> Listing | None:
    """The listing, if the archive was read before."""
    row = await tx.one(
        "SELECT document FROM archive_listing WHERE account = ? AND region = ? AND sha256 = ?",
        place.account,
        place.region,
        place.sha256,
    )
    return None if row is None else msgspec.json.decode(row[0], type=Listing)


async def forget(tx: Transaction, account: str, region: str, package_arn: str) -> None:
    """Drop the listings of a package's archives. Another package's of the same is read again."""
    await tx.run(
        "DELETE FROM archive_listing WHERE account = ? AND region = ? AND sha256 IN"
        " (SELECT sha256 FROM model_package_artifact"
        " WHERE account = ? AND region = ? AND arn = ?)",
        account,
        region,
        account,
        region,
        package_arn,
    )


class ArchiveFiles:
    """Reads archives beside the requests that ask for them, one at a time."""

    def __init__(self, database: Database, archives: Archives) -> None:
        self._database = database
        self._archives = archives
        self.wait_seconds = WAIT_SECONDS
        self._reading: dict[Place, asyncio.Task[Listing]] = {}
        self._turn = asyncio.Lock()

    async def close(self) -> None:
        for task in self._reading.values():
            task.cancel()
        if self._reading:
            await asyncio.wait(self._reading.values())

    async def read(self, wanted: dict[Place, StoredObject]) -> dict[Place, Listing]:
        """The listings of archives; without those that take longer, which are read on."""
        tasks = {place: self._task(place, stored) for place, stored in wanted.items()}
        if not tasks:
            return {}
        await asyncio.wait(tasks.values(), timeout=self.wait_seconds)
        return {place: task.result() for place, task in tasks.items() if task.done()}

    def _task(self, place: Place, stored: StoredObject) -> asyncio.Task[Listing]:
        task = self._reading.get(place)
        if task is None:
            task = asyncio.create_task(self._read(place, stored))
            self._reading[place] = task
            task.add_done_callback(lambda _: self._reading.pop(place, None))
        return task

    async def _read(self, place: Place, stored: StoredObject) -> Listing:
        """Never raises but when it is cancelled: there may be nobody left to hear it."""
        try:
            # Whoever asked may have looked just before another had it read.
            known = await self._database.read(lambda tx: kept(tx, place))
            if known is not None:
                return known
            async with self._turn:
                files = await self._archives.read(stored)
            listing = Listing(files=tuple(files))
        except Unlistable as problem:
            listing = Listing(problem=str(problem))
        except errors.Fact as problem:
            log.warning("archive_unread", extra={"blob": stored.blob, "error": str(problem)})
            return Listing(problem=f"It could not be read now: {problem}")
        try:
            await self._database.write(lambda tx: _keep(tx, place, listing))
        except errors.Unavailable as problem:
            log.warning("archive_listing_not_kept", extra={"error": str(problem)})
        return listing


async def _keep(tx: Transaction, place: Place, listing: Listing) -> None:
    await tx.run(
        "INSERT INTO archive_listing (account, region, sha256, document) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (account, region, sha256) DO NOTHING",
        place.account,
        place.region,
        place.sha256,
        msgspec.json.encode(listing).decode(),
    )
