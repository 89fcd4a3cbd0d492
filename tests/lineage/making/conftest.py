"""Registry and hosting in this process, and the lineage that is made of what they announce."""

from collections.abc import Iterable
from typing import Any

import pytest

from modelyard.call import Document
from modelyard.lineage import store
from modelyard.lineage.making import making
from modelyard.storage import outbox
from modelyard.storage.database import Database
from modelyard.storage.outbox_consumer import Consumer
from tests.hosting.conftest import ACCOUNT, IMAGE, REGION, Hosting, endpoint_arn
from tests.registry.in_process import Registry

__all__ = ["ACCOUNT", "IMAGE", "REGION", "Made", "endpoint_arn"]


class Made:
    """`graph()` is what was made: edges between what entities stand for."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.hosting = Hosting(database)
        self.registry = Registry(database)

    async def __call__(self, operation: str, **request: Any) -> Document:
        return await self.hosting(operation, **request)

    async def tell(self) -> None:
        """What was announced becomes lineage."""
        await Consumer(self.database, making.HANDLERS, "the test").work_off()
        found = await self.database.read(outbox.backlog)
        assert found.put_aside == 0, found.reason

    async def entities(self, account: str = ACCOUNT) -> dict[str, Document]:
        """By ARN, as operations describe them."""
        rows = await self.database.read(
            lambda tx: tx.all(
                "SELECT arn, document FROM lineage_entity WHERE account = ? ORDER BY arn", account
            )
        )
        return {arn: store.read(text) for arn, text in rows}

    async def of_type(self, wanted: str, account: str = ACCOUNT) -> list[Document]:
        """Oldest first."""
        found = [one for one in (await self.entities(account)).values() if type_of(one) == wanted]
        return sorted(found, key=lambda one: int(one["CreationTime"]))

    async def graph(
        self, account: str = ACCOUNT, region: str = REGION
    ) -> set[tuple[str, str, str]]:
        """(what the source stands for, type, what the destination stands for).

        An artifact is told by its URI, the others by type and URI; of an ARN its end.
        """
        entities = await self.entities(account)
        rows = await self.database.read(
            lambda tx: tx.all(
                "SELECT source_arn, association_type, destination_arn FROM lineage_association"
                " WHERE account = ? AND region = ?",
                account,
                region,
            )
        )
        return {(label(entities[one]), how, label(entities[two])) for one, how, two in rows}

    async def ancestors(self, uri: str, account: str = ACCOUNT) -> set[str]:
        """What is upstream of the artifact of `uri`."""
        graph = await self.graph(account)
        return _reached(uri, {(two, one) for one, _, two in graph})

    async def descendants(self, uri: str, account: str = ACCOUNT) -> set[str]:
        graph = await self.graph(account)
        return _reached(uri, {(one, two) for one, _, two in graph})


def type_of(entity: Document) -> str:
    return str(
        next(entity[m] for m in ("ArtifactType", "ActionType", "ContextType") if m in entity)
    )


def label(entity: Document) -> str:
    uri: str = entity["Source"]["SourceUri"]
    uri = uri.split(":", 5)[5] if uri.startswith("arn:") else uri
    return uri if "ArtifactArn" in entity else f"{type_of(entity)} {uri}"


def _reached(start: str, steps: Iterable[tuple[str, str]]) -> set[str]:
    found: set[str] = set()
    reached = {start}
    while reached:
        found |= reached
        reached = {two for one, two in steps if one in reached} - found
    return found - {start}


@pytest.fixture
def made(database: Database) -> Made:
    return Made(database)
