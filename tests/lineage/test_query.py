"""QueryLineage: both directions, depth, filters, edges and pages."""

import pytest

from modelyard.errors import AccessDeniedException, ResourceNotFound, ValidationException
from modelyard.lineage import store, walk
from modelyard.storage.transaction import Transaction
from tests.lineage.in_process import Lineage, arn
from tests.registry.in_process import ACCOUNT, REGION


class Story:
    """data, image -> model -> package -> deploy -> endpoint; the image is in another endpoint too.

    data ---.
            model --> package --> deploy --> endpoint
    image --'
      '------------------------> other --> elsewhere
    """

    def __init__(self, lineage: Lineage) -> None:
        self.lineage = lineage

    async def tell(self) -> None:
        make = self.lineage
        self.data = await make.artifact(
            "s3://b/data", "DataSet", Properties={"rows": "7", "a": "b"}
        )
        self.image = await make.artifact("image:1", "Image")
        self.model = await make.artifact("s3://b/model.tar.gz", "Model", Properties={"a": "b"})
        self.package = await make.artifact("arn:of:package/1", "Model")
        self.deploy = await make.action("deploy")
        self.endpoint = await make.context("endpoint")
        self.other = await make.action("other")
        self.elsewhere = await make.context("elsewhere")
        await make.join(self.data, self.model, self.package, self.deploy, self.endpoint)
        await make.join(self.image, self.model)
        await make.join(self.image, self.other, self.elsewhere)


@pytest.fixture
async def story(lineage: Lineage) -> Story:
    told = Story(lineage)
    await told.tell()
    return told


async def test_each_direction_has_its_own(story: Story) -> None:
    met = story.lineage.met

    up = [story.package, story.model, *sorted([story.data, story.image])]
    assert await met(story.deploy, "Ascendants") == up
    assert await met(story.model, "Descendants") == [story.package, story.deploy, story.endpoint]
    assert await met(story.endpoint, "Descendants") == []
    assert set(await met(story.data, "Both")) == {
        *(story.model, story.image, story.package, story.deploy),
        *(story.endpoint, story.other, story.elsewhere),
    }


async def test_depth_counts_associations(story: Story) -> None:
    assert await story.lineage.met(story.data, "Descendants", MaxDepth=1) == [story.model]
    assert await story.lineage.met(story.data, "Descendants", MaxDepth=2) == [
        story.model,
        story.package,
    ]


async def test_a_whole_graph_has_its_start_and_every_association(story: Story) -> None:
    answer = await story.lineage(
        "QueryLineage", StartArns=[story.model], Direction="Ascendants", IncludeEdges=True
    )

    assert answer["Vertices"][0] == {
        "Arn": story.model,
        "Type": "Model",
        "LineageType": "Artifact",
    }
    assert {one["Arn"]: one["Type"] for one in answer["Vertices"][1:]} == {
        story.data: "DataSet",
        story.image: "Image",
    }
    edges = sorted([(story.data, story.model), (story.image, story.model)])
    assert answer["Edges"] == [
        {"SourceArn": source, "DestinationArn": end, "AssociationType": "ContributedTo"}
        for source, end in edges
    ]


async def test_filters_let_through_what_passes_all_of_them(story: Story) -> None:
    async def met(direction: str = "Both", **filters: object) -> list[str]:
        return await story.lineage.met(story.data, direction, Filters=filters)

    assert set(await met(Types=["Model"])) == {story.model, story.package}
    assert set(await met(LineageTypes=["Context"])) == {story.endpoint, story.elsewhere}
    assert await met("Descendants", LineageTypes=["Action", "Context"], Types=["Endpoint"]) == [
        story.endpoint
    ]
    assert await met(Properties={"a": "b"}) == [story.model]
    assert await met(Properties={"a": "b", "rows": "7"}) == []
    assert await met(Types=["Endpoint"], LineageTypes=["Artifact"]) == []


async def test_filters_of_time_are_exclusive(story: Story) -> None:
    described = await story.lineage("DescribeArtifact", ArtifactArn=story.package)
    made = described["CreationTime"]
    await story.lineage("UpdateArtifact", ArtifactArn=story.package, ArtifactName="changed")
    changed = story.lineage.now_us

    async def met(**filters: object) -> set[str]:
        return set(await story.lineage.met(story.data, "Descendants", Filters=filters))

    assert await met(CreatedBefore=made) == {story.model}
    assert await met(CreatedAfter=made) == {story.deploy, story.endpoint}
    assert await met(ModifiedBefore=changed) == {story.model, story.deploy, story.endpoint}
    assert await met(ModifiedAfter=changed - 1) == {story.package}
    assert await met(CreatedBefore=made + 1, ModifiedAfter=changed) == set()


async def test_edges_of_a_filtered_answer_are_between_its_vertices(story: Story) -> None:
    answer = await story.lineage(
        "QueryLineage",
        StartArns=[story.data],
        Direction="Descendants",
        IncludeEdges=True,
        Filters={"LineageTypes": ["Artifact"]},
    )

    assert [one["Arn"] for one in answer["Vertices"]] == [story.model, story.package]
    assert [(one["SourceArn"], one["DestinationArn"]) for one in answer["Edges"]] == [
        (story.model, story.package)
    ]


async def test_pages_together_are_the_whole(story: Story) -> None:
    asked = {"StartArns": [story.data], "IncludeEdges": True}
    whole = await story.lineage("QueryLineage", **asked)
    vertices, edges, token = [], [], {}
    for _ in range(4):
        page = await story.lineage("QueryLineage", **asked, MaxResults=2, **token)
        known = {one["Arn"] for one in vertices + page["Vertices"]}
        assert all({e["SourceArn"], e["DestinationArn"]} <= known for e in page["Edges"])
        vertices += page["Vertices"]
        edges += page["Edges"]
        token = {"NextToken": page["NextToken"]} if "NextToken" in page else {}

    assert not token
    assert vertices == whole["Vertices"]
    assert sorted(map(str, edges)) == sorted(map(str, whole["Edges"]))


async def test_a_page_is_of_the_query_that_it_came_from(story: Story) -> None:
    page = await story.lineage("QueryLineage", StartArns=[story.data], MaxResults=1)

    with pytest.raises(ValidationException, match="NextToken"):
        await story.lineage("QueryLineage", StartArns=[story.model], NextToken=page["NextToken"])


@pytest.mark.parametrize(
    ("members", "sentence"),
    [
        ({"MaxDepth": 11}, "'maxDepth' failed to satisfy constraint: .* less than or equal to 10"),
        ({"MaxDepth": 0}, "'maxDepth' failed to satisfy constraint: .* greater than or equal to 1"),
        ({"MaxResults": 51}, "less than or equal to 50"),
        ({"MaxResults": 0}, "greater than or equal to 1"),
        ({"StartArns": []}, "StartArns must name the entity to start from"),
        ({"StartArns": [arn("context", "a"), arn("context", "b")]}, "less than or equal to 1"),
        ({"StartArns": [arn("model-package", "a")]}, "'startArns' failed"),
        ({"Direction": "Sideways"}, "'direction' failed"),
        ({"Filters": {"LineageTypes": ["Trial"]}}, "'filters.lineageTypes' failed"),
    ],
)
async def test_what_is_out_of_range_is_named(
    lineage: Lineage, members: dict[str, object], sentence: str
) -> None:
    start = await lineage.artifact("s3://b/1")

    with pytest.raises(ValidationException, match=sentence):
        await lineage("QueryLineage", **{"StartArns": [start], **members})


async def test_a_start_that_is_not_there_or_not_one_s_own_is_refused(lineage: Lineage) -> None:
    with pytest.raises(ResourceNotFound, match="does not exist"):
        await lineage("QueryLineage", StartArns=[arn("context", "absent")])
    with pytest.raises(AccessDeniedException):
        await lineage("QueryLineage", StartArns=[arn("context", "c", "999999999999")])


async def test_circles_that_jobs_make_by_themselves_end(lineage: Lineage) -> None:
    """A job that reads and writes the same data is one; only clients are refused them."""
    arns = [await lineage.artifact(f"s3://b/{n}") for n in range(3)]

    async def circle(tx: Transaction) -> None:
        for one, other in zip(arns, arns[1:] + arns[:1], strict=True):
            await store.associate(tx, ACCOUNT, REGION, one, other, "Produced", now_us=1)

    await lineage.database.write(circle)

    answer = await lineage(
        "QueryLineage", StartArns=[arns[0]], Direction="Descendants", IncludeEdges=True
    )
    assert [one["Arn"] for one in answer["Vertices"]] == arns
    assert len(answer["Edges"]) == 3
    assert await lineage.met(arns[0], "Descendants") == arns[1:]


async def test_more_than_a_statement_takes_is_walked(lineage: Lineage) -> None:
    count = 2 * walk._BATCH + 1
    hub = await lineage.artifact("hub")
    last = await lineage.context("last")

    async def fan(tx: Transaction) -> None:
        for number in range(count):
            one = await store.put_artifact(
                *(tx, ACCOUNT, REGION), source_uri=f"s{number}", artifact_type="Leaf", now_us=1
            )
            await store.associate(tx, ACCOUNT, REGION, hub, one, "Produced", now_us=1)
            await store.associate(tx, ACCOUNT, REGION, one, last, "Produced", now_us=1)

    await lineage.database.write(fan)

    assert len(await lineage.met(hub, "Descendants", MaxDepth=1)) == count
    assert await lineage.met(hub, "Descendants", Filters={"Types": ["Endpoint"]}) == [last]
