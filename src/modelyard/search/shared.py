"""What other accounts share so that it is found: model package groups, and what is in them."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec

from modelyard.call import Call, Document
from modelyard.search.resources import MODIFIED, Resource
from modelyard.search.walks import Row

_ROWS_AT_ONCE = 500

_decode = msgspec.json.Decoder(dict[str, Any]).decode


async def rows(call: Call, resource: Resource) -> AsyncIterator[Row]:
    """Every row of a group that other accounts make discoverable, and that the caller may
    describe. Tags are their owner's to list, and stay out.
    """
    if resource.word not in ("ModelPackageGroup", "ModelPackage"):
        return
    groups = await call.tx.all(
        "SELECT account, arn, name, created_us, modified_us, document FROM model_package_group"
        " WHERE (account, region, arn) IN (SELECT account, region, arn FROM resource_policy_reader"
        " WHERE reader = ? AND region = ?) ORDER BY arn",
        call.account,
        call.region,
    )
    for account, arn, name, created_us, modified_us, encoded in groups:
        if not await call.may(call.tx, "sagemaker:DescribeModelPackageGroup", arn):
            continue
        if resource.word == "ModelPackage":
            async for row in _packages(call, account, name):
                yield row
            continue
        columns = {"name": name, "arn": arn, "created_us": created_us, "modified_us": modified_us}
        yield _row((arn,), columns, encoded)


_PACKAGE = (
    "group_name",
    "name",
    "version",
    "arn",
    "created_us",
    "modified_us",
    "approval",
    "stage",
)


async def _packages(call: Call, account: str, group: str) -> AsyncIterator[Row]:
    last = 0
    while True:
        rows = await call.tx.all(
            f"SELECT {', '.join(_PACKAGE)}, document FROM model_package"
            " WHERE account = ? AND region = ? AND group_name = ? AND name = '' AND version > ?"
            " ORDER BY version LIMIT ?",
            account,
            call.region,
            group,
            last,
            _ROWS_AT_ONCE,
        )
        for *values, encoded in rows:
            columns = dict(zip(_PACKAGE, values, strict=True))
            last = columns["version"]
            if await call.may(call.tx, "sagemaker:DescribeModelPackage", columns["arn"]):
                yield _row((columns["arn"],), columns, encoded)
        if len(rows) < _ROWS_AT_ONCE:
            return


def _row(key: tuple[str], columns: Document, encoded: str) -> Row:
    """Names of several accounts can be the same, so the ARN is the key."""
    document = _decode(encoded)
    document[MODIFIED] = columns["modified_us"]
    return Row(key, columns, encoded, document)
