"""Associations: between what may be joined, never in a circle, listed by ends and types."""

import asyncio

import pytest

from modelyard.errors import AccessDeniedException, ResourceNotFound, ValidationException
from tests.lineage.in_process import Lineage, arn


async def test_an_association_tells_the_types_and_names_of_its_ends(lineage: Lineage) -> None:
    data = await lineage.artifact("s3://b/d", "DataSet", ArtifactName="churn-data")
    action = await lineage.action("Deploy")
    answer = await lineage(
        "AddAssociation", SourceArn=data, DestinationArn=action, AssociationType="ContributedTo"
    )

    (told,) = (await lineage("ListAssociations", SourceArn=data))["AssociationSummaries"]

    assert answer == {"SourceArn": data, "DestinationArn": action}
    assert told == {
        "SourceArn": data,
        "DestinationArn": action,
        "SourceType": "DataSet",
        "DestinationType": "ModelDeployment",
        "AssociationType": "ContributedTo",
        "SourceName": "churn-data",
        "DestinationName": "Deploy",
        "CreationTime": lineage.now_us - 1000,
    }


async def test_an_association_needs_no_type(lineage: Lineage) -> None:
    one, two = await lineage.artifact("s3://b/1"), await lineage.artifact("s3://b/2")
    await lineage("AddAssociation", SourceArn=one, DestinationArn=two)

    (told,) = (await lineage("ListAssociations"))["AssociationSummaries"]
    answer = await lineage("QueryLineage", StartArns=[one], IncludeEdges=True)

    assert "AssociationType" not in told
    assert answer["Edges"] == [{"SourceArn": one, "DestinationArn": two}]


async def test_associations_are_listed_by_their_ends_types_and_kinds(lineage: Lineage) -> None:
    data = await lineage.artifact("s3://b/d", "DataSet")
    model = await lineage.artifact("s3://b/m", "Model")
    deploy, endpoint = await lineage.action("deploy"), await lineage.context("churn")
    await lineage.join(data, model, association_type="Produced")
    await lineage.join(model, deploy, endpoint)

    async def listed(**filters: object) -> list[tuple[str, str]]:
        answer = await lineage("ListAssociations", **filters)
        return [(o["SourceArn"], o["DestinationArn"]) for o in answer["AssociationSummaries"]]

    every = [(deploy, endpoint), (model, deploy), (data, model)]
    assert await listed() == every
    assert await listed(SortBy="CreationTime", SortOrder="Ascending") == every[::-1]
    assert await listed(DestinationArn=model) == [(data, model)]
    assert await listed(DestinationArn=endpoint.replace("churn", "CHURN")) == [(deploy, endpoint)]
    assert await listed(SourceType="ModelDeployment") == [(deploy, endpoint)]
    assert await listed(DestinationType="Action") == [(model, deploy)]
    assert await listed(SourceType="Artifact", DestinationType="Model") == [(data, model)]
    assert await listed(AssociationType="Produced") == [(data, model)]
    assert await listed(SortBy="SourceType", SortOrder="Ascending") == [
        (data, model),
        (model, deploy),
        (deploy, endpoint),
    ]
    for order in ("SourceArn", "DestinationArn", "DestinationType"):
        answer = await lineage("ListAssociations", SortBy=order)
        values = [one[order] for one in answer["AssociationSummaries"]]
        assert values == sorted(values, reverse=True)


async def test_associations_are_listed_by_pages(lineage: Lineage) -> None:
    arns = [await lineage.artifact(f"s3://b/{n}") for n in range(6)]
    await lineage.join(*arns)
    seen: list[str] = []
    token: dict[str, str] = {}
    for _ in range(3):
        page = await lineage("ListAssociations", MaxResults=2, SortOrder="Ascending", **token)
        seen += [one["SourceArn"] for one in page["AssociationSummaries"]]
        token = {"NextToken": page["NextToken"]} if "NextToken" in page else {}

    assert seen == arns[:5]
    assert not token


async def test_two_are_associated_once(lineage: Lineage) -> None:
    one, two = await lineage.artifact("s3://b/1"), await lineage.artifact("s3://b/2")
    await lineage.join(one, two)

    with pytest.raises(ValidationException, match="Association already exists"):
        await lineage.join(one, two, association_type="Produced")

    (told,) = (await lineage("ListAssociations"))["AssociationSummaries"]
    assert told["AssociationType"] == "ContributedTo"


async def test_no_circle_is_closed(lineage: Lineage) -> None:
    arns = [await lineage.artifact(f"s3://b/{n}") for n in range(5)]
    await lineage.join(*arns)

    with pytest.raises(ValidationException, match="cannot be associated with itself"):
        await lineage.join(arns[0], arns[0])
    for source, destination in ((arns[1], arns[0]), (arns[4], arns[0]), (arns[3], arns[1])):
        with pytest.raises(ValidationException, match="would close a circle"):
            await lineage.join(source, destination)
    await lineage.join(arns[0], arns[4])

    assert len((await lineage("ListAssociations"))["AssociationSummaries"]) == 5


async def test_those_who_ask_at_once_close_no_circle(lineage: Lineage) -> None:
    arns = [await lineage.artifact(f"s3://b/{n}") for n in range(3)]
    pairs = [(0, 1), (1, 2), (2, 0)]

    outcomes = await asyncio.gather(
        *[lineage.join(arns[one], arns[other]) for one, other in pairs], return_exceptions=True
    )

    assert [type(one) for one in outcomes].count(ValidationException) == 1
    assert len((await lineage("ListAssociations"))["AssociationSummaries"]) == 2


async def test_entities_of_experiments_are_not_joined(lineage: Lineage) -> None:
    component = arn("experiment-trial-component", "job")

    for other in (arn("experiment-trial-component", "other"), arn("experiment", "churn")):
        with pytest.raises(ValidationException, match="both entities of experiments"):
            await lineage.join(component, other)


async def test_what_is_not_there_is_not_joined(lineage: Lineage) -> None:
    there = await lineage.artifact("s3://b/1")
    absent = arn("context", "absent")

    for pair in ((there, absent), (absent, there)):
        with pytest.raises(ResourceNotFound, match=f"{absent} does not exist"):
            await lineage.join(*pair)
        with pytest.raises(ResourceNotFound, match="Association of .* does not exist"):
            await lineage("DeleteAssociation", SourceArn=pair[0], DestinationArn=pair[1])
    with pytest.raises(AccessDeniedException):
        await lineage.join(there, arn("context", "theirs", "999999999999"))

    assert (await lineage("ListAssociations"))["AssociationSummaries"] == []
