"""Artifacts, actions and contexts: made, described, changed, listed and deleted."""

import pytest

from modelyard.errors import AccessDeniedException, ResourceNotFound, ValidationException
from tests.lineage.in_process import Lineage, arn
from tests.registry.in_process import ACCOUNT, REGION, principal

METADATA = {"CommitId": "c0ffee", "Repository": "git@host:churn.git"}


async def test_an_artifact_is_described_as_it_was_made(lineage: Lineage) -> None:
    source = {
        "SourceUri": "s3://b/model.tar.gz",
        "SourceTypes": [{"SourceIdType": "S3ETag", "Value": "e1"}],
    }
    made = await lineage(
        "CreateArtifact",
        ArtifactName="churn-model",
        Source=source,
        ArtifactType="Model",
        Properties={"k": "v"},
        MetadataProperties=METADATA,
        Tags=[{"Key": "team", "Value": "rc"}],
    )

    told = await lineage("DescribeArtifact", ArtifactArn=made["ArtifactArn"])

    group = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:lineage-group/sagemaker-default-lineage-group"
    by = {"IamIdentity": {"Arn": lineage.principal.arn, "PrincipalId": lineage.principal.id}}
    assert told == {
        "ArtifactArn": made["ArtifactArn"],
        "ArtifactName": "churn-model",
        "Source": source,
        "ArtifactType": "Model",
        "Properties": {"k": "v"},
        "MetadataProperties": METADATA,
        "CreatedBy": by,
        "CreationTime": lineage.now_us - 1000,
        "LastModifiedTime": lineage.now_us - 1000,
        "LineageGroupArn": group,
    }
    tags = await lineage("ListTags", ResourceArn=made["ArtifactArn"])
    assert tags["Tags"] == [{"Key": "team", "Value": "rc"}]


async def test_an_artifact_is_its_source(lineage: Lineage) -> None:
    types = [
        {"SourceIdType": "MD5Hash", "Value": "1"},
        {"SourceIdType": "S3ETag", "Value": "2"},
    ]
    uri = "s3://b/" + "x" * 2000
    plain = await lineage.artifact(uri)
    typed = await lineage(
        "CreateArtifact", Source={"SourceUri": uri, "SourceTypes": types}, ArtifactType="Model"
    )

    assert plain != typed["ArtifactArn"]
    for source in ({"SourceUri": uri}, {"SourceUri": uri, "SourceTypes": types[::-1]}):
        with pytest.raises(ValidationException, match="Artifact already exists: arn:aws:"):
            await lineage("CreateArtifact", Source=source, ArtifactType="Other")


@pytest.mark.parametrize("word", ["Action", "Context"])
async def test_names_are_taken_in_every_case(lineage: Lineage, word: str) -> None:
    make = lineage.action if word == "Action" else lineage.context
    made = await make("Churn-Deploy")

    assert made == arn(word.lower(), "churn-deploy")
    with pytest.raises(ValidationException, match=f"{word} already exists: {made}"):
        await make("churn-DEPLOY")
    for name in ("CHURN-deploy", made, made.replace("churn", "Churn")):
        told = await lineage(f"Describe{word}", **{f"{word}Name": name})
        assert told[f"{word}Name"] == "Churn-Deploy"


async def test_properties_are_merged_and_removed_by_key(lineage: Lineage) -> None:
    await lineage.action("a", Properties={"k1": "v1", "k2": "v2"}, Status="InProgress")

    await lineage(
        "UpdateAction",
        ActionName="A",
        Status="Completed",
        Description="done",
        Properties={"k3": "v3"},
        PropertiesToRemove=["k1", "absent"],
    )

    told = await lineage("DescribeAction", ActionName="a")
    assert told["Properties"] == {"k2": "v2", "k3": "v3"}
    assert (told["Status"], told["Description"]) == ("Completed", "done")
    assert told["LastModifiedTime"] > told["CreationTime"]
    assert told["LastModifiedBy"]["IamIdentity"]["Arn"] == lineage.principal.arn


async def test_what_an_update_leaves_out_stays(lineage: Lineage) -> None:
    made = await lineage.artifact("s3://b/1", ArtifactName="one", Properties={"k": "v"})

    await lineage("UpdateArtifact", ArtifactArn=made, ArtifactName="uno")
    await lineage("UpdateArtifact", ArtifactArn=made, PropertiesToRemove=["k"])

    told = await lineage("DescribeArtifact", ArtifactArn=made)
    assert told["ArtifactName"] == "uno"
    assert "Properties" not in told


async def test_thirty_properties_are_the_most_and_nothing_is_half_changed(
    lineage: Lineage,
) -> None:
    await lineage.context("c", Properties={f"k{n}": "v" for n in range(30)})

    with pytest.raises(ValidationException, match="30 Properties; this update would make 31"):
        await lineage("UpdateContext", ContextName="c", Description="d", Properties={"more": "v"})
    with pytest.raises(ValidationException, match="both name k1"):
        await lineage(
            "UpdateContext", ContextName="c", Properties={"k1": "v"}, PropertiesToRemove=["k1"]
        )

    assert "Description" not in await lineage("DescribeContext", ContextName="c")


async def test_lists_are_newest_first_by_type_source_and_time(lineage: Lineage) -> None:
    arns = [await lineage.artifact(f"s3://b/{n}", "Model" if n % 2 else "Image") for n in range(4)]
    times = [(await lineage("DescribeArtifact", ArtifactArn=one))["CreationTime"] for one in arns]
    await lineage.context("not-an-artifact", "Model")

    async def listed(**filters: object) -> list[str]:
        answer = await lineage("ListArtifacts", **filters)
        return [one["ArtifactArn"] for one in answer["ArtifactSummaries"]]

    assert await listed() == arns[::-1]
    assert await listed(SortOrder="Ascending") == arns
    assert await listed(ArtifactType="Model") == [arns[3], arns[1]]
    assert await listed(SourceUri="s3://b/2") == [arns[2]]
    assert await listed(SourceUri="s3://b/2", ArtifactType="Model") == []
    assert await listed(CreatedAfter=times[0], CreatedBefore=times[3]) == [arns[2], arns[1]]


async def test_a_page_has_ten_and_leads_to_the_next(lineage: Lineage) -> None:
    names = [f"C{n:02}" for n in range(12)]
    for name in reversed(names):
        await lineage.context(name)
    await lineage.action("z")

    first = await lineage("ListContexts", SortBy="Name", SortOrder="Ascending")
    rest = await lineage(
        "ListContexts", SortBy="Name", SortOrder="Ascending", NextToken=first["NextToken"]
    )

    pages = [[one["ContextName"] for one in page["ContextSummaries"]] for page in (first, rest)]
    assert pages == [names[:10], names[10:]]
    assert "NextToken" not in rest
    with pytest.raises(ValidationException, match="NextToken"):
        await lineage("ListContexts", SortBy="Name", NextToken=first["NextToken"])


async def test_an_artifact_is_deleted_by_its_arn_or_its_source(lineage: Lineage) -> None:
    one, two = await lineage.artifact("s3://b/1"), await lineage.artifact("s3://b/2")

    assert await lineage("DeleteArtifact", ArtifactArn=one) == {"ArtifactArn": one}
    assert await lineage("DeleteArtifact", Source={"SourceUri": "s3://b/2"}) == {"ArtifactArn": two}

    for gone in (one, two):
        with pytest.raises(ResourceNotFound, match=f"{gone} does not exist"):
            await lineage("DescribeArtifact", ArtifactArn=gone)
    assert await lineage.artifact("s3://b/1") == one


async def test_deleting_needs_one_artifact(lineage: Lineage) -> None:
    one, two = await lineage.artifact("s3://b/1"), await lineage.artifact("s3://b/2")

    with pytest.raises(ValidationException, match="the Source of one artifact"):
        await lineage("DeleteArtifact")
    with pytest.raises(ValidationException, match="the Source of one artifact"):
        await lineage("DeleteArtifact", ArtifactArn=one, Source={"SourceUri": "s3://b/2"})

    answer = await lineage("ListArtifacts")
    assert [each["ArtifactArn"] for each in answer["ArtifactSummaries"]] == [two, one]


async def test_what_has_associations_is_not_deleted(lineage: Lineage) -> None:
    data, model = await lineage.artifact("s3://b/1"), await lineage.artifact("s3://b/2")
    await lineage("AddTags", ResourceArn=model, Tags=[{"Key": "k", "Value": "v"}])
    await lineage.join(data, model)

    for end in (data, model):
        with pytest.raises(ValidationException, match="cannot be deleted while it has assoc"):
            await lineage("DeleteArtifact", ArtifactArn=end)

    assert (await lineage("ListTags", ResourceArn=model))["Tags"]
    await lineage("DeleteAssociation", SourceArn=data, DestinationArn=model)
    await lineage("DeleteArtifact", ArtifactArn=model)
    with pytest.raises(ValidationException, match="does not exist"):
        await lineage("ListTags", ResourceArn=model)


@pytest.mark.parametrize(
    ("operation", "members"),
    [
        ("DescribeAction", {"ActionName": "absent"}),
        ("UpdateAction", {"ActionName": "absent"}),
        ("DeleteAction", {"ActionName": "absent"}),
        ("DescribeContext", {"ContextName": arn("context", "absent")}),
        ("UpdateContext", {"ContextName": "absent"}),
        ("DeleteContext", {"ContextName": "absent"}),
        ("DescribeAction", {"ActionName": arn("context", "there")}),
        ("UpdateArtifact", {"ArtifactArn": arn("artifact", "0" * 32)}),
        ("DeleteArtifact", {"Source": {"SourceUri": "s3://b/absent"}}),
    ],
)
async def test_what_is_not_there_is_not_found(
    lineage: Lineage, operation: str, members: dict[str, object]
) -> None:
    await lineage.context("there")

    with pytest.raises(ResourceNotFound, match="does not exist"):
        await lineage(operation, **members)


async def test_another_account_s_and_another_region_s_are_not_there(lineage: Lineage) -> None:
    made = await lineage.artifact("s3://b/1")
    lineage.region = "eu-west-1"
    with pytest.raises(ResourceNotFound):
        await lineage("DescribeArtifact", ArtifactArn=made)
    assert await lineage.artifact("s3://b/1") != made

    lineage.region, lineage.principal = REGION, principal("999999999999")
    with pytest.raises(AccessDeniedException):
        await lineage("DescribeArtifact", ArtifactArn=made)
    assert (await lineage("ListArtifacts"))["ArtifactSummaries"] == []


async def test_an_account_has_one_lineage_group(lineage: Lineage) -> None:
    await lineage.artifact("s3://b/1")
    made_us = lineage.now_us

    (group,) = (await lineage("ListLineageGroups"))["LineageGroupSummaries"]

    name = "sagemaker-default-lineage-group"
    assert group["LineageGroupName"] == name
    assert group["CreationTime"] == made_us
    assert await lineage("DescribeLineageGroup", LineageGroupName=name) == group
    assert not (await lineage("ListLineageGroups", CreatedAfter=made_us))["LineageGroupSummaries"]
    with pytest.raises(ResourceNotFound, match="other does not exist"):
        await lineage("DescribeLineageGroup", LineageGroupName="other")
    with pytest.raises(ResourceNotFound, match="Cannot find resource policy"):
        await lineage("GetLineageGroupPolicy", LineageGroupName=group["LineageGroupArn"])
