"""Bodies that are meant to hurt end in a refusal, quickly."""

import time
from typing import Any

import pytest

from modelyard.contract import json_rpc, model, query, rest_json, rest_xml, validate
from modelyard.contract.http import HttpRequest
from modelyard.errors import Refusal, SerializationException, ValidationException

CREATE = model.load("sagemaker").operations["CreateModelPackageGroup"]
DEEP = 200_000


def post(body: bytes, **kind: Any) -> HttpRequest:
    return HttpRequest("POST", kind.pop("path", b"/"), b"", {}, body, **kind)


@pytest.mark.parametrize(
    "body",
    [
        b"not json",
        b"[]",
        b'"text"',
        b"null",
        b"5",
        b"{",
        b"{}x",
        b"\xef\xbb\xbf{}",
        b'{"ModelPackageGroupName": "\xff"}',
        b'{"ModelPackageGroupName": "\xed\xa0\x80"}',
        b'{"ModelPackageGroupName": "\\ud800"}',
        b'{"ModelPackageGroupName": "\\udc00x"}',
        b'{"ModelPackageGroupName": "\x00"}',
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": -Infinity}',
        b'{"a": 1e400}',
        b'{"a": ' + b"9" * 5000 + b"}",
        b"[" * DEEP,
        b'{"a":' * DEEP,
        b'{"a":' * DEEP + b"1" + b"}" * DEEP,
        b'{"a":' * 201 + b"1" + b"}" * 201,
        b'{"a":' + b"[" * 200 + b"]" * 200 + b"}",
        " ".encode("utf-16"),
    ],
    ids=lambda body: repr(body[:24]),
)
def test_a_body_that_is_not_one_shallow_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(SerializationException):
        json_rpc.decode(CREATE, post(body))


def test_the_deepest_body_that_is_allowed_is_read() -> None:
    body = b'{"a":' * 200 + b"1" + b"}" * 200

    assert json_rpc.decode(CREATE, post(body))


def test_brackets_in_text_are_not_depth() -> None:
    body = b'{"ModelPackageGroupName": "' + b"[{" * 5000 + b'"}'

    assert len(json_rpc.decode(CREATE, post(body))["ModelPackageGroupName"]) == 10_000


def test_an_empty_body_is_an_empty_object() -> None:
    assert json_rpc.decode(CREATE, post(b"")) == {}


def test_a_repeated_key_counts_once() -> None:
    body = b'{"ModelPackageGroupName": "a", "ModelPackageGroupName": "b"}'

    assert json_rpc.decode(CREATE, post(body)) == {"ModelPackageGroupName": "b"}


@pytest.mark.parametrize("moment", ['"soon"', "1e300", "-1e300", "true", "[]", '""', "99" * 100])
def test_what_names_no_moment_is_refused(moment: str) -> None:
    operation = model.load("sagemaker").operations["ListModelPackages"]
    body = f'{{"CreationTimeAfter": {moment}}}'.encode()

    with pytest.raises(SerializationException):
        json_rpc.decode(operation, post(body))


@pytest.mark.parametrize(
    "moment",
    ["1700000000", "1700000000.0", "1.7e9", '"2023-11-14T22:13:20Z"', '"1700000000"'],
)
def test_a_moment_is_read_in_every_spelling(moment: str) -> None:
    operation = model.load("sagemaker").operations["ListModelPackages"]
    body = f'{{"CreationTimeAfter": {moment}}}'.encode()

    found = json_rpc.decode(operation, post(body))

    assert found == {"CreationTimeAfter": 1_700_000_000_000_000}


# Forms.


@pytest.mark.parametrize(
    "body",
    [
        b"Action=AssumeRole&DurationSeconds=abc",
        b"Action=AssumeRole&DurationSeconds=" + b"9" * 5000,
        b"Action=AssumeRole&RoleArn=%ff",
        b"&".join(b"Tags.member.%d.Key=a" % n for n in range(20_000)),
    ],
    ids=lambda body: repr(body[:40]),
)
def test_a_form_that_cannot_be_read_is_refused(body: bytes) -> None:
    operation = model.load("sts").operations["AssumeRole"]

    with pytest.raises(SerializationException):
        query.decode(operation, post(body))


def test_names_that_no_member_has_are_ignored() -> None:
    operation = model.load("sts").operations["AssumeRole"]
    body = (
        b"RoleArn=a&RoleArn.x=b&" + b"." * 5000 + b"=c&Tags.member.x=1&Tags.member.0999999999999=2"
    )

    assert query.decode(operation, post(body)) == {"RoleArn": "a", "Tags": []}


def test_list_indexes_order_and_close_gaps() -> None:
    operation = model.load("sts").operations["AssumeRole"]
    body = (
        b"TransitiveTagKeys.member.10=c&TransitiveTagKeys.member.2=b&TransitiveTagKeys.member.1=a"
    )

    assert query.decode(operation, post(body)) == {"TransitiveTagKeys": ["a", "b", "c"]}


# XML.

DELETE = model.load("s3").operations["DeleteObjects"]
BOMB = (
    b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "bbbbbbbbbb"><!ENTITY c "&b;&b;&b;&b;&b;&b;">]>'
    b"<Delete><Object><Key>&c;</Key></Object></Delete>"
)


@pytest.mark.parametrize(
    "body",
    [
        BOMB,
        b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><Delete/>',
        b"<Delete>",
        b"<Delete/><Delete/>",
        b"text",
        b"<a>" * DEEP,
        b"<a>" * 51 + b"</a>" * 51,
        b"<Delete>" + b"<Object/>" * 150_000 + b"</Delete>",
        b"<Delete><Quiet>perhaps</Quiet></Delete>",
        b"<Delete><Object><Key>\xff</Key></Object></Delete>",
        b"<Delete><Object><Key>&unknown;</Key></Object></Delete>",
        b'<?xml version="1.0" encoding="no-such"?><Delete/>',
        b"\x00\x00",
    ],
    ids=lambda body: repr(body[:32]),
)
def test_xml_that_is_broken_or_a_bomb_is_refused(body: bytes) -> None:
    http = HttpRequest("POST", b"/bucket", b"delete", {}, body)

    with pytest.raises(SerializationException):
        rest_xml.decode(DELETE, http)


def test_xml_is_read_with_or_without_a_namespace() -> None:
    plain = b"<Delete><Object><Key>a &amp; b</Key></Object></Delete>"
    spaced = b'<x:Delete xmlns:x="u"><x:Object><x:Key>a &amp; b</x:Key></x:Object></x:Delete>'

    found = [
        rest_xml.decode(DELETE, HttpRequest("POST", b"/bucket", b"delete", {}, body))
        for body in (plain, spaced)
    ]

    assert found == [{"Bucket": "bucket", "Delete": {"Objects": [{"Key": "a & b"}]}}] * 2


# Paths, queries and headers.


@pytest.mark.parametrize(
    ("path", "query_string", "headers"),
    [
        (b"/bucket", b"max-keys=many", {}),
        (b"/bucket", b"max-keys=99999999999999999999999999", {}),
        (b"/bucket", b"prefix=%ff", {}),
        (b"/%ff", b"", {}),
        (b"/bucket", b"&".join([b"a=b"] * 5000), {}),
    ],
)
def test_a_member_outside_of_the_body_that_cannot_be_read_is_refused(
    path: bytes, query_string: bytes, headers: dict[str, str]
) -> None:
    operation = model.load("s3").operations["ListObjects"]

    with pytest.raises((SerializationException, ValidationException)):
        rest_xml.decode(operation, HttpRequest("GET", path, query_string, headers, b""))


def test_a_label_is_decoded_exactly_once() -> None:
    operation = model.load("s3").operations["GetObject"]
    http = HttpRequest("GET", b"/bucket/a%2Fb//../%2541+c", b"", {}, b"")

    found = rest_xml.decode(operation, http)

    assert found == {"Bucket": "bucket", "Key": "a/b//../%41+c"}


def test_a_header_of_an_answer_cannot_be_split() -> None:
    operation = model.load("sagemaker-runtime").operations["InvokeEndpoint"]

    answer = rest_json.encode(
        operation, {"Body": b"1", "CustomAttributes": "a\r\nset-cookie: b"}, "r"
    )

    value = dict(answer.headers)[b"x-amzn-sagemaker-custom-attributes"]
    assert value == b"a  set-cookie: b"


def test_hostile_bodies_are_refused_without_delay() -> None:
    started = time.thread_time()
    for body in (b"[" * DEEP, b'{"a":[' * DEEP, b"[0," * DEEP):
        with pytest.raises(Refusal):
            json_rpc.decode(CREATE, post(body))

    assert time.thread_time() - started < 2


def test_a_body_full_of_unknown_members_is_no_more_work_than_its_length() -> None:
    operation = model.load("sagemaker").operations["ListModelPackageGroups"]
    request = {f"k{number}": 1 for number in range(300_000)}
    started = time.thread_time()

    validate.check(operation, request)

    assert request == {}
    assert time.thread_time() - started < 5
