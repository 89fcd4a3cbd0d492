"""What clients asked and were told, and whether a registry that was killed still agrees with it.

A call is acknowledged (the answer was a success), refused (an error in AWS's words) or unknown (no
answer: the connection broke). The oracle reads everything back through the same clients and says
what does not fit. Knows nothing of how the server was hurt.
"""

import hashlib
import itertools
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as NotConnected

ACKNOWLEDGED, REFUSED, UNKNOWN = "acknowledged", "refused", "unknown"


@dataclass(slots=True)
class Asked:
    """One call. `subject` is what it is about: a group, a version, a key."""

    number: int
    kind: str
    subject: str
    value: str  # unlike any other call's of its kind
    outcome: str = UNKNOWN
    answer: dict[str, Any] = field(default_factory=dict)
    error: str = ""


class History:
    """Every call of every client of a run, in the order in which they began."""

    def __init__(self) -> None:
        self.calls: list[Asked] = []
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)

    @contextmanager
    def asking(self, kind: str, subject: str, value: str) -> Iterator[Asked]:
        """Note a call; what it raises is its outcome."""
        with self._lock:
            call = Asked(next(self._numbers), kind, subject, value)
            self.calls.append(call)
        try:
            yield call
            call.outcome = ACKNOWLEDGED
        except ClientError as error:
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            # A 5xx may come after the commit was sent: the change is there, or it is not.
            call.outcome = REFUSED if status < 500 else UNKNOWN
            call.error = f"{status} {error}"
        except (HTTPClientError, NotConnected) as error:
            call.error = f"{type(error).__name__}"

    def of(self, kind: str, *outcomes: str) -> list[Asked]:
        with self._lock:
            return [c for c in self.calls if c.kind == kind and (c.outcome in outcomes)]

    def counts(self) -> dict[str, int]:
        found: dict[str, int] = defaultdict(int)
        with self._lock:
            for call in self.calls:
                found[f"{call.kind} {call.outcome}"] += 1
        return dict(sorted(found.items()))


class Oracle:
    """Compares a server with a history. Each check answers what is wrong, as sentences."""

    def __init__(self, history: History, client: Callable[[str], Any], groups: list[str]) -> None:
        self._history = history
        self._sagemaker = client("sagemaker")
        self._s3 = client("s3")
        self._own = client("modelyard")
        self._groups = groups

    def complaints(self) -> list[str]:
        found: list[str] = []
        for group in self._groups:
            listed = self._listed(group)
            found += self._numbering(group, listed)
            found += self._versions(group, listed)
        found += self._tags()
        found += self._objects()
        return found

    def numbering(self) -> list[str]:
        """The cheap part: what can be seen in the lists alone."""
        return [
            wrong for group in self._groups for wrong in self._numbering(group, self._listed(group))
        ]

    def _listed(self, group: str) -> dict[int, dict[str, Any]]:
        pages = self._sagemaker.get_paginator("list_model_packages").paginate(
            ModelPackageGroupName=group, MaxResults=100
        )
        found: dict[int, dict[str, Any]] = {}
        for page in pages:
            for summary in page["ModelPackageSummaryList"]:
                number = summary["ModelPackageVersion"]
                assert number not in found, f"{group}/{number} is listed twice"
                found[number] = summary
        return found

    def _numbering(self, group: str, listed: dict[int, dict[str, Any]]) -> list[str]:
        deleted = {
            int(call.subject.rsplit("/", 1)[1])
            for call in self._history.of("delete", ACKNOWLEDGED, UNKNOWN)
            if call.subject.rsplit("/", 2)[1] == group
        }
        taken = set(listed) | deleted
        whole = set(range(1, len(taken) + 1))
        wrong = [f"{group}: number {n} was skipped" for n in sorted(whole - taken)]
        acknowledged: dict[int, str] = {}
        for call in self._history.of("register", ACKNOWLEDGED):
            if call.subject == group:
                number = int(call.answer["ModelPackageArn"].rsplit("/", 1)[1])
                if number in acknowledged:
                    wrong.append(f"{group}/{number} was given twice")
                acknowledged[number] = call.value
                if number not in taken:
                    wrong.append(f"{group}/{number} was acknowledged and is lost")
        gone = {
            int(call.subject.rsplit("/", 1)[1])
            for call in self._history.of("delete", ACKNOWLEDGED)
            if call.subject.rsplit("/", 2)[1] == group
        }
        wrong += [f"{group}/{n} was deleted and is back" for n in sorted(gone & set(listed))]
        return wrong

    def _versions(self, group: str, listed: dict[int, dict[str, Any]]) -> list[str]:
        asked = {c.value: c for c in self._history.of("register", ACKNOWLEDGED, UNKNOWN)}
        seen: set[str] = set()
        wrong: list[str] = []
        for number, summary in listed.items():
            arn = summary["ModelPackageArn"]
            document = self._sagemaker.describe_model_package(ModelPackageName=arn)
            mark = document["ModelPackageDescription"]
            call = asked.get(mark)
            if call is None:
                wrong.append(f"{group}/{number}: nobody registered {mark!r}, or it was refused")
                continue
            if mark in seen:
                wrong.append(f"{group}/{number}: {mark!r} is there twice")
            seen.add(mark)
            if call.outcome == ACKNOWLEDGED and call.answer["ModelPackageArn"] != arn:
                wrong.append(f"{arn}: was acknowledged as {call.answer['ModelPackageArn']}")
            wrong += self._bytes(arn, mark)
            wrong += self._decisions(arn, document, summary)
        return wrong

    def _bytes(self, arn: str, mark: str) -> list[str]:
        artifacts = self._own.describe_model_package_artifacts(ModelPackageName=arn)["Artifacts"]
        wanted = hashlib.sha256(mark.encode()).hexdigest()
        if [one.get("Sha256") for one in artifacts] != [wanted]:
            return [f"{arn}: its artifacts are {artifacts}, not {wanted}"]
        bucket, _, key = artifacts[0]["Url"].removeprefix("s3://").partition("/")
        body = self._s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        return [] if body == mark.encode() else [f"{arn}: its bytes are not those registered"]

    def _decisions(self, arn: str, document: dict[str, Any], summary: dict[str, Any]) -> list[str]:
        paginator = self._own.get_paginator("list_model_package_decisions")
        recorded = [
            decision
            for page in paginator.paginate(ModelPackageName=arn)
            for decision in page["Decisions"]
        ]
        notes = [one.get("ApprovalDescription", "") for one in recorded]
        calls = [c for c in self._history.of("decide", ACKNOWLEDGED, UNKNOWN) if c.subject == arn]
        known = {call.value for call in calls}
        wrong = [f"{arn}: decision {n!r} was never made" for n in notes if n and n not in known]
        wrong += [
            f"{arn}: decision {c.value!r} was acknowledged {notes.count(c.value)} times"
            for c in calls
            if c.outcome == ACKNOWLEDGED and notes.count(c.value) != 1
        ]
        made = {call.value: call.number for call in calls}
        order = [made[note] for note in reversed(notes) if note in made]
        if order != sorted(order):
            wrong.append(f"{arn}: decisions are out of order")
        status = document["ModelApprovalStatus"]
        if summary["ModelApprovalStatus"] != status:
            wrong.append(f"{arn}: listed {summary['ModelApprovalStatus']}, described {status}")
        if recorded:
            if recorded[0]["ModelApprovalStatus"] != status:
                wrong.append(f"{arn}: is {status}, last decided {recorded[0]}")
            if document.get("ApprovalDescription", "") != notes[0]:
                wrong.append(f"{arn}: is described with another note than {notes[0]!r}")
        return wrong

    def _tags(self) -> list[str]:
        wrong = []
        for subject, values in self._last_values("tag").items():
            arn, _, key = subject.rpartition("|")
            pages = self._sagemaker.get_paginator("list_tags").paginate(ResourceArn=arn)
            tags = {tag["Key"]: tag["Value"] for page in pages for tag in page["Tags"]}
            if tags.get(key) not in values:
                wrong.append(f"{arn}: tag {key} is {tags.get(key)!r}, not one of {values}")
        return wrong

    def _objects(self) -> list[str]:
        wrong = []
        for subject, values in self._last_values("put").items():
            bucket, _, key = subject.partition("/")
            try:
                got = self._s3.get_object(Bucket=bucket, Key=key)
                mark = got["Metadata"].get("mark")
                body = got["Body"].read()
            except ClientError as error:
                if None not in values:
                    wrong.append(f"{subject}: {error}")
                continue
            if mark not in values:
                wrong.append(f"{subject}: is {mark}, not one of {values}")
            elif body != body_of(mark):
                wrong.append(f"{subject}: {len(body)} bytes that are not those of {mark}")
            elif got["ETag"].strip('"') != hashlib.md5(body).hexdigest():
                wrong.append(f"{subject}: its ETag is of other bytes")
        return wrong

    def _last_values(self, kind: str) -> dict[str, list[str | None]]:
        """By subject, what may be there: the last acknowledged value, or a later unknown one."""
        found: dict[str, list[str | None]] = {}
        for call in self._history.of(kind, ACKNOWLEDGED, UNKNOWN):
            if call.outcome == ACKNOWLEDGED:
                found[call.subject] = [call.value]
            else:
                found.setdefault(call.subject, [None]).append(call.value)
        return found


def body_of(mark: str) -> bytes:
    """The bytes that a mark stands for: up to 600 kB, known without being kept."""
    digest = hashlib.sha256(mark.encode()).digest()
    return digest * (1 + int.from_bytes(digest[:2], "big") * 9 // 32)
