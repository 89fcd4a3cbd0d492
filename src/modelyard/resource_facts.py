"""What policies ask about a resource: whose it is, its own policy, its tags and its state.

Beside `gate` rather than in a family, because resources of all families are judged. Reads storage
only; decides nothing.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from modelyard import model_package_names as names
from modelyard.contract import arns
from modelyard.contract.arns import Arn
from modelyard.storage import tags
from modelyard.storage.transaction import Transaction

_S3 = "arn:aws:s3:::"
_decode = msgspec.json.Decoder(dict[str, Any]).decode


def holder(arn: str) -> str:
    """The ARN that carries the policy of `arn`: a package's group's, an object's bucket's."""
    return arn.partition("/")[0] if arn.startswith(_S3) else names.holder(arn)


async def owner(tx: Transaction, arn: str) -> str | None:
    """The account whose resource it is; None for a bucket that is not here, and what is no ARN.

    Every ARN but S3's names its account, whether or not there is such a resource.
    """
    if arn.startswith(_S3):
        bucket = holder(arn).removeprefix(_S3)
        row = await tx.one("SELECT account FROM bucket WHERE name = ?", bucket)
        return None if row is None else str(row[0])
    parts = arn.split(":", 5)
    account = parts[4] if len(parts) == 6 and parts[0] == "arn" else ""
    return account if len(account) == 12 and account.isascii() and account.isdigit() else None


async def resource_policy(tx: Transaction, arn: str) -> tuple[str, dict[str, str]] | None:
    """The policy on the resource, and the ids of whom it names by their ARNs.

    None if there is none, or its account is closed.
    """
    held_by = holder(arn)
    row = await tx.one(
        "SELECT p.document, p.principals FROM resource_policy p"
        " LEFT JOIN account a ON a.id = p.account WHERE p.arn = ? AND COALESCE(a.closed_us, 0) = 0",
        held_by,
    )
    return None if row is None else (str(row[0]), _decode(row[1]))


def folded(named: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Values by lower-case names, as conditions read them.

    Where two names differ in case only, the value is one that no tag can have: a policy that asks
    for either finds neither, and nobody slips past it behind the other.
    """
    found: dict[str, tuple[str, ...]] = {}
    for name, value in named.items():
        key = name.lower()
        found[key] = ("\0",) if key in found else (value,)
    return found


async def facts(tx: Transaction, arn: str) -> Mapping[str, tuple[str, ...]]:
    """Condition keys of the resource side, in lower case; none for what is not there.

    aws:resourcetag/<key> and sagemaker:resourcetag/<key>; of a version, its group's tags, which it
    uses. sagemaker:current... of a package; s3:existingobjecttag/<key> of an object.
    """
    if arn.startswith(_S3):
        return await _of_object(tx, arn)
    parsed = arns.parse(arn)
    if parsed is None or parsed.service != "sagemaker":
        return {}
    tagged = await tags.of(tx, parsed.account, parsed.region, holder(arn))
    found = {
        f"{prefix}:resourcetag/{key}": values
        for key, values in folded(tagged).items()
        for prefix in ("aws", "sagemaker")
    }
    return found | await _of_package(tx, parsed) if parsed.kind == names.PACKAGE else found


async def _of_package(tx: Transaction, arn: Arn) -> dict[str, tuple[str, ...]]:
    row = await tx.one(
        "SELECT document FROM model_package WHERE account = ? AND region = ? AND arn = ?",
        arn.account,
        arn.region,
        str(arn),
    )
    if row is None:
        return {}
    document = _decode(row[0])
    cycle = document.get("ModelLifeCycle", {})
    found: dict[str, tuple[str, ...]] = {
        f"sagemaker:currentmodellifecycle{member.lower()}": (cycle[member],)
        for member in ("Stage", "StageStatus")
        if member in cycle
    }
    properties = folded(document.get("CustomerMetadataProperties", {}))
    for key, values in properties.items():
        found[f"sagemaker:currentcustomermetadataproperties/{key}"] = values
    return found


async def _of_object(tx: Transaction, arn: str) -> dict[str, tuple[str, ...]]:
    bucket, named, key = arn.removeprefix(_S3).partition("/")
    if not named:
        return {}
    sql = "SELECT document FROM object WHERE bucket = ? AND key = ?"
    row = await tx.one(sql, bucket, key)
    tagged = {} if row is None else _decode(row[0]).get("Tags", {})
    return {f"s3:existingobjecttag/{key}": values for key, values in folded(tagged).items()}
