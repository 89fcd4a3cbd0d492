"""CompareModelPackages: what it gathers, whose archives it opens, and what it keeps."""

import asyncio
from typing import Any

import pytest

from modelyard.call import Document
from modelyard.errors import ResourceNotFound, ValidationException
from modelyard.registry.archive_files import ArchivedFile
from modelyard.storage.transaction import Transaction
from tests.registry.in_process import Registry, specification


async def version(registry: Registry, content: str, **members: Any) -> str:
    """A version with an archive of this content, which holds one file of it."""
    url = f"s3://models/{content}.tar.gz"
    await registry.put_object("models", f"{content}.tar.gz", content)
    file = ArchivedFile("model.json", len(content), content.rjust(64, "0"))
    registry.archives.files.setdefault(content, [file])
    return await registry.version(InferenceSpecification=specification(url), **members)


async def compare(registry: Registry, *packages: str) -> Document:
    return await registry.own("CompareModelPackages", ModelPackageNames=list(packages))


def item(answer: Document, section: str, name: str) -> Document:
    [found] = [i for i in answer["Items"] if (i["Section"], i["Name"]) == (section, name)]
    return found


async def listings(registry: Registry) -> int:
    async def count(tx: Transaction) -> int:
        row = await tx.one("SELECT COUNT(*) FROM archive_listing")
        assert row is not None
        return int(row[0])

    return await registry.database.read(count)


async def test_two_versions_are_compared_to_the_files_of_their_archives(
    registry: Registry,
) -> None:
    await registry.group()
    first = await version(registry, "1", CustomerMetadataProperties={"accuracy": "0.75"})
    await version(registry, "2", CustomerMetadataProperties={"accuracy": "0.5"})

    answer = await compare(registry, first, "churn/2")

    assert answer["ModelPackageArns"] == [first, first[:-1] + "2"]
    assert answer["Same"] is False
    accuracy = item(answer, "Metrics", "accuracy")
    assert accuracy["Same"] is False
    assert accuracy["Values"][1]["Delta"] == -0.25
    assert item(answer, "Files", "model.json")["Values"] == [
        {"Present": True, "Value": content.rjust(64, "0"), "Bytes": 1} for content in "12"
    ]
    assert [one["State"] for one in answer["Archives"]] == ["Listed", "Listed"]


async def test_a_version_is_the_same_as_its_copy(registry: Registry) -> None:
    await registry.group()
    first = await version(registry, "1")
    second = await version(registry, "1")

    assert (await compare(registry, first, second))["Same"] is True


async def test_an_archive_is_read_once_and_forgotten_with_its_version(registry: Registry) -> None:
    await registry.group()
    arns = [await version(registry, content) for content in "11"]
    for _ in range(3):
        await compare(registry, *arns)
    assert registry.archives.reads == 1
    assert await listings(registry) == 1

    for arn in arns:
        await registry("DeleteModelPackage", ModelPackageName=arn)
    assert await listings(registry) == 0


async def test_a_damaged_archive_is_told_and_the_rest_is_compared(registry: Registry) -> None:
    await registry.group()
    arns = [await version(registry, content) for content in "12"]
    del registry.archives.files["2"]

    answer = await compare(registry, *arns)

    states = [(one["State"], one.get("Problem")) for one in answer["Archives"]]
    assert states == [("Listed", None), ("Unreadable", "The model archive is damaged.")]
    assert item(answer, "Files", "model.json")["Values"][1] == {"Present": False}
    assert item(answer, "Artifacts", "ModelData[0]")["Same"] is False


async def test_an_archive_that_takes_long_is_read_on_while_the_caller_asks_again(
    registry: Registry,
) -> None:
    registry.archive_files.wait_seconds = 0.01
    await registry.group()
    arns = [await version(registry, content) for content in "12"]
    registry.archives.hold.clear()

    answer = await compare(registry, *arns)
    assert [one["State"] for one in answer["Archives"]] == ["Reading", "Reading"]

    registry.archives.hold.set()
    while "Reading" in str(answer["Archives"]):
        await asyncio.sleep(0)
        answer = await compare(registry, *arns)
    assert registry.archives.reads == 2
    assert item(answer, "Files", "model.json")["Same"] is False


async def test_what_lies_elsewhere_is_told(registry: Registry) -> None:
    await registry.group()
    arns = [await registry.version() for _ in range(2)]

    answer = await compare(registry, *arns)

    assert [one["State"] for one in answer["Archives"]] == ["Unverified", "Unverified"]
    assert answer["Same"] is True


async def test_a_version_that_is_not_there_is_told(registry: Registry) -> None:
    await registry.group()
    arn = await registry.version()
    with pytest.raises(ResourceNotFound, match="churn/9 does not exist"):
        await compare(registry, arn, "churn/9")


@pytest.mark.parametrize("count", [0, 1, 6])
async def test_two_to_five_are_compared(registry: Registry, count: int) -> None:
    with pytest.raises(ValidationException):
        await compare(registry, *["churn/1"] * count)
