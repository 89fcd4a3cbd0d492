"""Short ways to write a policy, a caller and a question."""

import json
from typing import Any

from modelyard.access.policy import documents, evaluation, principals
from modelyard.access.policy.evaluation import Policy, Question, Subject, Verdict
from modelyard.call import Principal

HERE, THERE = "111111111111", "222222222222"
USER = f"arn:aws:iam::{HERE}:user/ana"
ROLE = f"arn:aws:iam::{HERE}:role/team/builder"
SESSION = f"arn:aws:sts::{HERE}:assumed-role/builder/walk"
ROOT = f"arn:aws:iam::{HERE}:root"
OBJECT = "arn:aws:s3:::lake/raw/a.csv"
GET = "s3:GetObject"
ALLOWED, DENIED, NOT_ALLOWED = "allowed", "explicitDeny", "implicitDeny"


def document(*statements: dict[str, Any], version: str = "2012-10-17") -> str:
    return json.dumps({"Version": version, "Statement": list(statements)})


def allow(action: Any = "*", resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action: Any = "*", resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {**allow(action, resource, **more), "Effect": "Deny"}


def identity(*statements: dict[str, Any], version: str = "2012-10-17") -> Policy:
    text = document(*statements, version=version)
    return evaluation.compile(documents.read_identity(text), "the identity policy")


def resource(*statements: dict[str, Any]) -> Policy:
    return evaluation.compile(documents.read_resource(document(*statements)), "the bucket policy")


def caller(arn: str = USER, *statements: dict[str, Any], **more: Any) -> Subject:
    """A user, a session of ROLE, or the root, with an identity policy of these statements."""
    principal = Principal(HERE, arn, "id", "AKIA")
    return Subject(
        principal,
        is_root=arn == ROOT,
        identity=(identity(*statements),) if statements else (),
        names=principals.names(principal, ROLE if arn == SESSION else ""),
        **more,
    )


def ask(
    subject: Subject,
    action: str = GET,
    on: str = OBJECT,
    *,
    owner: str = "",
    policy: Policy | None = None,
    **context: Any,
) -> Verdict:
    question = Question(action, on, owner, {key.lower(): value for key, value in context.items()})
    return evaluation.decide(subject, question, policy)


def decided(subject: Subject, action: str = GET, on: str = OBJECT, **more: Any) -> str:
    return ask(subject, action, on, **more).decision.value
