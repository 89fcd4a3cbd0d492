"""Writes the rows of search_value for what was registered before there was that table.

A migration notes that there is something to do; a server does it in the background, some at a time,
and servers that work at once take turns. Search does without these rows until all are there.
"""

import asyncio
import logging

import msgspec

from modelyard.storage import search_values
from modelyard.storage.database import Database
from modelyard.storage.search_values import METADATA, Subject
from modelyard.storage.transaction import Transaction

_ROWS_AT_ONCE = 200
_PAUSE_SECONDS = 0.01  # so that others come to write
_MEMBER = "CustomerMetadataProperties"

log = logging.getLogger(__name__)


class _Package(msgspec.Struct):
    CustomerMetadataProperties: dict[str, str] = {}


_read = msgspec.json.Decoder(_Package).decode


async def fill(database: Database) -> None:
    """Until everything is there. Raises: Unavailable."""
    is_left = True
    while is_left:
        is_left = await database.write(fill_some)
        await asyncio.sleep(_PAUSE_SECONDS)


async def fill_some(tx: Transaction) -> bool:
    """The next packages; False if there is nothing to do any more."""
    at = await tx.one(  # which keeps another server from the same ones
        "UPDATE search_filling SET kind = kind WHERE kind = ? RETURNING account, region, arn",
        METADATA,
    )
    if at is None:
        return False
    rows = await tx.all(
        "SELECT account, region, arn, document FROM model_package"
        " WHERE (account, region, arn) > (?, ?, ?) ORDER BY account, region, arn LIMIT ?",
        *(*at, _ROWS_AT_ONCE),
    )
    for account, region, arn, document in rows:
        if _MEMBER in document:
            await _fill_one(tx, account, region, arn)
    if len(rows) < _ROWS_AT_ONCE:
        await tx.run("DELETE FROM search_filling WHERE kind = ?", METADATA)
        log.info("search_filled", extra={"kind": METADATA})
        return False
    await tx.run(
        "UPDATE search_filling SET account = ?, region = ?, arn = ? WHERE kind = ?",
        *(*rows[-1][:3], METADATA),
    )
    return True


async def _fill_one(tx: Transaction, account: str, region: str, arn: str) -> None:
    """Nobody changes the package meanwhile, so the rows are those of its document."""
    row = await tx.one(
        "UPDATE model_package SET arn = arn WHERE account = ? AND region = ? AND arn = ?"
        " RETURNING group_name, approval, created_us, name, version, document",
        *(account, region, arn),
    )
    if row is None:
        return
    *key, document = row
    subject = Subject(METADATA, account, region, *key)
    await search_values.put(tx, subject, _read(document).CustomerMetadataProperties)
