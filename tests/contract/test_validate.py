"""What a check says, word by word."""

from typing import Any

import pytest

from modelyard.contract import model, validate
from modelyard.errors import SerializationException, ValidationException

SAGEMAKER = model.load("sagemaker").operations
NAME_PATTERN = "[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}"


def refusal(name: str, request: dict[str, Any]) -> str:
    with pytest.raises((ValidationException, SerializationException)) as caught:
        validate.check(SAGEMAKER[name], request)
    return caught.value.message


def test_every_failed_constraint_is_named_in_one_answer() -> None:
    said = refusal(
        "CreateModelPackageGroup",
        {
            "ModelPackageGroupName": "bad_name!",
            "ModelPackageGroupDescription": "x" * 1025,
            "Tags": [{"Key": "a", "Value": "b"}, {"Key": "c"}],
        },
    )

    assert said.startswith("3 validation errors detected: ")
    assert (
        "Value 'bad_name!' at 'modelPackageGroupName' failed to satisfy constraint: "
        f"Member must satisfy regular expression pattern: {NAME_PATTERN}; "
    ) in said
    assert (
        "Value null at 'tags.2.member.value' failed to satisfy constraint: Member must not be null"
    ) in said
    assert "Member must have length less than or equal to 1024" in said


@pytest.mark.parametrize(
    ("operation", "request_", "said"),
    [
        (
            "ListModelPackages",
            {"MaxResults": 101},
            (
                "1 validation error detected: Value '101' at 'maxResults' failed to satisfy "
                "constraint: Member must have value less than or equal to 100"
            ),
        ),
        (
            "ListModelPackages",
            {"MaxResults": 0},
            (
                "1 validation error detected: Value '0' at 'maxResults' failed to satisfy "
                "constraint: Member must have value greater than or equal to 1"
            ),
        ),
        (
            "UpdateModelPackage",
            {
                "ModelPackageArn": "arn:aws:sagemaker:us-east-1:123456789012:model-package/a/1",
                "ModelApprovalStatus": "archived",
            },
            (
                "1 validation error detected: Value 'archived' at 'modelApprovalStatus' failed to "
                "satisfy constraint: Member must satisfy enum value set: "
                "[Approved, Rejected, PendingManualApproval]"
            ),
        ),
        (
            "DescribeEndpoint",
            {},
            (
                "1 validation error detected: Value null at 'endpointName' failed to satisfy "
                "constraint: Member must not be null"
            ),
        ),
        (
            "CreateModelPackage",
            {"CustomerMetadataProperties": {"a": "#"}},
            (
                "1 validation error detected: Value '{a=#}' at 'customerMetadataProperties' failed "
                "to satisfy constraint: Map value must satisfy constraint: [Member must have "
                "length less than or equal to 256, "
                "Member must have length greater than or equal to 1, "
                "Member must satisfy regular expression pattern: "
                r"([\p{L}\p{Z}\p{N}_.:\/=+\-@]*)${1,256}]"
            ),
        ),
        (
            "CreateModelPackage",
            {"CustomerMetadataProperties": {}},
            (
                "1 validation error detected: Value '{}' at 'customerMetadataProperties' failed to "
                "satisfy constraint: Member must have length greater than or equal to 1"
            ),
        ),
        (
            "ListModelPackages",
            {"NameContains": "a\x00b"},
            (
                "2 validation errors detected: Value 'a?b' at 'nameContains' failed to satisfy "
                "constraint: Member must not contain the character NUL; Value 'a?b' at "
                "'nameContains' failed to satisfy constraint: Member must satisfy regular "
                r"expression pattern: [a-zA-Z0-9\-]+"
            ),
        ),
    ],
)
def test_a_failure_is_worded_as_aws_words_it(
    operation: str, request_: dict[str, Any], said: str
) -> None:
    assert refusal(operation, request_) == said


def test_a_failure_inside_a_recursive_shape_is_found() -> None:
    leaf = {"Operator": "Nor"}
    request = {
        "Resource": "ModelPackage",
        "SearchExpression": {"SubExpressions": [{"SubExpressions": [leaf]}]},
    }

    said = refusal("Search", request)

    path = "searchExpression.subExpressions.1.member.subExpressions.1.member.operator"
    assert f"Value 'Nor' at '{path}' failed" in said


@pytest.mark.parametrize(
    "value", [True, 1.5, 2**31, -(10**40), "1", [], {}, float("nan")], ids=repr
)
def test_what_is_not_an_integer_of_32_bits_is_a_wrong_type(value: Any) -> None:
    with pytest.raises(SerializationException):
        validate.check(SAGEMAKER["ListModelPackages"], {"MaxResults": value})


@pytest.mark.parametrize("value", [True, float("nan"), float("inf"), 10**400, "1"], ids=str)
def test_what_is_not_a_finite_number_is_a_wrong_type(value: Any) -> None:
    variant = {
        "VariantName": "a",
        "ModelName": "m",
        "InitialVariantWeight": value,
    }
    request = {"EndpointConfigName": "c", "ProductionVariants": [variant]}

    with pytest.raises(SerializationException):
        validate.check(SAGEMAKER["CreateEndpointConfig"], request)


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        ({"ModelPackageGroupName": 5}, "NUMBER_VALUE cannot be converted to String"),
        ({"ModelPackageGroupName": ["a"]}, "A list cannot be converted to String"),
        ({"Tags": {}}, "A structure or map cannot be converted to a list at 'tags'"),
        ({"Tags": [5]}, "NUMBER_VALUE cannot be converted to a structure at 'tags.1.member'"),
    ],
)
def test_a_wrong_type_is_a_serialization_failure_that_says_where(
    request_: dict[str, Any], said: str
) -> None:
    with pytest.raises(SerializationException) as caught:
        validate.check(SAGEMAKER["CreateModelPackageGroup"], request_)

    assert said in caught.value.message


def test_unpaired_surrogates_are_refused() -> None:
    said = refusal("CreateModelPackageGroup", {"ModelPackageGroupName": "a\ud800"})

    assert "unpaired surrogates" in said
    said.encode()  # and the refusal itself can be sent


def test_unknown_members_and_nulls_are_dropped() -> None:
    request = {
        "ModelPackageGroupName": "churn",
        "ModelPackageGroupDescription": None,
        "Colour": "red",
        "Tags": [{"Key": "a", "Value": "b", "Shape": 1}],
    }

    validate.check(SAGEMAKER["CreateModelPackageGroup"], request)

    assert request == {"ModelPackageGroupName": "churn", "Tags": [{"Key": "a", "Value": "b"}]}


def test_a_null_in_a_list_is_not_ignored() -> None:
    said = refusal("AddTags", {"ResourceArn": "arn:x", "Tags": [None]})

    assert "Value null at 'tags.1.member' failed" in said


@pytest.mark.parametrize("members", [[], ["TrainingInstanceCount", "MaxRuntime"]], ids=str)
def test_a_union_holds_exactly_one_member(members: list[str]) -> None:
    shape = next(
        shape
        for name in model.load("sagemaker").shapes
        if (shape := model.load("sagemaker").shapes.shape(name)).is_union
    )
    some = list(shape.members)[:2] if members else []

    found = validate.failures(shape, {name: {} for name in some})

    assert any("exactly one of these" in text for text in found)


def test_long_values_are_shortened_and_many_failures_counted() -> None:
    tags = [{"Key": "k" * 5000, "Value": "#" * 5000} for _ in range(50)]

    said = refusal("AddTags", {"ResourceArn": "arn:aws:sagemaker:r", "Tags": tags})

    assert " validation errors detected: " in said
    assert len(said) < 40_000


def test_a_list_over_its_limit_is_not_looked_into() -> None:
    tags = [{"Key": "#" * 500} for _ in range(100_000)]

    said = refusal("AddTags", {"ResourceArn": "arn:aws:sagemaker:r", "Tags": tags})

    assert "Member must have length less than or equal to 50" in said
    assert len(said) < 2000
