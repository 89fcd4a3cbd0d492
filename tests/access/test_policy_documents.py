"""Policy documents are read as IAM reads them, or refused."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.access.identities.refusals import MalformedPolicyDocument
from modelyard.access.policy import documents, patterns, rule, trust
from modelyard.call import Principal
from modelyard.errors import AccessDeniedException

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


@pytest.mark.parametrize(
    ("principal", "caller", "trusted"),
    [
        ({"AWS": ROOT.arn}, ROOT, True),
        ({"AWS": ROOT.arn}, SESSION, True),
        ({"AWS": ACCOUNT}, ROOT, True),
        ({"AWS": "*"}, SESSION, True),
        ("*", ROOT, True),
        ({"AWS": f"arn:aws:iam::{ACCOUNT}:role/path/builder"}, SESSION, True),
        ({"AWS": f"arn:aws:iam::{ACCOUNT}:role/other"}, SESSION, False),
        ({"AWS": f"arn:aws:iam::{ACCOUNT}:role/builder"}, ROOT, False),
        ({"AWS": SESSION.arn}, SESSION, True),
        ({"AWS": "arn:aws:iam::999999999999:root"}, ROOT, False),
        ({"Service": "sagemaker.amazonaws.com"}, ROOT, False),
    ],
)
def test_a_role_trusts_whom_it_names(principal: Any, caller: Principal, trusted: bool) -> None:
    statements = documents.read_trust(document(TRUST | {"Principal": principal}))

    assert trust.allows(statements, caller, {}) is trusted


@pytest.mark.parametrize(
    ("condition", "trusted"),
    [
        ({"StringEquals": {"sts:ExternalId": "x"}}, True),
        ({"StringEquals": {"sts:ExternalId": ["y", "x"]}}, True),
        ({"StringEquals": {"STS:externalid": "y"}}, False),
        ({"StringLike": {"sts:ExternalId": "*"}}, True),
        ({"StringNotLike": {"sts:ExternalId": "?"}}, False),
        ({"StringEquals": {"sts:SourceIdentity": "x"}}, False),
        ({"Bool": {"aws:MultiFactorAuthPresent": "true"}}, False),
        ({"StringEquals": {"aws:PrincipalOrgID": "o-1"}}, False),
    ],
)
def test_a_condition_is_met_or_the_role_stays_closed(condition: Any, trusted: bool) -> None:
    allowed = documents.read_trust(document(TRUST | {"Condition": condition}))
    assert trust.allows(allowed, ROOT, {"sts:externalid": "x"}) is trusted


def test_a_deny_wins_even_when_its_condition_is_not_understood() -> None:
    deny = TRUST | {"Effect": "Deny", "Condition": {"Bool": {"aws:SecureTransport": "false"}}}

    assert not trust.allows(documents.read_trust(document(TRUST, deny)), ROOT, {})


def test_a_pattern_of_stars_is_matched_in_time() -> None:
    assert not patterns.matches("*" * 500 + "b", "a" * 10_000)


def test_an_account_administers_itself_and_nothing_else() -> None:
    mine, other = f"arn:aws:iam::{ACCOUNT}:role/r", "arn:aws:iam::999999999999:role/r"

    assert rule.decide(ROOT, "iam:GetRole", mine) is rule.Decision.ALLOWED
    assert rule.decide(ROOT, "s3:GetObject", "arn:aws:s3:::b/k") is rule.Decision.ALLOWED
    assert rule.decide(ROOT, "iam:GetRole", other) is rule.Decision.IMPLICIT_DENY
    with pytest.raises(AccessDeniedException, match="is not authorized to perform: iam:GetRole"):
        rule.authorise(ROOT, "iam", "GetRole", other)
