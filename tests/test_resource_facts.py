"""What policies are told about a resource."""

from modelyard import resource_facts
from modelyard.storage import resource_policies
from modelyard.storage.database import Database
from modelyard.storage.transaction import Transaction
from tests.registry.in_process import ACCOUNT, REGION, Registry, group_arn, package_arn

BUCKET = "arn:aws:s3:::models"


async def _facts(registry: Registry, arn: str) -> dict[str, tuple[str, ...]]:
    return dict(await registry.database.read(lambda tx: resource_facts.facts(tx, arn)))


async def test_an_arn_tells_whose_it_is_and_a_bucket_its_row(database: Database) -> None:
    registry = Registry(database)
    await registry.put_object("models", "a/b")

    async def owner(arn: str) -> str | None:
        return await registry.database.read(lambda tx: resource_facts.owner(tx, arn))

    for arn in (group_arn("x"), package_arn("x/1"), BUCKET, f"{BUCKET}/a/b", f"{BUCKET}/none"):
        assert await owner(arn) == ACCOUNT
    for arn in (
        "*",
        "churn",
        "arn:aws:s3:::nowhere",
        "arn:aws:s3:::nowhere/k",
        "arn:aws:iam::aws:p/x",
    ):
        assert await owner(arn) is None


async def test_a_package_has_its_groups_policy_and_an_object_its_buckets(
    database: Database,
) -> None:
    registry = Registry(database)

    async def work(tx: Transaction) -> None:
        await resource_policies.put(
            tx, ACCOUNT, REGION, group_arn("churn"), "{1}", {"a": "b"}, ["2"]
        )
        await resource_policies.put(tx, ACCOUNT, "", BUCKET, "{2}", {})

    await registry.database.write(work)

    async def policy(arn: str) -> object:
        return await registry.database.read(lambda tx: resource_facts.resource_policy(tx, arn))

    for arn in (group_arn("churn"), package_arn("churn/1"), package_arn("churn/*")):
        assert await policy(arn) == ("{1}", {"a": "b"})
    for arn in (BUCKET, f"{BUCKET}/key", f"{BUCKET}/a/b/*"):
        assert await policy(arn) == ("{2}", {})
    for arn in (package_arn("churn"), group_arn("other"), f"{BUCKET}x", f"{BUCKET}x/key", "*"):
        assert await policy(arn) is None


async def test_the_policies_of_a_closed_account_are_void(database: Database) -> None:
    registry = Registry(database)

    async def work(tx: Transaction) -> None:
        await resource_policies.put(tx, ACCOUNT, "", BUCKET, "{}", {})
        await tx.run(
            "INSERT INTO account (id, joined_us, closed_us, email, document)"
            " VALUES (?, 1, 2, 'a', '{}')",
            ACCOUNT,
        )

    await registry.database.write(work)

    found = await registry.database.read(lambda tx: resource_facts.resource_policy(tx, BUCKET))
    assert found is None


async def test_the_facts_of_a_package_are_its_state_and_its_groups_tags(database: Database) -> None:
    registry = Registry(database)
    await registry.group(Tags=[{"Key": "Team", "Value": "Fraud"}])
    arn = await registry.version(
        ModelLifeCycle={"Stage": "QA", "StageStatus": "OnHold"},
        CustomerMetadataProperties={"Owner": "Ada"},
    )

    tagged = {
        "aws:resourcetag/team": ("Fraud",),
        "sagemaker:resourcetag/team": ("Fraud",),
    }
    assert await _facts(registry, group_arn("churn")) == tagged
    assert await _facts(registry, arn) == {
        **tagged,
        "sagemaker:currentmodellifecyclestage": ("QA",),
        "sagemaker:currentmodellifecyclestagestatus": ("OnHold",),
        "sagemaker:currentcustomermetadataproperties/owner": ("Ada",),
    }
    assert await _facts(registry, package_arn("none/1")) == {}
    assert await _facts(registry, "*") == {}


async def test_the_facts_of_an_object_are_its_tags(database: Database) -> None:
    registry = Registry(database)
    await registry.put_object("models", "a/b")

    async def work(tx: Transaction) -> None:
        await tx.run("UPDATE object SET document = ?", '{"Tags":{"Team":"Fraud"}}')

    await registry.database.write(work)

    assert await _facts(registry, f"{BUCKET}/a/b") == {"s3:existingobjecttag/team": ("Fraud",)}
    assert await _facts(registry, f"{BUCKET}/none") == {}
    assert await _facts(registry, BUCKET) == {}
