"""Experiments by boto3, on a server with either database."""

import math

import pytest
from botocore.exceptions import ClientError

from tests.server_process import ServerProcess


def test_boto3_keeps_and_finds_runs(server_on_each_database: ServerProcess) -> None:
    client = server_on_each_database.client("sagemaker")
    client.create_experiment(ExperimentName="churn")
    client.create_trial(TrialName="group", ExperimentName="churn")
    for number in range(12):
        name = f"run-{number:02}"
        client.create_trial_component(
            TrialComponentName=name, Parameters={"rate": {"NumberValue": number / 10}}
        )
        client.associate_trial_component(TrialComponentName=name, TrialName="group")

    pages = client.get_paginator("list_trial_components").paginate(
        ExperimentName="churn", SortBy="Name", SortOrder="Ascending"
    )
    names = [one["TrialComponentName"] for page in pages for one in page["TrialComponentSummaries"]]

    assert names == [f"run-{number:02}" for number in range(12)]
    described = client.describe_trial_component(TrialComponentName="RUN-11")
    assert described["Parameters"] == {"rate": {"NumberValue": 1.1}}
    for value in (math.nan, math.inf, -math.inf):
        with pytest.raises(ClientError, match="ValidationException.*must be a finite number"):
            client.update_trial_component(
                TrialComponentName="run-11", Parameters={"rate": {"NumberValue": value}}
            )
    with pytest.raises(client.exceptions.ResourceNotFound):
        client.describe_trial(TrialName="nothing")
    with pytest.raises(ClientError, match="already exists"):
        client.create_experiment(ExperimentName="Churn")
