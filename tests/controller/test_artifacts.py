"""Which bytes a replica gets to load, and why it gets none."""

from pathlib import Path
from typing import Any

import pytest

from modelyard.call import Document
from modelyard.compute.artifacts import ArtifactLost, Artifacts
from modelyard.storage.database import Database
from modelyard.storage.transaction import Transaction
from tests.controller.conftest import ScriptedBackend, Stand, eventually
from tests.hosting.conftest import ACCOUNT

URL = "s3://models/a.tar.gz"


@pytest.fixture
def artifacts(stand: Stand, database: Database) -> Artifacts:
    return Artifacts(database, stand.objects, stand.folder / "artifacts")


async def upload(stand: Stand, content: bytes, key: str = "a.tar.gz") -> str:
    """An object with real bytes behind it; answers their digest."""
    await stand.hosting.object(key, content.decode())
    async with stand.blobs.writer() as writer:
        await writer.write(content)
        await writer.finish()
        blob = await writer.commit()

    async def work(tx: Transaction) -> None:
        await tx.run("UPDATE object SET blob = ? WHERE key = ?", blob.id, key)

    await stand.hosting.database.write(work)
    return blob.sha256


def container(sha256: str = "", url: str = URL) -> Document:
    made: dict[str, Any] = {"Image": "x", "ModelDataUrl": url}
    if sha256:
        made["Artifact"] = {"Url": url, "Sha256": sha256}
    return made


async def test_the_bytes_that_were_registered_come_as_a_file(stand: Stand, artifacts: Artifacts):
    sha256 = await upload(stand, b"the bytes")

    path = await artifacts.fetch(ACCOUNT, container(sha256))

    assert path is not None
    assert path.read_bytes() == b"the bytes"


async def test_an_image_that_brings_its_own_model_needs_no_bytes(artifacts: Artifacts):
    assert await artifacts.fetch(ACCOUNT, {"Image": "x"}) is None


async def test_bytes_that_were_swapped_are_not_loaded(stand: Stand, artifacts: Artifacts):
    sha256 = await upload(stand, b"the bytes")
    await upload(stand, b"other bytes")

    with pytest.raises(ArtifactLost, match=f"at {URL} is no longer the one that was registered"):
        await artifacts.fetch(ACCOUNT, container(sha256))


async def test_a_copy_in_use_outlives_its_object(stand: Stand, artifacts: Artifacts):
    sha256 = await upload(stand, b"the bytes")
    await artifacts.fetch(ACCOUNT, container(sha256))
    await upload(stand, b"other bytes")

    path = await artifacts.fetch(ACCOUNT, container(sha256))

    assert path is not None
    assert path.read_bytes() == b"the bytes"


async def test_a_damaged_copy_is_fetched_again(stand: Stand, artifacts: Artifacts):
    sha256 = await upload(stand, b"the bytes")
    path = await artifacts.fetch(ACCOUNT, container(sha256))
    assert path is not None
    path.write_bytes(b"the rotten bytes")

    again = await artifacts.fetch(ACCOUNT, container(sha256))

    assert again is not None
    assert again.read_bytes() == b"the bytes"


async def test_bytes_that_rotted_in_the_store_are_not_loaded(stand: Stand, artifacts: Artifacts):
    sha256 = await upload(stand, b"the bytes")
    [file] = [path for path in (stand.folder / "blobs").glob("??/*") if path.is_file()]
    file.chmod(0o600)
    file.write_bytes(b"T" + file.read_bytes()[1:])

    with pytest.raises(ArtifactLost, match="damaged or gone in the store"):
        await artifacts.fetch(ACCOUNT, container(sha256))


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("s3://elsewhere/a.tar.gz", "this server does not hold bucket elsewhere"),
        ("s3://models/missing.tar.gz", "there is no such object"),
        ("https://example.org/a.tar.gz", "it is not an S3 location"),
    ],
)
async def test_bytes_that_cannot_be_had_have_a_reason(
    stand: Stand, artifacts: Artifacts, url: str, reason: str
):
    await upload(stand, b"the bytes")

    with pytest.raises(ArtifactLost, match=reason):
        await artifacts.fetch(ACCOUNT, container(url=url))


async def test_another_accounts_bucket_is_no_bucket_of_this_server(
    stand: Stand, artifacts: Artifacts
):
    sha256 = await upload(stand, b"the bytes")

    with pytest.raises(ArtifactLost, match="does not hold bucket models"):
        await artifacts.fetch("999999999999", container(sha256))


async def test_copies_that_nothing_uses_are_removed(stand: Stand, artifacts: Artifacts):
    kept = await artifacts.fetch(ACCOUNT, container(await upload(stand, b"kept")))
    await artifacts.fetch(ACCOUNT, container(await upload(stand, b"not kept")))
    assert kept is not None

    await artifacts.sweep({kept.name})

    assert list((stand.folder / "artifacts").iterdir()) == [kept]


@pytest.mark.parametrize("way", ["unverified", "swapped"])
async def test_a_deployment_whose_bytes_cannot_be_had_fails_at_once_with_the_reason(
    stand: Stand, way: str, tmp_path: Path
):
    if way == "swapped":
        await upload(stand, b"the bytes")
        package = await stand.hosting.version(URL)
        await upload(stand, b"other bytes")
    else:
        package = await stand.hosting.version("s3://elsewhere/a.tar.gz")
    await stand.hosting.deployable("one", ModelPackageName=package)
    backend = ScriptedBackend()

    async with stand.controlled(backend):
        await stand.hosting("CreateEndpoint", EndpointName="live", EndpointConfigName="one")
        answer = await stand.until("Failed")

    text = "no longer the one" if way == "swapped" else "does not hold bucket elsewhere"
    assert text in answer["FailureReason"]
    assert backend.started == []


async def test_code_that_lies_beside_the_model_data_comes_too_and_stays_the_same(stand: Stand):
    await upload(stand, b"the bytes")
    await upload(stand, b"the code", key="sourcedir.tar.gz")
    code = {"SAGEMAKER_SUBMIT_DIRECTORY": "s3://models/sourcedir.tar.gz"}
    await stand.hosting.deployable("one", Image="one", ModelDataUrl=URL, Environment=code)
    backend = ScriptedBackend()

    async with stand.controlled(backend):
        await stand.hosting("CreateEndpoint", EndpointName="live", EndpointConfigName="one")
        await stand.until("InService")
        await upload(stand, b"other code", key="sourcedir.tar.gz")
        backend.kill(backend.ready("one")[0])
        await eventually(lambda: backend.ready("one"))

    for spec in backend.started:
        assert spec.archive is not None
        assert spec.archive.read_bytes() == b"the bytes"
        assert spec.code_archive is not None
        assert spec.code_archive.read_bytes() == b"the code"
