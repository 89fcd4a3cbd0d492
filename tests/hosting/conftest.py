"""Hosting's operations behind the one door, in this process, on both databases."""

import contextlib
import copy
import hashlib
import itertools
import time
from typing import Any

import pytest

from modelyard import dispatch
from modelyard.audit.trail import Trail
from modelyard.call import Document, Principal
from modelyard.contract import answer_check, model
from modelyard.contract.page_tokens import PageTokens
from modelyard.errors import ValidationException
from modelyard.hosting import deployments, endpoint_configs, endpoints, models, rollback, wishes
from modelyard.registry import model_package_groups, model_packages
from modelyard.storage.database import Database
from modelyard.storage.transaction import Transaction
from tests import administrators

ACCOUNT = "123456789012"
REGION = "us-east-1"
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/hosting"
ADA = Principal(ACCOUNT, f"arn:aws:iam::{ACCOUNT}:root", ACCOUNT, "AKIAADA")


def endpoint_arn(name: str) -> str:
    return f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:endpoint/{name}"


class Hosting:
    """Operations by AWS's name, each answer checked against the operation's output shape."""

    def __init__(self, opened: Database) -> None:
        self.database = opened
        self.principal = ADA
        self._now_us = time.time_ns() // 1000
        self._numbers = itertools.count(1)
        sagemaker, own = model.load("sagemaker"), model.load("modelyard")
        self.dispatch = dispatch.Dispatch(
            opened,
            PageTokens(b"secret of a test"),
            {
                "sagemaker": dispatch.collect(
                    sagemaker,
                    model_package_groups,
                    model_packages,
                    models,
                    endpoint_configs,
                    endpoints,
                ),
                "modelyard": dispatch.collect(own, deployments, rollback),
            },
            Trail(b"seal of a test"),
            administrators.authoriser(opened),
        )

    async def __call__(self, operation: str, **request: Any) -> Document:
        return await self._ask("sagemaker", operation, request)

    async def own(self, operation: str, **request: Any) -> Document:
        return await self._ask("modelyard", operation, request)

    async def _ask(self, service: str, operation: str, request: Document) -> Document:
        self._now_us += 1000
        asked = dispatch.Asked(
            principal=self.principal,
            region=REGION,
            request_id=f"request-{next(self._numbers)}",
            now_us=self._now_us,
        )
        answer = await self.dispatch.invoke(asked, service, operation, copy.deepcopy(request))
        offered = self.dispatch.find(service, operation)
        assert answer_check.output_failures(offered.operation, answer) == []
        return answer

    # What a test needs before it begins.

    async def object(self, key: str, content: str, bucket: str = "models") -> str:
        """An object in a bucket of this server; its blob is named like its digest."""
        sha256 = hashlib.sha256(content.encode()).hexdigest()

        async def work(tx: Transaction) -> None:
            await tx.run(
                "INSERT INTO bucket (name, account, region, created_us, document)"
                " VALUES (?, ?, ?, 1, '{}') ON CONFLICT (name) DO NOTHING",
                bucket,
                ACCOUNT,
                REGION,
            )
            await tx.run("DELETE FROM object WHERE bucket = ? AND key = ?", bucket, key)
            await tx.run(
                "INSERT INTO object"
                " (bucket, key, bytes, etag, sha256, blob, modified_us, document)"
                " VALUES (?, ?, ?, ?, ?, ?, 1, '{}')",
                bucket,
                key,
                len(content),
                f'"{sha256[:32]}"',
                sha256,
                sha256,
            )

        await self.database.write(work)
        return f"s3://{bucket}/{key}"

    async def version(self, url: str, approval: str = "Approved", **container: Any) -> str:
        """A version in the group churn; answers its ARN."""
        with contextlib.suppress(ValidationException):  # it exists already
            await self("CreateModelPackageGroup", ModelPackageGroupName="churn")
        answer = await self(
            "CreateModelPackage",
            ModelPackageGroupName="churn",
            ModelApprovalStatus=approval,
            InferenceSpecification={
                "Containers": [{"Image": IMAGE, "ModelDataUrl": url, **container}],
                "SupportedContentTypes": ["text/csv"],
                "SupportedResponseMIMETypes": ["text/csv"],
            },
        )
        return str(answer["ModelPackageArn"])

    async def approval(self, package: str, status: str) -> None:
        await self("UpdateModelPackage", ModelPackageArn=package, ModelApprovalStatus=status)

    async def model(self, name: str, **container: Any) -> str:
        container = container or {"Image": IMAGE}
        answer = await self(
            "CreateModel", ModelName=name, PrimaryContainer=container, ExecutionRoleArn=ROLE
        )
        return str(answer["ModelArn"])

    async def config(self, name: str, model: str | None = None, count: int = 1) -> None:
        await self(
            "CreateEndpointConfig",
            EndpointConfigName=name,
            ProductionVariants=[
                {
                    "VariantName": "AllTraffic",
                    "ModelName": model or name,
                    "InstanceType": "ml.m5.large",
                    "InitialInstanceCount": count,
                }
            ],
        )

    async def deployable(self, name: str, count: int = 1, **container: Any) -> None:
        """A model and a configuration of the same name."""
        await self.model(name, **container)
        await self.config(name, count=count)

    async def endpoint(self, name: str, config: str) -> None:
        """An endpoint that is in service."""
        await self("CreateEndpoint", EndpointName=name, EndpointConfigName=config)
        await self.come_true(name)

    async def come_true(self, name: str, failure: str = "") -> None:
        """What the controller records when a deployment is up, or has failed."""

        async def work(tx: Transaction) -> None:
            wish = await wishes.of(tx, endpoint_arn(name))
            assert wish is not None
            self._now_us += 1000
            if wish.ending:
                await wishes.vanished(tx, wish, self._now_us)
            elif wish.coming is not None and failure:
                await wishes.failed(tx, wish, wish.coming.number, failure, self._now_us)
            elif wish.coming is not None:
                await wishes.succeeded(tx, wish, wish.coming.number, self._now_us)

        await self.database.write(work)

    async def describe(self, name: str) -> Document:
        return await self("DescribeEndpoint", EndpointName=name)


@pytest.fixture
def hosting(database: Database) -> Hosting:
    return Hosting(database)
