"""What of a change belongs into lineage: entities and the edges between them, as AWS makes them.

Pure; knows no storage. What is told twice makes the same entities: names come from what was
announced, never from when it is handled. Every edge can be made before or after any other.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from modelyard import model_package_names
from modelyard.announcements import (
    Data,
    EndpointDeployed,
    ModelPackageDecided,
    ModelPackageRegistered,
    ModelPackageRespecified,
    ModelPackageStaged,
    Stage,
)
from modelyard.call import Document
from modelyard.contract import arns
from modelyard.lineage_names import ACTION, ARTIFACT, CONTEXT

CONTRIBUTED_TO = "ContributedTo"
ASSOCIATED_WITH = "AssociatedWith"
DERIVED_FROM = "DerivedFrom"

# Types of entities, by which AWS's clients ask.
MODEL = "Model"
IMAGE = "Image"
MODEL_GROUP = "ModelGroup"
APPROVAL = "Approval"
LIFE_CYCLE = "ModelLifeCycle"
REGISTRATION = "Registration"  # of an unversioned package, which needs no approval
ENDPOINT = "Endpoint"
DEPLOYMENT = "ModelDeployment"
REPLACEMENT = "ModelReplaced"

NAME_CHARACTERS_MAX = 120  # ExperimentEntityName
_OF_PACKAGE = "aws-model-package"
_OF_GROUP = "aws-model-group"
_OF_ENDPOINT = "aws-endpoint"
_DIGEST_DIGITS = 8


@dataclass(frozen=True, slots=True)
class Entity:
    """An artifact is known by its source, the others by their name.

    `is_new`: what it stands for was just made. `members`: further ones, by AWS's names, for an
    entity that is not there yet.
    """

    kind: str
    type: str
    source_uri: str
    name: str = ""
    source_id: str = ""
    digest: str = ""
    is_new: bool = False
    members: Document = field(default_factory=dict, compare=False)


@dataclass(frozen=True, slots=True)
class Edge:
    source: Entity
    destination: Entity
    type: str


def registered(arn: str, at_us: int, told: ModelPackageRegistered) -> list[Edge]:
    metadata = {"MetadataProperties": told.metadata} if told.metadata else {}
    package = Entity(ARTIFACT, MODEL, arn, is_new=True, members=metadata)
    edges = _contents(package, told.data, told.images, told.source_uri)
    group = model_package_names.place(arn).group
    if group:
        context = _group(arn, group, told.group_created_us)
        edges.append(Edge(package, context, ASSOCIATED_WITH))
    if told.approval:  # AWS makes one action: that the version was registered with this approval
        properties = {"ModelApprovalStatus": told.approval}
        action = _package_action(arn, APPROVAL, told.approval, at_us, properties)
    else:
        action = _package_action(arn, REGISTRATION, REGISTRATION, at_us, {})
    edges.append(Edge(action, package, CONTRIBUTED_TO))
    if told.stage is not None:
        edges.append(_stage_edge(package, told.stage, at_us))
    return edges


def respecified(arn: str, at_us: int, told: ModelPackageRespecified) -> list[Edge]:
    return _contents(of_package(arn), told.data, told.images, told.source_uri)


def decided(arn: str, at_us: int, told: ModelPackageDecided) -> list[Edge]:
    properties = {
        "ModelApprovalStatus": told.approval,
        **({"PreviousModelApprovalStatus": told.previous} if told.previous else {}),
    }
    action = _package_action(arn, APPROVAL, told.approval, at_us, properties, told.note)
    return [Edge(action, of_package(arn), CONTRIBUTED_TO)]


def staged(arn: str, at_us: int, told: ModelPackageStaged) -> list[Edge]:
    return [_stage_edge(of_package(arn), told.stage, at_us)]


def deployed(arn: str, at_us: int, told: EndpointDeployed) -> list[Edge]:
    context = of_endpoint(arn, told.endpoint_created_us)
    properties = {
        "EndpointConfigName": told.config_name,
        "DeploymentNumber": str(told.number),
        **({"RollbackTo": str(told.rollback_to)} if told.rollback_to else {}),
    }
    action = _deployment(arn, told.endpoint_created_us, told.number, properties)
    parts = [
        *(_data(one) for one in told.data),
        *(_image(image) for image in told.images),
        *(of_package(package) for package in told.packages),
    ]
    edges = [Edge(part, action, CONTRIBUTED_TO) for part in parts]
    edges.append(Edge(action, context, ASSOCIATED_WITH))
    if told.replaced:
        earlier = _deployment(arn, told.endpoint_created_us, told.replaced)
        replacement = _replacement(arn, told)
        edges.append(Edge(earlier, replacement, CONTRIBUTED_TO))
        edges.append(Edge(replacement, context, ASSOCIATED_WITH))
    return edges


def of_package(arn: str) -> Entity:
    return Entity(ARTIFACT, MODEL, arn)


def of_endpoint(arn: str, created_us: int) -> Entity:
    """An endpoint that was deleted and made again is another one, with a context of its own."""
    name = f"{_endpoint_name(arn)}-{created_us}-{_OF_ENDPOINT}"
    return Entity(CONTEXT, ENDPOINT, arn, name, _moment(created_us))


def _contents(
    package: Entity, data: Iterable[Data], images: Iterable[str], source_uri: str
) -> list[Edge]:
    parts = [*(_data(one) for one in data), *(_image(image) for image in images)]
    edges = [Edge(part, package, CONTRIBUTED_TO) for part in parts]
    if source_uri and source_uri != package.source_uri:
        source = arns.parse(source_uri)
        copied = source is not None and source.kind == model_package_names.PACKAGE
        association = DERIVED_FROM if copied else CONTRIBUTED_TO
        edges.append(Edge(Entity(ARTIFACT, MODEL, source_uri), package, association))
    return edges


def _data(data: Data) -> Entity:
    return Entity(ARTIFACT, MODEL, data.url, digest=data.digest)


def _image(image: str) -> Entity:
    return Entity(ARTIFACT, IMAGE, image)


def _group(package_arn: str, group: str, created_us: int) -> Entity:
    place = model_package_names.place(package_arn)
    arn = model_package_names.group_arn(place.account, place.region, group)
    name = f"{group}-{created_us}-{_OF_GROUP}"
    return Entity(CONTEXT, MODEL_GROUP, arn, name, _moment(created_us))


def _stage_edge(package: Entity, stage: Stage, at_us: int) -> Edge:
    properties = {"Stage": stage.name, "StageStatus": stage.status}
    action = _package_action(
        package.source_uri, LIFE_CYCLE, LIFE_CYCLE, at_us, properties, stage.description
    )
    return Edge(action, package, CONTRIBUTED_TO)


def _package_action(
    arn: str,
    action_type: str,
    what: str,
    at_us: int,
    properties: Document,
    description: str = "",
) -> Entity:
    place = model_package_names.place(arn)
    parts = [str(place.version)] if place.version else []
    name = _name(place.group or place.name, [*parts, what, str(at_us), _OF_PACKAGE])
    return Entity(ACTION, action_type, arn, name, members=_done(properties, description))


def _deployment(
    arn: str, created_us: int, number: int, properties: Document | None = None
) -> Entity:
    name = f"{_endpoint_name(arn)}-{created_us}-{number}-{_OF_ENDPOINT}"
    return Entity(ACTION, DEPLOYMENT, arn, name, str(number), members=_done(properties or {}))


def _replacement(arn: str, told: EndpointDeployed) -> Entity:
    name = f"{_endpoint_name(arn)}-{told.endpoint_created_us}-{told.number}-aws-model-replaced"
    properties = {"DeploymentNumber": str(told.replaced), "ReplacedBy": str(told.number)}
    return Entity(ACTION, REPLACEMENT, arn, name, str(told.replaced), members=_done(properties))


def _done(properties: Document, description: str = "") -> Document:
    return {
        "Status": "Completed",
        **({"Description": description} if description else {}),
        **({"Properties": properties} if properties else {}),
    }


def _name(start: str, parts: Sequence[str]) -> str:
    """A name that is not too long; one that would be ends its first part with a digest of it."""
    end = "-".join(["", *parts])
    room = NAME_CHARACTERS_MAX - len(end)
    if len(start) > room:
        digest = hashlib.sha256(start.encode()).hexdigest()[:_DIGEST_DIGITS]
        start = f"{start[: room - _DIGEST_DIGITS - 1]}-{digest}"
    return start + end


def _endpoint_name(arn: str) -> str:
    return arn.rpartition("/")[2]


def _moment(us: int) -> str:
    """As AWS writes the SourceId of a context: Wed Jul 14 23:26:59 UTC 2021."""
    return datetime.fromtimestamp(us // 1_000_000, UTC).strftime("%a %b %d %H:%M:%S UTC %Y")
