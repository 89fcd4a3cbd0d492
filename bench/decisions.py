"""What it costs to know who asks and whether they may: CPU a call, nothing else around it."""

import hashlib
import json
import time
from collections.abc import Callable, Sequence
from typing import Any

from bench import machine
from bench.results import Figure, Figures
from bench.signing import REGION, Signer
from modelyard.access.policy import documents, evaluation, principals
from modelyard.access.policy.evaluation import Question, Subject
from modelyard.access.signing import sigv4
from modelyard.call import Principal
from modelyard.contract.http import HttpRequest

ACCESS = "who asks, and may they"
SIGNATURE, DECISION, BOTH = "signature", "decision", "signature and decision"
STEPS = (SIGNATURE, DECISION, BOTH)
STATEMENTS = 20
_REQUESTS_MAX = 2000
_ACCOUNT = "123456789012"
_KEY_ID, _SECRET = "AKIABENCHBENCHBENCH0", "a-secret-of-forty-characters-for-bench-1"
_HOST, _PORT = "127.0.0.1", 9000
_PACKAGES = f"arn:aws:sagemaker:{REGION}:{_ACCOUNT}:model-package"


def run(figures: Figures, seconds: float) -> None:
    """Each step over requests that differ, one after another in this process."""
    signer = Signer(_HOST, _PORT, _KEY_ID, _SECRET)
    requests = [_received(signer, number) for number in range(_REQUESTS_MAX)]
    subject, questions = _subject(), [_question(number) for number in range(_REQUESTS_MAX)]

    def prove(number: int) -> None:
        http, now_us = requests[number], int(time.time() * 1_000_000)
        signed = sigv4.parse(http)
        assert signed is not None
        assert sigv4.reads_one_way(http, signed.scope.service)
        sigv4.check_time(signed, now_us)
        digest = hashlib.sha256(http.body or b"").hexdigest()
        sigv4.verify(signed, http, _SECRET, digest, now_us)

    def decide(number: int) -> None:
        assert evaluation.decide(subject, questions[number]).allowed

    def both(number: int) -> None:
        prove(number)
        decide(number)

    for step, work in ((SIGNATURE, prove), (DECISION, decide), (BOTH, both)):
        figures.add(_timed(step, work, seconds))


def _timed(step: str, work: Callable[[int], None], seconds: float) -> Figure:
    for number in range(_REQUESTS_MAX // 10):
        work(number)
    meter, count = machine.Meter(list), 0
    started, cpu = time.perf_counter(), time.process_time()
    while time.perf_counter() < started + seconds:
        work(count % _REQUESTS_MAX)
        count += 1
    cpu = time.process_time() - cpu
    share = meter.read().foreign_share
    return Figure(ACCESS, step, 1, count / cpu, cpu_ms=cpu / count * 1000, foreign_share=share)


def _received(signer: Signer, number: int) -> HttpRequest:
    """An update as the server's edge hands it on."""
    sent = signer.call("UpdateModelPackage", _update(number))
    head, _, body = sent.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")[1:]
    headers = dict(line.split(": ", 1) for line in lines)
    return HttpRequest("POST", b"/", b"", headers, body)


def _update(number: int) -> dict[str, Any]:
    arn = f"{_PACKAGES}/churn-team{number % 7}/{number}"
    return {"ModelPackageArn": arn, "ModelApprovalStatus": "PendingManualApproval"}


def _question(number: int) -> Question:
    asked = _update(number)
    context = {
        "aws:currenttime": ("2026-11-21T09:00:00Z",),
        "aws:sourceip": ("10.1.2.3",),
        "aws:securetransport": ("true",),
        "aws:requestedregion": (REGION,),
        "aws:resourcetag/team": ("churn",),
        "sagemaker:modelapprovalstatus": (asked["ModelApprovalStatus"],),
    }
    return Question("sagemaker:UpdateModelPackage", asked["ModelPackageArn"], _ACCOUNT, context)


def _subject() -> Subject:
    """A person whose STATEMENTS statements are all about the action that is asked for."""
    text = json.dumps({"Version": "2012-10-17", "Statement": _statements()})
    policy = evaluation.compile(documents.read_identity(text), "the team's policy")
    principal = Principal(_ACCOUNT, f"arn:aws:iam::{_ACCOUNT}:user/ana", "AIDA", _KEY_ID)
    facts = {"aws:username": ("ana",), "aws:principaltag/team": ("churn",)}
    return Subject(principal, identity=(policy,), facts=facts, names=principals.names(principal))


def _statements() -> Sequence[dict[str, Any]]:
    """Those of other teams, two denials that do not apply, and last the one that allows."""
    others = [
        {
            "Effect": "Allow",
            "Action": ["sagemaker:*ModelPackage*", "sagemaker:Search"],
            "Resource": [f"{_PACKAGES}-group/team{number}-*", f"{_PACKAGES}/team{number}-*/*"],
            "Condition": {"StringEquals": {"aws:ResourceTag/team": f"team{number}"}},
        }
        for number in range(STATEMENTS - 3)
    ]
    approval = {"ForAnyValue:StringEquals": {"sagemaker:ModelApprovalStatus": "Approved"}}
    outside = {"NotIpAddress": {"aws:SourceIp": ["10.0.0.0/8", "192.168.0.0/16"]}}
    return [
        *others,
        {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": approval},
        {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": outside},
        {
            "Effect": "Allow",
            "Action": "sagemaker:*",
            "Resource": "arn:aws:sagemaker:*:*:model-package/${aws:PrincipalTag/team}-*/*",
            "Condition": {"StringEquals": {"aws:ResourceTag/team": "${aws:PrincipalTag/team}"}},
        },
    ]
