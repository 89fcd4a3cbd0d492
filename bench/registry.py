"""The registry under load: register, describe, update, and list in small and in large groups."""

import hashlib
import itertools
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from typing import Any, Protocol

from bench import load
from bench.results import Figures, Wrong, measure
from bench.servers import ACCOUNT, HOST, Modelyard
from bench.signing import REGION

CREATE = "CreateModelPackage"
DESCRIBE = "DescribeModelPackage"
UPDATE = "UpdateModelPackage"
LIST = "ListModelPackages"
OPERATIONS = (CREATE, DESCRIBE, UPDATE)
GROUPS = 20
SEEDED = 5  # versions in each group before anything is measured
BUCKET = "bench-models"
PAGE = 100


def list_first(size: int) -> str:
    return f"{LIST}, {size:,} versions, first page"


def list_later(size: int) -> str:
    return f"{LIST}, {size:,} versions, page in the middle"


class Registry:
    """What is asked of one Modelyard. Numbers never come twice, so neither do requests."""

    def __init__(self, server: Modelyard) -> None:
        self.server = server
        self._numbers = itertools.count(1)

    def prepare(self) -> None:
        """Groups with a few versions, and the object that each group's versions name."""
        objects = self.server.client("s3")
        objects.create_bucket(Bucket=BUCKET)
        for group in range(GROUPS):
            self._make_group(_group(group))
            key = f"{_group(group)}/model.tar.gz"
            objects.put_object(Bucket=BUCKET, Key=key, Body=b"weights" * 100)
        for number in range(GROUPS * SEEDED):
            self._ask(self.create(number))

    def run(self, figures: Figures, clients: int, seconds: float) -> None:
        target = self.server.target
        for what, build in (
            (CREATE, self.create),
            (DESCRIBE, self.describe),
            (UPDATE, self.update),
        ):
            measure(figures, what, target, build, clients=clients, seconds=seconds)

    def run_lists(self, figures: Figures, size: int, clients: int, seconds: float) -> None:
        group = f"of-{size}"
        middle = self._token_in_the_middle(group, size)
        for what, token in ((list_first(size), None), (list_later(size), middle)):
            build = partial(self._same_page, group, token)
            measure(figures, what, self.server.target, build, clients=clients, seconds=seconds)

    def fill(self, size: int) -> None:
        """A group of `size` versions: one is registered, the others are copies of its row."""
        group = f"of-{size}"
        self._make_group(group)
        self._ask(self._create(group, _group(0), 0))
        with connected(self.server.url) as connection:
            connection.execute(_COPIES.replace(":group", f"'{group}'").replace(":size", str(size)))
            connection.execute(
                f"UPDATE model_package_group SET next_version = {size + 1}, versions = {size}"
                f" WHERE name = '{group}'"
            )

    def create(self, number: int) -> bytes:
        return self._create(_group(number), _group(number), next(self._numbers))

    def _create(self, group: str, folder: str, number: int) -> bytes:
        specification = {
            "Containers": [
                {
                    "Image": f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/xgboost:1.7-1",
                    "ModelDataUrl": f"s3://{BUCKET}/{folder}/model.tar.gz",
                }
            ],
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["text/csv"],
            "SupportedRealtimeInferenceInstanceTypes": ["ml.m5.large"],
        }
        commit = hashlib.sha1(str(number).encode()).hexdigest()
        return self.server.signer.call(
            CREATE,
            {
                "ModelPackageGroupName": group,
                "ModelPackageDescription": "registered by the load generator",
                "ModelApprovalStatus": "PendingManualApproval",
                "InferenceSpecification": specification,
                "CustomerMetadataProperties": {"accuracy": "0.973", "commit": commit},
            },
        )

    def describe(self, number: int) -> bytes:
        return self.server.signer.call(DESCRIBE, {"ModelPackageName": _arn(number)})

    def update(self, number: int) -> bytes:
        return self.server.signer.call(
            UPDATE,
            {
                "ModelPackageArn": _arn(number),
                "ModelApprovalStatus": ("Approved", "Rejected")[next(self._numbers) % 2],
                "ApprovalDescription": "decided by the load generator",
            },
        )

    def page(self, group: str, token: str | None) -> bytes:
        document: dict[str, Any] = {"ModelPackageGroupName": group, "MaxResults": PAGE}
        if token is not None:
            document["NextToken"] = token
        return self.server.signer.call(LIST, document)

    def _same_page(self, group: str, token: str | None, _: int) -> bytes:
        return self.page(group, token)

    def _token_in_the_middle(self, group: str, size: int) -> str | None:
        token = None
        for _ in range(size // PAGE // 2):
            token = self._ask(self.page(group, token)).get("NextToken")
        return token

    def _make_group(self, name: str) -> None:
        document = {"ModelPackageGroupName": name, "ModelPackageGroupDescription": "bench"}
        self._ask(self.server.signer.call("CreateModelPackageGroup", document))

    def _ask(self, request: bytes) -> Any:
        status, body = load.ask(HOST, self.server.port, request)
        if status != 200:
            raise Wrong(f"{self.server.name}: {status} {body[:300].decode('latin-1')}")
        return json.loads(body)


def _group(number: int) -> str:
    return f"group-{number % GROUPS}"


def _arn(number: int) -> str:
    version = 1 + number // GROUPS % SEEDED
    return f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:model-package/{_group(number)}/{version}"


_COPIES = """
    WITH RECURSIVE numbers(number) AS (
        SELECT 2 UNION ALL SELECT number + 1 FROM numbers WHERE number < :size
    )
    INSERT INTO model_package (account, region, group_name, name, version, arn, created_us,
                               modified_us, approval, stage, document)
    SELECT account, region, group_name, name, number,
           replace(arn, '/1', '/' || number), created_us + number, modified_us, approval, stage,
           replace(replace(document, '"ModelPackageVersion":1,',
                           '"ModelPackageVersion":' || number || ','), group_name || '/1"',
                   group_name || '/' || number || '"')
    FROM model_package, numbers WHERE group_name = :group AND version = 1
"""


class _Connection(Protocol):
    def execute(self, sql: str, /) -> Any: ...


@contextmanager
def connected(url: str) -> Iterator[_Connection]:
    """A connection to the server's database, for what no client could do in time."""
    if url.startswith("sqlite"):
        path = url.removeprefix("sqlite:///")
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            yield connection
        return
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        yield connection
        connection.execute("VACUUM ANALYZE")
