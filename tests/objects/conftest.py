"""A door over a real database and a real folder, asked directly; no HTTP."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from modelyard.access.policy import sharing
from modelyard.call import OpenCall, Principal
from modelyard.contract.page_tokens import PageTokens
from modelyard.objects.blobs import BlobFolder
from modelyard.objects.door import ObjectDoor
from modelyard.objects.upload import UNSIGNED, Upload
from modelyard.storage.database import Database
from modelyard.storage.transaction import Transaction
from tests.audit_entries import entry

Ask = Callable[..., Awaitable[dict[str, Any]]]


@pytest.fixture
async def blobs(tmp_path: Path) -> AsyncIterator[BlobFolder]:
    folder = BlobFolder(tmp_path / "blobs")
    yield folder
    folder.close()


@pytest.fixture
def door(database: Database, blobs: BlobFolder) -> ObjectDoor:
    return ObjectDoor(database, blobs, sharing.read_bucket_policy)


async def _everything(tx: Transaction, action: str, resource: str) -> bool:
    return True


@pytest.fixture
def ask(door: ObjectDoor) -> Ask:
    """`await ask("put_object", Bucket=..)`; every call is a second later than the one before."""
    clock = iter(range(1_700_000_000, 1_800_000_000))
    tokens = PageTokens(b"secret")

    async def asked(
        name: str, *, account: str = "123456789012", region: str = "us-east-1", **request: Any
    ) -> dict[str, Any]:
        principal = Principal(account, f"arn:aws:iam::{account}:root", account, "AKID")
        now_us = next(clock) * 1_000_000 + 123_000
        call = OpenCall(
            operation=name,
            principal=principal,
            region=region,
            request_id="r",
            now_us=now_us,
            page_tokens=tokens,
            audit=entry(principal, name, request, region=region, now_us=now_us),
            may=_everything,
        )
        answer: dict[str, Any] = await getattr(door, name)(call, request)
        return answer

    return asked


def body(data: bytes, payload_hash: str = UNSIGNED, piece_bytes: int = 100_000) -> Upload:
    return Upload(pieces(data, piece_bytes), len(data), payload_hash)


async def pieces(data: bytes, piece_bytes: int) -> AsyncIterator[bytes]:
    for start in range(0, len(data), piece_bytes):
        yield data[start : start + piece_bytes]


async def read(answer: dict[str, Any]) -> bytes:
    """A small Body is bytes; any other is an iterator."""
    if isinstance(answer["Body"], bytes):
        return answer["Body"]
    return b"".join([piece async for piece in answer["Body"]])


@pytest.fixture
async def bucket(ask: Ask) -> str:
    await ask("create_bucket", Bucket="models")
    return "models"


def files(blobs: BlobFolder) -> list[Path]:
    """Everything but the lock of the running process."""
    return [p for p in blobs.folder.rglob("*") if p.is_file() and p.name != "lock"]
