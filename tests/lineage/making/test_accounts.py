"""Whose lineage it is when two accounts work together."""

from modelyard.hosting import wishes
from modelyard.storage.transaction import Transaction
from tests.hosting.conftest import REGION, Hosting
from tests.hosting.test_shared_packages import OTHER, Theirs
from tests.lineage.making.conftest import ACCOUNT, Made
from tests.registry.in_process import group_arn, package_arn, principal, specification

SHARED = group_arn("churn")


async def test_a_version_of_another_account_belongs_to_the_groups_lineage(made: Made) -> None:
    made.registry.region = REGION
    await made.registry.group()
    made.registry.principal = principal(OTHER, "bob")
    await made.registry.across(
        "CreateModelPackage",
        SHARED,
        ModelPackageGroupName=SHARED,
        InferenceSpecification=specification(),
    )
    await made.registry.across(
        "UpdateModelPackage",
        SHARED,
        ModelPackageArn=package_arn("churn/1"),
        ModelApprovalStatus="Approved",
    )
    await made.tell()

    assert await made.entities(OTHER) == {}
    assert len(await made.of_type("ModelGroup", ACCOUNT)) == 1
    approvals = await made.of_type("Approval", ACCOUNT)
    assert [one["CreatedBy"]["IamIdentity"]["Arn"] for one in approvals] == [
        f"arn:aws:iam::{OTHER}:user/bob"
    ] * 2


async def test_a_deployment_of_a_shared_version_belongs_to_who_deploys(made: Made) -> None:
    hosting: Hosting = made.hosting
    url = await hosting.object("a.tar.gz", "bytes")
    package = await hosting.version(url)
    bob = Theirs(hosting)
    await bob.model(package)
    await bob.endpoint()

    async def come_true(tx: Transaction) -> None:
        wish = await wishes.of(tx, f"arn:aws:sagemaker:{REGION}:{OTHER}:endpoint/churn")
        assert wish is not None
        assert wish.coming is not None
        await wishes.succeeded(tx, wish, wish.coming.number, 1_800_000_000_000_000)

    await made.database.write(come_true)
    await made.tell()

    theirs = await made.graph(OTHER)
    assert {
        ("model-package/churn/1", "ContributedTo", "ModelDeployment endpoint/churn"),
        (url, "ContributedTo", "ModelDeployment endpoint/churn"),
        ("ModelDeployment endpoint/churn", "AssociatedWith", "Endpoint endpoint/churn"),
    } <= theirs
    assert await made.of_type("Endpoint", ACCOUNT) == []
    assert await made.of_type("ModelGroup", OTHER) == []


async def test_copies_are_not_tied_across_accounts(made: Made) -> None:
    """Whether another account has the same bytes is not to be learned."""
    await made.registry.put_object("ours", "model.tar.gz", "same")
    await made.registry.put_object("theirs", "model.tar.gz", "same", account=OTHER)
    await made.registry.group()
    await made.registry.version(InferenceSpecification=specification(url="s3://ours/model.tar.gz"))
    made.registry.principal = principal(OTHER, "bob")
    await made.registry.group()
    await made.registry.version(
        InferenceSpecification=specification(url="s3://theirs/model.tar.gz")
    )
    await made.tell()

    for account in (ACCOUNT, OTHER):
        assert "SameAs" not in {how for _, how, _ in await made.graph(account)}
