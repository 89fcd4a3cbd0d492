"""Trial components and experiments at the ends of associations."""

import pytest

from modelyard.errors import ResourceNotFound
from modelyard.storage.transaction import Transaction
from tests.lineage.in_process import Lineage, arn

KIND = "experiment-trial-component"


async def component(lineage: Lineage, name: str, source_type: str = "") -> str:
    made = await lineage("CreateTrialComponent", TrialComponentName=name)

    async def of_job(tx: Transaction) -> None:
        await tx.run(
            "UPDATE trial_component SET source_type = ? WHERE arn = ?",
            *(source_type, made["TrialComponentArn"]),
        )

    await lineage.database.write(of_job)
    return str(made["TrialComponentArn"])


@pytest.mark.parametrize(
    ("made_by", "told", "vertex"),
    [
        ("SageMakerTrainingJob", "SageMakerTrainingJob", "TrainingJob"),
        ("SageMakerProcessingJob", "SageMakerProcessingJob", "ProcessingJob"),
        ("SageMakerTransformJob", "SageMakerTransformJob", "TransformJob"),
        ("", "SageMakerExperimentTrialComponent", "ExperimentTrialComponent"),
    ],
)
async def test_a_trial_component_is_called_by_what_made_it(
    lineage: Lineage, made_by: str, told: str, vertex: str
) -> None:
    data, model = await lineage.artifact("s3://b/d", "DataSet"), await lineage.artifact("s3://b/m")
    job = await component(lineage, "Job-1", made_by)
    await lineage.join(data, job, model)

    answer = await lineage("QueryLineage", StartArns=[model], Direction="Ascendants")
    listed = await lineage("ListAssociations", DestinationArn=job.replace("job-1", "JOB-1"))

    assert answer["Vertices"] == [
        {"Arn": job, "Type": vertex, "LineageType": "TrialComponent"},
        {"Arn": data, "Type": "DataSet", "LineageType": "Artifact"},
    ]
    (association,) = listed["AssociationSummaries"]
    assert association["DestinationType"] == told
    assert association["DestinationName"] == "Job-1"
    assert await lineage.met(job, "Descendants") == [model]
    types = {"Types": [vertex], "LineageTypes": ["TrialComponent"]}
    assert await lineage.met(data, Filters=types) == [job]
    assert await lineage.met(data, Filters={**types, "Properties": {"a": "b"}}) == []


async def test_an_experiment_is_passed_on_the_way_but_is_no_vertex(lineage: Lineage) -> None:
    """AWS has no LineageType for it."""
    data, model = await lineage.artifact("s3://b/d", "DataSet"), await lineage.artifact("s3://b/m")
    made = await lineage("CreateExperiment", ExperimentName="churn")
    await lineage.join(data, made["ExperimentArn"], model)

    assert await lineage.met(data) == [model]


async def test_a_trial_component_that_is_not_there_is_not_joined(lineage: Lineage) -> None:
    model = await lineage.artifact("s3://b/m")

    with pytest.raises(ResourceNotFound, match=f"{KIND}/absent does not exist"):
        await lineage.join(arn(KIND, "absent"), model)
