"""Why something was refused, for the caller, for simulations and for whoever looks facts up."""

import random

import pytest

from modelyard.access.policy import evaluation, explanation
from modelyard.access.policy.evaluation import Question, Subject
from tests.access.policy import test_matrix, worlds
from tests.access.policy.asking import (
    GET,
    OBJECT,
    ROLE,
    SESSION,
    THERE,
    USER,
    allow,
    caller,
    deny,
    identity,
    resource,
)

BASE = f"User: {USER} is not authorized to perform: {GET} on resource: {OBJECT}"
OTHER = identity(allow("iam:*"))


@pytest.mark.parametrize(
    ("subject", "sentence"),
    [
        (caller(), f"{BASE} because no identity-based policy allows the {GET} action"),
        (
            caller(USER, allow(), boundary=OTHER),
            f"{BASE} because no permissions boundary allows the {GET} action",
        ),
        (
            caller(USER, allow(), session=(OTHER,)),
            f"{BASE} because no session policy allows the {GET} action",
        ),
        (
            caller(USER, allow(), deny(GET)),
            f"{BASE} with an explicit deny in an identity-based policy",
        ),
        (
            caller(USER, allow(), boundary=identity(allow(), deny(GET))),
            f"{BASE} with an explicit deny in a permissions boundary",
        ),
    ],
)
def test_a_refusal_is_worded_as_aws_words_it(subject: Subject, sentence: str) -> None:
    question = Question(GET, OBJECT)
    verdict = evaluation.decide(subject, question)

    assert evaluation.refusal(subject, question, verdict) == sentence


def test_a_stranger_learns_nothing_of_a_resource_or_a_role() -> None:
    theirs = Question(GET, OBJECT, THERE)
    bucket = resource(deny(GET, Principal="*"))
    sentences = {
        evaluation.refusal(who, theirs, evaluation.decide(who, theirs, policy))
        for who in (caller(), caller(USER, allow()))
        for policy in (None, bucket)
    }
    role = Question("sts:AssumeRole", ROLE)
    about_role = evaluation.refusal(caller(), role, evaluation.decide(caller(), role))

    assert sentences == {BASE}
    assert about_role == BASE.replace(GET, "sts:AssumeRole").replace(OBJECT, ROLE)


def test_every_statement_that_is_meant_is_found() -> None:
    subject = caller(USER, allow("s3:*"), allow("iam:*"), deny(GET), boundary=OTHER)
    bucket = resource(allow(GET, Principal={"AWS": SESSION}), allow(GET, Principal="*"))

    found = explanation.matching(subject, Question(GET, OBJECT), bucket)

    assert [(match.layer.name, match.rule.place) for match in found] == [
        ("IDENTITY", "Statement[0]"),
        ("IDENTITY", "Statement[2]"),
        ("RESOURCE", "Statement[1]"),
    ]


def test_keys_that_are_asked_for_and_missing_are_named_as_written() -> None:
    asks = {"StringEquals": {"aws:RequestTag/Team": "${aws:PrincipalTag/team}"}}
    subject = caller(
        USER,
        allow(GET, Condition=asks),
        allow("s3:PutObject", Condition={"Bool": {"aws:SecureTransport": "true"}}),
        allow(GET, "arn:aws:s3:::sea/*", Condition={"StringEquals": {"s3:prefix": "a"}}),
        facts={"aws:username": ("ana",)},
    )

    assert explanation.missing_keys(subject, Question(GET, OBJECT)) == [
        "aws:principaltag/team",
        "aws:RequestTag/Team",
    ]


def test_a_policy_knows_all_keys_that_it_asks_for() -> None:
    policy = identity(
        allow(GET, "arn:aws:s3:::lake/${aws:PrincipalTag/Team}/${s3:prefix, 'x'}/${*}"),
        allow("iam:*", Condition={"ArnLike": {"aws:PrincipalArn": "${aws:SourceArn}"}}),
        deny("*", Condition={"Null": {"aws:TokenIssueTime": "true"}}),
    )

    assert policy.keys == {
        "aws:principaltag/team",
        "s3:prefix",
        "aws:principalarn",
        "aws:sourcearn",
        "aws:tokenissuetime",
    }
    assert policy.keys_for("S3:getobject") == {
        "aws:principaltag/team",
        "s3:prefix",
        "aws:tokenissuetime",
    }


def test_nothing_but_the_named_keys_has_a_say() -> None:
    rows = random.Random(20261121)
    left_out = 0
    for _ in range(1_000):
        case = worlds.world(rows.randbytes(worlds.BYTES))
        subject, question, policy = test_matrix.compiled(case)
        known = subject.keys_for(question.action)
        known |= policy.keys_for(question.action) if policy else frozenset()
        some = {key: value for key, value in question.context.items() if key in known}
        left_out += len(question.context) - len(some)
        less = Question(question.action, question.resource, question.resource_account, some)

        assert evaluation.decide(subject, less, policy) == evaluation.decide(
            subject, question, policy
        )

    assert left_out > 1_000
