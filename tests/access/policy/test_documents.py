"""Malformed documents are refused, and the refusal names the place."""

import json
from typing import Any

import pytest

from modelyard.access.identities.refusals import MalformedPolicyDocument
from modelyard.access.policy import documents, explanation
from tests.access.policy.asking import HERE, allow, document

GOOD = allow("s3:GetObject")
TRUST = {"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}


def condition(operator: str, key: str, value: Any) -> str:
    return document(GOOD, allow("s3:GetObject", Condition={operator: {key: value}}))


def refused(text: str, read: Any = documents.read_identity) -> str:
    with pytest.raises(MalformedPolicyDocument) as refusal:
        read(text)
    return str(refusal.value)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("{\n  'Version'", "line 2, column 3"),
        ('{"Version": "2012-10-17", "Version": "2012-10-17"}', "Version is given twice"),
        ('{"Statement": NaN}', "the document"),
        ("[]", "the document"),
        ("[" * 100_000, "the document"),
        ('{"Statement": 1e999}', "Statement"),
        (json.dumps({"Version": "2012-10-18", "Statement": GOOD}), "Version"),
        (json.dumps({"Version": 2012, "Statement": GOOD}), "Version"),
        (json.dumps({"Statement": GOOD, "Id": []}), "Id"),
        (json.dumps({"Statement": []}), "Statement"),
        (json.dumps({"Statement": [GOOD] * 201}), "Statement"),
        (json.dumps({"Statements": [GOOD]}), "Statements"),
        (document(GOOD, "x"), "Statement[1]"),
        (json.dumps({"Statement": {**GOOD, "Effect": "ALLOW"}}), "Statement.Effect"),
        (document(GOOD, {**GOOD, "Effect": None}), "Statement[1].Effect"),
        (document(GOOD, {**GOOD, "Actions": "*"}), "Statement[1]"),
        (document({**GOOD, "Sid": "a b"}), "Statement[0].Sid"),
        (document({**GOOD, "Sid": "é"}), "Statement[0].Sid"),
        (document({**GOOD, "Sid": "A"}, {**GOOD, "Sid": "A"}), "Statement[1].Sid"),
        (document({**GOOD, "Principal": "*"}), "Statement[0].Principal"),
        (document({**GOOD, "NotPrincipal": "*"}), "Statement[0].NotPrincipal"),
        (document(GOOD, allow(["s3:*", "GetObject"])), "Statement[1].Action[1]: GetObject"),
        (document(allow("s3:Get Object")), "Statement[0].Action[0]: s3:Get Object"),
        (document(allow("s3:Gét")), "Statement[0].Action[0]: s3:Gét"),
        (document(allow([])), "Statement[0].Action"),
        (document(allow([""])), "Statement[0].Action"),
        (document({**GOOD, "Action": None}), "Statement[0].Action"),
        (document({**GOOD, "NotAction": "s3:*"}), "Statement[0]"),
        (document({"Effect": "Deny", "NotAction": "x"}), "Statement[0]"),
        (document({"Effect": "Allow", "Action": "*"}), "Statement[0]"),
        (document(allow("*", ["*", "lake"])), "Statement[0].Resource[1]"),
        (document(allow("*", "arn:aws:s3")), "Statement[0].Resource[0]"),
        (document(allow("*", "arn:aws:s3::${aws:x}:b")), "Statement[0].Resource[0]"),
        (document(allow("*", "arn:aws:s3:::b/${")), "Statement[0].Resource[0]"),
        (document(allow("*", "arn:aws:s3:::b/${}")), "Statement[0].Resource[0]"),
        (document(allow("*", "arn:aws:s3:::b/${a, b}")), "Statement[0].Resource[0]"),
        (document(allow("*", "arn:aws:s3:::b/${a, 'b}")), "Statement[0].Resource[0]"),
        (document(allow("*", {"a": "b"})), "Statement[0].Resource"),
        (document(allow(Condition="x")), "Statement[0].Condition"),
        (document(allow(Condition={"StringEquals": "x"})), "Statement[0].Condition.StringEquals"),
        (document(GOOD, allow(Condition={"Equals": {"a": "b"}})), "Statement[1].Condition.Equals"),
        (condition("NullIfExists", "a", "true"), "Statement[1].Condition.NullIfExists"),
        (condition("ForAllValues:Null", "a", "true"), "Statement[1].Condition.ForAllValues:Null"),
        (condition("ForSomeValues:Bool", "a", "true"), "Statement[1].Condition.ForSomeValues:Bool"),
        (condition("stringequals", "a", "b"), "Statement[1].Condition.stringequals"),
        (condition("StringEqualsIfExistsIfExists", "a", "b"), "Statement[1].Condition"),
        (condition("NotBool", "a", True), "Statement[1].Condition.NotBool"),
        (condition("StringEquals", "a", None), "Statement[1].Condition.StringEquals.a"),
        (condition("StringEquals", "a", [["b"]]), "Statement[1].Condition.StringEquals.a"),
        (condition("StringLike", "a", "${b"), "Statement[1].Condition.StringLike.a"),
        (condition("Bool", "aws:SecureTransport", "maybe"), "Bool.aws:SecureTransport"),
        (condition("Null", "a", "yes"), "Statement[1].Condition.Null.a"),
        (condition("NumericEquals", "a", "ten"), "Statement[1].Condition.NumericEquals.a"),
        (condition("NumericEquals", "a", "NaN"), "Statement[1].Condition.NumericEquals.a"),
        (condition("NumericLessThan", "a", "Infinity"), "Statement[1].Condition.NumericLessThan.a"),
        (condition("NumericEquals", "a", "1e9999"), "Statement[1].Condition.NumericEquals.a"),
        (condition("NumericEquals", "a", chr(0x661)), "Statement[1].Condition.NumericEquals.a"),
        (condition("DateLessThan", "a", "yesterday"), "Statement[1].Condition.DateLessThan.a"),
        (condition("DateLessThan", "a", "2026-02-30"), "Statement[1].Condition.DateLessThan.a"),
        (condition("IpAddress", "a", "10.0.0.0/33"), "Statement[1].Condition.IpAddress.a"),
        (condition("IpAddress", "a", "10.0.0.0/255.0.0.0"), "Statement[1].Condition.IpAddress.a"),
        (condition("IpAddress", "a", "10.0.0"), "Statement[1].Condition.IpAddress.a"),
        (condition("IpAddress", "a", ["10.0.0.0/8", "::g"]), "Statement[1].Condition.IpAddress.a"),
        (condition("BinaryEquals", "a", "no base64"), "Statement[1].Condition.BinaryEquals.a"),
    ],
)  # fmt: skip
def test_a_malformed_identity_policy_is_refused_with_the_place(text: str, place: str) -> None:
    assert f"(at {place}" in refused(text) or f"{place})" in refused(text)


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"Principal": {"AWS": f"arn:aws:iam::{HERE}:user/*"}}, "Statement[0].Principal.AWS"),
        ({"Principal": {"AWS": f"arn:aws:iam::{HERE}:group/x"}}, "Statement[0].Principal.AWS"),
        ({"Principal": {"AWS": "12345678901"}}, "Statement[0].Principal.AWS"),
        ({"Principal": {"AWS": "١٢٣٤٥٦٧٨٩٠١٢"}}, "Statement[0].Principal.AWS"),
        ({"Principal": {"AWS": []}}, "Statement[0].Principal.AWS"),
        ({"Principal": {"Service": "*"}}, "Statement[0].Principal.Service"),
        ({"Principal": {"Federated": "*"}}, "Statement[0].Principal.Federated"),
        ({"Principal": {"Federated": f"arn:aws:iam::{HERE}:user/a"}}, "Principal.Federated"),
        ({"Principal": {"CanonicalUser": "x"}}, "Statement[0].Principal.CanonicalUser"),
        ({"Principal": []}, "Statement[0].Principal"),
        ({"NotPrincipal": "*"}, "Statement[0]"),
        ({"Resource": "*"}, "Statement[0].Resource"),
        ({"Action": ["sts:*", "s3:*"]}, "Statement[0].Action[1]: s3:*"),
    ],
)
def test_a_malformed_trust_policy_is_refused_with_the_place(
    change: dict[str, Any], place: str
) -> None:
    assert place in refused(document({**TRUST, **change}), documents.read_trust)


def test_a_resources_policy_names_principals_and_resources() -> None:
    bucket = {**GOOD, "Principal": "*", "Sid": "Public read, for now"}

    assert documents.read_resource(document(bucket), {"s3"})
    assert "Principal" in refused(document(GOOD), documents.read_resource)
    without = {key: value for key, value in bucket.items() if key != "Resource"}
    assert "Statement[0]" in refused(document(without), documents.read_resource)
    other = {**bucket, "Action": ["s3:GetObject", "iam:GetUser"]}
    assert documents.read_resource(document(other))
    with pytest.raises(MalformedPolicyDocument, match=r"Action\[1\]: iam:GetUser"):
        documents.read_resource(document(other), {"s3"})


def test_numbers_of_a_condition_stay_as_they_are_written() -> None:
    text = condition("StringEquals", "a", 0).replace('"a": 0', '"a": [1e400, 1.50, 123]')

    assert documents.read_identity(text)[1].conditions == {
        "StringEquals": {"a": ("1e400", "1.50", "123")}
    }


def test_statements_know_their_place_and_name() -> None:
    read = documents.read_identity(document(GOOD, {**GOOD, "Sid": "B"}))

    assert [(one.place, one.sid) for one in read] == [("Statement[0]", ""), ("Statement[1]", "B")]


def test_statements_are_found_in_the_text_that_was_sent() -> None:
    text = '{ "Id":"x{",\n "Statement" : [ {"Sid":"a]"} ,\n{"b":[1]}], "Version":"2012-10-17" }'

    found = {place: text[start:end] for place, (start, end) in explanation.spans(text).items()}

    assert found == {"Statement[0]": '{"Sid":"a]"}', "Statement[1]": '{"b":[1]}'}
    assert explanation.spans('{"Statement":{"a":1}}') == {"Statement": (13, 20)}
