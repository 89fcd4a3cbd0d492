"""A graph of lineage, asked through the public API: entities by ARN, and what joins them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from modelyard.cli import output
from modelyard.pictures import svg, words

_DIRECTIONS = ("Ascendants", "Descendants")
_KINDS = ("artifact", "action", "context", "experiment-trial-component")
_MADE = "-aws-"  # in the names that the server gives; what they stand for says more
_MISSING = ("ResourceNotFound", "AccessDeniedException")
_COLOURS = {
    "DataSet": "#0d9488",
    "Image": "#64748b",
    "Code": "#64748b",
    "Model": "#4f46e5",
    "TrainingJob": "#d97706",
    "ProcessingJob": "#d97706",
    "TransformJob": "#d97706",
    "Approval": "#16a34a",
    "ModelLifeCycle": "#16a34a",
    "ModelDeployment": "#db2777",
    "ModelReplaced": "#db2777",
    "Endpoint": "#0284c7",
    "ModelGroup": "#7c3aed",
}
_COLOURS_OF_KINDS = {
    "Artifact": "#475569",
    "Action": "#be185d",
    "Context": "#0369a1",
    "TrialComponent": "#b45309",
}
_LINES = {
    "ContributedTo": svg.Line("ContributedTo"),
    "Produced": svg.Line("Produced", "14 4"),
    "AssociatedWith": svg.Line("AssociatedWith", "6 4"),
    "DerivedFrom": svg.Line("DerivedFrom", "2 3"),
    "SameAs": svg.Line("SameAs", "9 3 2 3"),
}


@dataclass(frozen=True, slots=True)
class Entity:
    """`name` is what people call it: its own name, or the end of what it stands for."""

    arn: str
    name: str
    type: str
    lineage_type: str
    source_uri: str = ""

    @property
    def shown(self) -> str:
        return words.seen(self.name)

    @property
    def note(self) -> str:
        return words.seen(f"{self.type} · {self.lineage_type}")

    @property
    def colour(self) -> str:
        return _COLOURS.get(self.type, _COLOURS_OF_KINDS[self.lineage_type])


@dataclass(slots=True)
class Graph:
    """`edges` are types of associations ("" for none) by source and destination."""

    start: str
    entities: dict[str, Entity] = field(default_factory=dict)
    edges: dict[tuple[str, str], str] = field(default_factory=dict)

    def beside(self, arn: str, down: bool) -> list[tuple[str, str]]:
        """What comes right after an entity, or right before, with how they are associated."""
        found = [
            (ends[1] if down else ends[0], name)
            for ends, name in self.edges.items()
            if ends[0 if down else 1] == arn
        ]
        return sorted(found, key=lambda one: (self.entities[one[0]].name, one))

    def document(self) -> dict[str, Any]:
        return {
            "Start": self.start,
            "Vertices": [
                {"Arn": one.arn, "Name": one.name, "Type": one.type}
                | {"LineageType": one.lineage_type}
                | ({"SourceUri": one.source_uri} if one.source_uri else {})
                for one in self.entities.values()
            ],
            "Edges": [
                {"SourceArn": source, "DestinationArn": destination}
                | ({"AssociationType": name} if name else {})
                for (source, destination), name in self.edges.items()
            ],
        }

    def svg(self, title: str) -> str:
        nodes = {
            arn: svg.Node(
                one.name,
                one.note,
                one.colour,
                "\n".join(part for part in (one.name, one.source_uri, one.arn) if part),
                arn == self.start,
            )
            for arn, one in self.entities.items()
        }
        colours: dict[str, str] = {}
        for one in self.entities.values():
            named = colours.get(one.colour)
            if named is None or one.type not in named.split(", "):
                colours[one.colour] = one.type if named is None else f"{named}, {one.type}"
        lines = {edge: _LINES.get(name, svg.Line("")) for edge, name in self.edges.items()}
        return svg.draw(title, nodes, lines, colours)


def ask(sagemaker: Any, what: str, depth: int) -> Graph:
    """The graph around `what`, in both directions.

    Raises: ClientError. output.Stop: nothing is known of it.
    """
    start = _start(sagemaker, what)
    graph = Graph(start)
    vertices: dict[str, Mapping[str, str]] = {}
    for direction in _DIRECTIONS:
        for page in _pages(sagemaker, start, direction, depth):
            vertices |= {one["Arn"]: one for one in page["Vertices"]}
            for edge in page["Edges"]:
                ends = (edge["SourceArn"], edge["DestinationArn"])
                graph.edges[ends] = edge.get("AssociationType", "")
    graph.entities = {arn: _entity(sagemaker, vertex) for arn, vertex in vertices.items()}
    return graph


def _pages(sagemaker: Any, start: str, direction: str, depth: int) -> Iterator[Mapping[str, Any]]:
    token: dict[str, str] = {}
    while True:
        page = sagemaker.query_lineage(
            StartArns=[start], Direction=direction, MaxDepth=depth, IncludeEdges=True, **token
        )
        yield page
        if "NextToken" not in page:
            return
        token = {"NextToken": page["NextToken"]}


def _start(sagemaker: Any, what: str) -> str:
    """The ARN of the entity that `what` is, or that stands for it."""
    source = what
    if what.startswith("arn:"):
        kind = what.split(":", 5)[-1].partition("/")[0]
        if kind in _KINDS:
            return what
    elif "/" in what and "://" not in what:
        source = sagemaker.describe_model_package(ModelPackageName=what)["ModelPackageArn"]
    elif "://" not in what:
        group = sagemaker.describe_model_package_group(ModelPackageGroupName=what)
        source = group["ModelPackageGroupArn"]
    for list_of, word in (("list_artifacts", "Artifact"), ("list_contexts", "Context")):
        found = getattr(sagemaker, list_of)(SourceUri=source, SortOrder="Ascending", MaxResults=1)[
            f"{word}Summaries"
        ]
        if found:
            return str(found[0][f"{word}Arn"])
    raise output.Stop(
        f"Nothing is known of the lineage of {what}: no artifact and no context has the source"
        f" {source}."
    )


def _entity(sagemaker: Any, vertex: Mapping[str, str]) -> Entity:
    """With its name and source, where the caller may see them."""
    arn, kind = vertex["Arn"], vertex["LineageType"]
    name, source = arn.rpartition("/")[2], ""
    described: Mapping[str, Any] = {}
    try:
        described = _described(sagemaker, kind, arn, name)
    except ClientError as refusal:
        if refusal.response["Error"]["Code"] not in _MISSING:
            raise
    told = described.get("Source", {})
    source = told.get("SourceUri") or told.get("SourceArn", "")
    own = described.get("DisplayName") or described.get(f"{kind}Name", "")
    if _MADE in own and source.startswith("arn:"):
        own = ""
    return Entity(arn, own or _end(source) or name, vertex["Type"], kind, source)


def _described(sagemaker: Any, kind: str, arn: str, name: str) -> Mapping[str, Any]:
    found: Mapping[str, Any]
    if kind == "Artifact":
        found = sagemaker.describe_artifact(ArtifactArn=arn)
    elif kind == "Action":
        found = sagemaker.describe_action(ActionName=name)
    elif kind == "Context":
        found = sagemaker.describe_context(ContextName=name)
    else:
        found = sagemaker.describe_trial_component(TrialComponentName=name)
    return found


def _end(source_uri: str) -> str:
    """`churn/3` of a package's ARN, `xgboost:1.7-1` of an image, the last of an address."""
    if source_uri.startswith("arn:"):
        return source_uri.split(":", 5)[-1].partition("/")[2] or source_uri
    return source_uri.rstrip("/").rpartition("/")[2] or source_uri
