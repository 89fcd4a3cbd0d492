"""A role is assumed by whom its trust policy and the caller's own policies let."""

from typing import Any

import pytest

from modelyard.access.policy import documents, evaluation, principals, trust
from modelyard.access.policy.evaluation import Policy, Subject
from modelyard.call import Principal
from tests.access.policy.asking import (
    HERE,
    ROLE,
    ROOT,
    SESSION,
    THERE,
    USER,
    allow,
    caller,
    deny,
    document,
    identity,
)

DEPLOYER = f"arn:aws:iam::{HERE}:role/deployer"
PROVIDER = f"arn:aws:iam::{HERE}:oidc-provider/login.example.com"


def trusting(principal: Any, action: Any = "sts:AssumeRole", **more: Any) -> Policy:
    statement = {"Effect": "Allow", "Principal": principal, "Action": action, **more}
    return evaluation.compile(documents.read_trust(document(statement)), "trust policy")


def may(subject: Subject, policy: Policy, role: str = DEPLOYER, **more: Any) -> bool:
    context = more.pop("context", {})
    action = more.pop("action", trust.ASSUME_ROLE)
    return trust.decide(subject, trust.Wish(action, role, context, **more), policy).allowed


@pytest.mark.parametrize(
    ("principal", "subject", "trusted"),
    [
        ({"AWS": HERE}, caller(), False),
        ({"AWS": ROOT}, caller(USER, allow("sts:AssumeRole", DEPLOYER)), True),
        ({"AWS": ROOT}, caller(USER, allow("sts:AssumeRole", ROLE)), False),
        ({"AWS": ROOT}, caller(ROOT), True),
        ({"AWS": USER}, caller(), True),
        ({"AWS": USER}, caller(USER, deny("sts:*")), False),
        ({"AWS": ROLE}, caller(SESSION), True),
        ({"AWS": ROLE}, caller(SESSION, session=(identity(allow("s3:*")),)), False),
        ({"AWS": SESSION}, caller(SESSION, session=(identity(allow("s3:*")),)), True),
        ({"AWS": THERE}, caller(USER, allow()), False),
        ({"Service": "sagemaker.amazonaws.com"}, caller(USER, allow()), False),
        ({"Service": "sagemaker.amazonaws.com"}, caller(ROOT), False),
        ("*", caller(), True),
    ],
)
def test_a_role_trusts_whom_it_names(principal: Any, subject: Subject, trusted: bool) -> None:
    assert may(subject, trusting(principal)) is trusted


def test_a_role_of_another_account_takes_both_sides() -> None:
    role = f"arn:aws:iam::{THERE}:role/deployer"

    assert may(caller(USER, allow("sts:AssumeRole", role)), trusting({"AWS": HERE}), role)
    assert may(caller(USER, allow("sts:*", role)), trusting({"AWS": USER}), role)
    assert not may(caller(), trusting({"AWS": USER}), role)
    assert not may(caller(USER, allow()), trusting({"AWS": THERE}), role)


def test_tags_and_a_source_identity_are_trusted_on_their_own() -> None:
    plain = trusting({"AWS": USER})
    full = trusting({"AWS": USER}, ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"])

    assert may(caller(), plain)
    assert not may(caller(), plain, tags_session=True)
    assert not may(caller(), plain, sets_source_identity=True)
    assert may(caller(), full, tags_session=True, sets_source_identity=True)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("sts:ExternalId", "x"),
        ("sts:RoleSessionName", "nightly"),
        ("sts:SourceIdentity", "ana"),
        ("aws:PrincipalTag/team", "churn"),
        ("aws:RequestTag/team", "churn"),
    ],
)
def test_conditions_are_about_what_is_asked(key: str, value: str) -> None:
    policy = trusting({"AWS": USER}, Condition={"StringEquals": {key: value}})

    assert may(caller(), policy, context={key.lower(): (value,)})
    assert not may(caller(), policy, context={key.lower(): ("other",)})
    assert not may(caller(), policy)


def test_a_person_of_a_provider_is_trusted_by_the_providers_name() -> None:
    someone = Principal("", PROVIDER, "", "")
    subject = Subject(someone, names=principals.names(someone))
    web = trust.ASSUME_ROLE_WITH_WEB_IDENTITY
    audience = {"StringEquals": {"login.example.com:aud": "modelyard"}}
    policy = trusting({"Federated": PROVIDER}, web, Condition=audience)

    assert may(subject, policy, action=web, context={"login.example.com:aud": ("modelyard",)})
    assert not may(subject, policy, action=web, context={"login.example.com:aud": ("other",)})
    assert not may(subject, policy, action=web)
    assert not may(subject, trusting("*", "sts:*"), action=web)
    assert not may(subject, trusting({"Federated": PROVIDER}), action=web)


def test_a_service_is_trusted_by_its_name() -> None:
    service = Principal("", "sagemaker.amazonaws.com", "", "")
    subject = Subject(service, names=principals.names(service))

    assert may(subject, trusting({"Service": "sagemaker.amazonaws.com"}))
    assert not may(subject, trusting({"Service": "lambda.amazonaws.com"}))
    assert not may(subject, trusting({"AWS": HERE}))
