"""What is kept in memory of policies is never older than the change that voided it."""

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import cast

from modelyard.access.authorisation.directory import Directory
from modelyard.access.authorisation.freshness import Freshness
from modelyard.access.identities.key_uses import KeyUses
from modelyard.access.keys.credentials import Credentials
from modelyard.access.keys.key_cipher import KeyCipher
from modelyard.storage import access_changes, resource_policies, sqlite
from modelyard.storage.database import Database
from modelyard.storage.transaction import Transaction

ACCOUNT = "111122223333"
BUCKET = "arn:aws:s3:::models"
WAIT_SECONDS = 60
OPEN_TO_ALL = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": "*",
                "Action": "s3:GetObject",
                "Resource": f"{BUCKET}/*",
            }
        ],
    }
)


def directory_of(database: Database) -> Directory:
    nobodys = cast(Credentials, None)  # no key is looked up here
    return Directory(database, nobodys, KeyCipher(bytes(32)), Freshness(database), KeyUses())


async def share(tx: Transaction) -> None:
    await access_changes.bump(tx)
    await resource_policies.put(tx, ACCOUNT, "", BUCKET, OPEN_TO_ALL, {})


async def end_sharing(tx: Transaction) -> None:
    await access_changes.bump(tx)
    assert await resource_policies.drop(tx, BUCKET)


async def changed(database: Database, change: Callable[[Transaction], Awaitable[None]]) -> None:
    await database.write(change)
    await asyncio.sleep(0)  # whoever is woken by a commit comes first


async def test_a_long_listing_does_not_bring_back_a_policy_that_was_taken_away(
    tmp_path: Path,
) -> None:
    database = await sqlite.connect(tmp_path / "modelyard.db")
    try:
        directory = directory_of(database)
        await changed(database, share)
        looking, gone = threading.Event(), threading.Event()
        began = directory.freshness.generation

        async def listing(tx: Transaction) -> bool:
            await tx.one("SELECT 1 FROM resource_policy")  # its snapshot is of now
            looking.set()
            assert gone.wait(WAIT_SECONDS)
            return await directory.resource_policy(tx, BUCKET, began) is not None

        listed = asyncio.create_task(database.scan(listing))
        assert await asyncio.to_thread(looking.wait, WAIT_SECONDS)
        await changed(database, end_sharing)
        now = directory.freshness.generation
        assert await database.read(lambda tx: directory.resource_policy(tx, "arn:x", now)) is None
        gone.set()
        assert await listed  # what it lists is of the time it began

        after = await database.read(lambda tx: directory.resource_policy(tx, BUCKET, now))

        assert after is None
    finally:
        await database.close()
