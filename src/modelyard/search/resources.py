"""The resource types that Search knows: their tables, and the indexes that lead to their rows.

This is the one module of the family that names other families' tables, with `documents`, which
reads what else a document shows. It only reads them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

from modelyard.contract import model
from modelyard.search.properties import NUMBER, TEXT, TIMESTAMP, Names
from modelyard.storage import search_values

CREATED, MODIFIED = "CreationTime", "LastModifiedTime"
_APPROVALS = ("", "Approved", "PendingManualApproval", "Rejected")  # all that there can be


@dataclass(frozen=True, slots=True)
class Column:
    """A column that says the same as a property. `absent` is what stands for none, if any.

    folded: the column that has it in lower case; where `name` is "" there is only this one.
    """

    name: str
    kind: str
    absent: str | int | None = None
    folded: str = ""


@dataclass(frozen=True, slots=True)
class Index:
    """An index of the resource's own table, after account and region.

    equal: columns that have to be given; those in `values` may be any of these instead, and their
    rows are merged. order: the columns behind, which put the rows in order. where: what a partial
    index says of its rows.
    """

    equal: tuple[str, ...]
    order: tuple[str, ...]
    values: tuple[str, ...] = ()
    where: str = ""


@dataclass(frozen=True, slots=True)
class Link:
    """A table that leads from a property's value to rows of the resource.

    key: what equals the key of the resource's table. `column` has the value in lower case, so the
    document has to be asked as well.
    """

    table: str
    column: str
    order: tuple[str, ...]
    key: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Resource:
    """`word` is Search's for the type, `member` that of its records."""

    word: str
    member: str
    table: str
    key: tuple[str, ...]
    arn: str  # its member
    columns: Mapping[tuple[str, ...], Column]
    indexes: tuple[Index, ...]
    kind: str = ""  # of its rows in search_value
    kept: str = ""  # the member whose values these are
    links: Mapping[tuple[str, ...], Link] = field(default_factory=dict)
    inner: str = ""
    measured: bool = False
    contained_often: frozenset[str] = frozenset()

    @property
    def names(self) -> Names:
        return _names(self.word)


def find(word: str) -> Resource | None:
    return _RESOURCES.get(word)


def words() -> list[str]:
    return sorted(_RESOURCES)


@cache
def _names(word: str) -> Names:
    one = _RESOURCES[word]
    output = model.load("sagemaker").operations["Search"].output
    assert output is not None  # in botocore's model since 2018
    shape = output.members["Results"].member.members[one.member]
    prefixes = (word, one.member)
    return Names(word, shape, prefixes, one.inner, one.measured, one.contained_often)


def _times(*above: str) -> dict[tuple[str, ...], Column]:
    return {
        (*above, CREATED): Column("created_us", TIMESTAMP),
        (*above, MODIFIED): Column("modified_us", TIMESTAMP),
    }


_PACKAGE = Resource(
    word="ModelPackage",
    member="ModelPackage",
    table="model_package",
    key=("group_name", "name", "version"),
    arn="ModelPackageArn",
    columns={
        **_times(),
        ("ModelPackageArn",): Column("arn", TEXT),
        ("ModelPackageName",): Column("name", TEXT, ""),
        ("ModelPackageGroupName",): Column("group_name", TEXT, ""),
        ("ModelPackageVersion",): Column("version", NUMBER, 0),
        ("ModelApprovalStatus",): Column("approval", TEXT, ""),
        ("ModelLifeCycle", "Stage"): Column("stage", TEXT, ""),
    },
    indexes=(
        Index(("arn",), ("created_us",)),
        Index(("name",), ("version",), where="group_name = ''"),
        Index(("group_name", "approval"), ("created_us", "version")),
        Index(("group_name",), ("created_us", "version")),
        Index(("stage",), ("modified_us", "group_name", "name", "version"), where="stage <> ''"),
        Index(("approval",), ("modified_us", "group_name", "name", "version"), values=_APPROVALS),
        Index((), ("created_us", "group_name", "name", "version")),
    ),
    kind=search_values.METADATA,
    kept="CustomerMetadataProperties",
    measured=True,
)


def _named(word: str, member: str, table: str, arn: str, *indexes: Index) -> Resource:
    """One of those that have a table of their own with a name for a key."""
    above = (member,) if member == "Model" else ()
    columns = {
        **_times(*above),
        (*above, arn): Column("arn", TEXT),
        (*above, f"{arn.removesuffix('Arn')}Name"): Column("name", TEXT),
    }
    return Resource(
        word=word,
        member=member,
        table=table,
        key=("name",),
        arn=arn,
        columns=columns,
        indexes=(
            Index(("arn",), ("created_us",)),
            Index(("name",), ("created_us",)),
            *indexes,
            Index((), ("created_us", "name")),
        ),
        inner="Model" if above else "",
    )


def _entity(
    member: str,
    table: str,
    *indexes: Index,
    columns: Mapping[tuple[str, ...], Column] | None = None,
    links: Mapping[tuple[str, ...], Link] | None = None,
    kind: str = "",
    kept: str = "",
    often: tuple[str, ...] = (),
) -> Resource:
    """One of experiments. Names are unique in lower case, which is the key."""
    return Resource(
        word="Experiment" if member == "Experiment" else f"Experiment{member}",
        member=member,
        table=table,
        key=("name_key",),
        arn=f"{member}Arn",
        columns={
            **_times(),
            (f"{member}Arn",): Column("arn", TEXT),
            (f"{member}Name",): Column("name", TEXT, folded="name_key"),
            ("DisplayName",): Column("display_name", TEXT),
            **(columns or {}),
        },
        indexes=(
            Index(("arn",), ("created_us",)),
            Index(("name_key",), ("created_us",)),
            *indexes,
            Index((), ("created_us", "name_key")),
        ),
        kind=kind,
        kept=kept,
        links=links or {},
        contained_often=frozenset((f"{member}Name", "DisplayName", "Tags", *often)),
    )


def _of_trial(column: str) -> Link:
    return Link(
        "trial_component_of_trial",
        column,
        ("component_created_us", "component"),
        {"name_key": "component"},
    )


_RESOURCES: Mapping[str, Resource] = {
    one.word: one
    for one in (
        _PACKAGE,
        _named(
            "ModelPackageGroup", "ModelPackageGroup", "model_package_group", "ModelPackageGroupArn"
        ),
        _named("Model", "Model", "model", "ModelArn"),
        _named(
            "Endpoint",
            "Endpoint",
            "endpoint",
            "EndpointArn",
            Index((), ("modified_us", "name")),
        ),
        _entity("Experiment", "experiment"),
        _entity(
            "Trial",
            "trial",
            Index(("experiment",), ("created_us", "name_key")),
            columns={("ExperimentName",): Column("", TEXT, folded="experiment")},
        ),
        _entity(
            "TrialComponent",
            "trial_component",
            Index(("source_arn",), ("created_us", "name_key"), where="source_arn <> ''"),
            Index((), ("modified_us", "name_key")),
            columns={
                ("Source", "SourceArn"): Column("source_arn", TEXT, ""),
                ("Status", "PrimaryStatus"): Column("status", TEXT, ""),
            },
            links={
                ("Parents", "ExperimentName"): _of_trial("experiment"),
                ("Parents", "TrialName"): _of_trial("trial"),
            },
            kind=search_values.PARAMETER,
            kept="Parameters",
            often=("InputArtifacts", "OutputArtifacts"),
        ),
    )
}
