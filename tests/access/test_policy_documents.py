"""Policy documents are read as IAM reads them, or refused."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.access.identities.refusals import MalformedPolicyDocument
from modelyard.access.policy import documents, patterns
from modelyard.call import Principal

ACCOUNT = "123456789012"
ROOT = Principal(ACCOUNT, f"arn:aws:iam::{ACCOUNT}:root", ACCOUNT, "AKIA")
SESSION = Principal(ACCOUNT, f"arn:aws:sts::{ACCOUNT}:assumed-role/builder/walk", "AROA:s", "ASIA")
ALLOW = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
TRUST = {"Effect": "Allow", "Principal": {"AWS": ROOT.arn}, "Action": "sts:AssumeRole"}


def document(*statements: Any, **more: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements), **more})


@pytest.mark.parametrize(
    "text",
    [
        document(ALLOW),
        json.dumps({"Statement": ALLOW}),
        document(ALLOW | {"Sid": "One"}, ALLOW | {"Sid": "Two", "Effect": "Deny"}),
        document(
            {"Effect": "Allow", "NotAction": ["iam:*", "*"], "NotResource": ["arn:aws:s3:::b"]}
        ),
        document(ALLOW | {"Condition": {"StringEqualsIfExists": {"aws:RequestTag/x": ["a", 1]}}}),
        document(ALLOW | {"Condition": {"Null": {"aws:TokenIssueTime": True}}}),
    ],
)
def test_an_identity_policy_is_read(text: str) -> None:
    assert documents.read_identity(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        "[" * 100_000,
        document(),
        document("x"),
        document(ALLOW, Version="2020-01-01"),
        document(ALLOW, Extra=1),
        document(ALLOW, Id=1),
        document(ALLOW | {"Effect": "allow"}),
        document(ALLOW | {"Extra": 1}),
        document(ALLOW | {"NotAction": "s3:*"}),
        document(ALLOW | {"NotResource": "*"}),
        document(ALLOW | {"Action": "GetObject"}),
        document(ALLOW | {"Action": []}),
        document(ALLOW | {"Action": 1}),
        document(ALLOW | {"Resource": "bucket"}),
        document(ALLOW | {"Resource": "arn:aws"}),
        document({"Effect": "Allow", "Action": "s3:GetObject"}),
        document({"Effect": "Allow", "Resource": "*"}),
        document(ALLOW | {"Principal": "*"}),
        document(ALLOW | {"Sid": "no spaces"}),
        document(ALLOW | {"Sid": "A"}, ALLOW | {"Sid": "A"}),
        document(ALLOW | {"Condition": []}),
        document(ALLOW | {"Condition": {"Equals": {"a": "b"}}}),
        document(ALLOW | {"Condition": {"StringEquals": "a"}}),
        document(ALLOW | {"Condition": {"StringEquals": {"a": {}}}}),
        '{"Statement": [], "Statement": [' + json.dumps(ALLOW) + "]}",
        '{"Version": NaN, "Statement": [' + json.dumps(ALLOW) + "]}",
    ],
)
def test_a_malformed_identity_policy_is_refused(text: str) -> None:
    with pytest.raises(MalformedPolicyDocument):
        documents.read_identity(text)


@pytest.mark.parametrize(
    "change",
    [
        {"Resource": "*"},
        {"Principal": None},
        {"Principal": {}},
        {"Principal": "root"},
        {"Principal": {"AWS": "bob"}},
        {"Principal": {"Nobody": "x"}},
        {"Principal": {"Service": "sagemaker"}},
        {"Action": "s3:GetObject"},
    ],
)
def test_a_malformed_trust_policy_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(MalformedPolicyDocument):
        documents.read_trust(document(TRUST | change))


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "Version",
                        "Statement",
                        "Effect",
                        "Action",
                        "Principal",
                        "AWS",
                        "Condition",
                        "x",
                    ]
                ),
                inner,
            )
        ),
    )
)
def test_any_json_is_read_or_refused(value: Any) -> None:
    for read in (documents.read_identity, documents.read_trust):
        try:
            read(json.dumps(value))
        except MalformedPolicyDocument:
            continue


def test_a_pattern_of_stars_is_matched_in_time() -> None:
    assert not patterns.matches("*" * 500 + "b", "a" * 10_000)
