"""The description of our own service loads in unmodified botocore; its clients and pages work."""

from pathlib import Path

import botocore.loaders
import botocore.session
import pytest
from botocore.model import OperationModel, Shape
from botocore.validate import ParamValidator

import modelyard

FOLDER = Path(modelyard.__file__).parent / "service"
OPERATIONS = [
    "CompareModelPackages",
    "CompareTrialComponents",
    "DescribeModelPackageArtifacts",
    "DescribeModelPackageMetrics",
    "ExplainAccess",
    "ListEndpointDeployments",
    "ListModelPackageDecisions",
    "ListModelPackageMetrics",
    "RollbackEndpoint",
]


@pytest.fixture
def session() -> botocore.session.Session:
    session = botocore.session.Session()
    loader = botocore.loaders.Loader(extra_search_paths=[str(FOLDER)])
    session.register_component("data_loader", loader)
    return session


def _operations(session: botocore.session.Session) -> list[OperationModel]:
    service = session.get_service_model("modelyard")
    return [service.operation_model(name) for name in service.operation_names]


def _every_shape(shape: Shape | None, seen: dict[str, Shape]) -> None:
    if shape is None or shape.name in seen:
        return
    seen[shape.name] = shape
    for member in getattr(shape, "members", {}).values():
        _every_shape(member, seen)
    _every_shape(getattr(shape, "member", None), seen)


def test_botocore_finds_the_operations(session: botocore.session.Session) -> None:
    assert sorted(o.name for o in _operations(session)) == OPERATIONS


def test_a_client_signs_as_modelyard_and_posts_json_to_the_root(
    session: botocore.session.Session,
) -> None:
    client = session.create_client(
        "modelyard",
        region_name="us-east-1",
        endpoint_url="http://127.0.0.1:1",
        aws_access_key_id="a",
        aws_secret_access_key="b",
    )
    sent = []

    def answer(request: object, **_: object) -> object:
        sent.append(request)
        raise ConnectionRefusedError

    client.meta.events.register("before-send.modelyard.*", answer)
    with pytest.raises(ConnectionRefusedError):
        client.rollback_endpoint(EndpointName="churn", DryRun=True)

    assert sent[0].headers["X-Amz-Target"] == b"Modelyard.RollbackEndpoint"
    assert b"/us-east-1/modelyard/aws4_request" in sent[0].headers["Authorization"]
    assert client.can_paginate("list_model_package_decisions")
    assert client.can_paginate("list_endpoint_deployments")


def test_every_operation_and_member_is_documented(session: botocore.session.Session) -> None:
    for operation in _operations(session):
        assert operation.documentation
        for shape in (operation.input_shape, operation.output_shape):
            assert all(m.documentation for m in shape.members.values()), shape.name


def test_every_described_shape_is_used(session: botocore.session.Session) -> None:
    seen: dict[str, Shape] = {}
    for operation in _operations(session):
        for shape in (operation.input_shape, operation.output_shape, *operation.error_shapes):
            _every_shape(shape, seen)

    assert set(session.get_service_model("modelyard").shape_names) == set(seen)


def test_a_version_argument_is_limited_before_it_is_sent(session: botocore.session.Session) -> None:
    shape = (
        session.get_service_model("modelyard")
        .operation_model("DescribeModelPackageArtifacts")
        .input_shape
    )
    assert ParamValidator().validate({"ModelPackageName": "g/1"}, shape).has_errors() is False
    assert ParamValidator().validate({}, shape).has_errors() is True
