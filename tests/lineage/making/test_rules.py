"""The rules alone: what is told, and the names and edges that come of it."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.announcements import (
    Data,
    EndpointDeployed,
    ModelPackageDecided,
    ModelPackageRegistered,
    ModelPackageRespecified,
    ModelPackageStaged,
    Stage,
    data_of,
)
from modelyard.gate import UNVERIFIED, VERIFIED, Artifact
from modelyard.lineage.making import rules
from modelyard.lineage.making.rules import Edge

AT = 1_795_000_000_000_000
PLACE = "arn:aws:sagemaker:us-east-1:123456789012"
VERSION = f"{PLACE}:model-package/churn/12"
NAME = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,119}")  # ExperimentEntityName


def told(edges: list[Edge]) -> list[tuple[str, str, str]]:
    def short(entity: rules.Entity) -> str:
        return entity.name or entity.source_uri.removeprefix(f"{PLACE}:")

    return [(short(edge.source), edge.type, short(edge.destination)) for edge in edges]


@pytest.mark.parametrize(
    ("rule", "announced", "expected"),
    [
        (
            rules.registered,
            ModelPackageRegistered(
                group_created_us=AT - 9,
                data=(Data("s3://b/m"),),
                images=("image",),
                approval="Approved",
                stage=Stage("QA", "InProgress"),
            ),
            [
                ("s3://b/m", "ContributedTo", "model-package/churn/12"),
                ("image", "ContributedTo", "model-package/churn/12"),
                (
                    "model-package/churn/12",
                    "AssociatedWith",
                    "churn-1794999999999991-aws-model-group",
                ),
                (
                    "churn-12-Approved-1795000000000000-aws-model-package",
                    "ContributedTo",
                    "model-package/churn/12",
                ),
                (
                    "churn-12-ModelLifeCycle-1795000000000000-aws-model-package",
                    "ContributedTo",
                    "model-package/churn/12",
                ),
            ],
        ),
        (
            rules.respecified,
            ModelPackageRespecified(source_uri=f"{PLACE}:model-package/other/1"),
            [("model-package/other/1", "DerivedFrom", "model-package/churn/12")],
        ),
        (
            rules.respecified,
            ModelPackageRespecified(source_uri=VERSION, images=("image",)),
            [("image", "ContributedTo", "model-package/churn/12")],
        ),
        (
            rules.decided,
            ModelPackageDecided(approval="Rejected", previous="Approved"),
            [
                (
                    "churn-12-Rejected-1795000000000000-aws-model-package",
                    "ContributedTo",
                    "model-package/churn/12",
                )
            ],
        ),
        (
            rules.staged,
            ModelPackageStaged(stage=Stage("Production", "Approved")),
            [
                (
                    "churn-12-ModelLifeCycle-1795000000000000-aws-model-package",
                    "ContributedTo",
                    "model-package/churn/12",
                )
            ],
        ),
    ],
)
def test_what_is_told_of_a_package_makes_these_edges(
    rule: Any, announced: Any, expected: list[tuple[str, str, str]]
) -> None:
    assert told(rule(VERSION, AT, announced)) == expected


def test_what_is_told_of_a_deployment_makes_these_edges() -> None:
    deployed = EndpointDeployed(
        endpoint_created_us=AT - 9,
        number=3,
        config_name="v3",
        data=(Data("s3://b/m"),),
        images=("image",),
        packages=(VERSION,),
        replaced=2,
    )

    edges = rules.deployed(f"{PLACE}:endpoint/shop", AT, deployed)

    this, before, context = [
        f"shop-1794999999999991{number}-aws-endpoint" for number in ("-3", "-2", "")
    ]
    replaced = "shop-1794999999999991-3-aws-model-replaced"
    assert told(edges) == [
        ("s3://b/m", "ContributedTo", this),
        ("image", "ContributedTo", this),
        ("model-package/churn/12", "ContributedTo", this),
        (this, "AssociatedWith", context),
        (before, "ContributedTo", replaced),
        (replaced, "AssociatedWith", context),
    ]


@given(
    group=st.from_regex(r"[a-zA-Z0-9](-{0,3}[a-zA-Z0-9]){0,62}", fullmatch=True).filter(
        lambda name: len(name) <= 63
    ),
    version=st.integers(1, 999_999_999),
    other=st.integers(1, 999_999_999),
    at_us=st.integers(0, 10**16 - 1),
    status=st.sampled_from(["Approved", "Rejected", "PendingManualApproval"]),
)
def test_names_are_aws_names_and_tell_versions_apart(
    group: str, version: int, other: int, at_us: int, status: str
) -> None:
    decided = ModelPackageDecided(approval=status)

    [one], [two] = [
        rules.decided(f"{PLACE}:model-package/{group}/{number}", at_us, decided)
        for number in (version, other)
    ]

    assert NAME.fullmatch(one.source.name)
    assert (one.source.name == two.source.name) == (version == other)


def test_a_folder_has_one_digest_wherever_it_lies() -> None:
    def under(prefix: str, *files: tuple[str, str]) -> list[Artifact]:
        return [
            Artifact(prefix, prefix + name, VERIFIED, digest, 1, "", "") for name, digest in files
        ]

    [here] = data_of(under("s3://b/here/", ("a", "1"), ("b", "2")))
    [there] = data_of(under("s3://c/there/", ("b", "2"), ("a", "1")))
    [swapped] = data_of(under("s3://c/there/", ("a", "2"), ("b", "1")))

    assert here == Data("s3://b/here/", there.digest)
    assert here.digest != swapped.digest


def test_bytes_that_nobody_has_seen_have_no_digest() -> None:
    unseen = Artifact("s3://far/model", "s3://far/model", UNVERIFIED, "", 0, "", "")

    assert data_of([unseen]) == (Data("s3://far/model"),)
