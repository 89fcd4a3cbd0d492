"""ListModelPackages: which packages, in which order, page by page."""

from typing import Any

import pytest

from modelyard.call import Mode
from modelyard.errors import ValidationException
from tests.registry.in_process import Registry, group_arn, package_arn


async def _paths(registry: Registry, **request: Any) -> list[str]:
    """What is listed, as the part of the ARN behind `model-package/`, over all pages."""
    seen: list[str] = []
    token: dict[str, str] = {}
    while True:
        page = await registry("ListModelPackages", **request, **token)
        summaries = page["ModelPackageSummaryList"]
        assert len(summaries) <= request.get("MaxResults", 100)
        seen += [s["ModelPackageArn"].partition("model-package/")[2] for s in summaries]
        if "NextToken" not in page:
            return seen
        assert summaries
        token = {"NextToken": page["NextToken"]}


@pytest.fixture
async def filled(registry: Registry) -> Registry:
    """b/1, solo, a/1, b/2 (Approved), Zed, b/3 (Rejected), in this order of creation."""
    await registry.group("b")
    await registry.group("a")
    await registry.version("b")
    await registry.unversioned("solo")
    await registry.version("a", ModelApprovalStatus="Approved")
    await registry.version("b", ModelApprovalStatus="Approved")
    await registry.unversioned("Zed")
    await registry.version("b", ModelApprovalStatus="Rejected")
    return registry


async def test_unversioned_packages_are_listed_unless_a_group_or_type_is_given(
    filled: Registry,
) -> None:
    assert await _paths(filled) == ["solo", "Zed"]
    assert await _paths(filled, ModelPackageGroupName="b") == ["b/1", "b/2", "b/3"]
    assert await _paths(filled, ModelPackageGroupName=group_arn("b")) == ["b/1", "b/2", "b/3"]
    assert await _paths(filled, ModelPackageType="Versioned") == ["b/1", "a/1", "b/2", "b/3"]
    assert await _paths(filled, ModelPackageGroupName="b", ModelPackageType="Unversioned") == []


@pytest.mark.parametrize("size", [1, 2, 100])
async def test_every_order_can_be_paged(filled: Registry, size: int) -> None:
    both: dict[str, Any] = {"ModelPackageType": "Both", "MaxResults": size}
    by_time = ["b/1", "solo", "a/1", "b/2", "Zed", "b/3"]
    by_name = ["Zed", "solo", "a/1", "b/1", "b/2", "b/3"]

    assert await _paths(filled, **both) == by_time
    assert await _paths(filled, **both, SortOrder="Descending") == by_time[::-1]
    assert await _paths(filled, **both, SortBy="Name") == by_name
    assert await _paths(filled, **both, SortBy="Name", SortOrder="Descending") == by_name[::-1]
    of_group: dict[str, Any] = {"ModelPackageGroupName": "b", "MaxResults": size}
    assert await _paths(filled, **of_group, SortBy="Name") == ["b/1", "b/2", "b/3"]
    assert await _paths(filled, MaxResults=size, SortBy="Name") == ["Zed", "solo"]
    assert await _paths(filled, MaxResults=size, SortOrder="Descending") == ["Zed", "solo"]


async def test_filters_narrow_a_list(filled: Registry) -> None:
    approved = {"ModelApprovalStatus": "Approved"}

    assert await _paths(filled, ModelPackageGroupName="b", **approved) == ["b/2"]
    assert await _paths(filled, ModelPackageType="Both", **approved) == ["a/1", "b/2"]
    assert await _paths(filled, ModelPackageType="Both", NameContains="o") == ["solo"]
    assert await _paths(filled, ModelPackageType="Both", NameContains="S") == []
    assert await _paths(filled, ModelPackageType="Versioned", NameContains="a") == ["a/1"]
    assert await _paths(filled, ModelPackageGroupName="b", NameContains="x") == []
    made = (await filled.describe("b/2"))["CreationTime"]
    of_b = {"ModelPackageGroupName": "b"}
    assert await _paths(filled, **of_b, CreationTimeAfter=made) == ["b/3"]
    assert await _paths(filled, **of_b, CreationTimeBefore=made) == ["b/1"]
    assert await _paths(filled, **of_b, CreationTimeBefore=made, SortBy="Name") == ["b/1"]


async def test_the_newest_approved_version_is_one_short_page(filled: Registry) -> None:
    page = await filled(
        "ListModelPackages",
        ModelPackageGroupName="b",
        ModelApprovalStatus="Approved",
        SortOrder="Descending",
        MaxResults=1,
    )

    assert page == {
        "ModelPackageSummaryList": [
            {
                "ModelPackageGroupName": "b",
                "ModelPackageVersion": 2,
                "ModelPackageArn": package_arn("b/2"),
                "CreationTime": (await filled.describe("b/2"))["CreationTime"],
                "ModelPackageStatus": "Completed",
                "ModelApprovalStatus": "Approved",
            }
        ]
    }


async def test_a_list_of_an_unknown_group_is_empty(registry: Registry) -> None:
    assert await _paths(registry, ModelPackageGroupName="none") == []


async def test_a_page_goes_on_past_what_was_deleted_and_added(registry: Registry) -> None:
    await registry.group("b")
    for _ in range(4):
        await registry.version("b")
    page = await registry("ListModelPackages", ModelPackageGroupName="b", MaxResults=2)
    await registry("DeleteModelPackage", ModelPackageName="b/2")
    await registry("DeleteModelPackage", ModelPackageName="b/3")
    await registry.version("b")

    rest = await registry(
        "ListModelPackages",
        ModelPackageGroupName="b",
        MaxResults=2,
        NextToken=page["NextToken"],
    )

    listed = [s["ModelPackageVersion"] for s in rest["ModelPackageSummaryList"]]
    assert listed == [4, 5]


@pytest.mark.parametrize("token", ["", "x", "AAAA", "ä", "A" * 8000])
async def test_a_token_that_was_not_given_out_is_refused(registry: Registry, token: str) -> None:
    await registry.group("b")

    if token:
        with pytest.raises(ValidationException):
            await registry("ListModelPackages", ModelPackageGroupName="b", NextToken=token)
    else:
        assert await _paths(registry, ModelPackageGroupName="b") == []


@pytest.mark.parametrize(
    ("request_", "mode"),
    [
        ({"ModelPackageGroupName": "b"}, Mode.READ),
        ({"ModelPackageGroupName": "b", "ModelApprovalStatus": "Approved"}, Mode.READ),
        ({"ModelPackageGroupName": "b", "SortBy": "Name"}, Mode.READ),
        ({}, Mode.READ),
        ({"ModelPackageGroupName": "b", "SortBy": "Name", "ModelApprovalStatus": "x"}, Mode.SCAN),
        ({"ModelPackageType": "Both"}, Mode.SCAN),
        ({"NameContains": "x"}, Mode.SCAN),
    ],
)
async def test_only_what_an_index_leads_to_is_read_on_the_event_loop(
    registry: Registry, request_: dict[str, Any], mode: Mode
) -> None:
    offered = registry.dispatch.find("sagemaker", "ListModelPackages")

    assert offered.mode_for(request_) is mode
