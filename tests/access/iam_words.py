"""What tests of IAM say again and again: a policy, and how AWS refuses."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

ACCOUNT = "123456789012"
ALLOW_ALL = {
    "Version": "2012-10-17",
    "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"},
}
TRUST = {
    "Version": "2012-10-17",
    "Statement": {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
        "Action": "sts:AssumeRole",
    },
}


def policy(action: str = "*") -> str:
    """An identity policy that allows `action` on everything."""
    statement = {"Effect": "Allow", "Action": action, "Resource": "*"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def trust() -> str:
    return json.dumps(TRUST)


def refused(ask: Any, **request: Any) -> tuple[str, str]:
    """The code and the sentence with which `ask` is refused."""
    with pytest.raises(ClientError) as refusal:
        ask(**request)
    error = refusal.value.response["Error"]
    return error["Code"], error["Message"]


def pages(client: Any, operation: str, member: str, **request: Any) -> list[list[Any]]:
    """What botocore's own paginator reads, two items a page."""
    paginator = client.get_paginator(operation)
    return [
        page[member] for page in paginator.paginate(PaginationConfig={"PageSize": 2}, **request)
    ]
