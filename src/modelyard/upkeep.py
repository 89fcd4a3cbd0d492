"""What a server does now and then: it forgets what nobody comes back for.

Client tokens that are not repeated any more; sessions, codes and failures of signing in that ended.
First it makes what was registered before Search had its index findable by it.
"""

import asyncio
import logging
import time

from modelyard import errors
from modelyard.access.people import people
from modelyard.search import filling
from modelyard.storage import client_tokens
from modelyard.storage.database import Database

EVERY_SECONDS = 600.0
# boto3 repeats a request within minutes; a token that comes back after this is a new request.
CLIENT_TOKEN_SECONDS = 8 * 3600

log = logging.getLogger(__name__)


async def run(database: Database) -> None:
    """Forever; a round that storage could not take is made up for by the next."""
    while True:
        try:
            await filling.fill(database)
            forgotten = await _forget_client_tokens(database)
            if forgotten:
                log.info("upkeep", extra={"client_tokens": forgotten})
            await _forget_sign_ins(database)
        except errors.Unavailable as problem:
            log.warning("upkeep_put_off", extra={"error": str(problem)})
        await asyncio.sleep(EVERY_SECONDS)


async def _forget_client_tokens(database: Database) -> int:
    before_us = time.time_ns() // 1000 - CLIENT_TOKEN_SECONDS * 1_000_000
    total = 0
    while True:
        forgotten = await database.write(lambda tx: client_tokens.sweep(tx, before_us=before_us))
        total += forgotten
        if forgotten < client_tokens.SWEEP_MAX:
            return total


async def _forget_sign_ins(database: Database) -> None:
    now_us = time.time_ns() // 1000
    while await database.write(lambda tx: people.sweep(tx, now_us)):
        pass
