"""CloudWatch Logs through the real boto3."""

import pytest

from tests.server_process import ServerProcess


def test_an_endpoint_without_logs_is_worded_as_the_sdk_looks_for(server: ServerProcess) -> None:
    logs = server.client("logs")

    with pytest.raises(logs.exceptions.ResourceNotFoundException, match="does not exist"):
        logs.filter_log_events(logGroupName="/aws/sagemaker/Endpoints/churn")


def test_other_operations_of_logs_are_not_offered(server: ServerProcess) -> None:
    logs = server.client("logs")

    with pytest.raises(logs.exceptions.ClientError, match="UnknownOperationException"):
        logs.describe_log_groups()
