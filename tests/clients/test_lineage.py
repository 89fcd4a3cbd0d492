"""Lineage by the SDKs' own classes, unmodified: their documented examples and traversals."""

import pytest

from tests.clients.conftest import Tell


@pytest.mark.slow
def test_sagemaker_sdk_2_makes_asks_and_shows_lineage(tell: Tell) -> None:
    told = tell("sagemaker2_lineage.py", "sagemaker2")

    assert told["loaded"] == ["MyDataSet", "DataSet", {"added": "property"}]
    assert told["listed"] == ["MyDataSet"]
    assert told["tagged"] == [{"Key": "stage", "Value": "dev"}, {"Key": "team", "Value": "rc"}]
    assert told["by uri"] == 1
    assert told["twice"][0] == "ValidationException"
    assert "already exists" in told["twice"][1]
    assert told["associations"] == [True]
    assert told["model.endpoints"] == [["ModelDeployment", "Endpoint"]]
    assert told["model.endpoint_contexts"] == ["Churn-Endpoint"]
    for asked in ("model.dataset_artifacts", "endpoint.dataset_artifacts", "image.datasets"):
        assert told[asked] == ["s3://b/train.csv"], asked
    assert told["dataset.endpoint_contexts"] == ["Churn-Endpoint"]
    assert told["dataset.downstream"] == told["dataset.trained_models"] == []
    assert told["endpoint.models_v2"] == ["s3://b/served"]
    assert told["context.actions"] == ["Churn-Approval", "churn-deploy"]
    assert len(told["action.artifacts"]) == 4
    assert told["approval.datasets"] == ["s3://b/train.csv"]
    assert told["approval.endpoints"] == ["Churn-Endpoint"]
    assert told["approval.model_package"]
    assert told["endpoint.models"] == [["ModelDeployment", "Model"]]
    assert told["filtered"] == [[True, "Artifact", "DataSet"]]
    assert told["whole"] == [8, 8]
    assert told["drawn"] == [1, True, True]
    assert told["objects"] == [
        *("Action", "Context", "DatasetArtifact", "EndpointContext"),
        *("ImageArtifact", "ModelArtifact"),
    ]
    assert told["table"] == [["s3://b/model.tar.gz", "Input", "Model", "ContributedTo", "artifact"]]
    assert told["held"] == "ValidationException"
    assert told["left"] == [2, 1, ["other-way"], ["other-way"]]
    assert told["gone"]


@pytest.mark.slow
def test_sagemaker_sdk_3_reads_every_answer_of_lineage(tell: Tell) -> None:
    told = tell("sagemaker3_lineage.py", "sagemaker3")

    assert told["described"] == [
        *({"rows": "7"}, "churn-model", "InProgress", "Churn", "sagemaker-default-lineage-group"),
    ]
    assert told["updated"] == ["Completed", {"k": "v"}]
    assert told["associations"] == ["DataSet", "Model", "ModelDeployment"]
    assert told["listed"] == [
        *(["DataSet", "Model"], ["Churn-Deploy"], ["Churn"]),
        ["sagemaker-default-lineage-group"],
    ]
    assert told["query"] == [
        *(["Context", "Endpoint"], ["Action", "ModelDeployment"]),
        *(["Artifact", "Model"], ["Artifact", "DataSet"]),
    ]
    assert told["endpoint contexts"] == ["Churn"]
    assert told["held"] == "ValidationException"
    assert told["left"] == []
