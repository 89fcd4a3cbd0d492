"""What operations and what makes lineage by itself write: once, however often they are asked."""

import pytest

from modelyard.errors import NotFound
from modelyard.lineage import store
from modelyard.storage.database import Database
from modelyard.storage.transaction import Transaction

PLACE = ("123456789012", "eu-west-1")


async def artifact(tx: Transaction, uri: str, now_us: int = 1, **members: object) -> str:
    return await store.put_artifact(
        tx, *PLACE, source_uri=uri, artifact_type="Model", now_us=now_us, **members
    )


async def test_one_source_is_one_artifact(database: Database) -> None:
    async def work(tx: Transaction) -> None:
        first = await artifact(tx, "s3://b/model", Properties={"k": "v"})

        again = await artifact(tx, "s3://b/model", now_us=2, Properties={"k": "w"})

        assert again == first
        assert await artifact(tx, "s3://b/other") != first
        assert await store.with_source(tx, *PLACE, "artifact", "s3://b/model") == [first]

    await database.write(work)


async def test_an_artifact_learns_the_digest_of_its_bytes_once(database: Database) -> None:
    async def work(tx: Transaction) -> None:
        first = await artifact(tx, "s3://b/model")
        await artifact(tx, "s3://b/model", digest="d1")
        await artifact(tx, "s3://b/model", digest="d2")
        copy = await artifact(tx, "s3://b/copy", now_us=2, digest="d1")

        assert await store.with_digest(tx, *PLACE, "d1") == [first, copy]
        assert await store.with_digest(tx, *PLACE, "d2") == []
        assert await store.with_digest(tx, *PLACE, "") == []

    await database.write(work)


async def test_names_that_differ_in_case_are_one(database: Database) -> None:
    async def work(tx: Transaction) -> None:
        source = {"SourceUri": "arn:of:something"}
        first = await store.put_context(
            tx, *PLACE, name="Churn", source=source, context_type="ModelGroup", now_us=1
        )
        again = await store.put_context(
            tx, *PLACE, name="cHURN", source=source, context_type="Other", now_us=2
        )
        action = await store.put_action(
            tx, *PLACE, name="Churn", source=source, action_type="Approval", now_us=1
        )

        assert again == first == "arn:aws:sagemaker:eu-west-1:123456789012:context/churn"
        assert action == "arn:aws:sagemaker:eu-west-1:123456789012:action/churn"

    await database.write(work)


async def test_two_entities_are_joined_once_in_each_direction(database: Database) -> None:
    async def work(tx: Transaction) -> None:
        one, two = await artifact(tx, "s3://b/1"), await artifact(tx, "s3://b/2")

        assert await store.associate(tx, *PLACE, one, two, "DerivedFrom", now_us=1)
        assert not await store.associate(tx, *PLACE, one, two, "Produced", now_us=2)
        assert await store.associate(tx, *PLACE, two, one, "DerivedFrom", now_us=3)

    await database.write(work)


async def test_what_is_not_there_is_not_joined(database: Database) -> None:
    async def work(tx: Transaction) -> None:
        one = await artifact(tx, "s3://b/1")

        with pytest.raises(NotFound, match=f"{one}0"):
            await store.associate(tx, *PLACE, one, f"{one}0", "Produced", now_us=1)

    await database.write(work)
