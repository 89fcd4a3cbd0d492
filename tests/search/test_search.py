"""Search over groups and packages: properties, operators, order, pages, limits."""

from typing import Any

import pytest

from modelyard.call import Document
from modelyard.errors import ValidationException
from tests.registry.in_process import Registry, specification


async def _found(
    registry: Registry, resource: str, *filters: Document, **request: Any
) -> list[str]:
    """The paths of what is found, over all pages, in order."""
    if filters:
        request["SearchExpression"] = {"Filters": list(filters)}
    seen: list[str] = []
    token: dict[str, str] = {}
    while True:
        page = await registry("Search", Resource=resource, **request, **token)
        for result in page["Results"]:
            arn = result[resource][f"{resource}Arn"]
            seen.append(arn.partition("/")[2])
        if "NextToken" not in page:
            assert page["TotalHits"] == {"Value": len(seen), "Relation": "EqualTo"}
            return seen
        token = {"NextToken": page["NextToken"]}


def by(name: str, operator: str | None = None, value: str | None = None) -> Document:
    given: Document = {"Name": name}
    if operator:
        given["Operator"] = operator
    if value is not None:
        given["Value"] = value
    return given


@pytest.fixture
async def filled(registry: Registry) -> Registry:
    for name in ("churn", "fraud", "churn-2"):
        await registry.group(name, Tags=[{"Key": "team.a/b", "Value": name[:5]}])
    await registry.group("plain", ModelPackageGroupDescription="Plain, and untagged")
    await registry.version("churn", CustomerMetadataProperties={"auc": "0.9", "stage.x": "one"})
    await registry.version("churn", ModelApprovalStatus="Approved", CertifyForMarketplace=True)
    await registry.version("churn-2", ModelApprovalStatus="Approved")
    pipeline = specification("s3://elsewhere/one")["Containers"]
    pipeline += [{"Image": "other/image:2", "ModelDataUrl": "s3://elsewhere/two"}]
    await registry.version(
        "fraud",
        ModelLifeCycle={"Stage": "Production", "StageStatus": "Approved"},
        InferenceSpecification={"Containers": pipeline},
    )
    return registry


async def test_a_group_is_found_by_name_and_tag_as_sdks_ask(filled: Registry) -> None:
    page = await filled(
        "Search",
        Resource="ModelPackageGroup",
        SearchExpression={
            "Filters": [
                by("ModelPackageGroupName", "Equals", "churn"),
                by("Tags.team.a/b", "Equals", "churn"),
            ]
        },
    )

    described = await filled("DescribeModelPackageGroup", ModelPackageGroupName="churn")
    group = {**described, "Tags": [{"Key": "team.a/b", "Value": "churn"}]}
    assert page["Results"] == [{"ModelPackageGroup": group}]
    assert await _found(filled, "ModelPackageGroup", by("ModelPackageGroupName", None, "no")) == []


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ([by("ModelPackageGroupName", None, "churn")], {"churn/1", "churn/2"}),
        ([by("ModelPackage.ModelPackageGroupName", None, "churn")], {"churn/1", "churn/2"}),
        ([by("ModelPackageGroupName", "Contains", "churn")], {"churn/1", "churn/2", "churn-2/1"}),
        ([by("ModelPackageGroupName", "In", "fraud, churn-2")], {"fraud/1", "churn-2/1"}),
        ([by("ModelPackageGroupName", "NotEquals", "churn")], {"fraud/1", "churn-2/1"}),
        ([by("ModelPackageVersion", "GreaterThan", "1")], {"churn/2"}),
        ([by("ModelPackageVersion", "LessThanOrEqualTo", "1.5"),
          by("ModelPackageGroupName", "Contains", "u")], {"churn/1", "churn-2/1", "fraud/1"}),
        ([by("ModelApprovalStatus", None, "Approved")], {"churn/2", "churn-2/1"}),
        ([by("CustomerMetadataProperties.auc", "Equals", "0.9")], {"churn/1"}),
        ([by("CustomerMetadataProperties.stage.x", "Exists")], {"churn/1"}),
        ([by("CustomerMetadataProperties", "NotExists")], {"churn/2", "churn-2/1", "fraud/1"}),
        ([by("ModelLifeCycle.Stage", None, "Production")], {"fraud/1"}),
        ([by("InferenceSpecification.Containers.Image", None, "other/image:2")], {"fraud/1"}),
        ([by("CertifyForMarketplace", None, "true")], {"churn/2"}),
        ([by("CreationTime", "LessThan", "2020-01-01T00:00:00Z")], set()),
        ([by("CreationTime", "GreaterThanOrEqualTo", "2020-01-01T00:00:00"),
          by("ModelPackageGroupName", None, "fraud")], {"fraud/1"}),
    ],
)  # fmt: skip
async def test_packages_are_found_by_their_properties(
    filled: Registry, filters: list[Document], found: set[str]
) -> None:
    assert set(await _found(filled, "ModelPackage", *filters)) == found


async def test_expressions_nest(filled: Registry) -> None:
    fraud = by("ModelPackageGroupName", None, "fraud")
    second = by("ModelPackageVersion", None, "2")
    either: Document = {"Filters": [fraud, second], "Operator": "Or"}
    approved = {"Filters": [by("ModelApprovalStatus", None, "Approved")]}
    both: Document = {"SubExpressions": [either, approved]}

    assert set(await _found(filled, "ModelPackage", SearchExpression=either)) == {
        "fraud/1",
        "churn/2",
    }
    assert await _found(filled, "ModelPackage", SearchExpression=both) == ["churn/2"]


async def test_a_nested_filter_looks_at_one_object_of_a_list(filled: Registry) -> None:
    containers = "InferenceSpecification.Containers"

    def nested(url: str) -> Document:
        filters = [
            by(f"{containers}.Image", None, "other/image:2"),
            by(f"{containers}.ModelDataUrl", None, url),
        ]
        return {"NestedFilters": [{"NestedPropertyName": containers, "Filters": filters}]}

    two = nested("s3://elsewhere/two")
    assert await _found(filled, "ModelPackage", SearchExpression=two) == ["fraud/1"]
    assert await _found(filled, "ModelPackage", SearchExpression=nested("s3://elsewhere/one")) == []


@pytest.mark.parametrize("size", [1, 2, 100])
async def test_results_are_ordered_and_paged(filled: Registry, size: int) -> None:
    async def found(**request: Any) -> list[str]:
        return await _found(filled, "ModelPackage", MaxResults=size, **request)

    by_change = ["fraud/1", "churn-2/1", "churn/2", "churn/1"]
    assert await found() == by_change
    assert await found(SortOrder="Ascending") == by_change[::-1]
    by_group = ["fraud/1", "churn-2/1", "churn/2", "churn/1"]
    assert await found(SortBy="ModelPackageGroupName") == by_group
    by_property = ["churn-2/1", "churn/2", "fraud/1", "churn/1"]
    ordered = await found(SortBy="CustomerMetadataProperties.auc", SortOrder="Ascending")
    assert ordered == by_property


async def test_an_update_moves_a_package_to_the_front(filled: Registry) -> None:
    arn = (await filled.describe("churn/1"))["ModelPackageArn"]
    await filled("UpdateModelPackage", ModelPackageArn=arn, ModelApprovalStatus="Rejected")

    assert (await _found(filled, "ModelPackage"))[0] == "churn/1"


async def test_visibility_conditions_must_hold_too(filled: Registry) -> None:
    conditions = [{"Key": "Tags.team.a/b", "Value": "fraud"}]

    found = await _found(filled, "ModelPackageGroup", VisibilityConditions=conditions)

    assert found == ["fraud"]


async def test_more_than_one_batch_is_searched(registry: Registry) -> None:
    await registry.many_groups(1201)

    names = await _found(registry, "ModelPackageGroup", MaxResults=100)

    assert len(set(names)) == 1201


@pytest.mark.parametrize(
    ("expression", "sentence"),
    [
        ({"Filters": [by("Nonsense", None, "x")]}, "Unknown property name Nonsense"),
        ({"Filters": [by("ModelPackageArn")]}, "needs a Value"),
        ({"Filters": [by("ModelPackageArn", "Exists", "x")]}, "takes no Value"),
        ({"Filters": [by("ModelPackageArn", "LessThan", "x")]}, "not supported for the text"),
        ({"Filters": [by("ModelPackageVersion", "Contains", "1")]}, "not supported for the number"),
        ({"Filters": [by("InferenceSpecification", None, "x")]}, "for the structure property"),
        ({"Filters": [by("ModelPackageVersion", None, "one")]}, "must be a number"),
        ({"Filters": [by("CreationTime", "LessThan", "soon")]}, "must be a time"),
        ({"Filters": [by("CertifyForMarketplace", None, "7")]}, "true or false"),
        ({}, "at least one"),
        ({"SubExpressions": [{}]}, "at least one"),
        (
            {"Filters": [by("ModelPackageArn", "Contains", "a")] * 2},
            "'CONTAINS' operator usage limit of 1 exceeded.",
        ),
        (
            {"SubExpressions": [{"Filters": [by("ModelPackageArn", "Exists")] * 17}] * 3},
            "50 Filters",
        ),
        (
            {
                "NestedFilters": [
                    {
                        "NestedPropertyName": "InferenceSpecification.Containers",
                        "Filters": [by("ModelPackageArn", "Exists")],
                    }
                ]
            },
            "must name a property of it",
        ),
    ],
)
async def test_an_expression_that_means_nothing_says_why(
    registry: Registry, expression: Document, sentence: str
) -> None:
    with pytest.raises(ValidationException, match=sentence):
        await registry("Search", Resource="ModelPackage", SearchExpression=expression)


async def test_other_resources_are_not_offered_yet(registry: Registry) -> None:
    with pytest.raises(ValidationException, match="Pipeline is not offered yet"):
        await registry("Search", Resource="Pipeline")


async def test_nothing_is_shared_with_this_account(filled: Registry) -> None:
    shared = await filled(
        "Search", Resource="ModelPackageGroup", CrossAccountFilterOption="CrossAccount"
    )

    assert shared == {"Results": [], "TotalHits": {"Value": 0, "Relation": "EqualTo"}}


async def test_a_filter_value_may_hold_any_character(registry: Registry) -> None:
    odd = by("ModelPackageGroupName", None, "% ? _ \u2603 '")

    assert await _found(registry, "ModelPackageGroup", odd) == []
    assert await _found(registry, "ModelPackage", odd) == []
