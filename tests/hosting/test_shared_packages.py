"""A package of another account: deployed while its owner approves and shares its bytes too."""

from typing import Any

import pytest

from modelyard.call import Call, Document, Principal
from modelyard.contract.page_tokens import PageTokens
from modelyard.errors import AccessDeniedException, ValidationException
from modelyard.hosting import wishes
from modelyard.storage.transaction import Transaction
from tests.audit_entries import entry
from tests.hosting.conftest import ACCOUNT, ADA, REGION, Hosting

OTHER = "210987654321"
BOB = Principal(OTHER, f"arn:aws:iam::{OTHER}:root", OTHER, "AKIABOB")
ROLE = f"arn:aws:iam::{OTHER}:role/hosting"
GROUP = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:model-package-group/churn"


class Theirs:
    """Bob's account, asked as dispatch does that has decided by policies."""

    def __init__(self, hosting: Hosting) -> None:
        self.hosting = hosting
        self.shared = {GROUP: ACCOUNT}
        self.readable = {"arn:aws:s3:::models/a.tar.gz"}

    async def __call__(self, operation: str, **request: Any) -> Document:
        offered = self.hosting.dispatch.find("sagemaker", operation)
        self.hosting._now_us += 1000

        async def may(tx: Transaction, action: str, arn: str) -> bool:
            return action == "s3:GetObject" and arn in self.readable

        async def work(tx: Transaction) -> Document:
            call = Call(
                operation=operation,
                principal=BOB,
                region=REGION,
                request_id="r",
                now_us=self.hosting._now_us,
                page_tokens=PageTokens(b"s"),
                audit=entry(BOB, operation),
                shared=self.shared,
                may=may,
                tx=tx,
            )
            answer: Document = await offered.run(call, request)
            return answer

        return await self.hosting.database.write(work)

    async def model(self, package: str) -> None:
        await self(
            "CreateModel",
            ModelName="churn",
            PrimaryContainer={"ModelPackageName": package},
            ExecutionRoleArn=ROLE,
        )

    async def endpoint(self) -> list[Document]:
        """The containers of an endpoint of the model."""
        variant = {
            "VariantName": "AllTraffic",
            "ModelName": "churn",
            "InstanceType": "ml.m5.large",
            "InitialInstanceCount": 1,
        }
        await self("CreateEndpointConfig", EndpointConfigName="churn", ProductionVariants=[variant])
        await self("CreateEndpoint", EndpointName="churn", EndpointConfigName="churn")
        arn = f"arn:aws:sagemaker:{REGION}:{OTHER}:endpoint/churn"
        wish = await self.hosting.database.read(lambda tx: wishes.of(tx, arn))
        assert wish is not None
        assert wish.coming is not None
        return list(wish.coming.variants[0]["Containers"])


@pytest.fixture
def theirs(hosting: Hosting) -> Theirs:
    return Theirs(hosting)


async def test_a_shared_version_is_deployed_with_its_owners_bytes(
    hosting: Hosting, theirs: Theirs
) -> None:
    package = await hosting.version(await hosting.object("a.tar.gz", "bytes"))

    await theirs.model(package)
    [container] = await theirs.endpoint()

    assert container["ModelPackageArn"] == package
    assert container["Artifact"]["Account"] == ACCOUNT
    assert (await hosting("ListModels"))["Models"] == []


async def test_the_owner_decides_whether_it_may_be_deployed(
    hosting: Hosting, theirs: Theirs
) -> None:
    package = await hosting.version(await hosting.object("a.tar.gz", "bytes"), "Rejected")
    with pytest.raises(ValidationException, match="ModelApprovalStatus is Rejected"):
        await theirs.model(package)
    await hosting.approval(package, "Approved")
    await theirs.model(package)

    await hosting.approval(package, "Rejected")

    with pytest.raises(ValidationException, match="ModelApprovalStatus is Rejected"):
        await theirs.endpoint()


async def test_a_package_of_ones_own_by_the_same_name_is_not_asked(
    hosting: Hosting, theirs: Theirs
) -> None:
    package = await hosting.version(await hosting.object("a.tar.gz", "bytes"))
    await theirs.model(package)
    hosting.principal = BOB
    await hosting.version("s3://elsewhere/b.tar.gz")
    hosting.principal = ADA

    await hosting.approval(package, "Rejected")

    with pytest.raises(ValidationException, match="Rejected"):
        await theirs.endpoint()


@pytest.mark.parametrize("number", ["1", "9"])
async def test_what_is_not_shared_makes_no_model(
    hosting: Hosting, theirs: Theirs, number: str
) -> None:
    package = await hosting.version(await hosting.object("a.tar.gz", "bytes"))
    theirs.shared = {}

    with pytest.raises(AccessDeniedException):
        await theirs.model(f"{package[:-1]}{number}")


async def test_a_shared_package_does_not_share_its_bytes(hosting: Hosting, theirs: Theirs) -> None:
    package = await hosting.version(await hosting.object("a.tar.gz", "bytes"))
    theirs.readable = set()
    with pytest.raises(ValidationException, match="Could not access model data"):
        await theirs.model(package)
    theirs.readable = {"arn:aws:s3:::models/a.tar.gz"}
    await theirs.model(package)

    theirs.readable = set()

    with pytest.raises(ValidationException, match="Could not access model data"):
        await theirs.endpoint()


async def test_bytes_of_another_bucket_are_on_record_only_for_whoever_may_read_them(
    hosting: Hosting, theirs: Theirs
) -> None:
    url = await hosting.object("a.tar.gz", "bytes")
    container = {"Image": "i", "ModelDataUrl": url}
    request = {"ModelName": "churn", "PrimaryContainer": container, "ExecutionRoleArn": ROLE}
    await theirs("CreateModel", **request)

    [read] = await theirs.endpoint()

    assert read["Artifact"]["Account"] == ACCOUNT
    theirs.readable = set()
    await theirs("DeleteEndpointConfig", EndpointConfigName="churn")
    variant = {
        "VariantName": "AllTraffic",
        "ModelName": "churn",
        "InstanceType": "ml.m5.large",
        "InitialInstanceCount": 1,
    }
    await theirs("CreateEndpointConfig", EndpointConfigName="c", ProductionVariants=[variant])
    await theirs("CreateEndpoint", EndpointName="blind", EndpointConfigName="c")
    arn = f"arn:aws:sagemaker:{REGION}:{OTHER}:endpoint/blind"
    wish = await hosting.database.read(lambda tx: wishes.of(tx, arn))
    assert wish is not None
    assert wish.coming is not None
    assert "Artifact" not in wish.coming.variants[0]["Containers"][0]
