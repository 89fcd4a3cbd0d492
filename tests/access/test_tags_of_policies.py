"""Tags of managed policies and identity providers decide, as those of users and roles do."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.server_process import ServerProcess

ALLOW_ALL = {"Effect": "Allow", "Action": "*", "Resource": "*"}
TAGS = [{"Key": "protected", "Value": "true"}]


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


@pytest.fixture
def clerk(server: ServerProcess) -> Any:
    """May do everything but to what is protected."""
    iam = server.client("iam")
    iam.create_user(UserName="clerk")
    protected = {"StringEquals": {"aws:ResourceTag/protected": "true"}}
    spared = {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": protected}
    text = document(ALLOW_ALL, spared)
    iam.put_user_policy(UserName="clerk", PolicyName="most", PolicyDocument=text)
    key = iam.create_access_key(UserName="clerk")["AccessKey"]
    return server.client(
        "iam",
        aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=key["SecretAccessKey"],
    )


def code_of(call: Callable[..., Any], **request: Any) -> str:
    with pytest.raises(ClientError) as refused:
        call(**request)
    return str(refused.value.response["Error"]["Code"])


def test_a_protected_policy_gets_no_version(server: ServerProcess, clerk: Any) -> None:
    text = document({**ALLOW_ALL, "Action": "s3:GetObject"})
    arns = [
        server.client("iam").create_policy(PolicyName=name, PolicyDocument=text, Tags=tags)[
            "Policy"
        ]["Arn"]
        for name, tags in (("guarded", TAGS), ("open", []))
    ]
    wider: dict[str, Any] = {"PolicyDocument": document(ALLOW_ALL), "SetAsDefault": True}

    assert code_of(clerk.create_policy_version, PolicyArn=arns[0], **wider) == "AccessDenied"
    assert code_of(clerk.untag_policy, PolicyArn=arns[0], TagKeys=["protected"]) == "AccessDenied"
    clerk.create_policy_version(PolicyArn=arns[1], **wider)


def test_a_protected_identity_provider_gets_no_client(server: ServerProcess, clerk: Any) -> None:
    arn = server.client("iam").create_open_id_connect_provider(
        Url="https://people.example.com/in", ClientIDList=["one"], Tags=TAGS
    )["OpenIDConnectProviderArn"]

    add = clerk.add_client_id_to_open_id_connect_provider

    assert code_of(add, OpenIDConnectProviderArn=arn, ClientID="two") == "AccessDenied"
