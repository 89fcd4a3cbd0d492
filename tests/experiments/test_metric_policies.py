"""Who may put and read metrics: policies about trial components, by name and by tag."""

import json
import time
from typing import Any

import pytest

from tests.experiments import components
from tests.server_process import ServerProcess


@pytest.fixture
def user(server: ServerProcess) -> Any:
    """A user's clients of the metrics service, by the policy that it gets."""
    iam = server.client("iam")
    iam.create_user(UserName="ada")
    key = iam.create_access_key(UserName="ada")["AccessKey"]

    def allowed(*statements: dict[str, Any]) -> Any:
        document = {"Version": "2012-10-17", "Statement": list(statements)}
        iam.put_user_policy(
            UserName="ada", PolicyName="metrics", PolicyDocument=json.dumps(document)
        )
        return server.client(
            "sagemaker-metrics",
            aws_access_key_id=key["AccessKeyId"],
            aws_secret_access_key=key["SecretAccessKey"],
        )

    return allowed


def put(client: Any, name: str) -> None:
    point = {"MetricName": "loss", "Timestamp": time.time(), "Step": 0, "Value": 0.5}
    client.batch_put_metrics(TrialComponentName=name, MetricData=[point])


def get(client: Any, *names: str) -> list[str]:
    query = {"MetricName": "loss", "MetricStat": "Last", "Period": "IterationNumber"}
    queries = [
        {**query, "ResourceArn": components.arn(name), "XAxisType": "IterationNumber"}
        for name in names
    ]
    answer = client.batch_get_metrics(MetricQueries=queries)
    return [one["Status"] for one in answer["MetricQueryResults"]]


def test_a_policy_may_name_the_components_whose_metrics_are_put_and_read(
    server: ServerProcess, user: Any
) -> None:
    sagemaker = server.client("sagemaker")
    for name in ("team-run", "other-run"):
        sagemaker.create_trial_component(TrialComponentName=name)
        put(server.client("sagemaker-metrics"), name)
    client = user(
        {
            "Effect": "Allow",
            "Action": ["sagemaker:BatchPutMetrics", "sagemaker:BatchGetMetrics"],
            "Resource": components.arn("team-*"),
        }
    )

    put(client, "team-run")
    assert get(client, "team-run") == ["Complete"]
    for refused in (
        lambda: put(client, "other-run"),
        lambda: put(client, "absent"),
        lambda: get(client, "team-run", "other-run"),
        lambda: get(client, "team-run", "OTHER-run"),
    ):
        with pytest.raises(client.exceptions.ClientError, match="AccessDenied"):
            refused()


def test_a_policy_may_ask_for_the_tags_of_a_component(server: ServerProcess, user: Any) -> None:
    sagemaker = server.client("sagemaker")
    for name, team in (("mine", "churn"), ("theirs", "fraud")):
        tags = [{"Key": "team", "Value": team}]
        sagemaker.create_trial_component(TrialComponentName=name, Tags=tags)
    client = user(
        {
            "Effect": "Allow",
            "Action": "sagemaker:BatchPutMetrics",
            "Resource": "*",
            "Condition": {"StringEquals": {"aws:ResourceTag/team": "churn"}},
        }
    )

    put(client, "mine")
    with pytest.raises(client.exceptions.ClientError, match="AccessDenied"):
        put(client, "theirs")
    with pytest.raises(client.exceptions.ClientError, match="AccessDenied"):
        get(client, "mine")
