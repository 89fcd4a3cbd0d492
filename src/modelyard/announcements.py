"""What the families announce of their changes, in the transaction of the change.

Beside `call` rather than in a family: who announces and who listens do not import each other. The
name of a class is its topic. Each says all that is needed to make something of it, so that it
stays true when its subject is changed again or gone before it is told. Times are microseconds.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self, TypeVar

import msgspec

from modelyard.gate import Artifact
from modelyard.storage import outbox
from modelyard.storage.outbox import Entry
from modelyard.storage.transaction import Transaction


class Data(msgspec.Struct, frozen=True, array_like=True, omit_defaults=True):
    """Model data at a URL. `digest`: SHA-256 of the bytes in hex; "" where they are not known."""

    url: str
    digest: str = ""


class Stage(msgspec.Struct, frozen=True, omit_defaults=True):
    """A package's ModelLifeCycle."""

    name: str
    status: str
    description: str = ""

    @classmethod
    def of(cls, package: Mapping[str, Any]) -> "Stage | None":
        cycle = package.get("ModelLifeCycle")
        if cycle is None:
            return None
        return cls(cycle["Stage"], cycle["StageStatus"], cycle.get("StageDescription", ""))


class ModelPackageRegistered(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`by`: the ARN of who caused it, here and below; "" where that is not known.

    `approval` and `group_created_us` are "" and 0 of an unversioned package.
    """

    by: str = ""
    group_created_us: int = 0
    data: tuple[Data, ...] = ()
    images: tuple[str, ...] = ()
    source_uri: str = ""
    approval: str = ""
    stage: Stage | None = None
    metadata: dict[str, str] = {}

    @classmethod
    def of(
        cls,
        package: Mapping[str, Any],
        artifacts: Iterable[Artifact],
        group_created_us: int,
        approval: str,
    ) -> Self:
        return cls(
            by=package["CreatedBy"]["IamIdentity"]["Arn"],
            group_created_us=group_created_us,
            data=data_of(artifacts),
            images=images_of(package),
            source_uri=package.get("SourceUri", ""),
            approval=approval,
            stage=Stage.of(package),
            metadata=package.get("MetadataProperties", {}),
        )


class ModelPackageRespecified(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the package names since an update, beside what it named before."""

    by: str = ""
    data: tuple[Data, ...] = ()
    images: tuple[str, ...] = ()
    source_uri: str = ""


class ModelPackageDecided(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    by: str = ""
    approval: str
    previous: str = ""
    note: str = ""


class ModelPackageStaged(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    by: str = ""
    stage: Stage


class ModelPackageDeleted(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    by: str = ""


class ModelPackageKept(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """It was registered before anything was announced: its rows tell the rest."""


class EndpointDeployed(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A deployment is in service. `replaced`: the number of the one that it took over from, or 0;
    `rollback_to`: the number of the one that it repeats, if it is a roll-back.
    """

    by: str = ""
    endpoint_created_us: int
    number: int
    config_name: str
    data: tuple[Data, ...] = ()
    images: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    replaced: int = 0
    rollback_to: int = 0

    @classmethod
    def of(cls, deployment: Mapping[str, Any], endpoint_created_us: int, replaced: int) -> Self:
        """`deployment` is its row, as hosting keeps it."""
        document = deployment["document"]
        containers = [one for variant in document["Variants"] for one in variant["Containers"]]
        return cls(
            by=deployment["principal"],
            endpoint_created_us=endpoint_created_us,
            number=deployment["number"],
            config_name=deployment["config_name"],
            data=_once(
                Data(one["ModelDataUrl"], one.get("Artifact", {}).get("Sha256", ""))
                for one in containers
                if "ModelDataUrl" in one
            ),
            images=_once(one["Image"] for one in containers),
            packages=_once(
                one["ModelPackageArn"] for one in containers if "ModelPackageArn" in one
            ),
            replaced=replaced,
            rollback_to=document.get("RollbackTo", 0),
        )


class EndpointDeleted(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    endpoint_created_us: int


class EndpointDeploymentKept(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """It served before anything was announced: its rows tell the rest."""

    number: int


Announcement = (
    ModelPackageRegistered
    | ModelPackageRespecified
    | ModelPackageDecided
    | ModelPackageStaged
    | ModelPackageDeleted
    | ModelPackageKept
    | EndpointDeployed
    | EndpointDeleted
    | EndpointDeploymentKept
)
A = TypeVar("A", bound=Announcement)
T = TypeVar("T")


async def announce(
    tx: Transaction,
    account: str,
    region: str,
    subject: str,
    announcement: Announcement,
    at_us: int,
) -> None:
    """`subject`: the ARN of what was changed, which is in this account and region."""
    topic = type(announcement).__name__
    await outbox.announce(tx, account, region, topic, subject, announcement, at_us)


def read(entry: Entry, kind: type[A]) -> A:
    """Raises: msgspec.ValidationError: the entry's document is no such announcement."""
    return msgspec.json.decode(entry.document, type=kind)


def data_of(artifacts: Iterable[Artifact]) -> tuple[Data, ...]:
    """The sources of a package's bytes, each once. A prefix has a digest over all that is under it,
    so that a copy of it has the same.
    """
    found: dict[str, list[Artifact]] = {}
    for artifact in artifacts:
        found.setdefault(artifact.source, []).append(artifact)
    return tuple(Data(source, _digest(source, under)) for source, under in found.items())


def _digest(source: str, under: Sequence[Artifact]) -> str:
    if under[0].url == source:
        return under[0].sha256
    lines = sorted(f"{one.sha256} {one.url.removeprefix(source)}\n" for one in under)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def images_of(package: Mapping[str, Any]) -> tuple[str, ...]:
    specifications = list(package.get("AdditionalInferenceSpecifications", ()))
    if "InferenceSpecification" in package:
        specifications.insert(0, package["InferenceSpecification"])
    containers = [one for specification in specifications for one in specification["Containers"]]
    return _once(one["Image"] for one in containers if one.get("Image"))


def _once(values: Iterable[T]) -> tuple[T, ...]:
    return tuple(dict.fromkeys(values))
