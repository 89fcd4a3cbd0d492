"""From a data set to an endpoint and back, by plain calls of boto3 to a running server."""

import time
from collections.abc import Callable
from typing import Any

from tests.reliability.clients import Clients
from tests.reliability.endpoints import BUCKET, ENDPOINT, GROUP, SKLEARN, Hosting, saying
from tests.server_process import ServerProcess

MADE_SECONDS_MAX = 240.0  # a guard against a hang
DATA = f"s3://{BUCKET}/train.csv"
TRAINED = f"s3://{BUCKET}/training/model.tar.gz"
COPY = f"s3://{BUCKET}/first.tar.gz"


def eventually(ask: Callable[[], list[Any]]) -> list[Any]:
    """What is asked for, once it is there: lineage follows what it is about."""
    until = time.monotonic() + MADE_SECONDS_MAX
    while not (found := ask()):
        assert time.monotonic() < until, "the lineage was not made"
        time.sleep(0.05)
    return found


def reached(sagemaker: Any, start: str, direction: str) -> set[tuple[str, str]]:
    """(LineageType, Type) of everything up or down from there."""
    answer = sagemaker.query_lineage(
        StartArns=[start], Direction=direction, IncludeEdges=True, MaxDepth=10, MaxResults=50
    )
    assert "NextToken" not in answer
    others = [one for one in answer["Vertices"] if one["Arn"] != start]
    return {(one["LineageType"], one["Type"]) for one in others}


def test_calls_leave_the_whole_graph_from_data_to_endpoint(
    server_on_each_database: ServerProcess,
) -> None:
    """The registered file is a copy of the trained one: their bytes tie them."""
    clients = Clients(server_on_each_database)
    sagemaker = clients("sagemaker")
    hosting = Hosting(clients)
    archive = saying("yes")
    clients("s3").put_object(Bucket=BUCKET, Key="training/model.tar.gz", Body=archive)
    data, trained = [
        sagemaker.create_artifact(Source={"SourceUri": uri}, ArtifactType=kind)["ArtifactArn"]
        for uri, kind in ((DATA, "DataSet"), (TRAINED, "Model"))
    ]
    sagemaker.add_association(
        SourceArn=data, DestinationArn=trained, AssociationType="ContributedTo"
    )

    hosting.deployable("first", archive)
    hosting.create("first")
    package = f"arn:aws:sagemaker:us-east-1:123456789012:model-package/{GROUP}/1"
    sagemaker.update_model_package(ModelPackageArn=package, ModelApprovalStatus="Rejected")
    endpoint = sagemaker.describe_endpoint(EndpointName=ENDPOINT)["EndpointArn"]

    def of_source(uri: str) -> list[Any]:
        found: list[Any] = sagemaker.list_artifacts(SourceUri=uri)["ArtifactSummaries"]
        return found

    [context] = eventually(lambda: sagemaker.list_contexts(SourceUri=endpoint)["ContextSummaries"])
    eventually(
        lambda: [
            action
            for action in sagemaker.list_actions(SourceUri=package)["ActionSummaries"]
            if "-Rejected-" in action["ActionName"]
        ]
    )
    assert {
        ("Artifact", "DataSet"),
        ("Artifact", "Model"),
        ("Artifact", "Image"),
        ("Action", "Approval"),
        ("Action", "ModelDeployment"),
    } == reached(sagemaker, context["ContextArn"], "Ascendants")
    assert {
        ("Artifact", "Model"),
        ("Action", "ModelDeployment"),
        ("Context", "Endpoint"),
        ("Context", "ModelGroup"),
    } == reached(sagemaker, data, "Descendants")
    assert [one["ArtifactType"] for one in of_source(package)] == ["Model"]
    assert [one["ArtifactType"] for one in of_source(SKLEARN)] == ["Image"]
    [same] = sagemaker.list_associations(SourceArn=trained)["AssociationSummaries"]
    assert same["AssociationType"] == "SameAs"
    assert same["DestinationArn"] == of_source(COPY)[0]["ArtifactArn"]


def test_what_is_announced_before_a_kill_is_told_after_it(
    server_on_each_database: ServerProcess,
) -> None:
    server = server_on_each_database
    sagemaker = Clients(server)("sagemaker")
    sagemaker.create_model_package_group(ModelPackageGroupName="killed")
    for _ in range(30):
        sagemaker.create_model_package(ModelPackageGroupName="killed")
    server.kill()
    server.restart()
    sagemaker = Clients(server)("sagemaker")

    def all_of_them() -> list[Any]:
        pages = sagemaker.get_paginator("list_actions").paginate(ActionType="Approval")
        found = [one for page in pages for one in page["ActionSummaries"]]
        return found if len(found) >= 30 else []

    sources = [action["Source"]["SourceUri"] for action in eventually(all_of_them)]

    assert len(sources) == len(set(sources)) == 30
