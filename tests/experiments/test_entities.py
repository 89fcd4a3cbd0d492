"""Experiments, trials and trial components: names, members, what depends on what, and tags."""

from typing import Any

import pytest

from modelyard.errors import AccessDeniedException, ResourceNotFound, ValidationException
from tests.experiments.in_process import Experiments, arn
from tests.registry.in_process import principal

KINDS = {
    "Experiment": "experiment",
    "Trial": "experiment-trial",
    "TrialComponent": "experiment-trial-component",
}
WORDS = pytest.mark.parametrize("word", KINDS)


async def make(yard: Experiments, word: str, name: str, **members: Any) -> str:
    if word == "Experiment":
        return await yard.experiment(name, **members)
    if word == "TrialComponent":
        return await yard.component(name, **members)
    await yard("CreateExperiment", ExperimentName=f"of-{name}")
    return await yard.trial(name, f"of-{name}", **members)


async def describe(yard: Experiments, word: str, name: str) -> dict[str, Any]:
    return await yard(f"Describe{word}", **{f"{word}Name": name})


@WORDS
async def test_one_is_described_with_what_was_given(yard: Experiments, word: str) -> None:
    made = await make(yard, word, "Churn-1", DisplayName="Churn")
    created = yard.now_us

    described = await describe(yard, word, "Churn-1")

    assert made == arn(KINDS[word], "churn-1")
    user = yard.principal
    assert (
        described.items()
        >= {
            f"{word}Name": "Churn-1",
            f"{word}Arn": made,
            "DisplayName": "Churn",
            "CreationTime": created,
            "LastModifiedTime": created,
            "CreatedBy": {"IamIdentity": {"Arn": user.arn, "PrincipalId": user.id}},
        }.items()
    )


@WORDS
async def test_without_a_display_name_the_name_is_displayed(yard: Experiments, word: str) -> None:
    await make(yard, word, "churn")

    assert (await describe(yard, word, "churn"))["DisplayName"] == "churn"


@WORDS
async def test_names_differ_in_more_than_the_case_of_their_letters(
    yard: Experiments, word: str
) -> None:
    await make(yard, word, "Churn", DisplayName="first")
    request = {f"{word}Name": "cHURN"}
    if word == "Trial":
        request["ExperimentName"] = "of-Churn"

    with pytest.raises(ValidationException, match=r"with name \(cHURN\) already exists"):
        await yard(f"Create{word}", **request)

    assert (await describe(yard, word, "CHURN"))["DisplayName"] == "first"


@WORDS
@pytest.mark.parametrize("verb", ["Describe", "Update", "Delete"])
async def test_one_that_is_not_there_is_not_found(yard: Experiments, word: str, verb: str) -> None:
    with pytest.raises(ResourceNotFound, match=f"'{arn(KINDS[word], 'nothing')}' does not exist"):
        await yard(f"{verb}{word}", **{f"{word}Name": "nothing"})


@WORDS
async def test_of_another_account_there_is_nothing(yard: Experiments, word: str) -> None:
    await make(yard, word, "churn")
    yard.principal = principal("999999999999", "eve")

    assert await yard.names(word) == []
    with pytest.raises(ResourceNotFound):
        await describe(yard, word, "churn")


async def test_a_component_of_another_account_is_not_described_by_its_arn(
    yard: Experiments,
) -> None:
    theirs = await yard.component("churn")
    yard.principal = principal("999999999999", "eve")

    for one in (theirs, theirs.replace("churn", "nothing")):
        with pytest.raises(AccessDeniedException):
            await describe(yard, "TrialComponent", one)


async def test_a_component_is_described_by_its_arn_in_any_case(yard: Experiments) -> None:
    made = await yard.component("Churn")

    described = await describe(yard, "TrialComponent", made.replace("churn", "CHURN"))

    assert described["TrialComponentName"] == "Churn"
    assert described["LineageGroupArn"].endswith(":lineage-group/sagemaker-default-lineage-group")


@WORDS
async def test_an_update_changes_what_it_names_and_tells_who_did_it(
    yard: Experiments, word: str
) -> None:
    await make(yard, word, "churn")
    before = await describe(yard, word, "churn")
    yard.principal = principal(name="bob")

    await yard(f"Update{word}", **{f"{word}Name": "CHURN", "DisplayName": "better"})

    bob = {"IamIdentity": {"Arn": yard.principal.arn, "PrincipalId": yard.principal.id}}
    assert await describe(yard, word, "churn") == {
        **before,
        "DisplayName": "better",
        "LastModifiedTime": yard.now_us - 1000,
        "LastModifiedBy": bob,
    }


async def test_a_description_can_be_changed(yard: Experiments) -> None:
    await yard.experiment("churn", Description="first")

    await yard("UpdateExperiment", ExperimentName="churn", Description="")

    assert (await describe(yard, "Experiment", "churn"))["Description"] == ""


async def test_a_trial_names_its_experiment_as_that_is_spelled(yard: Experiments) -> None:
    await yard.experiment("Churn")
    properties = {"CommitId": "abc", "Repository": "r", "GeneratedBy": "g", "ProjectId": "p"}

    await yard.trial("one", "CHURN", MetadataProperties=properties)

    described = await describe(yard, "Trial", "one")
    assert described["ExperimentName"] == "Churn"
    assert described["MetadataProperties"] == properties


async def test_a_trial_needs_an_experiment_that_is_there(yard: Experiments) -> None:
    with pytest.raises(ResourceNotFound, match="Experiment '.*experiment/nothing' does not exist"):
        await yard.trial("one", "nothing")

    assert await yard.names("Trial") == []


async def test_an_experiment_with_trials_stays(yard: Experiments) -> None:
    await yard.experiment("churn", Tags=[{"Key": "team", "Value": "rc"}])
    await yard.trial("one", "churn")

    with pytest.raises(ValidationException, match="has trials, such as one"):
        await yard("DeleteExperiment", ExperimentName="Churn")
    assert len((await yard("ListTags", ResourceArn=arn("experiment", "churn")))["Tags"]) == 1

    await yard("DeleteTrial", TrialName="one")
    await yard("DeleteExperiment", ExperimentName="Churn")
    assert await yard.names("Experiment") == []


async def test_a_trial_with_components_and_a_component_in_trials_stay(yard: Experiments) -> None:
    await yard.experiment("churn")
    await yard.trial("one", "churn")
    await yard.component("run", "one")
    link = {"TrialName": "one", "TrialComponentName": "run"}

    with pytest.raises(ValidationException, match="has trial components, such as run"):
        await yard("DeleteTrial", TrialName="one")
    with pytest.raises(ValidationException, match="is in trials, such as one"):
        await yard("DeleteTrialComponent", TrialComponentName="run")

    await yard("DisassociateTrialComponent", **link)
    await yard("DeleteTrial", TrialName="one")
    await yard("DeleteTrialComponent", TrialComponentName="run")


async def test_a_component_is_in_a_trial_once(yard: Experiments) -> None:
    await yard.experiment("churn")
    trial = await yard.trial("one", "churn")
    component = await yard.component("run", "one")
    link = {"TrialName": "One", "TrialComponentName": "Run"}

    again = await yard("AssociateTrialComponent", **link)
    assert again == {"TrialArn": trial, "TrialComponentArn": component}
    assert await yard.names("TrialComponent", TrialName="one") == ["run"]

    await yard("DisassociateTrialComponent", **link)
    with pytest.raises(ResourceNotFound, match="is not in trial"):
        await yard("DisassociateTrialComponent", **link)


@pytest.mark.parametrize("verb", ["Associate", "Disassociate"])
async def test_only_what_is_there_can_be_joined(yard: Experiments, verb: str) -> None:
    await yard.experiment("churn")
    await yard.trial("one", "churn")
    await yard.component("run")

    with pytest.raises(ResourceNotFound, match="Trial component '"):
        await yard(f"{verb}TrialComponent", TrialName="one", TrialComponentName="nothing")
    with pytest.raises(ResourceNotFound, match="Trial '"):
        await yard(f"{verb}TrialComponent", TrialName="nothing", TrialComponentName="run")


@WORDS
async def test_each_can_be_tagged_and_its_tags_go_with_it(yard: Experiments, word: str) -> None:
    one = await make(yard, word, "churn", Tags=[{"Key": "team", "Value": "rc"}])

    await yard("AddTags", ResourceArn=one, Tags=[{"Key": "stage", "Value": "dev"}])
    await yard("DeleteTags", ResourceArn=one, TagKeys=["team"])

    assert (await yard("ListTags", ResourceArn=one))["Tags"] == [{"Key": "stage", "Value": "dev"}]
    await yard(f"Delete{word}", **{f"{word}Name": "churn"})
    with pytest.raises(ValidationException, match="does not exist"):
        await yard("ListTags", ResourceArn=one)
    if word == "Trial":
        again = await yard.trial("churn", "of-churn")
    else:
        again = await make(yard, word, "churn")
    assert again == one
    assert (await yard("ListTags", ResourceArn=again))["Tags"] == []


@pytest.mark.parametrize("word", ["Experiment", "TrialComponent"])
async def test_what_is_deleted_leaves_no_association_of_lineage(
    yard: Experiments, word: str
) -> None:
    one = await make(yard, word, "churn")
    source = {"SourceUri": "s3://bucket/data.csv"}
    artifact = (await yard("CreateArtifact", Source=source, ArtifactType="DataSet"))["ArtifactArn"]
    await yard("AddAssociation", SourceArn=artifact, DestinationArn=one)

    await yard(f"Delete{word}", **{f"{word}Name": "churn"})

    assert (await yard("ListAssociations"))["AssociationSummaries"] == []
    await yard("DeleteArtifact", ArtifactArn=artifact)
