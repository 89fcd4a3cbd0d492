"""IAM allows a colon in a path; what is asked of an identity is found behind it too."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.server_process import ServerProcess

PATH = "/a:b/"


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def test_a_tag_in_a_deny_is_seen_on_a_user_whose_path_has_a_colon(server: ServerProcess) -> None:
    iam = server.client("iam")
    tags = [{"Key": "protected", "Value": "true"}]
    iam.create_user(UserName="chief", Path=PATH, Tags=tags)
    iam.create_user(UserName="clerk")
    everything = {"Effect": "Allow", "Action": "iam:*", "Resource": "*"}
    protected = {"StringEquals": {"aws:ResourceTag/protected": "true"}}
    spared = {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": protected}
    iam.put_user_policy(
        UserName="clerk", PolicyName="most", PolicyDocument=policy(everything, spared)
    )
    key = iam.create_access_key(UserName="clerk")["AccessKey"]
    clerk = server.client(
        "iam",
        aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=key["SecretAccessKey"],
    )

    with pytest.raises(ClientError) as refused:
        clerk.create_access_key(UserName="chief")

    assert refused.value.response["Error"]["Code"] == "AccessDenied"
