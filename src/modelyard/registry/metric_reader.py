"""Reads the documents with metrics of new model packages, after the commit that registered them.

The work is on the list of storage.work: it outlives the server, and is done once, in the
transaction that takes it off the list.
"""

import asyncio
import logging
import time
from contextlib import suppress
from typing import Protocol

from modelyard import errors, model_package_names
from modelyard.registry import metric_documents, model_package_metrics
from modelyard.registry.metric_documents import Content
from modelyard.registry.model_package_metrics import KEPT, WORK, Waiting
from modelyard.storage import work
from modelyard.storage.database import Database
from modelyard.storage.stored_objects import StoredObject
from modelyard.storage.transaction import Transaction

LEASE_SECONDS = 15.0  # many times what a document takes; how long one waits whose reader was killed
POLL_SECONDS = 5.0  # other servers' commits wake nobody here; failed work comes due again
FAILED_SECONDS = 10.0
# A server may be asked for bytes that are in another's folder: the other gets its chance to read.
ATTEMPTS_MAX = 6

log = logging.getLogger(__name__)


class ObjectSource(Protocol):
    """Where the bytes of objects are: the S3 door."""

    async def read(self, stored: StoredObject) -> bytes:
        """The verified bytes. Raises: Refusal: damaged or gone. Unavailable."""


class MetricReader:
    """The work of one server; `holder` is its lasting name."""

    def __init__(self, database: Database, store: ObjectSource, holder: str) -> None:
        self._database = database
        self._store = store
        self._holder = f"{holder} metrics"
        self._woken = asyncio.Event()
        database.subscribe(work.TOPIC, self._woken.set)

    async def run(self) -> None:
        """Forever; what storage could not take is tried again."""
        while True:
            self._woken.clear()
            try:
                while await self.read_one():
                    pass
            except errors.Fact as problem:
                log.warning("metrics_put_off", extra={"error": str(problem)})
            except Exception:  # our mistake with one document; its lease runs out, others go on
                log.exception("metrics_failed")
                await asyncio.sleep(FAILED_SECONDS)
            with suppress(TimeoutError):
                async with asyncio.timeout(POLL_SECONDS):
                    await self._woken.wait()

    async def read_one(self) -> bool:
        """Read the documents of one package; False if none waits."""
        due_us = await self._database.read(lambda tx: work.next_due_us(tx, WORK))
        if due_us is None or due_us > _now_us():
            return False
        item = await self._database.write(
            lambda tx: work.lease(tx, WORK, self._holder, now_us=_now_us(), seconds=LEASE_SECONDS)
        )
        if item is None:
            return False
        package = model_package_names.place(item.subject)
        found = await self._database.read(lambda tx: model_package_metrics.waiting(tx, package))
        contents = [(one, await self._content(one, item.attempts)) for one in found]

        async def finish(tx: Transaction) -> None:
            """Write down what was read and take the work off the list, both or neither."""
            for one, content in contents:
                if content is None:
                    await work.fail(tx, item, now_us=_now_us())
                    return
                await model_package_metrics.keep(tx, package, one, content)
            if item.document == KEPT:
                await model_package_metrics.put_kept(tx, package)
            await work.finish(tx, item)

        await self._database.write(finish)
        return True

    async def _content(self, document: Waiting, attempts: int) -> Content | None:
        """What is in a document; None if it should be tried again later."""
        try:
            data = await self._store.read(document.stored)
        except errors.Refusal as problem:
            if attempts < ATTEMPTS_MAX:
                return None
            log.warning("metrics_lost", extra={"blob": document.stored.blob, "error": str(problem)})
            return Content({}, ("Its bytes are damaged or gone.",), False)
        return await asyncio.to_thread(metric_documents.read, document.kind, data)


def _now_us() -> int:
    return time.time_ns() // 1000
