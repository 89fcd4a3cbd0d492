"""Nothing secret is written down, and nothing is without end."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelyard.audit import redaction
from modelyard.audit.trail import Origin, Trail
from modelyard.call import Principal
from modelyard.contract import model
from modelyard.contract.shapes import Shape

HUSH = "hush-4711"
TRAIL = Trail(b"key")
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=20,
)
SECRET_NAMES = (
    "Password",
    "NewPassword",
    "SecretAccessKey",
    "SessionToken",
    "TokenCode",
    "WebIdentityToken",
    "ClientSecret",
    "PrivateKey",
    "private_key",
    "ApiKey",
    "Authorization",
    "SAMLAssertion",
    "SSECustomerKey",
    "Cookie",
)


def written(request: dict[str, Any]) -> str:
    return TRAIL.encoded({"Parameters": request}).decode()


@pytest.mark.parametrize("name", SECRET_NAMES)
def test_a_secret_is_blanked_wherever_it_is(name: str) -> None:
    request = {
        name: HUSH,
        "Nested": {"List": [{name: HUSH}, {name.lower(): HUSH}]},
        "Tags": [{"Key": name, "Value": HUSH}],
        "Kept": "plain",
    }

    text = written(request)

    assert HUSH not in text
    assert "plain" in text


@pytest.mark.parametrize(
    "value",
    [
        f"https://store/object?X-Amz-Signature={HUSH}&X-Amz-Credential=AKIA",
        f"https://store/object?partNumber=1&X-Amz-Security-Token={HUSH}",
        f"https://someone:{HUSH}@host/path",
        f"AWS4-HMAC-SHA256 Credential=AKIA, Signature={HUSH}",
        f"Bearer {HUSH}",
        f"-----BEGIN PRIVATE KEY-----\n{HUSH}\n-----END PRIVATE KEY-----",
        f"https://store/object?AWSAccessKeyId=AKIA&Signature={HUSH}",
    ],
)
def test_a_text_that_looks_like_a_secret_is_blanked(value: str) -> None:
    assert HUSH not in written({"SourceUri": value, "Deep": [{"Description": value}]})


def test_values_of_an_environment_are_blanked_unless_they_are_to_be_kept() -> None:
    request = {"PrimaryContainer": {"Image": "i", "Environment": {"LEVEL": HUSH}}}

    assert HUSH not in written(request)
    assert "LEVEL" in written(request)
    kept = Trail(b"key", environment_kept=True).encoded({"Parameters": request})
    assert HUSH in kept.decode()


def test_tokens_that_are_no_secrets_stay() -> None:
    assert "c5d55245" in written({"ClientToken": "c5d55245", "Note": "a token of thanks"})


def test_bytes_and_streams_are_not_written_down() -> None:
    text = written({"Body": HUSH.encode() * 100, "Stream": object(), "Key": "k"})

    assert HUSH not in text
    assert len(text) < 400


def test_a_large_value_is_cut_and_keeps_its_digest() -> None:
    text = written({"ModelCard": "x" * 1_000_000})

    assert len(text) < 1000
    assert "sha256" in text


def test_a_document_that_nests_without_end_is_cut() -> None:
    deep: dict[str, Any] = {}
    for _ in range(5000):
        deep = {"Deeper": deep}

    assert len(written(deep)) < 2000


@settings(max_examples=300, deadline=None)
@given(request=st.dictionaries(st.text(max_size=8), DOCUMENTS, max_size=5))
def test_any_document_becomes_json(request: dict[str, Any]) -> None:
    found = msgspec.json.decode(TRAIL.encoded({"Parameters": request}))

    assert list(found) == ["Parameters"]


@settings(max_examples=300, deadline=None)
@given(
    request=st.dictionaries(st.text("abc", max_size=8), DOCUMENTS, max_size=5),
    name=st.sampled_from(SECRET_NAMES),
    upper=st.booleans(),
    inside=st.lists(st.sampled_from(["a", "list"]), max_size=4),
)
def test_a_secret_among_anything_else_is_blanked(
    request: dict[str, Any], name: str, upper: bool, inside: list[str]
) -> None:
    hidden: Any = {name.upper() if upper else name: HUSH}
    for step in inside:
        hidden = [hidden] if step == "list" else {"a": hidden}

    assert HUSH not in written({**request, "Member": hidden})


# Names and texts of which some are to be blanked.
TELLING = st.sampled_from(
    (
        *(
            "plain",
            "Value",
            "Name",
            "Key",
            "Password",
            "my-api-key",
            "SESSION_TOKEN",
            "Environment",
        ),
        *(f"Bearer {HUSH}", f"https://ada:{HUSH}@host", f"s3://b/k?X-Amz-Signature={HUSH}", "why?"),
    )
)
OPERATIONS = [
    model.load(service).operations[name]
    for service in ("sagemaker", "iam", "sts", "s3", "modelyard")
    for name in model.load(service).operations
]


def of_shape(shape: Shape | None, depth: int = 0) -> st.SearchStrategy[Any]:
    if shape is None:
        return st.just({})
    if shape.type == "structure":
        members = dict(list(shape.members.items())[: 0 if depth > 5 else 40])
        values = {name: of_shape(member, depth + 1) for name, member in members.items()}
        return st.fixed_dictionaries({}, optional=values)
    if shape.type == "list":
        return st.lists(of_shape(shape.member, depth + 1), max_size=0 if depth > 5 else 2)
    if shape.type == "map":
        return st.dictionaries(TELLING, of_shape(shape.value, depth + 1), max_size=2)
    others = {"blob": st.binary(max_size=3), "boolean": st.booleans(), "integer": st.integers(0, 9)}
    return others.get(shape.type, TELLING)


@settings(max_examples=300, deadline=None)
@given(operation=st.sampled_from(OPERATIONS), data=st.data())
def test_knowing_an_operations_shapes_changes_nothing_of_what_is_written(
    operation: model.Operation, data: st.DataObject
) -> None:
    document = {"Parameters": data.draw(of_shape(operation.input))}
    document |= {"Answer": data.draw(of_shape(operation.output))}

    found = TRAIL.encoded(document, operation)

    assert msgspec.json.decode(found) == redaction.blanked(document)


def test_a_session_token_in_a_user_agent_is_blanked() -> None:
    entry = TRAIL.entry(
        Principal("1", "arn:aws:iam::1:root", "1", "AKIA"),
        region="us-east-1",
        request_id="r",
        now_us=1,
        service="s3",
        operation="CreateBucket",
        request={},
        origin=Origin("192.0.2.1", f"curl?X-Amz-Security-Token={HUSH}"),
    )

    assert HUSH not in entry._document((), None, (), "")
