"""The approval gate: which model packages may be deployed, and what they then stand for.

Beside `call` rather than in a family, because registry and hosting both stand behind it and do not
import each other. Knows no operation; every way that leads to a replica asks here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from modelyard import model_package_names
from modelyard.call import Call
from modelyard.errors import ValidationException
from modelyard.model_package_names import PackagePlace
from modelyard.storage.transaction import Transaction

APPROVED = "Approved"
COMPLETED = "Completed"
ARCHIVED = "archived"  # a life-cycle stage in AWS's own template; any case counts

VERIFIED = "Verified"
UNVERIFIED = "Unverified"


@dataclass(frozen=True, slots=True)
class Artifact:
    """The bytes behind one URL of a package, as they were at registration.

    `source` is the URL in the specification; it differs from `url` when it is a prefix, under which
    `url` is one object. Of an Unverified artifact (its bucket is not on this server) nothing else
    is known: sha256, etag and blob are "" and bytes is 0.
    """

    source: str
    url: str
    state: str
    sha256: str
    bytes: int
    etag: str
    blob: str


@dataclass(frozen=True, slots=True)
class PackageFacts:
    """A model package that may be deployed.

    ARNs come again when a group is deleted and made anew; (arn, created_us) does not.
    """

    arn: str
    group: str  # "" for an unversioned package
    version: int  # 0 for an unversioned package
    created_us: int
    document: Mapping[str, Any]  # as DescribeModelPackage answers it, times in microseconds
    artifacts: tuple[Artifact, ...]

    def inference_specification(self, name: str | None = None) -> Mapping[str, Any]:
        """The package's specification, or the additional one called `name`.

        Raises: ValidationException: it has none, or none of that name.
        """
        if name is None:
            found = self.document.get("InferenceSpecification")
        else:
            additional = self.document.get("AdditionalInferenceSpecifications", [])
            found = next((s for s in additional if s["Name"] == name), None)
        if found is None:
            wanted = "InferenceSpecification" if name is None else f"inference specification {name}"
            raise ValidationException(f"Model package {self.arn} has no {wanted}.")
        specification: Mapping[str, Any] = found
        return specification

    def artifacts_of(self, url: str) -> tuple[Artifact, ...]:
        """What the specification's `url` stands for: one object, or all that are under a prefix."""
        return tuple(a for a in self.artifacts if a.source == url)


def obstacle(*, versioned: bool, approval: str, stage: str, status: str) -> str | None:
    """Why a package may not be deployed and what to do about it, or None when it may.

    Approval does not apply to unversioned packages. Archived outranks approval: an archived version
    stays out of service although its last decision was to approve.
    """
    if status != COMPLETED:
        return (
            f"its ModelPackageStatus is {status}. Only a Completed model package can be deployed."
        )
    if stage.lower() == ARCHIVED:
        return (
            f"its ModelLifeCycle stage is {stage}. Move it to another stage with UpdateModelPackage"
            " to use it again."
        )
    if versioned and approval != APPROVED:
        return (
            f"its ModelApprovalStatus is {approval or 'not set'}. Approve it with"
            " UpdateModelPackage (ModelApprovalStatus=Approved) first."
        )
    return None


async def deployable(call: Call, arn_or_name: str) -> PackageFacts:
    """The package, if it may be deployed now. One of another account has to be shared.

    Raises: ValidationException: there is none of this name, or the gate is closed to it.
    AccessDeniedException: it is another account's.
    """
    return await _facts(call.tx, model_package_names.find_package(call, arn_or_name))


async def still_deployable(tx: Transaction, arn: str) -> PackageFacts:
    """The package that a model was made of, if it may be deployed now.

    It is looked up where it is, also in another account: that account's approval counts. Whether
    the caller may was decided when the model was made.
    Raises: ValidationException: it is gone, or the gate is closed to it.
    """
    return await _facts(tx, model_package_names.place(arn))


async def _facts(tx: Transaction, name: PackagePlace) -> PackageFacts:
    arn = name.arn
    row = await tx.one(
        "SELECT approval, stage, created_us, document FROM model_package"
        " WHERE account = ? AND region = ? AND arn = ?",
        *name.row,
    )
    if row is None:
        raise model_package_names.package_missing(name.account, name.region, arn)
    approval, stage, created_us, encoded = row
    document: dict[str, Any] = msgspec.json.decode(encoded)
    status = document["ModelPackageStatus"]
    reason = obstacle(versioned=name.version > 0, approval=approval, stage=stage, status=status)
    if reason is not None:
        raise ValidationException(f"Cannot deploy model package {arn}: {reason}")
    return PackageFacts(
        arn=arn,
        group=name.group,
        version=name.version,
        created_us=created_us,
        document=document,
        artifacts=await artifacts(tx, *name.row),
    )


async def artifacts(
    tx: Transaction, account: str, region: str, package_arn: str
) -> tuple[Artifact, ...]:
    """What was recorded of the package's bytes, in the order of its specifications."""
    rows = await tx.all(
        "SELECT source, url, state, sha256, bytes, etag, blob FROM model_package_artifact"
        " WHERE account = ? AND region = ? AND arn = ? ORDER BY position",
        account,
        region,
        package_arn,
    )
    return tuple(Artifact(*row) for row in rows)
