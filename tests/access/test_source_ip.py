"""aws:SourceIp is the address that the connection comes from, whatever its headers say."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.server_process import ServerProcess

ELSEWHERE = "203.0.113.66"
FORWARDING = {
    "X-Forwarded-For": ELSEWHERE,
    "Forwarded": f"for={ELSEWHERE};proto=https",
    "X-Real-IP": ELSEWHERE,
    "X-Client-IP": ELSEWHERE,
    "True-Client-IP": ELSEWHERE,
    "CF-Connecting-IP": ELSEWHERE,
}


def statement(effect: str, operator: str, address: str) -> dict[str, Any]:
    condition = {operator: {"aws:SourceIp": address}}
    return {"Effect": effect, "Action": "*", "Resource": "*", "Condition": condition}


ALLOW = {"Effect": "Allow", "Action": "*", "Resource": "*"}
POLICIES: dict[str, tuple[list[dict[str, Any]], str]] = {
    "only from elsewhere": (
        [statement("Allow", "IpAddress", "203.0.113.0/24")],
        "AccessDeniedException",
    ),
    "not from here": (
        [ALLOW, statement("Deny", "IpAddress", "127.0.0.0/8")],
        "AccessDeniedException",
    ),
    "nowhere but elsewhere": (
        [ALLOW, statement("Deny", "NotIpAddress", "203.0.113.0/24")],
        "AccessDeniedException",
    ),
    "only from here": ([statement("Allow", "IpAddress", "127.0.0.1/32")], ""),
    "not from elsewhere": ([ALLOW, statement("Deny", "IpAddress", "203.0.113.0/24")], ""),
}


def saying(headers: dict[str, str]) -> Callable[..., None]:
    def say(request: Any, **_: Any) -> None:
        for name, value in headers.items():
            request.headers[name] = value

    return say


@pytest.mark.parametrize("event", ["before-sign", "before-send"], ids=["signed", "unsigned"])
def test_forwarding_headers_change_nothing(server: ServerProcess, event: str) -> None:
    iam = server.client("iam")
    server.client("sagemaker").create_model_package_group(ModelPackageGroupName="churn")
    iam.create_user(UserName="ann")
    made = iam.create_access_key(UserName="ann")["AccessKey"]
    key = {
        "aws_access_key_id": made["AccessKeyId"],
        "aws_secret_access_key": made["SecretAccessKey"],
    }
    told = [{}, FORWARDING, *({name: value} for name, value in FORWARDING.items())]
    clients = []
    for headers in told:
        client = server.client("sagemaker", **key)
        client.meta.events.register(f"{event}.sagemaker", saying(headers))
        clients.append(client)

    for name, (statements, wanted) in POLICIES.items():
        document = json.dumps({"Version": "2012-10-17", "Statement": statements})
        iam.put_user_policy(UserName="ann", PolicyName="p", PolicyDocument=document)
        for headers, client in zip(told, clients, strict=True):
            try:
                client.describe_model_package_group(ModelPackageGroupName="churn")
                code = ""
            except ClientError as refused:
                code = refused.response["Error"]["Code"]
            assert code == wanted, f"{name}: {headers}"
