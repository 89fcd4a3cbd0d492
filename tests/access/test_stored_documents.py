"""A stored policy that is read no more gives no permission, and is no failure of the server."""

import logging

import pytest

from modelyard.access.authorisation import stored_documents
from modelyard.access.policy import documents, evaluation
from modelyard.access.policy.evaluation import Decision, Policy, Question, Subject
from modelyard.call import Principal

ACCOUNT = "123456789012"
GOOD = '{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}'
ALLOWING = '{"Statement": {"Effect": "Allow", "Action": "no action at all", "Resource": "*"}}'
DENYING = ALLOWING.replace("Allow", "Deny")
ESCAPED = ALLOWING.replace("Allow", "\\u0044eny")


def read(text: str) -> Policy:
    return stored_documents.compiled(documents.read_identity, text, "inline policy old of user/ana")


def decided(*texts: str) -> Decision:
    principal = Principal(ACCOUNT, f"arn:aws:iam::{ACCOUNT}:user/ana", "AIDA", "AKIA")
    subject = Subject(principal, identity=tuple(map(read, texts)))
    return evaluation.decide(subject, Question("s3:GetObject", "arn:aws:s3:::a/b")).decision


def test_it_gives_nothing_and_leaves_the_others_theirs(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "modelyard.access"):
        assert decided(ALLOWING) is Decision.IMPLICIT_DENY

    assert [record.message for record in caplog.records] == ["stored_policy_unreadable"]
    assert decided(ALLOWING, GOOD) is Decision.ALLOWED


@pytest.mark.parametrize("text", [DENYING, ESCAPED])
def test_one_that_may_deny_denies_everything(text: str) -> None:
    assert decided(text, GOOD) is Decision.EXPLICIT_DENY


def test_one_that_is_read_keeps_its_text() -> None:
    assert read(GOOD).text == GOOD
    assert decided(GOOD) is Decision.ALLOWED
