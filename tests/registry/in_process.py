"""A registry behind the one door, in this process."""

import asyncio
import copy
import itertools
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from modelyard import dispatch
from modelyard.access.policy import sharing
from modelyard.audit.trail import Trail
from modelyard.call import Call, Document, Principal
from modelyard.contract import model, validate
from modelyard.contract.page_tokens import PageTokens
from modelyard.experiments import metric_summaries
from modelyard.registry import (
    decisions,
    model_package_groups,
    model_package_lists,
    model_package_metrics,
    model_packages,
    tags,
)
from modelyard.registry.archive_files import ArchivedFile, ArchiveFiles, Unlistable
from modelyard.registry.model_package_comparison import Comparisons
from modelyard.registry.model_package_group_policies import ModelPackageGroupPolicies
from modelyard.search.search import Searches
from modelyard.storage.database import Database
from modelyard.storage.stored_objects import StoredObject
from modelyard.storage.transaction import Transaction
from tests import administrators
from tests.audit_entries import entry

ACCOUNT = "123456789012"
REGION = "us-east-1"
START_US = 1_790_000_000_000_000
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"


def principal(account: str = ACCOUNT, name: str = "ada") -> Principal:
    return Principal(account, f"arn:aws:iam::{account}:user/{name}", f"AIDA{name}", f"AKIA{name}")


async def _no_endpoints(call: Call, request: Document) -> Document:
    raise AssertionError("the registry's tests make no endpoints")


def _never(action: str, arn: str) -> bool:
    return False


class Archives:
    """What is in archives, by the content that `Registry.put_object` was given."""

    def __init__(self) -> None:
        self.files: dict[str, list[ArchivedFile]] = {}
        self.hold = asyncio.Event()
        self.hold.set()
        self.reads = 0

    async def read(self, stored: StoredObject) -> list[ArchivedFile]:
        await self.hold.wait()
        self.reads += 1
        content = stored.blob.removeprefix("blob-")
        if content not in self.files:
            raise Unlistable("The model archive is damaged.")
        return self.files[content]


class Registry:
    """Operations by AWS's name, each answer checked against the operation's output shape."""

    def __init__(self, opened: Database) -> None:
        self.database = opened
        self.now_us = START_US
        self.principal = principal()
        self.region = REGION
        self._numbers = itertools.count(1)
        sagemaker, own = model.load("sagemaker"), model.load("modelyard")
        self.archives = Archives()
        self.archive_files = ArchiveFiles(opened, self.archives)
        providers = (
            model_package_groups,
            ModelPackageGroupPolicies(sharing.read_group_policy),
            model_packages,
            model_package_lists,
            tags,
            Searches(_no_endpoints, metric_summaries.of),
        )
        self.dispatch = dispatch.Dispatch(
            opened,
            PageTokens(b"secret of a test"),
            {
                "sagemaker": dispatch.collect(sagemaker, *providers),
                "modelyard": dispatch.collect(
                    own, decisions, model_package_metrics, Comparisons(opened, self.archive_files)
                ),
            },
            Trail(b"seal of a test"),
            administrators.authoriser(opened),
        )

    async def __call__(self, operation: str, **request: Any) -> Document:
        """Ask SageMaker a millisecond after the call before."""
        return await self._ask("sagemaker", operation, request)

    async def own(self, operation: str, **request: Any) -> Document:
        return await self._ask("modelyard", operation, request)

    async def _ask(self, service: str, operation: str, request: Document) -> Document:
        self.now_us += 1000
        asked = dispatch.Asked(
            principal=self.principal,
            region=self.region,
            request_id=f"request-{next(self._numbers)}",
            now_us=self.now_us,
        )
        answer = await self.dispatch.invoke(asked, service, operation, copy.deepcopy(request))
        check_shape(service, operation, answer)
        return answer

    async def across(
        self,
        operation: str,
        *shared: str,
        may: Callable[[str, str], bool] = _never,
        refused: Mapping[int, str] | None = None,
        **request: Any,
    ) -> Document:
        """Ask as dispatch does that has let the caller through to `shared` ARNs of others."""
        self.now_us += 1000
        offered = self.dispatch.find("sagemaker", operation)
        validate.check(offered.operation, request)
        owners = {arn: arn.split(":")[4] for arn in shared}

        async def decide(tx: Transaction, action: str, arn: str) -> bool:
            return may(action, arn)

        async def work(tx: Transaction) -> Document:
            call = msgspec.structs.replace(
                self.call(tx), operation=operation, shared=owners, may=decide
            )
            call = msgspec.structs.replace(call, refused=refused or {})
            answer: Document = await offered.run(call, request)
            return answer

        answer = await self.database.write(work)
        check_shape("sagemaker", operation, answer)
        return answer

    def call(self, tx: Transaction) -> Call:
        """A call that asks nothing of an operation: for what stands beside the families."""
        return Call(
            operation="CreateModel",
            principal=self.principal,
            region=self.region,
            request_id="request",
            now_us=self.now_us,
            page_tokens=PageTokens(b"secret of a test"),
            audit=entry(self.principal, "CreateModel"),
            tx=tx,
        )

    async def group(self, name: str = "churn", **members: Any) -> str:
        answer = await self("CreateModelPackageGroup", ModelPackageGroupName=name, **members)
        return str(answer["ModelPackageGroupArn"])

    async def version(self, group: str = "churn", **members: Any) -> str:
        members.setdefault("InferenceSpecification", specification())
        answer = await self("CreateModelPackage", ModelPackageGroupName=group, **members)
        return str(answer["ModelPackageArn"])

    async def unversioned(self, name: str, **members: Any) -> str:
        members.setdefault("InferenceSpecification", specification())
        answer = await self("CreateModelPackage", ModelPackageName=name, **members)
        return str(answer["ModelPackageArn"])

    async def describe(self, package: str, **members: Any) -> Document:
        return await self("DescribeModelPackage", ModelPackageName=package, **members)

    async def put_object(
        self, bucket: str, key: str, content: str = "1", account: str = ACCOUNT
    ) -> None:
        """An object in a bucket that this server holds; `content` decides its digest."""

        async def work(tx: Transaction) -> None:
            await tx.run(
                "INSERT INTO bucket (name, account, region, created_us, document)"
                " VALUES (?, ?, ?, ?, '{}') ON CONFLICT (name) DO NOTHING",
                bucket,
                account,
                REGION,
                START_US,
            )
            await tx.run("DELETE FROM object WHERE bucket = ? AND key = ?", bucket, key)
            await tx.run(
                "INSERT INTO object"
                " (bucket, key, bytes, etag, sha256, blob, modified_us, document)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, '{}')",
                bucket,
                key,
                len(content),
                f'"etag-{content}"',
                sha256(content),
                f"blob-{content}",
                START_US,
            )

        await self.database.write(work)

    async def fill_bucket(self, bucket: str, prefix: str, count: int) -> None:
        """Many small objects, called by their number, under a prefix."""
        await self.put_object(bucket, "first")

        async def work(tx: Transaction) -> None:
            for number in range(count):
                await tx.run(
                    "INSERT INTO object"
                    " (bucket, key, bytes, etag, sha256, blob, modified_us, document)"
                    " VALUES (?, ?, 1, 'e', ?, 'b', ?, '{}')",
                    bucket,
                    f"{prefix}{number:05}",
                    sha256("1"),
                    START_US,
                )

        await self.database.write(work)

    async def remove_object(self, bucket: str, key: str) -> None:
        async def work(tx: Transaction) -> None:
            await tx.run("DELETE FROM object WHERE bucket = ? AND key = ?", bucket, key)

        await self.database.write(work)

    async def many_groups(self, count: int) -> None:
        """Groups called by their number, written in one transaction."""

        async def work(tx: Transaction) -> None:
            for number in range(count):
                name = f"g{number:05}"
                document = {
                    "ModelPackageGroupName": name,
                    "ModelPackageGroupArn": group_arn(name),
                    "CreationTime": START_US + number,
                }
                await tx.run(
                    "INSERT INTO model_package_group"
                    " (account, region, name, arn, created_us, modified_us, document)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?)",
                    ACCOUNT,
                    REGION,
                    name,
                    group_arn(name),
                    START_US + number,
                    START_US + number,
                    msgspec.json.encode(document).decode(),
                )

        await self.database.write(work)

    async def put_model(self, name: str, members: Document) -> str:
        """A model as the hosting family keeps it."""
        arn = package_arn(name).replace("model-package/", "model/")

        async def work(tx: Transaction) -> None:
            await tx.run(
                "INSERT INTO model"
                " (account, region, name, arn, created_us, modified_us, document)"
                " VALUES (?, ?, ?, ?, 1, 1, ?)",
                ACCOUNT,
                REGION,
                name,
                arn,
                msgspec.json.encode({"Model": {"ModelName": name, **members}}).decode(),
            )

        await self.database.write(work)
        return arn


def sha256(content: str) -> str:
    return content.encode().hex().rjust(64, "0")


def specification(url: str = "s3://elsewhere/model.tar.gz", **members: Any) -> Document:
    return {
        "Containers": [{"Image": IMAGE, "ModelDataUrl": url}],
        "SupportedContentTypes": ["text/csv"],
        "SupportedResponseMIMETypes": ["text/csv"],
        **members,
    }


def package_arn(path: str) -> str:
    return f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:model-package/{path}"


def group_arn(name: str) -> str:
    return f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:model-package-group/{name}"


def check_shape(service: str, operation: str, answer: Document) -> None:
    """The answer has only members of its shape, all of them valid, and none that says nothing."""
    output = model.load(service).operations[operation].output
    if output is None:
        assert answer == {}
        return
    seen = copy.deepcopy(answer)
    if operation == "DescribeModelPackage" and "ModelPackageVersion" in seen:
        # AWS leaves it out for versions, although its model requires it.
        assert "ModelPackageName" not in seen
        seen["ModelPackageName"] = "x"
    before = copy.deepcopy(seen)
    assert validate.failures(output, seen) == []
    assert seen == before, "members that the shape does not have"
