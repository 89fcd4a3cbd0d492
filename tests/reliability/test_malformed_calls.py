"""Thousands of malformed calls of all offered operations: no 5xx, hang, leak or half record."""

import contextlib
import http.client
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote, urlencode

import botocore.loaders
import psutil
import pytest
from botocore.model import ServiceModel

from tests.reliability.clients import SERVICE_FOLDER
from tests.reliability.conftest import Figure
from tests.reliability.malformed import Mutator
from tests.reliability.wire import Answered, Wire
from tests.server_process import ServerProcess

CALLS = {
    "sagemaker": 3600,
    "modelyard": 400,
    "iam": 600,
    "sts": 200,
    "s3": 1600,
    "runtime": 300,
}
SECONDS_A_CALL_MAX = 60.0  # none hangs; a busy machine may take a while over one
MEMORY_GROWTH_MAX = 150 << 20
DESCRIPTORS_SPARE = 20
NAMES = ("ModelPackageGroupName", "ModelName", "EndpointConfigName", "EndpointName")
VERSIONS = {"iam": "2010-05-08", "sts": "2011-06-15"}

pytestmark = pytest.mark.slow


@pytest.fixture
def wire(server_on_each_database: ServerProcess) -> Iterator[Wire]:
    with contextlib.closing(Wire(server_on_each_database, timeout=SECONDS_A_CALL_MAX)) as kept:
        yield kept


class Told:
    """What came back, and what the names of refused and of successful creations were."""

    def __init__(self) -> None:
        self.statuses: Counter[int] = Counter()
        self.request_ids: list[str] = []
        self.wrong: list[str] = []
        self.created: set[str] = set()

    def note(self, answer: Answered, what: str) -> None:
        self.statuses[answer.status] += 1
        headers = answer.headers
        request_id = headers.get("x-amzn-requestid") or headers.get("x-amz-request-id")
        if request_id is None:
            self.wrong.append(f"{what}: no request id in {headers}")
        else:
            self.request_ids.append(request_id)
        # S3 itself answers 501 NotImplemented to what it does not offer.
        if answer.status >= 500 and answer.status != 501:
            self.wrong.append(f"{what}: {answer.status} {answer.body[:300]!r}")
        if 400 <= answer.status < 500 and answer.body:
            self.wrong += [f"{what}: {it}" for it in _unreadable(answer)]


def test_malformed_calls_are_refused_one_by_one(
    server_on_each_database: ServerProcess, wire: Wire, figure: Figure
) -> None:
    server = server_on_each_database
    _known_versions(wire)
    for _ in range(50):  # whatever is compiled or cached at first use
        wire.rpc("sagemaker", "ListModelPackages", {})
    memory, descriptors = _memory(server), _descriptors(server)
    told, began = Told(), time.monotonic()

    for service, calls in CALLS.items():
        make = _caller(wire, service, told)
        for number in range(calls):
            mutator = Mutator(_seed(service, number))
            sent = time.monotonic()
            try:
                make(mutator, f"{service} call {number}")
            except (OSError, http.client.HTTPException) as error:
                told.wrong.append(f"{service} call {number}: {error!r}")
                wire.close()
            if time.monotonic() - sent > SECONDS_A_CALL_MAX:
                told.wrong.append(f"{service} call {number} hung")

    figure("calls", sum(told.statuses.values()))
    figure("statuses", dict(sorted(told.statuses.items())))
    figure("seconds", round(time.monotonic() - began, 1))
    figure("memory_growth_bytes", _memory(server) - memory)
    assert told.wrong == []
    assert sum(told.statuses.values()) >= 6000
    assert _memory(server) - memory < MEMORY_GROWTH_MAX
    assert _descriptors(server) <= descriptors + DESCRIPTORS_SPARE
    assert _not_logged(server, told) == []
    assert '"event":"request_failed"' not in server.log
    _assert_whole(wire, told)


def _seed(service: str, number: int) -> int:
    return list(CALLS).index(service) * 1_000_000 + number


def _caller(wire: Wire, service: str, told: Told) -> Callable[[Mutator, str], None]:
    if service in ("sagemaker", "modelyard"):
        return _rpc_caller(wire, service, told)
    if service in ("iam", "sts"):
        return _query_caller(wire, service, told)
    other = _s3 if service == "s3" else _runtime
    return lambda mutator, what: told.note(other(wire, mutator), what)


def _rpc_caller(wire: Wire, service: str, told: Told) -> Callable[[Mutator, str], None]:
    described = _model(service)
    offered = [
        name
        for name in described.operation_names
        if b"UnknownOperationException" not in wire.rpc(service, name, b"[]").body
    ]
    assert len(offered) >= 4

    def call(mutator: Mutator, what: str) -> None:
        name = mutator.choice(offered)
        body = mutator.body(described.operation_model(name).input_shape)
        body = body.replace(b'"name-1"', b'"%s"' % what.replace(" ", "-").encode())
        answer = wire.rpc(service, name, body)
        told.note(answer, f"{what} {name} {body[:300]!r}")
        if answer.status == 200 and name.startswith("Create"):
            told.created |= {str(value) for key, value in json.loads(body).items() if key in NAMES}

    return call


def _query_caller(wire: Wire, service: str, told: Told) -> Callable[[Mutator, str], None]:
    described = _model(service)
    names = [
        name
        for name in described.operation_names
        if b"not offered" not in _queried(wire, service, name, {}).body
    ]

    def call(mutator: Mutator, what: str) -> None:
        name = mutator.choice(names)
        shape = described.operation_model(name).input_shape
        fields: dict[str, str] = {}
        _flatten(mutator.document(shape), "", fields)
        fields.pop("", None)
        if mutator.choice([False, False, True]):
            fields[mutator.text()] = mutator.text()
        told.note(_queried(wire, service, name, fields), f"{what} {name} {fields!r:.300}")

    return call


def _queried(wire: Wire, service: str, name: str, fields: dict[str, str]) -> Answered:
    form = {"Action": name, "Version": VERSIONS[service], **fields}
    return wire.query(service, urlencode(form, errors="surrogatepass").encode())


def _flatten(value: Any, prefix: str, into: dict[str, str]) -> None:
    if isinstance(value, dict):
        for name, member in value.items():
            _flatten(member, f"{prefix}.{name}" if prefix else str(name), into)
    elif isinstance(value, list):
        for number, member in enumerate(value, 1):
            _flatten(member, f"{prefix}.member.{number}", into)
    else:
        into[prefix] = str(value)


_KEYS = [
    "fuzz",
    "fuzz/a",
    "fuzz/../b",
    "fuzz//",
    "FUZZ",
    "-",
    "fuzz/" + "k" * 1100,
    "",
    "fuzz/%",
    "x",
]
_PARAMETERS = [
    "acl",
    "delete",
    "list-type",
    "max-keys",
    "continuation-token",
    "encoding-type",
    "delimiter",
    "prefix",
    "marker",
    "uploads",
    "uploadId",
    "partNumber",
    "part-number-marker",
    "max-parts",
    "max-uploads",
    "tagging",
    "location",
    "versioning",
    "versionId",
    "attributes",
    "policy",
    "response-content-type",
]
_HEADERS = [
    "range",
    "content-md5",
    "x-amz-copy-source",
    "x-amz-copy-source-range",
    "x-amz-metadata-directive",
    "x-amz-checksum-crc32",
    "x-amz-checksum-sha256",
    "x-amz-sdk-checksum-algorithm",
    "x-amz-trailer",
    "x-amz-decoded-content-length",
    "content-encoding",
    "x-amz-tagging",
    "x-amz-meta-a",
    "if-match",
    "if-none-match",
    "if-modified-since",
    "x-amz-mp-object-size",
    "x-amz-object-attributes",
    "x-amz-storage-class",
    "expect",
]
_WORDS = ["", "1", "-1", "2", "bytes=0-", "bytes=9-1", "bytes=-0", "*", "COPY", "/fuzz/a", "9" * 40]
_WORDS += ["%00", "aws-chunked", "AAAA", "x=1&x=2", '"', "\xff\xfe", "SHA256", "url", "2038-01-19"]
_XML = [
    b"<Delete><Object><Key>a</Key></Object></Delete>",
    b"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber></Part></CompleteMultipartUpload>",
    b"<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>",
    b"<CreateBucketConfiguration/>",
    b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><Delete>&x;</Delete>',
    b'<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><Tagging>&b;</Tagging>',
    b"<a>" * 20_000,
    b"<Delete>" + b"<Object><Key>a</Key></Object>" * 2000 + b"</Delete>",
    b"<\x00/>",
    b"not xml",
]


def _s3(wire: Wire, mutator: Mutator) -> Answered:
    method = mutator.choice(["GET", "PUT", "POST", "DELETE", "HEAD", "PUT", "GET", "PATCH"])
    names = [mutator.choice(_PARAMETERS) for _ in range(mutator.choice([0, 1, 1, 2, 3]))]
    words = [*_WORDS, mutator.text()]
    asked = "&".join(
        f"{name}={quote(mutator.choice(words), safe='', errors='replace')}" for name in names
    )
    path = "/" + quote(mutator.choice([*_KEYS, mutator.text()]), safe="/", errors="replace")
    headers = {}
    for _ in range(mutator.choice([0, 0, 1, 2])):
        word = mutator.choice(words).encode("latin-1", "replace").decode("latin-1")
        headers[mutator.choice(_HEADERS)] = "".join(c for c in word if c.isprintable())[:8000]
    if headers.pop("expect", None) is not None:
        headers["expect"] = "nothing"
    body = b"" if method in ("GET", "HEAD") else mutator.choice([b"", mutator.bytes_of(500), *_XML])
    return wire.send("s3", method, path + (f"?{asked}" if asked else ""), body, headers)


def _runtime(wire: Wire, mutator: Mutator) -> Answered:
    name = quote(mutator.choice(["fuzz", mutator.text(), "a" * 70]), safe="", errors="replace")
    headers = {}
    for header in ("TargetVariant", "TargetModel", "InferenceId", "CustomAttributes"):
        if mutator.choice([True, False]):
            word = mutator.text().encode("latin-1", "replace").decode("latin-1")
            headers[f"X-Amzn-SageMaker-{header}"] = "".join(c for c in word if c.isprintable())
    headers["Content-Type"] = mutator.choice(["text/csv", "", 'a/b; c="', "x" * 2000])
    path = f"/endpoints/{name}/" + mutator.choice(["invocations", "async-invocations", "", "x"])
    return wire.send("sagemaker", "POST", path, mutator.bytes_of(2000), headers)


def _known_versions(wire: Wire) -> None:
    """A group whose numbers must go on without a gap, whatever is sent."""
    group = {"ModelPackageGroupName": "known"}
    assert wire.rpc("sagemaker", "CreateModelPackageGroup", group).status == 200
    for number in range(1, 4):
        made = wire.rpc("sagemaker", "CreateModelPackage", group)
        assert made.document["ModelPackageArn"].endswith(f"/{number}")
    assert wire.send("s3", "PUT", "/fuzz").status == 200


def _assert_whole(wire: Wire, told: Told) -> None:
    """What is listed can be described, was answered with success, and numbers go on."""
    made = wire.rpc("sagemaker", "CreateModelPackage", {"ModelPackageGroupName": "known"})
    assert made.document["ModelPackageArn"].endswith("/4")
    for kind, member in (
        ("ModelPackageGroup", "ModelPackageGroupSummaryList"),
        ("Model", "Models"),
        ("EndpointConfig", "EndpointConfigs"),
        ("Endpoint", "Endpoints"),
    ):
        listed = wire.rpc("sagemaker", f"List{kind}s", {"MaxResults": 100}).document[member]
        for summary in listed:
            name = summary[f"{kind}Name"]
            described = wire.rpc("sagemaker", f"Describe{kind}", {f"{kind}Name": name})
            assert described.status == 200, f"{kind} {name} is half there: {described.body!r}"
            assert name in told.created | {"known"}, f"{kind} {name} was refused and is there"


def _unreadable(answer: Answered) -> list[str]:
    """What an SDK could not make sense of in an error."""
    if "xml" in answer.headers.get("content-type", ""):
        return [] if b"<Code>" in answer.body else [f"no <Code>: {answer.body[:200]!r}"]
    try:
        error = json.loads(answer.body)
    except ValueError:
        return [f"no JSON: {answer.body[:200]!r}"]
    kind = error.get("__type") or answer.headers.get("x-amzn-errortype")
    return [] if kind else [f"no type: {answer.body[:200]!r}"]


def _not_logged(server: ServerProcess, told: Told) -> list[str]:
    """Requests without a line; one is written right after the answer, so the last may be late."""
    until = time.monotonic() + 60
    while True:
        lines = [line for line in server.log.splitlines() if line.startswith('{"time"')]
        logged = {json.loads(line).get("request_id") for line in lines if line.endswith("}")}
        missing = [one for one in told.request_ids if one not in logged]
        if not missing or time.monotonic() > until:
            return missing
        time.sleep(0.1)


def _model(service: str) -> ServiceModel:
    loader = botocore.loaders.Loader(extra_search_paths=[str(SERVICE_FOLDER)])
    return ServiceModel(loader.load_service_model(service, "service-2"), service)


def _memory(server: ServerProcess) -> int:
    return int(psutil.Process(server.pid).memory_info().rss)


def _descriptors(server: ServerProcess) -> int:
    return psutil.Process(server.pid).num_fds()
